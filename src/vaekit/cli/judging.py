"""`vaekit evaluate` and `vaekit report`."""

import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.cli.parsing import add_page, add_run, out_of, parse, parser, run_of
from vaekit.errors import VaekitError

if TYPE_CHECKING:
    from vaekit.runs import Run

Numbers = dict[str, Any]
_OPTIONS = (
    "n",
    "samples",
    "bins",
    "train_split",
    "information",
    "importance_samples",
    "metrics",
    "corrupt",
    "features",
)


def evaluate(words: list[str]) -> None:
    """Judge a run on its held-out data, or its training data."""
    from vaekit.information.scores import either, taking
    from vaekit.metrics import listed

    made = parser("evaluate", "RUN", "Judge a run on its held-out data and write metrics.json.")
    add_run(made)
    made.add_argument("--n", type=int, default=10_000, help="examples at most")
    made.add_argument("--samples", type=int, default=1, help="codes drawn for each example")
    made.add_argument("--bins", type=int, default=20, help="bins that codes are cut into")
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
        help=f"also scores, with commas between: {listed()}. all: what applies, but for those that "
        "take minutes; the scores of factors take 20 s for 10,000 codes, half of it dci",
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
    given = parse(made, words)
    judge(run_of(given), **{name: getattr(given, name) for name in _OPTIONS})


def judge(
    run: "Run",
    train_split: bool = False,
    information: bool = False,
    importance_samples: int | None = None,
    metrics: str = "",
    corrupt: str = "",
    features: str | None = None,
    **options: Any,
) -> None:
    """Compute a run's numbers, save them beside those there were, and print them.

    Raises `VaekitError` for importance samples without information, and corruptions or features
    without scores that read them.
    """
    from vaekit.information import chosen, diagnose, summarise
    from vaekit.information import evaluate as rates
    from vaekit.information.scores import either, taking
    from vaekit.runs import results

    seen = run.metrics
    if importance_samples is not None and not information:
        raise VaekitError("--importance-samples is for log p(x): give --information too")
    names, draws = chosen(metrics), 100 if importance_samples is None else importance_samples
    if (corrupt or features) and not names:
        examples = either([taking(option)[0] for option in ("corrupt", "features")] + ["all"])
        raise VaekitError(f"--corrupt and --features are for scores: give --metrics {examples}")
    scores = _scores(run, names, train_split, corrupt, features) if names else None
    data, n = run.data.train if train_split else run.data.test, options.get("n", 10_000)
    more = summarise(run.model, data, n, draws) if information else {}
    numbers = rates(run.model, data, **options) | more | diagnose(*run.system, data, n)
    if scores is not None:
        numbers |= scores(n=n, bins=options.get("bins", 20))
    part = "training" if train_split or run.data.test is run.data.train else "test"
    step, mark = run.stamp
    for number in numbers.values():
        number |= {"split": part, "step": step, "weights": mark}
    path = run.folder / results.METRICS
    results.merge(path, numbers, lambda old: _kept(run, seen, old, numbers))
    show(run, numbers)


def _kept(run: "Run", seen: Numbers, old: Numbers, new: Numbers) -> Numbers | None:
    """Return earlier numbers where they are of the same weights and examples, else say so.

    None where others have come since `seen` that are of newer weights.
    """
    from vaekit.runs import results

    if old != seen and run.overtaken(old):
        print(f"not written: {run.folder} has newer weights by now, and numbers of them")
        return None
    names = [name for name in old if name not in new]
    if names and results.agree(old, new):
        print(f"kept from before: {', '.join(names)}")
        return old
    if names:
        print(f"dropped, as of other weights or examples: {', '.join(names)}")
    return {}


def show(run: "Run", numbers: dict[str, Any]) -> None:
    """Print numbers, each with its error, unit and estimator."""
    first = numbers.get("distortion") or next(iter(numbers.values()))
    count = first.get("n")
    print(f"{first.get('split', 'test')} set of {run.config.data}, n = {count}")
    wide = max(26, *map(len, numbers))
    for name, number in numbers.items():
        shown = f"{_shown(number):<17} {number.get('direction', ''):<12}"
        bias = number.get("shuffled")
        after = "" if number.get("n") == count else f"; n = {number.get('n')}"
        after += "" if bias is None else f"; {bias:.3f} shuffled"
        how = f"{number.get('unit', '')}; {number.get('estimator', '')}"
        print(f"  {name:<{wide}}{shown} {how}{after}")


def _scores(
    run: "Run", names: tuple[str, ...], train_split: bool, corrupt: str, features: str | None
) -> Callable[..., dict[str, Any]]:
    """Settle which scores are meant, before anything is computed, and say which are left out."""
    from vaekit import files
    from vaekit.corruption import corruption
    from vaekit.information import applying, score
    from vaekit.information.scores import either, taking

    data = run.data.train if train_split else run.data.test
    train = None if data is run.data.train else run.data.train
    # Commas within brackets are arguments'.
    acts = [text.strip() for text in re.split(r",(?![^(]*\))", corrupt) if text.strip()]
    for text in acts:
        corruption(text)
    if features and not Path(features).exists():
        files.check_file(Path(features))
    wanted, left = applying(run.model, data, names, train)
    for why in dict.fromkeys(left.values()):
        print(f"left out: {', '.join(k for k, v in left.items() if v == why)}: {why}")
    readers = taking("features")
    if features and not set(readers) & set(wanted):
        raise VaekitError(
            f"--features is for the score {either(readers)}: ask for --metrics {readers[0]} too"
        )
    given = {"train": train, "corruptions": acts, "progress": _progress}

    def scores(**options: Any) -> dict[str, Any]:
        network = None if features is None else _network(run, Path(features))
        return score(run.model, data, wanted, network=network, **given, **options)

    return scores


def _network(run: "Run", path: Path) -> Any:
    from vaekit.information import FeatureNetwork, feature_network

    if path.exists():
        return FeatureNetwork.load(path)
    print(f"training {path}", file=sys.stderr, flush=True)
    held = None if run.data.test is run.data.train else run.data.test
    made = feature_network(run.data.train, held=held)
    made.save(path)
    return made


def _progress(name: str, done: int, count: int) -> None:
    print(f"scores {done + 1}/{count}: {name}", file=sys.stderr, flush=True)


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


def report(words: list[str]) -> None:
    """Write a run's page."""
    made = parser("report", "RUN", "Write the run's page: one HTML file that needs no network.")
    add_run(made)
    add_page(made, "RUN/report.html")
    given = parse(made, words)
    run = run_of(given)
    from vaekit.report.rendering import check_page

    out = check_page(out_of(given, run.folder / "report.html"), given.force)
    if not run.judged():
        judge(run)
    from vaekit.report import write

    print(write(run, out, given.force))
