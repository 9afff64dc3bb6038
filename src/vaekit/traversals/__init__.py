"""What a decoder makes of a latent that moves, and of each category, of examples and runs.

    made = run.traverse(of=[3, 17], on=[0, 5])     # rows: z0 of both examples, z5 of both
    made.rows[0].x                                 # (steps, *shape), the mean of p(x|z)
    made.save("moves.png")                         # or .gif, .webp, .apng, .npy; .csv of a table

A row changes one latent of an example's mean code, its category, or the class that the model is
conditioned on, and keeps the rest. A plane changes two latents: a row for each value of the second.
"""

from collections.abc import Sequence
from typing import Any

from vaekit.arguments import fits, told
from vaekit.errors import VaekitError
from vaekit.runs import Run
from vaekit.traversals.moving import Mover
from vaekit.traversals.rows import MovedRow, Traversal, row_endings

__all__ = ["MovedRow", "Traversal", "row_endings", "traverse"]

STEPS = 1000  # of a latent at most


def traverse(
    runs: Run | Sequence[Run],
    of: Any = None,
    on: int | str | Sequence[int | str] | None = None,
    plane: Sequence[int | str] | None = None,
    low: float | None = None,
    high: float | None = None,
    steps: int = 9,
    condition: Any = None,
) -> Traversal:
    """Decode examples' mean codes with one latent changed, or one category, of one run or several.

    Args:
        runs: trained runs; the same latents of each stand below one another
        of: examples, each a number in the test part, a file or a folder, or a list of these; the
            one nearest to the mean code by default
        on: latents by number, one-hots by name, "condition" for the classes that a model is
            conditioned on, or "all"; text may name several, "0,1"; by default the informative
            latents, in the order of the report, the one-hots, and the condition
        plane: two latents that are changed together, (0, 1) or "0,1", in place of `on`
        low: the first value of a latent; by default −3, or 3 standard deviations below the mean of
            p(z|c), or of the codes of a deterministic encoder
        high: the last one, likewise
        steps: values of a latent
        condition: for conditional models, in place of the examples' own, as `Run.encode` takes it

    Raises `VaekitError` for latents and examples that are not there, one of low and high alone,
    low ≥ high, steps < 2 or > 1,000, and runs of different shapes.
    """
    runs = [runs] if isinstance(runs, Run) else list(runs)
    ends = _checked_ends(low, high, steps)
    if on is not None and plane is not None:
        raise VaekitError("either latents one by one (on) or two together (plane): name one")
    shapes = {run.schema.shape for run in runs}
    if len(shapes) != 1:
        raise VaekitError(
            f"runs on examples of different shapes ({', '.join(map(str, shapes))}) cannot stand "
            "below one another"
        )
    movers, first = list[Mover](), of
    for run in runs:
        movers.append(Mover(run, first, condition, ends, steps))
        first = movers[0].of  # all runs show the same example
    made = [row for mover in movers for row in mover.rows(on, plane)]
    if not made:
        raise VaekitError(f"on={on!r} names no latent: leave it out for the informative ones")
    order = list(dict.fromkeys(row.moved for row in made))
    made.sort(key=lambda row: order.index(row.moved))  # of one latent the rows of all runs
    return Traversal(made, runs[0].schema)


def _checked_ends(low: float | None, high: float | None, steps: int) -> tuple[float, float] | None:
    if not fits(steps, int) or not 2 <= steps <= STEPS:
        raise VaekitError(f"a latent moves in 2 to {STEPS:,} steps: {told(steps)}")
    if low is None and high is None:
        return None
    if low is None or high is None or not (fits(low, float) and fits(high, float) and low < high):
        raise VaekitError(
            f"a latent moves from one number to a greater one, and both are named: --from (low) is "
            f"{told(low)}, --to (high) {told(high)}"
        )
    return float(low), float(high)
