"""How much of a class a code tells to a reader who has seen few labels.

A classifier learns from the codes of a few labelled examples, and is judged on codes that it did
not see:

    accuracy = share of held-out examples whose class it names

([vimae] §5.3: a support vector machine on the codes of 1000 labelled examples, 100 of Omniglot). A
code that puts alike things side by side needs few labels; with all of them the score asks merely
whether the class is in the code. Three readers, and three scores:

`svm`: a support vector machine with Gaussian kernels, C = 1 and γ = 1/H, H codes of deviation 1. It
finds classes of any form.

`tsvm`: the same, transductive (Joachims 1999, §4; the M1+TSVM that [vimae] names): it also reads up
to 4000 codes to learn from that have no label. It guesses their classes, learns from these with a
weight of 1/64, guesses anew, and doubles the weight up to 1, until no guess changes. Several
classes are told by pairs and their numbers are free, where Joachims has two of fixed size.

`linear`: logistic regression, C = 1: is the class cut off by planes?

Labels are drawn by class, each in its share of the whole and at least once, so that no draw misses
a class. Codes are standardised over all that may be learnt from, which takes no labels. Rescaling
or permuting latents changes nothing, mixing them linearly does.

For **corrupted inputs** give the codes of clean examples and of corrupted held ones. So the
classifier meets at work what it did not learn from, which is what a robust code is for.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from vaekit.arguments import check_counts
from vaekit.errors import VaekitError, nearest
from vaekit.metrics.checks import checked_codes, standardised
from vaekit.metrics.classifiers import READERS, transduced
from vaekit.metrics.record import Row, Subject, Values, metric, row_under, under
from vaekit.metrics.score import Score

Classifier = Literal["svm", "tsvm", "linear"]
LABELLED, DRAWS = 1000, 5  # of a model's codes, where there are more
UNLABELLED = 4000  # codes without a label that are read


def label_accuracy(
    codes: npt.ArrayLike,
    labels: npt.ArrayLike,
    held_codes: npt.ArrayLike,
    held_labels: npt.ArrayLike,
    labelled: int | None = 1000,
    classifier: Classifier = "svm",
    seed: int = 0,
    repeats: int = 1,
    *,
    shuffles: int = 1,
) -> Score:
    """Score how well a classifier that learnt from `labelled` codes names held-out classes.

    Takes codes (N, H) with whole-number labels (N,) to learn from and (n, H), (n,) to be judged on;
    `labelled=None` learns from all; `tsvm` reads those without a label too. The value is the mean
    over `repeats` draws, in [0, 1]; `settings["se"]` is its standard error √(e₁² + e₂²), e₁ for
    having made so many draws and e₂ for having judged n examples; with all labels, which are one
    choice, e₂; None for one draw, which knows nothing of another. `settings["error"]` says which.
    `shuffled` is the same where what is learnt from has the labels of others. `parts` holds `draws`
    (repeats,), `se_of_draws` = e₁, None for one, `se_of_examples` = e₂, `classes` (K,), and
    `confusion` (K, K): how often class i was taken for j, over all draws.

    Where all that is learnt from has one class, all is taken for it; a held class that was never
    learnt is never named. Raises `VaekitError` for codes that are not finite or of other widths,
    labels that do not fit, fewer labels than classes or more than examples, several draws of all
    (None, or as many as there are), and counts that are no whole numbers.
    """
    if classifier not in READERS:
        raise nearest(str(classifier), READERS, "classifier")
    check_counts(repeats=repeats, shuffles=shuffles)
    values, truth = _pair(codes, labels, "")
    held, wanted = _pair(held_codes, held_labels, "held ")
    if values.shape[1] != held.shape[1]:
        raise VaekitError(
            f"codes have {values.shape[1]} latents but held codes {held.shape[1]}: "
            "give codes of one model"
        )
    count = _count(truth, labelled, repeats)
    learnt = np.arange(len(values) + len(held)) < len(values)
    scaled = standardised(np.concatenate([values, held]), learnt)
    reading = _Reading(classifier, scaled[learnt], scaled[~learnt], count)
    rng = np.random.default_rng(seed)
    answered = np.array([reading.answers(truth, rng) for _ in range(repeats)])
    mixed = [rng.permutation(truth) for _ in range(shuffles)]
    chance = [(reading.answers(each, rng) == wanted).mean() for each in mixed]
    hits = answered == wanted
    draws, classes = hits.mean(axis=1), np.unique(np.concatenate([truth, wanted]))
    drawn = float(draws.std(ddof=1) / np.sqrt(repeats)) if repeats > 1 else None
    judged = float(hits.mean(axis=0).std() / np.sqrt(len(wanted)))
    se, of = _error(drawn, judged, count == len(truth))
    parts = {
        "draws": draws,
        "se_of_draws": drawn,
        "se_of_examples": judged,
        "classes": classes,
        "confusion": _confusion(np.tile(wanted, repeats), answered.ravel(), classes),
    }
    settings = {
        "estimator": reading.estimator(repeats),
        "n": len(wanted),
        "se": se,
        "error": of,
        "labelled": count,
        "classifier": classifier,
        "repeats": repeats,
        "seed": seed,
    }
    return Score(float(draws.mean()), parts, settings, float(np.mean(chance)) if chance else None)


class _Reading(NamedTuple):
    """Hold standardised codes to learn from (N, H), those that are asked of (n, H), and how."""

    classifier: Classifier
    inputs: np.ndarray
    asked: np.ndarray
    labelled: int

    def answers(self, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the classes of what is asked, (n,), learnt from `labelled` of them (N,)."""
        rows = stratified(truth, self.labelled, rng)
        if len(known := np.unique(truth[rows])) == 1:  # nothing to tell apart
            return np.full(len(self.asked), known[0])
        learner = READERS[self.classifier][0](self.inputs.shape[1])
        if self.classifier != "tsvm":
            return learner.fit(self.inputs[rows], truth[rows]).predict(self.asked)
        others = np.delete(self.inputs, rows, axis=0)
        few = rng.permutation(len(others))[:UNLABELLED]
        made = transduced(learner, self.inputs[rows], truth[rows], others[few])
        return made.predict(self.asked)

    def estimator(self, repeats: int) -> str:
        """Say what the accuracy is that of."""
        said = f"held-out accuracy of {READERS[self.classifier][1]}, codes standardised, from "
        said += f"{self.labelled:,} labels"
        return said + (f", mean of {repeats} stratified draws" if repeats > 1 else "")


