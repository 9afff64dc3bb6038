"""HDF5 files give their own arrays, and nothing of other files."""

import numpy as np
import pytest

from vaekit import data
from vaekit.data.files import hdf5
from vaekit.errors import VaekitError

h5py = pytest.importorskip("h5py")
SECRET = np.arange(24, dtype=np.uint8).reshape(6, 4)


@pytest.fixture
def file(tmp_path):
    """Write a file with arrays, links of all kinds, and another file that it leads to."""
    with h5py.File(tmp_path / "far.h5", "w") as far:
        far["secret"] = SECRET
        far["group/secret"] = SECRET
    (tmp_path / "far.bin").write_bytes(SECRET.tobytes())
    with h5py.File(tmp_path / "own.h5", "w") as own:
        own["x"] = SECRET + 1
        own["group/y"] = SECRET + 2
        own["group/text"] = "text"
        own["empty"] = h5py.Empty("f")
        own["hard"] = own["group/y"]
        own["soft"] = h5py.SoftLink("/group/y")
        own["group/beside"] = h5py.SoftLink("y")
        own["folder"] = h5py.SoftLink("group")
        own["dangling"] = h5py.SoftLink("/nowhere")
        own["circle"] = h5py.SoftLink("/circle")
        own["link"] = h5py.ExternalLink("far.h5", "/secret")
        own["links"] = h5py.ExternalLink("far.h5", "/group")
        own["through"] = h5py.SoftLink("/links/secret")
        stored = [("far.bin", 0, SECRET.nbytes)]
        own.create_dataset("stored", SECRET.shape, np.uint8, external=stored)
        layout = h5py.VirtualLayout(SECRET.shape, np.uint8)
        layout[:] = h5py.VirtualSource(str(tmp_path / "far.h5"), "secret", SECRET.shape)
        own.create_virtual_dataset("virtual", layout)
    return tmp_path / "own.h5"


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("x", 1),
        ("/x", 1),
        ("group/y", 2),
        ("hard", 2),
        ("soft", 2),
        ("group/beside", 2),
        ("folder/y", 2),
        ("./group/./y", 2),
    ],
)
def test_arrays_of_its_own(name, added, file):
    with hdf5.open_hdf5(file) as held:
        assert (hdf5.hdf5_array(held, file, name)[()] == SECRET + added).all()


@pytest.mark.parametrize("name", ["link", "links/secret", "through", "stored", "virtual"])
def test_what_leads_to_another_file_is_refused(name, file, monkeypatch):
    monkeypatch.chdir(file.parent)
    with h5py.File(file) as held:  # as it would be read
        assert (held[name][()] == SECRET).all()
    with (
        hdf5.open_hdf5(file) as held,
        pytest.raises(VaekitError, match=r"leads to another file.*copy the array"),
    ):
        hdf5.hdf5_array(held, file, name)


@pytest.mark.parametrize("name", ["none", "group", "dangling", "circle", "x/y", "empty", ""])
def test_what_is_no_array_is_told_with_those_there_are(name, file):
    with (
        hdf5.open_hdf5(file) as held,
        pytest.raises(VaekitError, match=r"its arrays are .*group/y.*x"),
    ):
        hdf5.hdf5_array(held, file, name)


def test_an_array_elsewhere_is_refused_from_a_file_of_the_user_s(file):
    with pytest.raises(VaekitError, match="leads to another file"):
        hdf5.hdf5_arrays(file)
    with pytest.raises(VaekitError, match="leads to another file"):
        data.load(str(file))
    with h5py.File(file, "a") as held:
        del held["stored"], held["virtual"]
    found = hdf5.hdf5_arrays(file)  # each once, under one of its names
    assert len(found) == 2 and (found["x"] == SECRET + 1).all()


@pytest.mark.parametrize("keep", [0, 100, -2500])
def test_damage_is_told(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(VaekitError, match=r"cannot read .* as an HDF5 file"):
        hdf5.hdf5_arrays(file)


def test_errors_of_the_caller_pass(file):
    with pytest.raises(VaekitError, match="mine"), hdf5.open_hdf5(file):
        raise VaekitError("mine")
    with pytest.raises(ZeroDivisionError), hdf5.open_hdf5(file):
        raise ZeroDivisionError


def test_a_long_list_is_cut(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as held:
        for k in range(30):
            held[f"a{k:02}"] = np.zeros(1)
    with hdf5.open_hdf5(tmp_path / "a.h5") as held, pytest.raises(VaekitError, match="30 in all"):
        hdf5.hdf5_array(held, tmp_path / "a.h5", "none")


@pytest.mark.parametrize("words", [[b"a", b"b"], ["a", "b"]])
@pytest.mark.parametrize("name", ["y", "labels"])
def test_labels_that_are_words_are_not_passed_over(words, name, tmp_path):
    with h5py.File(tmp_path / "own.h5", "w") as own:
        own["x"] = np.random.default_rng(0).random((8, 3), np.float32)
        own[name] = words * 4
    with pytest.raises(VaekitError, match="expected 8 whole-number labels"):
        data.load(str(tmp_path / "own.h5"))


def test_words_beside_are_no_labels(tmp_path):
    with h5py.File(tmp_path / "own.h5", "w") as own:
        own["x"] = np.random.default_rng(0).random((8, 3), np.float32)
        own["source"] = ["here"] * 8
    assert data.load(str(tmp_path / "own.h5")).train.labels is None
