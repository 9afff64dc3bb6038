"""Accuracy of classifiers that learn from the codes of few labelled examples."""

import json
import math

import numpy as np
import pytest

from vaekit.errors import VaekitError
from vaekit.metrics import label_accuracy
from vaekit.metrics.labels import stratified

RNG = np.random.default_rng(0)
CLASSES = 4
LABELS = RNG.integers(0, CLASSES, 1500)
CORNERS = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
CLEAN = CORNERS[LABELS] + 0.1 * RNG.normal(size=(1500, 2))
RING = LABELS % 2  # two classes on circles: no plane tells them
ANGLES = RNG.uniform(0, 2 * np.pi, 1500)
CIRCLES = (1 + RING)[:, None] * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)
TRAIN, HELD = slice(0, 1000), slice(1000, None)


def judged(codes, labels=LABELS, **options):
    return label_accuracy(codes[TRAIN], labels[TRAIN], codes[HELD], labels[HELD], **options)


@pytest.mark.parametrize("classifier", ["svm", "linear"])
def test_codes_of_known_worth(classifier):
    options = {"labelled": 100, "classifier": classifier}
    assert judged(CLEAN, **options) == 1.0
    assert judged(CLEAN * [1e-9, 1e9] + [5, -1e9], **options) == 1.0
    noise = RNG.normal(size=(1500, 3))
    useless = judged(noise, **options)
    assert abs(useless - 1 / CLASSES) < 0.07 and abs(useless.shuffled - 1 / CLASSES) < 0.07
    assert judged(CLEAN, **options).shuffled < 0.5
    constant = judged(np.full((1500, 2), 0.3), **options)
    assert constant == (LABELS[HELD] == np.bincount(LABELS[TRAIN]).argmax()).mean()


def test_only_the_svm_bends():
    assert judged(CIRCLES, RING, labelled=200) > 0.97
    assert judged(CIRCLES, RING, labelled=200, classifier="linear") < 0.65


def test_it_is_what_scikit_learn_says_of_all_labels():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    codes = CORNERS[LABELS] * [1, 3] + [0.9, 2.5] * RNG.normal(size=(1500, 2))
    machine = make_pipeline(StandardScaler(), SVC(C=1, gamma=1 / 2))
    right = machine.fit(codes[TRAIN], LABELS[TRAIN]).score(codes[HELD], LABELS[HELD])
    found = judged(codes, labelled=None)
    assert found == pytest.approx(right, abs=1e-9) and found.settings["labelled"] == 1000
    assert found.parts["se_of_examples"] == pytest.approx((right * (1 - right) / 500) ** 0.5)
    table = found.parts["confusion"]
    assert table.sum() == 500 and np.trace(table) / 500 == found
    assert table.sum(1).tolist() == np.bincount(LABELS[HELD]).tolist()


def test_more_labels_tell_more_and_draws_have_an_error():
    codes = CORNERS[LABELS] + 0.8 * RNG.normal(size=(1500, 2))
    few, many = (judged(codes, labelled=n, repeats=8) for n in (8, 400))
    assert few + 3 * few.settings["se"] < many and few.settings["se"] > many.settings["se"]
    draws = few.parts["draws"]
    assert few == pytest.approx(draws.mean()) and draws.shape == (8,) and len(set(draws)) > 1
    parts, settings = few.parts, few.settings
    assert parts["se_of_draws"] == pytest.approx(draws.std(ddof=1) / 8**0.5)
    assert settings["se"] == pytest.approx(
        math.hypot(parts["se_of_draws"], parts["se_of_examples"])
    )
    assert settings["error"] == "over draws of the labels, and over examples"
    assert judged(codes, labelled=8).settings["se"] is None
    assert few.parts["confusion"].sum() == 8 * 500


def test_the_error_is_that_of_other_labels_and_other_examples():
    rng, values, errors = np.random.default_rng(1), [], []
    for _ in range(60):
        labels = rng.integers(0, 2, 260)
        codes = labels[:, None] + rng.normal(size=(260, 1))
        found = label_accuracy(
            codes[:200], labels[:200], codes[200:], labels[200:], 6, "linear", repeats=6, shuffles=0
        )
        values.append(float(found))
        errors.append(found.settings["se"])
        draws = found.parts["se_of_draws"]
        assert found.settings["se"] > draws
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.3)


def test_of_all_labels_the_error_is_over_examples():
    codes = CORNERS[LABELS] + RNG.normal(size=(1500, 2))
    for labelled in (None, 1000):
        found = judged(codes, labelled=labelled)
        assert found.settings["se"] == found.parts["se_of_examples"] > 0
        assert found.settings["error"] == "over examples" and found.parts["se_of_draws"] is None


def test_same_seed_same_score():
    codes = CORNERS[LABELS] + RNG.normal(size=(1500, 2))
    one, two = (judged(codes, labelled=20, repeats=3, seed=s) for s in (4, 4))
    assert one.as_dict() == two.as_dict()
    assert (
        one.parts["draws"].tolist() != judged(codes, labelled=20, repeats=3).parts["draws"].tolist()
    )
    assert "NaN" not in json.dumps(one.as_dict())
    assert one.settings["n"] == 500 and "20 labels, mean of 3" in one.settings["estimator"]


