"""`vaekit ledger`: where a run's nats go."""

import json
from typing import TYPE_CHECKING

from vaekit.cli.parsing import add_run, parse, parser, run_of
from vaekit.errors import VaekitError

if TYPE_CHECKING:
    from vaekit.runs import Run

_STEPS = 1000  # of a reader, by default where the recipe trains with one


def ledger(words: list[str]) -> None:
    """Print a run's ledger and write it to ledger.json."""
    made = parser(
        "ledger",
        "RUN",
        "Add up a run's information on its held-out data, for the whole code and each block: "
        "distortion, rate, I(x; z), total correlation, log p(x), each with its estimator, standard "
        "error and direction (= within the error, ≥ or ≤), and check that the sums hold and that "
        "no bound crosses another. Write ledger.json, which the report shows.",
        "vaekit ledger runs/joint --bound 1000",
    )
    add_run(made)
    made.add_argument("--n", type=int, default=10_000, help="examples at most")
    made.add_argument("--samples", type=int, default=100, help="codes an example for log p(x)")
    made.add_argument(
        "--bound",
        type=int,
        default=None,
        help="steps of training of a reader for the whole code and for each block, for a lower "
        f"bound on I(x; z) of another kind; default {_STEPS} for recipes with a reader, else 0",
    )
    made.add_argument("--reader", type=str, default="mlp(512)", help="the reader's hidden layers")
    made.add_argument("--seed", type=int, default=0, help="seed of codes and readers")
    found = parse(made, words)
    run = run_of(found)
    from vaekit import files, information

    train, test = run.data
    steps = _steps(run) if found.bound is None and train is not test else found.bound or 0
    if steps and train is test:
        raise VaekitError("--bound needs held-out data, and this run has none: leave it out")
    made_of = information.ledger(
        run.model,
        test,
        found.n,
        found.samples,
        steps,
        train,
        found.reader,
        found.seed,
    )
    part, n = "training" if train is test else "test", made_of.rows[0].number.n
    print(f"{part} set of {run.config.data}, n = {n:,}, nats for one example")
    print(made_of.table())
    step, mark = run.stamp
    about = {"data": run.config.data, "split": part, "step": step, "weights": mark, "n": n}
    path = run.folder / "ledger.json"
    files.write_text(path, json.dumps({**about, **made_of.as_dict()}, indent=2) + "\n")
    print(f"{path}: these numbers")


def _steps(run: "Run") -> int:
    from vaekit.information.diagnostics import term_of
    from vaekit.objectives import MutualInformation

    return 0 if term_of(run.system.objective, MutualInformation) is None else _STEPS
