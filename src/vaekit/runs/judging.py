"""Judge a run: its numbers into metrics.json, its ledger into ledger.json.

Several may judge a run at once; `results` merges what they write. What was there before stays where
it is of the same weights and examples.
"""

import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit import information as measure
from vaekit.apply import Stream
from vaekit.arguments import check, check_counts
from vaekit.corruptions import corruption
from vaekit.data import Dataset
from vaekit.errors import VaekitError, warn
from vaekit.faces import Numbers
from vaekit.information.scores import either, kinds_of_codes, taking
from vaekit.metrics.checks import BINS
from vaekit.objectives import MutualInformation
from vaekit.runs import results
from vaekit.runs.results import Results, Say, silent
from vaekit.runs.use.coding import Input, admitted_examples
from vaekit.runs.use.conditions import matched
from vaekit.system import files
from vaekit.system.progress import shown_bars

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

_STEPS = 1000  # of a reader, by default where the recipe trains with one
READER = "mlp(512)"


def evaluate_run(
    run: "Run",
    n: int = 10_000,
    samples: int = 1,
    bins: int = BINS,
    train_split: bool = False,
    information: bool = False,
    importance_samples: int | None = None,
    metrics: str | Sequence[str] = "",
    corrupt: str | Sequence[str] = "",
    features: Path | str | None = None,
    codes: str | Sequence[str] = "mean",
    verbose: bool = False,
    data: Input = None,
) -> Numbers:
    """Judge the run on its held-out data, write metrics.json, and return the numbers.

    Each is {value, estimator, n, unit, …} under its name, rates and distortions in nats for one
    example. Those that were in metrics.json stay where they are of the same weights and examples.

    Of other `data`, which are given as to `encode`, the numbers are returned and not written. The
    first n examples of a `DataLoader` are collected in memory, for scores read them more than once.

    Args:
        run: the run itself
        n: examples at most
        samples: codes drawn for each example
        bins: bins of the MIG
        train_split: judge on the training data instead
        information: also I(x; z), total correlation and KL of the aggregate posterior over all
            pairs of examples, the indicators of Gaussian codes, and log p(x)
        importance_samples: codes an example for log p(x), with `information`; None: 100
        metrics: names of scores, as a list or with commas between; all: what applies
        corrupt: corruptions under which svm, probe and clusters are given too
        features: file of the network for fid: read, or made by training it on the labels
        codes: what scores of codes read: mean, drawn (from q(z|x)), pca or ica (the mean in other
            axes, which leave all nats as they are), or several, as a list or with commas between;
            what is not read from means stands under its name with [drawn] and so on
        verbose: print what is left out, kept and dropped, and on stderr how the scores go on
        data: other examples to judge on, in place of the run's own

    Raises `VaekitError` for importance samples without information, corruptions or features
    without scores that read them, `data` with `train_split`, and as `information.evaluate`,
    `information.score` and `encode` do.
    """
    for name, value in (("train_split", train_split), ("information", information)):
        check(name, value, bool, True)
    check("verbose", verbose, bool, True)
    before = run.metrics
    if importance_samples is not None and not information:
        raise VaekitError("--importance-samples is for log p(x): give --information too")
    names = measure.chosen(_listed(metrics, "metrics"))
    kinds = kinds_of_codes(_listed(codes, "codes"))
    if kinds != ("mean",) and not names:
        raise VaekitError("--codes is for scores of codes: give --metrics svm or all too")
    if (corrupt or features) and not names:
        examples = either([taking(option)[0] for option in ("corrupt", "features")] + ["all"])
        raise VaekitError(f"--corrupt and --features are for scores: give --metrics {examples}")
    say = print if verbose else silent
    with shown_bars() if verbose else nullcontext():
        judged = _judged(run, data, train_split, n)
        score = _scores(run, names, judged, corrupt, features, say) if names else None
        draws = 100 if importance_samples is None else importance_samples
        lack = measure.uninformed(run.model, judged) if information else ""
        if lack:
            warn(f"information is left out: {lack}")
        known = information and not lack
        more = measure.summarise(run.model, judged, n, draws) if known else {}
        numbers = measure.evaluate(run.model, judged, n, samples, bins=bins)
        numbers |= more
        numbers |= measure.diagnose(*run.system, judged, n)
        if score is not None:
            numbers |= score(n=n, bins=bins, codes=kinds)
    split = _part(run, train_split) if data is None else judged.name
    for number in numbers.values():
        number |= {"split": split, **run.stamp.as_dict()}
    if data is not None:
        return numbers
    path = run.folder / results.METRICS
    results.merge(path, numbers, lambda old: _staying(run, before, old, numbers, say))
    return numbers


