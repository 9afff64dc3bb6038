"""What is known of each example, as the vectors that models are told."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vaekit import recipes
from vaekit.data import Dataset, Factors, Splits, one_hot
from vaekit.errors import VaekitError

N = 24
GRID = Factors(
    ("shape", "size", "place"), (2, 3, 4), (np.arange(2), np.arange(3), np.linspace(0, 1, 4))
)
X = torch.rand(N, 5, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(N) % 5
REAL = torch.randn(N, 3, generator=torch.Generator().manual_seed(1))


def data(**more) -> Dataset:
    known = {"labels": CLASSES, "attributes": REAL, "factors": GRID, **more}
    return Dataset(X, name="toys", **known)


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.uint8])
def test_one_hots(kind):
    found = one_hot(torch.tensor([2, 0, 1], dtype=kind), 4)
    assert found.dtype == torch.float32
    assert found.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]


def test_labels_are_one_hots_of_the_class():
    found = data().condition(torch.tensor([0, 7, 4]), "labels", 5)
    assert found.dtype == torch.float32
    assert found.tolist() == torch.eye(5)[[0, 2, 4]].tolist()
    wider = data().condition(torch.tensor([4]), "labels", 7)
    assert wider.tolist() == [[0, 0, 0, 0, 1, 0, 0]]


def test_factors_are_one_hots_side_by_side():
    found = data().condition(torch.arange(N), "factors", 9)
    assert found.shape == (N, 9)
    assert torch.equal(found.sum(1), torch.full((N,), 3.0))
    levels = GRID.codes(np.arange(N))
    for k, start in enumerate((0, 2, 5)):
        block = found[:, start : start + GRID.sizes[k]]
        assert block.argmax(1).tolist() == levels[:, k].tolist()
    assert len(found.unique(dim=0)) == N


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bool, torch.int64])
def test_attributes_are_themselves(kind):
    real = (REAL * 3).to(kind)
    found = data(attributes=real).condition(torch.tensor([3, 0]), "attributes", 3)
    assert found.dtype == torch.float32
    assert torch.equal(found, real[[3, 0]].float())


@pytest.mark.parametrize(("kind", "width"), [("labels", 5), ("factors", 9), ("attributes", 3)])
def test_the_width_is_that_of_the_condition(kind, width):
    assert data().condition_width(kind) == width
    assert data().condition(torch.arange(2), kind, width).shape == (2, width)


@pytest.mark.parametrize("kind", ["labels", "factors", "attributes"])
def test_parts_see_the_conditions_of_their_own_rows(kind):
    """In a split, a subset, and a subset of that: row i of x goes with row i of c."""
    whole = data()
    width = whole.condition_width(kind)
    every = whole.condition(torch.arange(N), kind, width)
    train, test = whole.split(0.25)
    for part in (train, test, train.subset([4, 2, 9]), train.subset([5, 8, 1]).subset([2, 0])):
        rows = torch.arange(len(part))
        assert torch.equal(part.condition(rows, kind, width), every[part.rows])
        assert torch.equal(part.batch(rows), X[part.rows])
        assert part.condition_width(kind) == width


def test_the_width_is_that_of_all_classes_whatever_the_rows():
    rare = data(labels=torch.cat([torch.zeros(N - 1, dtype=torch.int64), torch.tensor([6])]))
    part = rare.subset(range(10))
    assert part.condition_width("labels") == 7
    assert part.condition(torch.tensor([0]), "labels", 7).tolist() == [[1, 0, 0, 0, 0, 0, 0]]


# ---- what is refused


def test_kinds_that_are_not_there():
    bare = Dataset(X, name="bare")
    for kind in ("labels", "factors", "attributes"):
        for ask in (
            lambda kind: bare.condition_width(kind),
            lambda kind: bare.condition(torch.arange(2), kind, 3),
        ):
            with pytest.raises(VaekitError, match=f"bare has no {kind}.*use a set that has them"):
                ask(kind)
    some = Dataset(X, labels=CLASSES, name="some")
    with pytest.raises(VaekitError, match=r"some has no factors.*it has labels"):
        some.condition_width("factors")
    for ask in (
        lambda: data().condition_width("lables"),
        lambda: data().condition(torch.arange(2), "lables", 5),
    ):
        with pytest.raises(VaekitError, match="labels"):
            ask()


def test_classes_beyond_the_width():
    with pytest.raises(VaekitError, match=r"class 4, which was not seen in training.*0 to 3"):
        data().condition(torch.tensor([0]), "labels", 4)


def test_negative_classes():
    odd = data(labels=CLASSES - 1)
    with pytest.raises(VaekitError, match="labels must be 0, 1, …, got -1"):
        odd.condition_width("labels")
    with pytest.raises(VaekitError, match="got -1"):
        odd.condition(torch.tensor([1]), "labels", 9)


@pytest.mark.parametrize("shape", [(N,), (N - 1, 3), (N, 3, 1)])
def test_attributes_of_another_shape(shape):
    with pytest.raises(VaekitError, match=r"expected attributes \(24, A\), got shape"):
        data(attributes=torch.zeros(shape))


# ---- moving


def test_a_set_moves_with_what_it_shows():
    moved = data().subset([3, 1]).to("meta")
    for key in ("images", "labels", "attributes", "rows"):
        assert getattr(moved, key).device.type == "meta", key
    assert moved.factors is GRID
    assert Dataset(X).to("meta").attributes is None


def test_splits_move_what_they_share_once():
    before = Splits(*data().split(0.25))
    after = before.to("meta")
    for key in ("images", "labels", "attributes"):
        assert getattr(after.train, key) is getattr(after.test, key), key
        assert getattr(after.test, key).device.type == "meta"
    same = before.to("cpu")
    for old, new in zip(before, same, strict=True):
        assert torch.equal(old.attributes, new.attributes)
        rows = torch.arange(len(old))
        for kind, width in (("labels", 5), ("attributes", 3), ("factors", 9)):
            assert torch.equal(old.condition(rows, kind, width), new.condition(rows, kind, width))


def test_parts_of_one_set_that_are_told_otherwise_keep_their_own():
    train, test = data().split(0.25)
    after = Splits(train, replace(test, labels=CLASSES + 1)).to("cpu")
    assert torch.equal(after.test.labels, CLASSES + 1)
    assert after.test.images is after.train.images


def test_splits_of_two_sets_keep_their_own():
    train, test = data(), replace(data(), images=X + 1, attributes=REAL + 1)
    after = Splits(train, test).to("cpu")
    assert torch.equal(after.train.attributes, REAL)
    assert torch.equal(after.test.attributes, REAL + 1)


# ---- recipes


def test_a_recipe_takes_its_width_from_the_data():
    cvae, vae = recipes.find("cvae"), recipes.find("vae")
    assert cvae.complete({"latent": 3}, data()) == {"latent": 3, "width": 5}
    assert cvae.complete({"condition": "factors"}, data())["width"] == 9
    assert cvae.complete({"condition": "attributes", "width": None}, data())["width"] == 3
    assert cvae.complete({"width": 8}, data()) == {"width": 8}
    assert vae.complete({"latent": 3}, data()) == {"latent": 3}
    with pytest.raises(VaekitError, match=r"toys has no labels.*it has factors, attributes"):
        cvae.complete({}, data(labels=None))
    with pytest.raises(VaekitError, match="labels"):
        cvae.complete({"condition": "lables"}, data())
