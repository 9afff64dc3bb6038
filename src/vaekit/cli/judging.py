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
    made.add_argument(
        "--information",
        action="store_true",
        help="also I(x; z), total correlation and KL of the aggregate posterior over all pairs of "
        "examples, the indicators of Gaussian codes, and log p(x); about a minute for 10,000",
    )
    made.add_argument(
        "--importance-samples",
        type=int,
        default=100,
        help="codes an example for log p(x), with --information",
    )
    found = parse(made, words)
    names = ("n", "samples", "bins", "train_split", "information", "importance_samples")
    judge(run_of(found), **{name: getattr(found, name) for name in names})


def judge(
    run: "Run",
    train_split: bool = False,
    information: bool = False,
    importance_samples: int = 100,
    **options: Any,
) -> None:
    """Compute a run's numbers, save them and print them."""
    from vaekit.information import diagnose, summarise
    from vaekit.information import evaluate as rates

    data, n = run.data.train if train_split else run.data.test, options.get("n", 10_000)
    more = summarise(run.model, data, n, importance_samples) if information else {}
    numbers = rates(run.model, data, **options) | more | diagnose(*run.system, data, n)
    part = "training" if train_split or run.data.test is run.data.train else "test"
    for number in numbers.values():
        number["split"] = part
    run.save_metrics(numbers)
    print(f"{part} set of {run.config.data}, n = {next(iter(numbers.values()))['n']}")
    for name, number in numbers.items():
        shown = f"{_shown(number):<17} {number['direction']:<12}"
        print(f"  {name:<24}{shown} {number['unit']}; {number['estimator']}")


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
