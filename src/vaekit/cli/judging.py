"""`vaekit evaluate` and `vaekit report`."""

import math
from typing import TYPE_CHECKING, Any

from vaekit.cli.parsing import add_page, add_run, options_of, parse_words, parser, run_of

if TYPE_CHECKING:
    from vaekit.runs import Run


def evaluate_command(words: list[str]) -> None:
    """Judge a run on its held-out data, or its training data."""
    from vaekit.information.scores import either, taking
    from vaekit.metrics import listed_metrics
    from vaekit.metrics.checks import BINS

    made = parser("evaluate", "RUN", "Judge a run on its held-out data and write metrics.json.")
    add_run(made)
    made.add_argument("--n", type=int, default=10_000, help="examples at most")
    made.add_argument("--samples", type=int, default=1, help="codes drawn for each example")
    made.add_argument("--bins", type=int, default=BINS, help="bins that codes are cut into")
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
        default=None,
        help="codes an example for log p(x), with --information; default 100",
    )
    made.add_argument(
        "--metrics",
        type=str,
        default="",
        help=f"also scores, with commas between: {listed_metrics()}. all: what applies, but for "
        "those that take minutes; the scores of factors take 20 s for 10,000 codes, half of it dci",
    )
    made.add_argument(
        "--corrupt",
        type=str,
        default="",
        help=f"{', '.join(taking('corrupt'))} also from corrupted inputs, "
        "such as 'gaussian(sigma=0.4),masking(p=0.5)'",
    )
    made.add_argument(
        "--features",
        type=str,
        default=None,
        help=f"file of the network for {either(taking('features'))}: read, or made by training it "
        "on the labels",
    )
    made.add_argument(
        "--codes",
        type=str,
        default="mean",
        help="what scores of codes read, with commas between: mean; drawn (from q(z|x)), which of "
        "a collapsed latent tells nothing where its mean may; pca and ica, the mean in other axes, "
        "which a normal prior leaves free",
    )
    options = parse_words(made, words)
    run = run_of(options)
    print_numbers(run, run.evaluate(**options_of(options), verbose=True))
    print_summary(run)


def print_numbers(run: "Run", numbers: dict[str, Any]) -> None:
    """Print numbers, each with its error, unit and estimator."""
    first = numbers.get("distortion") or next(iter(numbers.values()), {})
    count = first.get("n")
    print(f"{first.get('split', 'test')} set of {run.config.data}, n = {count}")
    wide = max(26, *map(len, numbers))
    for name, number in numbers.items():
        shown = f"{_shown(number):<17} {number.get('direction', ''):<12}"
        bias = number.get("shuffled")
        after = "" if number.get("n") in (count, None) else f"; n = {number.get('n')}"
        after += "" if bias is None else f"; {bias:.3f} shuffled"
        how = f"{number.get('unit', '')}; {number.get('estimator', '')}"
        print(f"  {name:<{wide}}{shown} {how}{after}")


def print_summary(run: "Run") -> None:
    """Print what a run says of itself, a sentence a line with its kind before it."""
    print("in short")
    for kind, text in run.summary():
        print(f"  {kind + ':':<9}{text}")


def _shown(number: dict[str, Any]) -> str:
    value, se = number["value"], number.get("se")
    if value is None or not math.isfinite(value):
        return "infinite"
    if isinstance(value, int):
        return f"{value:>8}"
    if se is None:
        return f"{value:>8.3f}"
    digits = 2 if se >= 0.05 else 4
    return f"{value:>8.{digits}f} ± {se:.{digits}f}"


def report_command(words: list[str]) -> None:
    """Write a run's page."""
    made = parser("report", "RUN", "Write the run's page: one HTML file that needs no network.")
    add_run(made)
    add_page(made, "RUN/report.html")
    made.add_argument(
        "--tsne",
        action="store_true",
        help="add t-SNE to the map of codes: some seconds to a minute",
    )
    options = parse_words(made, words)
    run = run_of(options)
    judged = run.judged()
    page = run.report(options.out, options.force, options.tsne)
    if not judged:
        print_numbers(run, run.metrics)
        print_summary(run)
    print(page)
