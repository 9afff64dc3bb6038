"""`vaekit evaluate` and `vaekit report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.cli.parsing import add_run, parse, parser, run_of

if TYPE_CHECKING:
    from vaekit.runs import Run


def evaluate(words: list[str]) -> None:
    """Judge a run on its held-out data, or its training data."""
    made = parser("evaluate", "RUN", "Judge a run on its held-out data and write metrics.json.")
    add_run(made)
    made.add_argument("--n", type=int, default=10_000, help="examples at most")
    made.add_argument("--samples", type=int, default=1, help="codes drawn for each example")
    made.add_argument("--bins", type=int, default=20, help="bins of the MIG")
    made.add_argument(
        "--train-split", action="store_true", help="judge on the training data instead"
    )
    found = parse(made, words)
    options = {k: getattr(found, k) for k in ("n", "samples", "bins", "train_split")}
    judge(run_of(found), **options)


def judge(run: "Run", train_split: bool = False, **options: Any) -> None:
    """Compute a run's numbers, save them and print them."""
    from vaekit import information

    data = run.data.train if train_split else run.data.test
    numbers = information.evaluate(run.model, data, **options)
    numbers |= information.diagnose(*run.system, data, options.get("n", 10_000))
    part = "training" if train_split or run.data.test is run.data.train else "test"
    for number in numbers.values():
        number["split"] = part
    run.save_metrics(numbers)
    print(f"{part} set of {run.config.data}, n = {next(iter(numbers.values()))['n']}")
    for name, number in numbers.items():
        print(f"  {name:<24}{_shown(number):<17} {number['unit']}; {number['estimator']}")


def _shown(number: dict[str, Any]) -> str:
    value, se = number["value"], number["se"]
    if isinstance(value, int):
        return f"{value:>8}"
    return f"{value:>8.3f}" if se is None else f"{value:>8.2f} ± {se:.2f}"


def report(words: list[str]) -> None:
    """Write a run's page."""
    made = parser("report", "RUN", "Write the run's page: one HTML file that needs no network.")
    add_run(made)
    made.add_argument("--out", type=str, default=None, help="the file; default RUN/report.html")
    found = parse(made, words)
    run = run_of(found)
    if not run.metrics:
        judge(run)
    from vaekit.report import write

    print(write(run, Path(found.out) if found.out else None))