@metric(
    "svm",
    Row(
        "svm_accuracy",
        "do few labels suffice to name the classes?",
        "share of examples",
        title="SVM accuracy",
        chance="the largest class's share",
        mind="the number of labels",
    ),
    needs="labels",
    takes=("corrupt",),
    shuffled="shuffled",
)
def _svm(subject: Subject) -> Values:
    return _accuracies(subject, "svm_accuracy", "svm")


@metric(
    "tsvm",
    Row(
        "tsvm_accuracy",
        "… where the classifier reads codes without a label too?",
        "share of examples",
        title="transductive SVM accuracy",
        chance="the largest class's share",
        mind="the number of labels",
    ),
    needs="labels",
    takes=("corrupt",),
    shuffled="shuffled",
    cost="takes minutes, name it",
)
def _tsvm(subject: Subject) -> Values:
    return _accuracies(subject, "tsvm_accuracy", "tsvm")


@metric(
    "probe",
    Row(
        "probe_accuracy",
        "… by planes?",
        "share of examples",
        chance="the largest class's share",
        mind="the number of labels",
    ),
    needs="labels",
    takes=("corrupt",),
    shuffled="shuffled",
)
def _probe(subject: Subject) -> Values:
    return _accuracies(subject, "probe_accuracy", "linear")


def _accuracies(subject: Subject, name: str, classifier: Classifier) -> Values:
    """Return the accuracy of a classifier of codes, clean and under each corruption."""
    few = len(subject.labelled[0]) <= LABELLED
    how = {"labelled": None if few else LABELLED, "repeats": 1 if few else DRAWS}
    values, given = dict[str, Score](), (*subject.labelled, subject.held_labels)
    for corruption, held in subject.held_codes.items():
        codes, labels, truth = given
        score = label_accuracy(
            codes, labels, held, truth, classifier=classifier, seed=subject.seed, **how
        )
        values[row_under(name, corruption)] = under(score, corruption)
    return values


def stratified(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` rows of labels (N,), each class in its share and at least once, in order."""
    number, sizes = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    spare = count - len(sizes)
    share = spare * (sizes - 1) / max(1, len(labels) - len(sizes))
    each = 1 + np.floor(share).astype(int)
    # What rounding down has left goes to the largest remainders, ties to the first class.
    left = np.argsort(each - 1 - share, kind="stable")[: count - each.sum()]
    each[left] += 1
    order = rng.permutation(len(labels))
    order = order[np.argsort(number[order], kind="stable")]
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[place < each[number[order]]])


def whole_labels(labels: npt.ArrayLike, what: str = "labels") -> np.ndarray:
    """Return labels as int64 (N,); raise `VaekitError` where they are no whole numbers."""
    array = np.asarray(labels)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iub":
        raise VaekitError(
            f"expected {what} (N,) of whole numbers, got shape {array.shape} of type "
            f"{array.dtype}: number the classes, for example by np.unique(v, return_inverse=True)"
        )
    return array.astype(np.int64)


def _pair(codes: npt.ArrayLike, labels: npt.ArrayLike, what: str) -> tuple[np.ndarray, np.ndarray]:
    values, truth = checked_codes(codes), whole_labels(labels, f"{what}labels")
    if len(values) != len(truth):
        raise VaekitError(
            f"{len(values)} {what}codes but {len(truth)} {what}labels: give one for each code"
        )
    return values, truth


def _count(truth: np.ndarray, labelled: int | None, repeats: int) -> int:
    if labelled is not None:
        check_counts(labelled=labelled)
    if labelled is None or labelled == len(truth):
        if repeats > 1:
            raise VaekitError(
                f"labelled={labelled} learns from all {len(truth)} examples, so that {repeats} "
                "draws are one: give repeats=1, or fewer labels"
            )
        return len(truth)
    classes = len(np.unique(truth))
    if labelled < classes:
        raise VaekitError(
            f"{labelled} labels cannot show {classes} classes: give labelled={classes} or more"
        )
    if labelled > len(truth):
        raise VaekitError(
            f"asked for {labelled} labels of {len(truth)} examples: give fewer, or labelled=None "
            "for all"
        )
    return int(labelled)


def _error(drawn: float | None, judged: float, whole: bool) -> tuple[float | None, str | None]:
    """Return the standard error of an accuracy, and what it is over."""
    if drawn is not None:
        return float(np.hypot(drawn, judged)), "over draws of the labels, and over examples"
    return (judged, "over examples") if whole else (None, None)


def _confusion(truth: np.ndarray, said: np.ndarray, classes: np.ndarray) -> np.ndarray:
    size = len(classes)
    cells = np.searchsorted(classes, truth) * size + np.searchsorted(classes, said)
    return np.bincount(cells, minlength=size**2).reshape(size, size)
