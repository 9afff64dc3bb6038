"""One border: the same content means the same through every door, or is refused for one reason."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from vaekit.data import Dataset, Schema, load
from vaekit.estimators import VAE, inputs
from vaekit.recipes import vae
from vaekit.training.batches import FromLoader

TYPES = ("bool", "u1", "u2", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "U1", "O", "M8[s]")
TORCH = ("bool", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8")
# What a refusal says, whoever says it: scikit-learn checks tables for the estimators.
REASONS = {
    "type": r"cannot read numbers of type|cannot read a complex|Complex data|could not convert|"
    r"must be numeric|DTypePromotion|arrays of bytes/strings|not convert|a string or a real number",
    "none": r"got none|Found array with 0|minimum of 1",
    "layout": "channels last",
    "lone picture": "looks like one picture",
    "shape": r"expected images .*got shape|Expected 2D array|Found array with dim",
    "range": "must lie in 0 to 255",
    "bits": "0 and 1 alone",
    "finite": "NaN|[Ii]nfinit|missing or infinite",
}


@st.composite
def arrays(draw) -> np.ndarray:
    """Draw arrays of every rank and type, of bytes, bits, counts, floats, with holes."""
    kind = draw(st.sampled_from(TYPES))
    shapes = (
        st.tuples(*[st.integers(0, 3)] * 1),
        st.tuples(st.integers(1, 4), st.integers(1, 6)),
        st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)),
        st.tuples(st.integers(1, 3), st.sampled_from([1, 3]), st.integers(1, 6), st.integers(1, 6)),
        st.tuples(*[st.integers(1, 5)] * 4),
        st.sampled_from([(0, 3), (2, 0, 4), (16, 16, 3), (2, 4, 4, 13), (1, 1, 1, 1, 1)]),
    )
    shape = draw(st.one_of(*shapes))
    values = np.random.default_rng(draw(st.integers(0, 10_000))).random(shape)
    low, high = draw(st.sampled_from([(0, 1), (0, 256), (-5, 5), (0, 1000), (0, 2), (250, 256)]))
    numbers = low + values * (high - low)
    if kind[0] in "iub":
        numbers = np.floor(numbers)
        if kind[0] in "iu":
            limits = np.iinfo(kind)
            numbers = numbers.clip(limits.min, limits.max)
    found = numbers.astype("f8" if kind == "O" else kind)
    found = found.astype(object) if kind == "O" else found
    if kind[0] == "f" and found.size and draw(st.integers(0, 4)) == 0:
        found.flat[draw(st.integers(0, found.size - 1))] = draw(st.sampled_from([np.nan, np.inf]))
    return found


FREE = vae((2,), likelihood="squared_error").model  # has no support: all values serve


def whole(data: Dataset) -> Tensor:
    return data.batch(torch.arange(len(data)))


def of_schema(x: np.ndarray) -> Tensor:
    """Take x as data that come later, to a run that was trained on the like."""
    shape = (1, *x.shape[1:]) if x.ndim == 3 else x.shape[1:]
    low, high = (0.0, 1.0) if x.dtype.kind in "iub" and x.ndim > 2 else (-1e9, 1e9)
    return whole(Schema(shape, (low, high)).admitted(x))


def of_loader(x: np.ndarray) -> Tensor:
    loader = DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=len(x))
    return next(FromLoader(loader, torch.device("cpu"), FREE).epoch(0, 0))[0]


def of_file(name: str) -> Callable[[np.ndarray, Path], Tensor]:
    def read(x: np.ndarray, folder: Path) -> Tensor:
        path = folder / name
        if name.endswith("npy"):
            np.save(path, x)
        elif name.endswith("npz"):
            np.savez(path, images=x)
        elif name.endswith("parquet"):
            frame(x).write_parquet(path)
        elif name.endswith("gz"):
            path.write_bytes(gzip.compress(frame(x).write_csv(separator="\t").encode()))
        else:
            frame(x).write_csv(path)
        options = {} if name.endswith(("npy", "npz")) else {"scale": "none"}
        return whole(load(path, holdout=0, **options).train)

    return read


def frame(x: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({f"c{k}": x[:, k] for k in range(x.shape[1])})


def of_pictures(x: np.ndarray, folder: Path) -> Tensor:
    folder = folder / "pictures"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for k, each in enumerate(x):
        pixels = np.moveaxis(each, 0, -1) if each.ndim == 3 else each
        Image.fromarray(np.squeeze(pixels, -1) if pixels.shape[-1:] == (1,) else pixels).save(
            folder / f"{k}.png"
        )
    return whole(load(folder, holdout=0).train)


def doors(x: np.ndarray, folder: Path) -> dict[str, Callable[[], Tensor]]:
    """List the doors that this kind of content can go through."""
    found: dict[str, Callable[[], Tensor]] = {
        "from_array": lambda: whole(Dataset.from_array(x)),
        "load": lambda: whole(load(x, holdout=0).train),
        "backwards": lambda: whole(Dataset.from_array(x[::-1])).flip(0),
        "estimator": lambda: of_estimator(x),
    }
    kind = x.dtype.str[1:] if x.dtype.kind not in "bO" else {"b": "bool", "O": "O"}[x.dtype.kind]
    if x.dtype.kind not in "OUM":
        found["npy"] = lambda: of_file("x.npy")(x, folder)
        found["npz"] = lambda: of_file("x.npz")(x, folder)
        if x.ndim:
            found["big endian"] = lambda: whole(
                Dataset.from_array(x.astype(x.dtype.newbyteorder(">")))
            )
    if kind in TORCH and x.size:
        found["tensor"] = lambda: whole(Dataset.from_array(torch.from_numpy(x.copy())))
    sound = outcome(found["from_array"])
    if x.ndim in (2, 4) and x.size and kind in TORCH and sound not in ("layout", "shape"):
        found["loader"] = lambda: of_loader(x)
    if isinstance(sound, Tensor):  # a run's door asks for the run's shape first
        found["schema"] = lambda: of_schema(x)
    if x.ndim == 2 and x.size and x.dtype.kind in "iuf" and x.dtype.itemsize > 2:
        found["frame"] = lambda: whole(load(frame(x), holdout=0, scale="none").train)
        found["parquet"] = lambda: of_file("t.parquet")(x, folder)
        found["csv"] = lambda: of_file("t.csv")(x, folder)
        found["tsv.gz"] = lambda: of_file("t.tsv.gz")(x, folder)
    shown = x.ndim == 3 or (x.ndim == 4 and x.shape[1] in (1, 3))
    if x.dtype == np.uint8 and shown and isinstance(sound, Tensor):
        found["pictures"] = lambda: of_pictures(x, folder)
    return found


def of_estimator(x: np.ndarray) -> Tensor:
    found = inputs.read_pixels(VAE(), x, True)
    return found.float() / 255 if found.dtype == torch.uint8 else found


def outcome(door: Callable[[], Tensor]) -> Any:
    try:
        return door()
    except ValueError as error:
        said = str(error)
        return next((k for k, words in REASONS.items() if re.search(words, said)), said)
    except TypeError as error:  # scikit-learn's own
        return next((k for k, words in REASONS.items() if re.search(words, str(error))), str(error))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("doors")


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(x=arrays())
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_every_door_says_the_same(place, x):
    found = {name: outcome(door) for name, door in doors(x, place).items()}
    first = found["from_array"]
    for name, other in found.items():
        if isinstance(first, Tensor):
            assert isinstance(other, Tensor), (name, other)
            torch.testing.assert_close(other, first, rtol=1e-6, atol=0, msg=name)
        else:
            assert first in REASONS, first
            assert isinstance(other, str), (name, other)
            assert other == first or several_faults(x), (name, other, first)


def several_faults(x: np.ndarray) -> bool:
    """Tell whether any of several reasons is right."""
    bad_shape = x.ndim not in (2, 3, 4) or not x.size
    return bad_shape and x.dtype.kind in "OUMc"


BIG = np.array([[2**24 + k, k % 7] for k in range(40)])


@pytest.mark.parametrize(
    ("x", "lost"),
    [
        (BIG, True),
        (BIG.astype(float), True),
        (BIG.astype("u4"), True),
        (BIG + 10**17, True),
        (-BIG, True),
        (BIG - 2**24, False),
        (BIG.astype("f4"), False),  # as float32 is what it brings, nothing is lost here
        (np.c_[np.linspace(-1e9, 1e9, 40) + 0.3, BIG[:, 1]], False),  # broad
        (np.c_[1.7e9 + np.arange(40) / 2, BIG[:, 1]], True),
        (np.full((40, 2), 2**60), False),
        (np.c_[np.full(40, 1e9) + np.arange(40) % 2 * 1e-7, BIG[:, 1]], False),  # rounding alone
    ],
)
@pytest.mark.parametrize("door", ["from_array", "estimator", "loader"])
def test_numbers_that_float32_makes_equal_are_said(x, lost, door, recwarn):
    if door == "loader":
        whole = DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=40)
        next(FromLoader(whole, torch.device("cpu"), FREE).epoch(0, 0))
    elif door == "estimator":
        inputs.read_pixels(VAE(), x, True)
    else:
        Dataset.from_array(x)
    said = [str(w.message) for w in recwarn if "become equal" in str(w.message)]
    assert bool(said) == lost
    assert all("column 0" in each and "subtract the smallest" in each for each in said)
