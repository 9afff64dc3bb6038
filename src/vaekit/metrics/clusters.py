"""How well categories that were found without labels agree with classes.

A category has no name, so it is first given one, by the same labels that then judge it:

`one_to_one`: each category gets at most one class and each class at most one category, so that as
many examples as can be agree (the assignment problem; Kuhn 1955; `scipy.optimize`'s solver). Where
there are more of one than of the other, what is left over counts as wrong.

`majority`: each category gets the class that most of its examples have, also one that another has.
The value is never below that of `one_to_one`; it grows with the number of categories, and is 1
where each example has its own.

Categories that were named before, from other codes, are judged under their `names`: what a reader
is worth who learnt from clean inputs and meets corrupted ones.

Both are accuracies: a code of one category has the share of the most frequent class. The value on
shuffled labels is that of categories that tell nothing. The mutual information adjusted for chance
(Vinh, Epps & Bailey 2010: 0 by chance on average, 1 where categories and classes are the same)
needs no names at all, and is in the parts.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vaekit.arguments import check_counts
from vaekit.errors import VaekitError
from vaekit.metrics.labels import whole_labels
from vaekit.metrics.record import Row, Subject, Values, metric, row_under, under
from vaekit.metrics.score import Score

Rule = Literal["one_to_one", "majority"]
_RULES = {
    "one_to_one": "accuracy of categories under the best one-to-one assignment to classes",
    "majority": "accuracy of categories, each named by its most frequent class",
}


def cluster_accuracy(
    assignments: npt.ArrayLike,
    labels: npt.ArrayLike,
    rule: Rule = "one_to_one",
    *,
    categories: int | None = None,
    names: npt.ArrayLike | None = None,
    shuffles: int = 5,
    seed: int = 0,
) -> Score:
    """Score the accuracy of categories (N,) as classes of labels (N,), each named by `rule`.

    Both are whole numbers; with `categories` = A the categories are 0 … A − 1, of which some may
    be empty, else those that occur. `parts` holds `categories` (A,), `classes` (B,), `table`
    (A, B), how many examples of a category have a class; `assignment` (A,), the class of each
    category, −1 for none; and `adjusted_information`, the adjusted mutual information (0 where one
    of the two does not vary). `settings["se"]` is √(a(1 − a)/N), names held fixed.

    `names` (A,), the `assignment` that `rule` gave the same categories elsewhere, is kept in place
    of one that is fitted here, to shuffled labels too. Raises `VaekitError` for other arrays,
    categories outside 0 … A − 1, names without `categories` or another number of them, and an
    unknown rule. ([vmi] §4.4.2 does not say which rule is its own.)
    """
    if rule not in _RULES:
        raise VaekitError(f"unknown rule {rule!r}: use 'one_to_one' or 'majority'")
    check_counts(shuffles=shuffles)
    assigned, truth = whole_labels(assignments, "assignments"), whole_labels(labels)
    if len(assigned) != len(truth):
        raise VaekitError(f"{len(assigned)} assignments but {len(truth)} labels: give one for each")
    known, row = _categories(assigned, categories)
    classes, column = np.unique(truth, return_inverse=True)
    given = None if names is None else _names(names, categories)

    def table(column: np.ndarray) -> np.ndarray:
        cells = np.bincount(row * len(classes) + column, minlength=len(known) * len(classes))
        return cells.reshape(len(known), len(classes))

    def right(table: np.ndarray) -> float:
        return _hits(table, _assigned(table, rule) if given is None else places) / len(truth)

    counts, rng = table(column), np.random.default_rng(seed)
    places = _assigned(counts, rule) if given is None else _places(given, classes)
    value = right(counts)
    chance = [right(table(rng.permutation(column))) for _ in range(shuffles)]
    parts: dict[str, Any] = {
        "categories": known,
        "classes": classes,
        "table": counts,
        "assignment": np.where(places >= 0, classes[places], -1) if given is None else given,
        "adjusted_information": _adjusted(assigned, truth),
    }
    settings = {
        "estimator": _RULES[rule] + ("" if given is None else ", named beforehand"),
        "n": len(truth),
        "se": float(np.sqrt(value * (1 - value) / len(truth))),
        "rule": rule,
        "seed": seed,
    }
    return Score(value, parts, settings, float(np.mean(chance)) if chance else None)


@metric(
    "clusters",
    Row(
        "cluster_accuracy",
        "are categories the classes, one each?",
        "share of examples",
        chance="the largest class's share",
        blocks=True,
    ),
    Row(
        "cluster_majority",
        "… or parts of classes?",
        "share of examples",
        chance="the largest class's share",
        mind="grows with the number of categories",
        blocks=True,
    ),
    needs="categories",
    takes=("corrupt",),
    shuffled="shuffled",
)
def _clusters(subject: Subject) -> Values:
    """Score each one-hot by both rules; names that clean codes gave are those of corrupted ones."""
    values, truth, several = dict[str, Score](), subject.held_labels, len(subject.one_hots) > 1
    rules: dict[str, Rule] = {"cluster_accuracy": "one_to_one", "cluster_majority": "majority"}
    for block, where in subject.one_hots.items():
        size = where.stop - where.start
        for name, rule in rules.items():
            names, row = None, f"{name}_{block}" if several else name
            for corruption, held in subject.held_codes.items():  # the clean ones first
                taken = held[:, where].argmax(1)
                score = cluster_accuracy(taken, truth, rule, categories=size, names=names)
                score.settings["estimator"] += ", by clean codes" if corruption else ""
                names = score.parts["assignment"]
                values[row_under(row, corruption)] = under(score, corruption)
    return values


def _categories(assigned: np.ndarray, count: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the names of all categories, and the place of each example's."""
    if count is None:
        names, row = np.unique(assigned, return_inverse=True)
        return names, row
    if not 0 <= assigned.min() <= assigned.max() < count:
        raise VaekitError(
            f"{count} categories are 0 to {count - 1}, got {assigned.min()} to {assigned.max()}"
        )
    return np.arange(count), assigned


def _names(names: npt.ArrayLike, count: int | None) -> np.ndarray:
    """Return the classes (A,) that categories were given, checked."""
    given = whole_labels(names, "names")
    if len(given) != count:
        raise VaekitError(
            f"{len(given)} names of {'an unknown number of' if count is None else count} "
            f"categories: give categories={len(given)}, and one name for each"
        )
    return given


def _places(given: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the places of classes, −1 for one that does not occur."""
    place = np.searchsorted(classes, given).clip(max=len(classes) - 1)
    return np.where(classes[place] == given, place, -1)


def _assigned(table: np.ndarray, rule: str) -> np.ndarray:
    """Return the place of the class of each category, −1 for none."""
    from scipy.optimize import linear_sum_assignment

    chosen = np.full(len(table), -1)
    if rule == "majority":
        used = table.sum(axis=1) > 0
        chosen[used] = table[used].argmax(axis=1)
    else:
        rows, columns = linear_sum_assignment(table, maximize=True)
        chosen[rows] = columns
    return chosen


def _hits(table: np.ndarray, chosen: np.ndarray) -> int:
    rows = np.flatnonzero(chosen >= 0)
    return int(table[rows, chosen[rows]].sum())


def _adjusted(assigned: np.ndarray, truth: np.ndarray) -> float:
    from sklearn.metrics import adjusted_mutual_info_score

    if min(np.ptp(assigned), np.ptp(truth)) == 0:
        return 0.0
    return float(adjusted_mutual_info_score(truth, assigned))
