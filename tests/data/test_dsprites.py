from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaekit.data import load
from vaekit.data.sets.dsprites import DSPRITES, dsprites
from vaekit.errors import VaekitError

SIZES = (1, 3, 2, 4, 2, 3)


class Bomb:
    def __reduce__(self) -> Any:
        return pytest.fail, ("the pickle was opened",)


def write(path: Path, **changes: Any) -> Path:
    """Write a small archive of the public layout, its metadata a pickle that must not run."""
    classes = np.array(list(np.ndindex(*SIZES)), np.int64)
    images = np.random.default_rng(0).integers(0, 2, (len(classes), 8, 8), dtype=np.uint8)
    metadata = np.empty((), object)
    metadata[()] = Bomb()
    arrays = {"imgs": images, "latents_classes": classes, "latents_values": classes * 0.5 + 1}
    arrays |= {"metadata": metadata} | changes
    np.savez_compressed(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def test_layout_and_factors(tmp_path):
    path = write(tmp_path / "small.npz")
    data = dsprites(path, check=False)
    assert data.factors.names == ("shape", "scale", "orientation", "posX", "posY")
    assert data.factors.sizes == SIZES[1:] and len(data) == 144
    assert data.factors.values[2].tolist() == [1, 1.5, 2, 2.5]
    assert data.images.unique().tolist() == [0, 255] and data.shape == (1, 8, 8)
    assert data.labels.bincount().tolist() == [48] * 3 and data.label_names[2] == "heart"
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(data.factors.codes(np.arange(144)), archive["latents_classes"][:, 1:])
    with pytest.raises(pytest.fail.Exception, match="was opened"):  # the trap works
        np.load(path, allow_pickle=True)["metadata"]


def test_found_by_name_and_checked(offline, tmp_path):
    write(tmp_path / DSPRITES.file)
    assert len(load("dsprites(check=false)", tmp_path).test) == 14
    with pytest.raises(VaekitError, match="expected 7da33b31b13a06f4b04a70402ce90c2e"):
        load("dsprites", tmp_path)
    with pytest.raises(VaekitError, match=r"download from .* failed"):
        load("dsprites")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imgs": None}, "has no array .*imgs"),
        ({"imgs": np.zeros((3, 8, 8), np.uint8)}, r"expected imgs \(144, H, W\) uint8"),
        ({"imgs": np.full((144, 8, 8), 255, np.uint8)}, "0 and 1 only, got 255"),
        ({"latents_classes": np.zeros((144, 5), int)}, r"expected latents \(N, 6\)"),
        ({"latents_classes": np.zeros((144, 6), int)}, "not a full grid"),
        ({"latents_values": np.full((144, 6), np.nan)}, "a number of its own for each level"),
        ({"latents_values": np.zeros((144, 6))}, "a number of its own for each level of shape"),
        (
            {"latents_classes": np.zeros((0, 6), int), "latents_values": np.zeros((0, 6))},
            "holds no images",
        ),
    ],
)
def test_other_layouts(tmp_path, changes, message):
    with pytest.raises(VaekitError, match=message):
        dsprites(write(tmp_path / "small.npz", **changes), check=False)


def test_damaged_or_missing(tmp_path):
    path = write(tmp_path / "small.npz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(VaekitError, match=r"cannot read .* as an \.npz"):
        dsprites(path, check=False)
    with pytest.raises(VaekitError, match="there is no file"):
        dsprites(tmp_path / "none.npz")
