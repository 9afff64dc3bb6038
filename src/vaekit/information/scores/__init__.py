"""The metrics of a model on a set: which are meant, which apply, and their rows.

What there is stands in `vaekit.metrics.METRICS`, each metric with its record; what they read of the
model is in `vaekit.information.scores.downstream`.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from vaekit.arguments import check, check_counts
from vaekit.corruptions import corruption
from vaekit.data import Dataset
from vaekit.errors import VaekitError, nearest, warn
from vaekit.given import check_seed
from vaekit.information.encoding import check_subject
from vaekit.information.fitted.axes import AXES, turned
from vaekit.information.rates import row_of
from vaekit.information.scores.downstream import ModelOnSet
from vaekit.information.scores.features import Features
from vaekit.metrics import METRICS, Subject
from vaekit.metrics.checks import BINS
from vaekit.metrics.record import OF_CODES, Metric, row_of_codes
from vaekit.model import Model

CODE_KINDS = ("mean", "drawn", *AXES)  # of codes that scores read

OnProgress = Callable[[str, int, int], None]


def score(
    model: Model,
    data: Dataset,
    names: tuple[str, ...] = (),
    n: int = 10_000,
    bins: int = BINS,
    seed: int = 0,
    progress: OnProgress | None = None,
    *,
    train: Dataset | None = None,
    corruptions: Sequence[str] = (),
    network: Features | None = None,
    codes: Sequence[str] = ("mean",),
) -> dict[str, dict[str, Any]]:
    """Score up to `n` examples of a set by the scores in `names`, `all` or none for what applies.

    What learns from labels does so on `train`, or on a half of the set where there is none; the
    accuracies are given for clean inputs and under each of `corruptions`, such as
    `masking(p=0.5)`. `network` maps images to features for `fid`; without one `feature_network`
    is trained. `codes` are mean, drawn (from q(z|x)), pca or ica (the mean in other axes, see
    `find_axes`), or several: what is not read from means stands under its name with its
    kind, `[drawn]`.

    Returns name → value, estimator, n, shuffled, parts and so on as `evaluate` does; a value that
    is infinite is None. `progress` gets each name with its place and their number. Warns of a named
    score that does not apply. Raises `VaekitError` for an unknown name, n < 1, where no named score
    applies, and corruptions that no score is asked under.
    """
    check_counts(n=n, bins=bins)
    check_seed(seed)
    check("names", names, Sequence[str], ("mig", "dci"))
    check("corruptions", corruptions, Sequence[str], ("masking(p=0.5)",))
    check("codes", codes, Sequence[str], ("mean", "drawn"))
    acts = {text: corruption(text) for text in corruptions}
    wanted, left = applying(model, data, names, train, network)
    for name in known_metrics(names):
        if name in left:
            warn(f"the score {name} is left out: {left[name]}")
    readers = taking("corrupt")
    if acts and not set(readers) & set(wanted):
        raise VaekitError(
            f"a corruption is for scores of labels from corrupted inputs: ask for {either(readers)}"
            " too"
        )
    numbers = {}
    kinds = kinds_of_codes(codes)
    of_codes = [name for name in wanted if METRICS[name].needs in OF_CODES]
    others = [name for name in wanted if name not in of_codes]  # read no codes of any kind
    for kind in kinds if "mean" in kinds or not others else ("mean", *kinds):
        of = turned(model, data, kind, seed) if kind in AXES else model
        subject = ModelOnSet(of, data, train, n, seed, acts, network, bins, kind == "drawn")
        own = [*(of_codes if kind in kinds else []), *(others if kind == "mean" else [])]
        for done, name in enumerate(own):
            if progress is not None:
                progress(row_of_codes(name, kind), done, len(own))
            numbers |= _metric_numbers(METRICS[name], subject, kind)
    return numbers


def _metric_numbers(metric: Metric, subject: ModelOnSet, kind: str) -> dict[str, dict[str, Any]]:
    numbers, of = {}, {"factors": list(subject.factors)} if metric.of_codes else {}
    for name, value in metric.values(cast(Subject, subject)).items():
        row = metric.row(name)
        assert row is not None, f"{metric.name} gives {name}, for which its record has no row"
        number = row_of(value, row.unit, len(subject.rows)) | of
        if kind != "mean":
            how = "codes drawn from q(z|x)" if kind == "drawn" else f"mean codes in axes by {kind}"
            number["estimator"] += f"; {how}"
        numbers[row_of_codes(name, kind)] = number
    return numbers


def kinds_of_codes(names: Sequence[str]) -> tuple[str, ...]:
    """Return which codes are read: mean, drawn, or the mean in other axes.

    A draw of a deterministic code is its mean. Raises `VaekitError` for others, and for none.
    """
    kinds = tuple(dict.fromkeys(names))
    for kind in kinds:
        if kind not in CODE_KINDS:
            raise nearest(kind, CODE_KINDS, "kind of codes")
    if not kinds:
        raise VaekitError(f"codes are {', '.join(CODE_KINDS)}, or several: name one")
    return kinds


def applying(
    model: Model,
    data: Dataset,
    names: tuple[str, ...] = (),
    train: Dataset | None = None,
    network: Features | None = None,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the scores that are meant by `names`, and the reasons of those that are left out.

    Raises `VaekitError` for an unknown name, where none that is named applies, and for what is no
    model or no set of its examples.
    """
    check_subject(model, data)
    if train is not None:
        check_subject(model, train)
    subject = ModelOnSet(model, data, train, network=network)
    named = known_metrics(names)
    every = not named or "all" in names
    asked, left = METRICS if every else {name: METRICS[name] for name in named}, dict[str, str]()
    for name, metric in asked.items():
        if lack := subject.lacks(metric.needs) or ("" if name in named else metric.cost):
            left[name] = lack
    if named and all(name in left for name in named):
        raise VaekitError(
            f"{left[named[0]]}, which the score {named[0]!r} needs: leave it out, or ask for all "
            "that apply"
        )
    return tuple(name for name in asked if name not in left), left


def known_metrics(names: Sequence[str]) -> list[str]:
    """Return the metrics among names, each once, without `all`; raise `VaekitError` for others."""
    for name in names:
        if name not in (*METRICS, "all"):
            raise nearest(name, [*METRICS, "all"], "score")
    return [name for name in dict.fromkeys(names) if name != "all"]


def taking(option: str) -> list[str]:
    """Name the metrics that read an option of `evaluate`."""
    return [name for name, metric in METRICS.items() if option in metric.takes]


def either(names: Sequence[str]) -> str:
    """Join names by commas and `or`."""
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def chosen(named: str | Sequence[str]) -> tuple[str, ...]:
    """Read names of scores, `all` too, in a list or with commas between; raises as `score` does."""
    text = named if isinstance(named, str) else ",".join(named)
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    known_metrics(names)
    return names