def _judged(run: "Run", data: Input, train_split: bool, n: int) -> Dataset:
    """Return the set to judge on: a part of the run's own data, or other ones."""
    if data is None:
        return run.data.train if train_split else run.data.test
    if train_split:
        raise VaekitError("train_split is a part of the run's own data: leave it or data out")
    check_counts(n=n)
    whole = admitted_examples(run, data)
    whole = whole.first(n).collected(run.condition) if isinstance(whole, Stream) else whole
    return matched(whole, run.condition, run.schema)


def _part(run: "Run", train_split: bool = False) -> str:
    """Name the part of its data that a run is judged on."""
    return "training" if train_split or run.data.test is run.data.train else "test"


def _staying(run: "Run", before: Results, old: Results, new: Results, say: Say) -> Results | None:
    """Return earlier numbers where they are of the same weights and examples, else say so.

    None where others have come since `before` that are of newer weights.
    """
    if old != before and run.overtaken(old):
        warn(f"not written: {run.folder} has newer weights by now, and numbers of them")
        return None
    names = [name for name in old if name not in new]
    if names and results.agree(old, new):
        say(f"kept from before: {', '.join(names)}")
        return old
    if names:
        say(f"dropped, as of other weights or examples: {', '.join(names)}")
    return {}


def _scores(
    run: "Run",
    names: tuple[str, ...],
    data: Any,
    corrupt: str | Sequence[str],
    features: Path | str | None,
    say: Say,
) -> Callable[..., Results]:
    """Settle which scores are meant, before anything is computed, and say which are left out."""
    train = None if data is run.data.train else run.data.train
    corruptions = _listed(corrupt, "corrupt")
    for text in corruptions:
        corruption(text)
    place = None if features is None else files.place(features, "the network of features")
    if place is not None and not place.exists():
        files.check_file(place)
    wanted, left = measure.applying(run.model, data, names, train)
    for why in dict.fromkeys(left.values()):
        say(f"left out: {', '.join(k for k, v in left.items() if v == why)}: {why}")
    readers = taking("features")
    if features and not set(readers) & set(wanted):
        raise VaekitError(
            f"--features is for the score {either(readers)}: ask for --metrics {readers[0]} too"
        )

    def progress(name: str, done: int, count: int) -> None:
        say(f"scores {done + 1}/{count}: {name}", file=sys.stderr, flush=True)

    def score(**options: Any) -> Results:
        network = None if place is None else _network(run, place, say)
        given = {"train": train, "corruptions": corruptions, "network": network}
        return measure.score(run.model, data, wanted, progress=progress, **given, **options)

    return score


def _listed(names: str | Sequence[str], what: str) -> list[str]:
    """Part a text at its commas, but those within brackets, which are arguments'."""
    texts = re.split(r",(?![^(]*\))", names) if isinstance(names, str) else names
    check(what, texts, Sequence[str])
    return [text.strip() for text in texts if text.strip()]


def _network(run: "Run", path: Path, say: Say) -> Any:
    """Read the network for fid, or train it on the run's data and write it."""
    if path.exists():
        return measure.FeatureNetwork.load(path)
    say(f"training {path}", file=sys.stderr, flush=True)
    held = None if run.data.test is run.data.train else run.data.test
    network = measure.feature_network(run.data.train, held=held)
    network.save(path)
    return network


# ---- the ledger


def ledger_of_run(
    run: "Run",
    n: int = 10_000,
    samples: int = 100,
    bound: int | None = None,
    reader: str = READER,
    seed: int = 0,
) -> measure.Ledger:
    """Add up the run's information on its held-out data, write ledger.json, and return it.

    Args:
        run: the run itself
        n: examples at most
        samples: codes an example for log p(x)
        bound: steps of training of a reader, for the whole code and for each block, which gives a
            lower bound on I(x; z) of another kind; None: 1000 for recipes with a reader, else 0
        reader: the reader's hidden layers
        seed: seed of codes and readers

    Raises `VaekitError` for a bound where no data are held out, and as `information.ledger` does.
    """
    train, test = run.data
    steps = _bound_steps(run) if bound is None and train is not test else bound or 0
    if steps and train is test:
        raise VaekitError("--bound needs held-out data, and this run has none: leave it out")
    if not steps and reader != READER:
        raise VaekitError("--reader is trained for --bound: give its steps, or leave --reader out")
    made = measure.ledger(run.model, test, n, samples, steps, train, reader, seed)
    about = {"data": run.config.data, "split": _part(run), **run.stamp.as_dict()}
    whole = {**about, "n": made.rows[0].number.n, **made.as_dict()}
    results.write_results(run.folder / results.LEDGER, whole)
    return made


def _bound_steps(run: "Run") -> int:
    trained = any(isinstance(term, MutualInformation) for _, term in run.system.objective.parts)
    return _STEPS if trained else 0
