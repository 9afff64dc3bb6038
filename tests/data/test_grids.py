"""Public sets on full grids, on small files of their layouts: 3D Shapes, 3D Cars, 3-D faces."""

import sys
from pathlib import Path

import numpy as np
import pytest
from packing import KINDS, pack
from scipy.io import savemat

from vaekit.data import load
from vaekit.data.area import averaged
from vaekit.data.paths import sha256
from vaekit.data.sets.cars3d import CARS3D, cars3d
from vaekit.data.sets.faces3d import faces3d
from vaekit.data.sets.shapes3d import ROOM_FACTORS, SHAPES3D, shapes3d
from vaekit.errors import VaekitError

h5py = pytest.importorskip("h5py")
SHAPES = (2, 3, 1, 2, 4, 3)  # 144 images
CARS = (8, 6, 3, 4, 2)  # height, width, colours, azimuths, elevations


def bytes_like(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# ---- 3D Shapes


def shapes_file(path: Path, **changes: np.ndarray | None) -> Path:
    levels = np.array(list(np.ndindex(*SHAPES)))
    arrays = {"images": bytes_like(144, 8, 6, 3), "labels": levels * 0.25 - 1}
    with h5py.File(path, "w") as file:
        for name, values in (arrays | changes).items():
            if values is not None:
                file.create_dataset(name, data=values, compression="gzip")
    return path


def test_shapes_are_copied_once_and_mapped(own_cache, tmp_path, monkeypatch):
    monkeypatch.setattr("vaekit.data.sets.shapes3d._COPIED", 50)
    path = shapes_file(tmp_path / "small.h5")
    data = shapes3d(path, check=False)
    assert data.factors.names == ROOM_FACTORS and data.factors.sizes == SHAPES
    assert data.factors.values[5].tolist() == [-1, -0.75, -0.5]
    assert np.array_equal(data.images.numpy(), bytes_like(144, 8, 6, 3).transpose(0, 3, 1, 2))
    assert np.array_equal(data.labels, data.factors.codes(np.arange(144))[:, 4])
    assert data.files == {"small.h5": sha256(path)}
    monkeypatch.setattr(
        "vaekit.data.sets.shapes3d._copy_pixels", lambda *_: pytest.fail("copied again")
    )
    assert shapes3d(path, check=False).checksum() == data.checksum()
    (record,) = own_cache.rglob("source.json")
    record.write_text('{"values": [[1, 2], [3]]}')
    with pytest.raises(VaekitError, match=r"cannot read .*delete that folder"):
        shapes3d(path, check=False)


def test_shapes_are_found_and_checked(offline, tmp_path):
    (tmp_path / "3dshapes").mkdir()
    shapes_file(tmp_path / "3dshapes" / SHAPES3D.file)
    assert len(load("shapes3d(check=false)", tmp_path).test) == 14
    with pytest.raises(VaekitError, match=r"its sha256 is \w{64}, expected 0a0f6ed98baf"):
        load("shapes3d", tmp_path)
    with pytest.raises(VaekitError, match=r"download from https://storage\.googleapis.* failed"):
        load("shapes3d")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "has no array 'images'"),
        ({"images": bytes_like(144, 8, 6)}, r"expected images \(N, H, W, 3\) uint8, got \(144"),
        ({"images": np.zeros((144, 8, 6, 3))}, "uint8, got .* float64"),
        ({"labels": np.zeros((144, 5))}, r"expected labels \(144, 6\), got \(144, 5\)"),
        ({"labels": np.zeros((144, 6))}, r"small\.h5: 144 images .* 143 are there more than once"),
        ({"labels": np.full((144, 6), np.nan)}, r"small\.h5: expected labels that are finite"),
        ({"labels": np.full((144, 6), b"red")}, r"small\.h5: expected labels that are finite"),
        (
            {"labels": np.array(list(np.ndindex(*SHAPES)))[::-1]},
            "not in the order of their labels' grid",
        ),
    ],
)
def test_other_layouts_of_shapes(own_cache, tmp_path, changes, message):
    with pytest.raises(VaekitError, match=message):
        shapes3d(shapes_file(tmp_path / "small.h5", **changes), check=False)
    assert not own_cache.exists()


@pytest.mark.parametrize("keep", [0, 100, -300])
def test_damaged_shapes(own_cache, tmp_path, keep):
    path = shapes_file(tmp_path / "small.h5")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(VaekitError, match=r"cannot read .* as an HDF5 file"):
        shapes3d(path, check=False)
    assert not [p for p in own_cache.rglob("*") if p.is_file()]


