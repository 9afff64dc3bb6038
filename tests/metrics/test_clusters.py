"""Accuracy of categories found without labels, under both rules of naming them."""

import json
from itertools import permutations

import numpy as np
import pytest

from vaekit.errors import VaekitError
from vaekit.metrics import cluster_accuracy

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, 2000)


@pytest.mark.parametrize("rule", ["one_to_one", "majority"])
def test_categories_of_known_worth(rule):
    named = np.array([7, 2, 9, 0])[LABELS]
    ideal = cluster_accuracy(named, LABELS, rule)
    assert ideal == 1.0 and ideal.parts["adjusted_information"] == pytest.approx(1)
    assert ideal.parts["categories"].tolist() == [0, 2, 7, 9]
    assert ideal.parts["assignment"].tolist() == [3, 1, 0, 2]
    assert 0.25 <= ideal.shuffled < 0.3
    one = cluster_accuracy(np.zeros_like(LABELS), LABELS, rule)
    most = np.bincount(LABELS).max() / 2000
    assert one == one.shuffled == most and one.parts["adjusted_information"] == 0.0
    noise = cluster_accuracy(RNG.integers(0, 4, 2000), LABELS, rule)
    assert abs(noise - noise.shuffled) < 0.03
    assert abs(noise.parts["adjusted_information"]) < 0.01


@pytest.mark.parametrize(("categories", "classes"), [(4, 4), (3, 5), (5, 3)])
def test_the_assignment_is_the_best_of_all(categories, classes):
    found, labels = RNG.integers(0, categories, 60), RNG.integers(0, classes, 60)
    score = cluster_accuracy(found, labels, categories=categories)
    table = np.array(
        [[((found == a) & (labels == b)).sum() for b in range(classes)] for a in range(categories)]
    )
    assert (score.parts["table"] == table).all()
    size = max(table.shape)
    square = np.zeros((size, size))
    square[:categories, :classes] = table
    best = max(sum(square[i, p[i]] for i in range(size)) for p in permutations(range(size)))
    assert score == pytest.approx(best / 60)
    used = [b for b in score.parts["assignment"].tolist() if b >= 0]
    assert len(used) == len(set(used)) == min(categories, classes)
    assert sum(table[a, b] for a, b in enumerate(score.parts["assignment"]) if b >= 0) == best
    most = cluster_accuracy(found, labels, "majority", categories=categories)
    assert most == pytest.approx(table.max(1).sum() / 60) and most >= score


def test_split_classes_cost_one_to_one_and_not_the_majority():
    """Two categories share each class: half of the categories have no class left."""
    found = 2 * LABELS + RNG.integers(0, 2, 2000)
    assert cluster_accuracy(found, LABELS, "majority") == 1.0
    assert 0.45 < cluster_accuracy(found, LABELS) < 0.58
    assert (cluster_accuracy(found, LABELS).parts["assignment"] == -1).sum() == 4


def test_majority_rewards_many_categories_and_the_shuffled_value_says_so():
    own = cluster_accuracy(np.arange(2000), LABELS, "majority")
    assert own == own.shuffled == 1.0
    assert abs(own.parts["adjusted_information"]) < 1e-6
    assert cluster_accuracy(np.arange(2000), LABELS) == 4 / 2000


def test_empty_categories():
    found = cluster_accuracy([1, 1, 4], [0, 0, 2], categories=6)
    assert found == 1.0 and found.parts["table"].shape == (6, 2)
    most = cluster_accuracy([1, 1, 4], [0, 0, 2], "majority", categories=6)
    assert most.parts["assignment"].tolist() == [-1, 0, -1, -1, 2, -1]
    written = found.as_dict()
    assert json.loads(json.dumps(written))["value"] == 1.0
    assert written["se"] == 0.0 and written["n"] == 3 and written["rule"] == "one_to_one"


@pytest.mark.parametrize("rule", ["one_to_one", "majority"])
def test_categories_that_were_named_before_keep_their_names(rule):
    clean = cluster_accuracy(LABELS, LABELS, rule, categories=4)
    names = clean.parts["assignment"]
    swapped = cluster_accuracy((LABELS + 1) % 4, LABELS, rule, categories=4, names=names)
    assert swapped == 0.0 and "named beforehand" in swapped.settings["estimator"]
    assert cluster_accuracy((LABELS + 1) % 4, LABELS, rule, categories=4) == 1.0
    half = np.where(np.arange(2000) < 1000, LABELS, (LABELS + 1) % 4)
    found = cluster_accuracy(half, LABELS, rule, categories=4, names=names)
    assert found == 0.5 and abs(found.shuffled - 0.25) < 0.03
    assert found.parts["assignment"].tolist() == names.tolist()
    assert cluster_accuracy(LABELS, LABELS, rule, categories=4, names=names) == clean
    strange = cluster_accuracy([0, 1, 1], [0, 0, 5], rule, categories=2, names=[-1, 5])
    assert strange == pytest.approx(1 / 3) and strange.parts["assignment"].tolist() == [-1, 5]
    assert cluster_accuracy([0], [3], rule, categories=2, names=[9, 3]) == 0.0


def test_one_class():
    assert cluster_accuracy([0, 1, 1, 1], [5, 5, 5, 5]) == 0.75
    assert cluster_accuracy([0, 1, 1, 1], [5, 5, 5, 5], "majority") == 1.0


def test_same_seed_same_score():
    noise = RNG.integers(0, 4, 2000)
    one, two = (cluster_accuracy(noise, LABELS, seed=1).as_dict() for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 1], [0]), {}, "2 assignments but 1 labels"),
        (([0.5, 1], [0, 1]), {}, "assignments .N,. of whole numbers"),
        (([[0, 1]], [0, 1]), {}, "shape .1, 2."),
        (([0, 1], [0.5, 1]), {}, "labels .N,. of whole numbers"),
        (([], []), {}, "assignments"),
        (([0, 3], [0, 1]), {"categories": 3}, "3 categories are 0 to 2, got 0 to 3"),
        (([0, 3], [0, 1]), {"names": [0, 1]}, "2 names of an unknown number .* categories=2"),
        (([0, 1], [0, 1]), {"categories": 3, "names": [0, 1]}, "2 names of 3 categories"),
        (([0, 1], [0, 1]), {"categories": 2, "names": [0.5, 1]}, "expected names"),
        (([0, 3], [0, 1]), {"rule": "greedy"}, "unknown rule 'greedy'"),
        (([0, 3], [0, 1]), {"shuffles": -1}, "shuffles must be ≥ 0"),
    ],
)
def test_bad_input(arguments, options, message):
    with pytest.raises(VaekitError, match=message):
        cluster_accuracy(*arguments, **options)
