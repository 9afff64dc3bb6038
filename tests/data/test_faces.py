"""Extended Yale B and the ORL faces: the real files, and small ones of their layouts."""

import tarfile

import numpy as np
import pytest
import torch
from packing import KINDS, pack, pgm

from vaekit.data import load
from vaekit.data.sets.faces import orl_faces, yale_b
from vaekit.errors import VaekitError

LIGHTS = ("A+000E+00", "A-035E+15", "A+035E+40", "A+000E+90")
FEWER = {11: 60, 12: 59, 13: 60, 15: 63, 16: 62, 17: 63, 18: 63}


def yale(shape: tuple[int, int] = (8, 6)) -> dict[str, bytes]:
    """Return two and a half people, with all that lies about in the published folders."""
    made = {}
    for k, (subject, light) in enumerate((s, one) for s in (1, 11, 39) for one in LIGHTS):
        name = f"yaleB{subject:02d}/yaleB{subject:02d}_P00"
        made[f"{name}{light}.pgm"] = pgm(np.full(shape, 20 * k + 1, np.uint8))
        made[f"{name}_Ambient.pgm"] = pgm(np.zeros((48, 64), np.uint8))
        made[f"{name}.info"] = made[f"yaleB{subject:02d}/DEADJOE"] = b"a list"
        made[f"yaleB{subject:02d}/._yaleB{subject:02d}_P00{light}.pgm"] = b"of another system"
    bad = "yaleB11/yaleB11_P00A-035E+15.pgm"
    made[bad + ".bad"] = made.pop(bad)
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("below", ["", "yale-b", "extended-yale-b-cropped"])
def test_yale_layouts(offline, tmp_path, kind, below):
    pack(tmp_path / "d" / below / "CroppedYale", yale(), kind)
    data = yale_b(data_dir=tmp_path / "d", check=False)
    assert len(data) == 11 and data.shape == (1, 8, 6) and data.images.dtype == torch.uint8
    assert data.label_names == ("yaleB01", "yaleB11", "yaleB39") and data.name == "yale-b"
    assert data.labels.bincount().tolist() == [4, 3, 4]
    assert data.images[:, 0, 0, 0].sort().values.tolist() == [
        20 * k + 1 for k in range(12) if k != 5
    ]
    factors = data.factors
    assert factors.names == ("subject", "azimuth", "elevation") and factors.sizes == (3, 3, 4)
    assert [v.tolist() for v in factors.values[1:]] == [[-35, 0, 35], [0, 15, 40, 90]]
    row = int((data.images[:, 0, 0, 0] == 20 * 6 + 1).nonzero())  # yaleB11, A+035E+40
    assert data.levels(torch.tensor([row])).tolist() == [[1, 2, 2]]
    assert factors.index([[1, 2, 2]]).tolist() == [row]
    a, e = np.radians([35, 40])
    light = [np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)]
    assert data.attributes[row].tolist() == pytest.approx(light)
    (seal,) = data.files.values()
    assert len(seal) == 64 and len(data.condition(torch.tensor([0]), "factors", 10)[0]) == 10


def test_the_unpacked_folder_itself_may_be_the_data_folder(offline, tmp_path):
    path = pack(tmp_path / "faces", yale(), "folder")
    assert len(load("yale-b(check=false)", path, holdout=0).train) == 11
    assert len(load(f"yale-b(path='{path}', check=false)", holdout=0).train) == 11


def test_yale_shrinks_by_area_from_one_cache(offline, tmp_path):
    made = yale()
    made["yaleB01/yaleB01_P00A+000E+00.pgm"] = pgm(np.arange(48, dtype=np.uint8).reshape(8, 6) * 2)
    pack(tmp_path / "CroppedYale", made, ".zip")
    data = yale_b(size=[4, 3], data_dir=tmp_path, check=False)
    assert data.shape == (1, 4, 3)
    assert data.images[0, 0].tolist() == [[7 + 24 * i + 4 * j for j in range(3)] for i in range(4)]
    assert yale_b(data_dir=tmp_path, check=False).shape == (1, 8, 6)
    assert yale_b(size=4, data_dir=tmp_path, check=False).shape == (1, 4, 4)
    assert len(list((offline / "yale-b").iterdir())) == 1
    with pytest.raises(VaekitError, match="never enlarged"):
        yale_b(size=[9, 6], data_dir=tmp_path, check=False)
    with pytest.raises(VaekitError, match="size must be"):
        yale_b(size=0, data_dir=tmp_path, check=False)


def test_bad_yale_files(offline, tmp_path):
    with pytest.raises(VaekitError) as caught:
        load("yale-b", tmp_path)
    for part in ("CroppedYale.tar.xz", str(tmp_path), str(offline), "--data-dir", "ExtYaleB.html"):
        assert part in str(caught.value)
    with pytest.raises(VaekitError, match=r"there is no file or folder .*nowhere"):
        load("yale-b(path=nowhere)")
    made = yale()
    pack(tmp_path / "CroppedYale", made, "folder")
    with pytest.raises(VaekitError, match=r"holds 11 pictures of yale-b, .* 2414.*check=false"):
        load("yale-b", tmp_path)
    name = "yaleB01/yaleB01_P00A+000E+00.pgm"
    (tmp_path / "CroppedYale" / name).write_bytes(made[name][:-9])
    with pytest.raises(VaekitError, match=r"yaleB01_P00A\+000E\+00\.pgm in .*get it again"):
        load("yale-b(check=false)", tmp_path)
    (tmp_path / "CroppedYale" / name).write_bytes(pgm(np.zeros((48, 64), np.uint8)))
    with pytest.raises(VaekitError, match=r"is 64x48, .* is 6x8 \(width x height\)"):
        load("yale-b(check=false)", tmp_path)
    pack(tmp_path / "twice" / "CroppedYale", {**made, f"copy/{name}": made[name]}, ".zip")
    with pytest.raises(VaekitError, match="1 pictures twice, in different folders"):
        load("yale-b(check=false)", tmp_path / "twice")
    (tmp_path / "other.tar.xz").write_bytes(b"not an archive")
    with pytest.raises(VaekitError, match=r"cannot read .*other\.tar\.xz"):
        load(f"yale-b(path='{tmp_path / 'other.tar.xz'}')")