def test_damage_within_shapes(own_cache, tmp_path):
    path = shapes_file(tmp_path / "small.h5")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(VaekitError, match=r"cannot read .* as an HDF5 file"):
        shapes3d(path, check=False)
    assert not [p for p in own_cache.rglob("*") if p.is_file()]


def test_h5py_is_missing(own_cache, tmp_path, monkeypatch):
    path = shapes_file(tmp_path / "small.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(VaekitError, match=r"needs .*h5py.*: pip install 'vaekit\[hdf5\]'"):
        shapes3d(path, check=False)


# ---- 3D Cars


def cars(tmp_path: Path, changes: dict[str, np.ndarray] | None = None) -> dict[str, bytes]:
    """Write the cars 2, 10 and 7, whose order by number is not that of their names."""
    files = {"data/cars/list.txt": b"no", "data/sprites/x.mat": b"no"}
    for number in ("002", "010", "007"):
        im = np.random.default_rng(int(number)).integers(0, 256, CARS, dtype=np.uint8)
        savemat(tmp_path / "one.mat", {"mask": im[:, :, 0], "im": im} | (changes or {}))
        files[f"data/cars/car_{number}_mesh.mat"] = (tmp_path / "one.mat").read_bytes()
        changes = None  # of the first only
    return files


def views(number: int) -> np.ndarray:
    im = np.random.default_rng(number).integers(0, 256, CARS, dtype=np.uint8)
    return im.transpose(4, 3, 2, 0, 1)  # elevations, azimuths, colours, height, width


@pytest.mark.parametrize("kind", KINDS)
def test_cars(own_cache, tmp_path, kind, monkeypatch):
    path = pack(tmp_path / "set", cars(tmp_path), kind)
    data = cars3d([8, 6], path, check=False)
    assert data.factors.names == ("object", "elevation", "azimuth")
    assert data.factors.sizes == (3, 2, 4) and data.shape == (3, 8, 6)
    assert [v.tolist() for v in data.factors.values] == [[2, 7, 10], [0, 1], [0, 90, 180, 270]]
    assert np.array_equal(data.images.numpy().reshape(3, 2, 4, 3, 8, 6), [*map(views, (2, 7, 10))])
    assert data.labels.bincount().tolist() == [8] * 3 and data.label_names[2] == "car 10"
    (known,) = data.files.values()
    assert len(known) == 64 and (path.is_dir() or known == sha256(path))
    monkeypatch.setattr("vaekit.data.sets.cars3d.open_files", lambda *_: pytest.fail("read again"))
    assert cars3d([8, 6], path, check=False).checksum() == data.checksum()


def test_cars_shrink_by_area(own_cache, tmp_path):
    path = pack(tmp_path / "set", cars(tmp_path), ".tar.gz")
    data = cars3d([4, 3], path, check=False)
    assert np.array_equal(data.images[8:12].numpy(), averaged(views(7)[0], (4, 3)))
    with pytest.raises(VaekitError, match="shrunk, never enlarged"):
        cars3d(64, path, check=False)
    assert len(list(own_cache.rglob("*.*"))) == 2  # nothing of the second


def test_cars_are_found_and_checked(offline, tmp_path):
    pack(tmp_path / "cars3d", cars(tmp_path), "folder")
    assert len(load("cars3d(size=6, check=false)", tmp_path).train) == 22
    with pytest.raises(VaekitError, match=r"holds 3 models of cars .* the published set 183"):
        load("cars3d(size=6)", tmp_path)  # not from what was kept unchecked
    other = tmp_path / "other"
    other.mkdir()
    pack(other / "x", cars(tmp_path), ".tar.gz").rename(other / CARS3D.file)
    with pytest.raises(VaekitError, match="expected 4e866a7919c1beedf53964e6f7a23686"):
        load("cars3d(size=6)", other)
    with pytest.raises(VaekitError, match=r"download from http://www\.scottreed\.info.* failed"):
        load("cars3d")
    with pytest.raises(VaekitError, match="size must be a whole number or a list"):
        load("cars3d(size=none)", other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"im": np.zeros(CARS)}, r"car_002_mesh\.mat in .* uint8, got .* float64"),
        ({"im": bytes_like(8, 6, 4, 4, 2)}, r"expected im .* got \(8, 6, 4, 4, 2\)"),
        ({"im": bytes_like(8, 6, 3, 4, 3)}, r"expected im \(8, 6, 3, 4, 3\) uint8, got"),
        ({"im": "text"}, "has no array of numbers 'im'"),
    ],
)
def test_other_layouts_of_cars(own_cache, tmp_path, changes, message):
    path = pack(tmp_path / "set", cars(tmp_path, changes), ".zip")
    with pytest.raises(VaekitError, match=message):
        cars3d(4, path, check=False)
    assert not [p for p in own_cache.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot read .* as a .mat file"),
        (b"MATLAB 5.0 MAT-file" + bytes(200), "cannot read .* as a .mat file|no array of numbers"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "cannot read .* as a .mat file"),
    ],
)
def test_damaged_cars(own_cache, tmp_path, content, message):
    made = cars(tmp_path)
    whole = made["data/cars/car_007_mesh.mat"]
    for damage in (content, whole[: len(whole) // 2]):
        path = pack(tmp_path / "set", made | {"data/cars/car_007_mesh.mat": damage}, ".tar")
        with pytest.raises(VaekitError, match=message):
            cars3d(4, path, check=False)
    assert not own_cache.exists() or not list(own_cache.iterdir())


def test_cars_twice_or_none(own_cache, tmp_path):
    made = cars(tmp_path)
    made["copy/car_002_mesh.mat"] = made["data/cars/car_002_mesh.mat"]
    with pytest.raises(VaekitError, match="has cars twice"):
        cars3d(4, pack(tmp_path / "set", made, ".zip"), check=False)
    with pytest.raises(VaekitError, match="holds 0 models"):
        cars3d(4, pack(tmp_path / "none", {"a": b""}, ".zip"), check=False)


# ---- 3-D faces


FACES = bytes_like(3, 2, 4, 2, 5, 6)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".mat"])
def test_faces(own_cache, tmp_path, ending, capsys):
    path = tmp_path / f"basel_face_renders{ending}"
    if ending == ".npy":
        np.save(path, FACES)
    elif ending == ".npz":
        np.savez(path, faces=FACES)
    else:
        savemat(path, {"images": FACES})
    data = load("faces3d(check=false)", tmp_path, holdout=0).train
    assert data.factors.names == ("identity", "azimuth", "elevation", "lighting")
    assert data.factors.sizes == (3, 2, 4, 2) and data.shape == (1, 5, 6)
    assert np.array_equal(data.images.numpy().reshape(FACES.shape), FACES)
    assert data.labels.bincount().tolist() == [16] * 3
    assert f"its sha256 is {sha256(path)}" in capsys.readouterr().err
    again = faces3d(path, sha256(path).upper(), check=False)
    assert again.checksum() == data.checksum() and not capsys.readouterr().err
    with pytest.raises(VaekitError, match=r"expected 00\.?"):
        faces3d(path, "00", check=False)
    with pytest.raises(VaekitError, match=r"expected images \(50, 21, 11, 11, 64, 64\) uint8"):
        faces3d(path)
    data.images[0] = 0  # stays in memory
    assert faces3d(path, check=False).checksum() == again.checksum()