def test_corrupted_codes_are_judged_by_what_learnt_from_clean_ones():
    moved = CLEAN[HELD] + [2.0, 0.0]  # classes 0, 1 arrive where 2, 3 were
    found = label_accuracy(CLEAN[TRAIN], LABELS[TRAIN], moved, LABELS[HELD], 100)
    assert found == pytest.approx((LABELS[HELD] >= 2).mean(), abs=0.01)


@pytest.mark.parametrize("count", [5, 17, 100, 999, 1000])
def test_every_class_is_drawn_in_its_share(count):
    labels = np.repeat([3, 7, 8, 9, 11], [600, 300, 97, 2, 1])
    rows = stratified(labels, count, np.random.default_rng(0))
    assert len(rows) == count == len(set(rows)) and (np.diff(rows) > 0).all()
    drawn = np.array([(labels[rows] == k).sum() for k in (3, 7, 8, 9, 11)])
    assert (drawn >= 1).all() and (drawn <= [600, 300, 97, 2, 1]).all()
    assert (abs(drawn - count * np.array([600, 300, 97, 2, 1]) / 1000) <= 3).all()


def test_draws_are_uniform_within_a_class():
    labels = np.repeat([0, 1], [10, 30])
    rng, hits = np.random.default_rng(0), np.zeros(40)
    for _ in range(4000):
        hits[stratified(labels, 8, rng)] += 1
    assert hits[:10] / 4000 == pytest.approx(np.full(10, 0.2), abs=0.03)
    assert hits[10:] / 4000 == pytest.approx(np.full(30, 0.2), abs=0.03)


def test_one_class_and_classes_never_learnt():
    same = np.full(1500, 6)
    assert judged(CLEAN, same, labelled=10) == 1.0
    train = np.where(LABELS == 3, 0, LABELS)
    found = label_accuracy(CLEAN[TRAIN], train[TRAIN], CLEAN[HELD], LABELS[HELD], None)
    assert found == pytest.approx((LABELS[HELD] < 3).mean(), abs=0.01)
    assert found.parts["classes"].tolist() == [0, 1, 2, 3]
    assert label_accuracy([[1.0]], [0], [[2.0]], [1], None) == 0.0


BAD = [
    ({"labelled": 3}, "3 labels cannot show 4 classes: give labelled=4"),
    ({"labelled": 1001}, "asked for 1001 labels of 1000 examples"),
    ({"labelled": None, "repeats": 2}, "2 draws are one"),
    ({"labelled": 1000, "repeats": 2}, "labelled=1000 learns from all 1000 .* 2 draws are one"),
    ({"labelled": 10.0}, "labelled must be ≥ 1, a whole number, got 10.0"),
    ({"labelled": True}, "labelled must be ≥ 1, a whole number, got True"),
    ({"labelled": 0}, "labelled must be ≥ 1"),
    ({"repeats": 2.0}, "repeats must be ≥ 1, a whole number"),
    ({"repeats": 0}, "repeats must be ≥ 1"),
    ({"classifier": "tree"}, "unknown classifier 'tree'"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_options(options, message):
    with pytest.raises(VaekitError, match=message):
        judged(CLEAN, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CLEAN, LABELS[:5], CLEAN, LABELS), "1500 codes but 5 labels"),
        ((CLEAN, LABELS, CLEAN, LABELS[:5]), "1500 held codes but 5 held labels"),
        ((CLEAN, LABELS, CLEAN[:, :1], LABELS), "2 latents but held codes 1"),
        ((CLEAN, LABELS / 2, CLEAN, LABELS), "labels .N,. of whole numbers"),
        ((CLEAN * np.nan, LABELS, CLEAN, LABELS), "NaN or infinite"),
        ((CLEAN, LABELS[:, None], CLEAN, LABELS), "shape .1500, 1."),
    ],
)
def test_bad_arrays(arguments, message):
    with pytest.raises(VaekitError, match=message):
        label_accuracy(*arguments)


def test_a_transductive_machine_reads_codes_without_labels():
    """Two moons, ten labels: the gap between them is seen by whoever reads what has no label."""
    rng = np.random.default_rng(0)
    truth = np.arange(600) % 2
    angle = np.pi * rng.uniform(size=600) + np.pi * truth
    moons = np.stack([np.cos(angle) + truth, np.sin(angle) + 0.5 * truth], 1)
    moons += 0.08 * rng.normal(size=moons.shape)
    given = (moons[:400], truth[:400], moons[400:], truth[400:])
    plain = label_accuracy(*given, labelled=10, repeats=5)
    reads = label_accuracy(*given, labelled=10, repeats=5, classifier="tsvm")
    assert reads > plain + 0.02 and "transductive" in reads.settings["estimator"]
    every = label_accuracy(*given, labelled=None, classifier="tsvm")
    assert every == label_accuracy(*given, labelled=None)  # nothing is left without a label