def test_the_real_yale_faces(real, own_cache, monkeypatch):
    if not (real / "extended-yale-b-cropped").is_dir():
        pytest.skip(f"no Extended Yale B in {real}")
    data = yale_b(data_dir=real)
    assert len(data) == 2414 and data.shape == (1, 192, 168)
    people = [int(name[5:]) for name in data.label_names]
    assert people == [k for k in range(1, 40) if k != 14]
    assert data.labels.bincount().tolist() == [FEWER.get(person, 64) for person in people]
    assert data.files == {
        "CroppedYale.tar.xz": "a8d209a1876041ad855f27b8ed63aa8a66082716fff93be5855da507aa107227"
    }
    levels = data.factors.codes(np.arange(2414))
    assert len(np.unique(levels[:, 1:], axis=0)) == 64
    assert data.factors.values[1][[0, -1]].tolist() == [-130, 130]
    assert data.factors.values[2][[0, -1]].tolist() == [-40, 90]
    # The light comes from where the attributes say: x is the left of the picture, y is above.
    small = yale_b(size=[48, 42], data_dir=real)
    half = small.images.float()[:, 0]
    left = half[:, :, :21].mean((1, 2)) - half[:, :, 21:].mean((1, 2))
    assert torch.corrcoef(torch.stack([left, data.attributes[:, 0]]))[0, 1] > 0.9
    monkeypatch.setattr("vaekit.data.decoding.open_files", lambda *_: pytest.fail("decoded again"))
    assert torch.equal(yale_b(data_dir=real).images, data.images)
    train, test = load("yale-b", real)
    assert len(test) == 241 and train.images is test.images


def test_the_real_yale_faces_unpacked(real, own_cache, tmp_path):
    archive = real / "extended-yale-b-cropped" / "CroppedYale.tar.xz"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    made = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if "yaleB13_" in member.name:
                made[member.name.removeprefix("CroppedYale/")] = tar.extractfile(member).read()
    pack(tmp_path / "CroppedYale", made, "folder")
    few, all_ = yale_b(data_dir=tmp_path, check=False), yale_b(data_dir=real)
    rows = (all_.labels == all_.label_names.index("yaleB13")).nonzero()[:, 0]
    assert len(few) == 60 and torch.equal(few.images, all_.images[rows])
    assert torch.equal(few.attributes, all_.attributes[rows])


# ---- ORL


def orl() -> dict[str, bytes]:
    made = {
        f"att_faces/s{s}/{k}.pgm": pgm(np.full((6, 5), 10 * s + k, np.uint8))
        for s in (1, 2, 10)
        for k in (1, 2, 10)
    }
    return {**made, "att_faces/README": b"about"}


@pytest.mark.parametrize("kind", KINDS)
def test_orl_layouts(offline, tmp_path, kind):
    pack(tmp_path / "orl-faces" / "att_faces", orl(), kind)
    data = orl_faces(data_dir=tmp_path, check=False)
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert data.label_names == ("s1", "s2", "s10") and data.shape == (1, 6, 5)
    assert data.images[:, 0, 0, 0].tolist() == [11, 12, 20, 21, 22, 30, 101, 102, 110]
    assert data.factors is None
    assert orl_faces(size=[3, 2], data_dir=tmp_path, check=False).shape == (1, 3, 2)
    if kind == "folder":
        inner = tmp_path / "orl-faces" / "att_faces" / "att_faces"
        assert len(orl_faces(data_dir=inner, check=False)) == 9


def test_bad_orl_files(offline, tmp_path):
    with pytest.raises(
        VaekitError, match=r"orl-faces: in none .* is the folder att_faces, or att_faces\.zip"
    ):
        load("orl-faces", tmp_path)
    path = pack(tmp_path / "att_faces", orl(), ".zip")
    with pytest.raises(VaekitError, match="holds 9 pictures of orl-faces, the published set 400"):
        load("orl-faces", tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(VaekitError, match=r"cannot read .*att_faces\.zip"):
        load("orl-faces", tmp_path)


def test_the_real_orl_faces(real, own_cache):
    if not (real / "orl-faces").is_dir():
        pytest.skip(f"no ORL faces in {real}")
    data = orl_faces(data_dir=real)
    assert len(data) == 400 and data.shape == (1, 112, 92)
    assert data.labels.bincount().tolist() == [10] * 40 and data.label_names[39] == "s40"
    assert data.files == {
        "att_faces.tar.xz": "6d0c3123770b01eb394218e9d675fc58a5e28b47b102e3c3432aea76381a5c98"
    }