def test_faces_of_the_published_size(tmp_path):
    path = tmp_path / "flat.npy"
    header = {"descr": "|u1", "fortran_order": False, "shape": (127_050, 1, 64, 64)}
    with path.open("wb") as file:  # a sparse file: nothing is written
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 127_050 * 64 * 64)
    data = faces3d(path)
    assert data.factors.sizes == (50, 21, 11, 11) and len(data) == 127_050


def test_faces_that_are_not_there(offline, tmp_path):
    with pytest.raises(VaekitError, match=r"(?s)never published.*bfm.*data-dir.*same grid.*heads"):
        load("faces3d")
    (tmp_path / "basel_face_renders.pth").write_bytes(b"pickle")
    with pytest.raises(
        VaekitError, match=r"(?s)a pickle, which is not opened.*once:\n.*numpy\.save"
    ):
        load("faces3d", tmp_path)
    with pytest.raises(VaekitError, match="a pickle"):
        faces3d(tmp_path / "basel_face_renders.pth")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (FACES.astype(float), "uint8, or flat, got .* float64"),
        (FACES[0], r"got \(2, 4, 2, 5, 6\) uint8"),
        (FACES[:0], r"got \(0, "),
        (np.array([{}], object), r"cannot read .*Python objects|cannot read .*pickled"),
    ],
)
def test_other_layouts_of_faces(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(VaekitError, match=message):
        faces3d(tmp_path / "x.npy", check=False)


def test_damaged_faces(tmp_path):
    for ending, save in ((".npy", np.save), (".npz", np.savez), (".mat", None)):
        path = tmp_path / f"x{ending}"
        if save is None:
            savemat(path, {"images": FACES})
        else:
            save(path, FACES)
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(VaekitError, match="cannot read"):
            faces3d(path, check=False)
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(VaekitError, match="holds no array"):
        faces3d(tmp_path / "empty.npz", check=False)
