"""What the course of a training says in plain words: too short, still improving, overfitted.

All is read from the history and from the numbers of the test set where the run was judged. A fall
or a rise counts from a share of the whole fall of the curve on, and only where all weights were
constant meanwhile: under a growing weight the objective grows by itself.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from vaekit.runs.history import VALIDATION, HistoryRow
from vaekit.runs.summary import advice
from vaekit.runs.summary.sentences import Sentence, amount
from vaekit.training.validation import HIGHER_IS_BETTER

if TYPE_CHECKING:
    from vaekit.runs.config import Config
    from vaekit.runs.folder import Run

RISE, FALL, GAP = 0.02, 0.02, 0.1  # shares that are worth a word
SHORT, FEW = 1000, 10  # steps of a training that may be too short; looks that make a curve
JUMPS = 3  # usual differences of a look to the next, which chance makes
EMPTY = 0.05  # nats of a code that tells nothing


class _Curve(NamedTuple):
    """Hold a number by step, lower is better, with the epoch of each."""

    name: str
    steps: list[float]
    epochs: list[float]
    values: list[float]
    sign: int = 1

    @property
    def fall(self) -> float:
        return self.values[0] - min(self.values)

    @property
    def best(self) -> int:
        return min(range(len(self.values)), key=lambda i: self.values[i])

    @property
    def jump(self) -> float:
        """Return what a look differs from the next by chance, at most: JUMPS usual ones."""
        late = self.values[len(self.values) // 2 :]
        return JUMPS * median(abs(b - a) for a, b in pairwise(late))

    def said(self, i: int) -> str:
        return f"{amount(self.sign * self.values[i])} at epoch {self.epochs[i]:g}"


def course(run: "Run") -> Iterator[Sentence]:
    """Yield what is worth a word of the course of a training; the worst hides the rest."""
    rows, training, metrics = run.history, run.config.training, run.metrics
    if run.config.notes.get("state") != "finished":
        yield from _unfinished(run.config, rows)
        return
    yield from _early_end(run.config)
    if len(rows) < 2:
        return
    looked = _curve(rows, VALIDATION + training.watch, training.watch)
    trained = _curve(rows, "objective", "objective")
    wrong = _collapsed(run, metrics, int(rows[-1]["step"]))
    wrong += [] if looked is None else _overfitted(looked, trained, training.keep == "best")
    wrong = wrong or _gap(rows, metrics, looked is not None)
    adversary = any(name.endswith("_critic") for name in rows[0])
    curve = looked or (None if adversary else trained)
    if not wrong and curve is not None and rows[-1]["epoch"] >= training.epochs:
        wrong = _improving(run, curve, rows, looked is not None)
    yield from wrong


def _unfinished(config: "Config", rows: Sequence[HistoryRow]) -> Iterator[Sentence]:
    """Say where training stands that has not come to its end, and how to go on."""
    notes, state = config.notes, config.notes.get("state", "unfinished")
    step = notes.get("step", int(rows[-1]["step"]) if rows else 0)
    of = f" of {notes['steps']:,}" if "steps" in notes else ""
    if state == "diverged":
        said = f"Training diverged at step {step:,}{of}: the loss was no number (NaN) any more"
        yield Sentence("wrong", f"{said}; the weights are of the last checkpoint before, if any.")
        yield Sentence("try", advice.gentler(config))
        return
    yield Sentence("wrong", f"Training is {state}: it is at step {step:,}{of}.")
    yield Sentence("try", "Go on with the same command and --resume.")


def _early_end(config: "Config") -> Iterator[Sentence]:
    """Say where training was stopped early, and of which step weights were kept."""
    notes, kept = config.notes, config.training.keep == "best"
    step, best = notes.get("step"), notes.get("best_step")
    early = None not in (step, notes.get("steps")) and step < notes["steps"]
    said = []
    if early:
        said += [
            f"training stopped at step {step:,} of {notes['steps']:,}: no new best in validation"
        ]
    if kept and best is not None:
        said += [f"the weights are those of step {best:,}, the best"]
    if said:
        yield Sentence("good", "; ".join(said).capitalize() + ".")


def _curve(rows: Sequence[HistoryRow], column: str, name: str) -> _Curve | None:
    sign = -1 if name in HIGHER_IS_BETTER else 1
    there = [row for row in rows if column in row]
    if len(there) < FEW:
        return None
    steps, epochs, values = ([row[key] for row in there] for key in ("step", "epoch", column))
    return _Curve(name, steps, epochs, [sign * v for v in values], sign)


def _collapsed(run: "Run", metrics: dict[str, Any], step: int) -> list[Sentence]:
    """Say where the code tells nothing: no latent is active, or the rate is next to nothing."""
    units, rate = (metrics.get(name, {}).get("value") for name in ("active_units", "rate"))
    if units != 0 and (rate is None or rate > EMPTY):
        return []
    said = [] if units is None else [f"{units} latents are active"]
    said += [] if rate is None else [f"the rate is {amount(rate)} nats"]
    numbers = " and ".join(said)
    if step < SHORT:
        text = f"The code is not used yet, after {step:,} steps: {numbers}."
        return [Sentence("wrong", text), Sentence("try", advice.train_longer(run))]
    text = f"The code has collapsed: {numbers}, so the decoder ignores it."
    cure = advice.train_longer(run) if rate is None else advice.weaker_rate(run.config)
    return [Sentence("wrong", text), Sentence("try", cure)]


def _overfitted(curve: _Curve, trained: _Curve | None, kept: bool) -> list[Sentence]:
    """Say where validation has become worse since its best, though training has not."""
    rise = curve.values[-1] - curve.values[curve.best]
    if len(curve.values) - 1 - curve.best < 2 or rise <= max(RISE * curve.fall, curve.jump):
        return []
    if trained is not None:  # where training became worse too, it is no matter of few examples
        until = sum(step <= curve.steps[curve.best] for step in trained.steps)
        then, now = trained.values[max(0, until - FEW) : until], trained.values[-FEW:]
        if then and sum(now) / len(now) > sum(then) / len(then):
            return []
    best, last = curve.said(curve.best), curve.said(-1)
    text = f"in validation the {curve.name} was {best} and {last}"
    if kept:
        best_epoch = round(curve.epochs[curve.best])
        said = f"Past its best it overfitted ({text}); the best weights were kept."
        cure = f"Nothing is lost; --epochs {best_epoch} does as well, or train on more."
        return [Sentence("wrong", said), Sentence("try", cure)]
    cure = "Keep the best weights (--keep best), stop in time (--patience 5), or train on more."
    return [Sentence("wrong", f"The model overfits: {text}."), Sentence("try", cure)]


def _improving(
    run: "Run", curve: _Curve, rows: Sequence[HistoryRow], looked: bool
) -> list[Sentence]:
    """Say where the curve still falls in its last fifth, under weights that stayed as they were."""
    n = len(curve.values)
    before, after = curve.values[3 * n // 5 : 4 * n // 5], curve.values[4 * n // 5 :]
    late = [row for row in rows if row["step"] >= curve.steps[3 * n // 5]]
    moved = any(
        len({row[name] for row in late}) > 1 for name in rows[0] if name.startswith("weight_")
    )
    gain = sum(before) / len(before) - sum(after) / len(after)
    if moved or gain <= FALL * curve.fall:
        return []
    way = "rises" if curve.sign < 0 else "falls"
    where = "validation " if looked else ""
    text = (
        f"the {where}{curve.name} {way}, by {amount(gain)} from the last fifth but one to the last"
    )
    return [
        Sentence("wrong", f"Training still improves: {text}."),
        Sentence("try", advice.train_longer(run, looked)),
    ]


def _gap(rows: Sequence[HistoryRow], metrics: dict[str, Any], looked: bool) -> list[Sentence]:
    """Compare the distortion of the training batches with that of the test set."""
    tested = metrics.get("distortion", {})
    if tested.get("split") != "test" or tested.get("value") is None or "distortion" not in rows[0]:
        return []
    last = [row["distortion"] for row in rows[-max(1, len(rows) // 20) :]]
    trained = sum(last) / len(last)
    gap = tested["value"] - trained
    scale = max(abs(trained), GAP * (rows[0]["distortion"] - trained))
    if gap <= max(GAP * scale, 5 * (tested.get("se") or 0.0)):
        return []
    text = (
        f"the distortion is {amount(trained)} nats in training and {amount(tested['value'])} on "
        f"the test set, {amount(gap)} more"
    )
    cure = (
        "Train on more, or a smaller --network."
        if looked
        else "Judge while training and keep the best weights, --validation 0.1 --keep best, or "
        "train on more."
    )
    return [Sentence("wrong", f"The model overfits: {text}."), Sentence("try", cure)]
