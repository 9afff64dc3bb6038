import numpy as np
import pytest
from PIL import Image

from vaekit.data import load
from vaekit.data.sets.digits import digits
from vaekit.errors import VaekitError


def save(path, size=(6, 4), mode="RGB", value=100, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (value,) * len(mode) if len(mode) > 1 else value).save(path, **options)
    return path


def test_subfolders_are_classes(tmp_path):
    for k, name in enumerate(
        ("cat/1.png", "cat/2.JPG", "dog/1.bmp", "dog/deep/2.gif", "emu/1.ppm")
    ):
        save(tmp_path / name, value=50 * k)
    save(tmp_path / ".hidden/x.png", size=(1, 1))
    (tmp_path / "notes.txt").write_text("no picture")
    data = load(str(tmp_path), holdout=0).train
    assert data.shape == (3, 4, 6) and data.label_names == ("cat", "dog", "emu")
    assert data.labels.tolist() == [0, 0, 1, 1, 2] and data.name == tmp_path.name
    assert data.images.float().mean((1, 2, 3)).tolist() == pytest.approx(
        [0, 50, 100, 150, 200], abs=2
    )
    (seal,) = data.files.values()
    save(tmp_path / "cat/1.png", value=1)
    assert load(tmp_path, holdout=0).train.files[tmp_path.name] != seal


def test_grey_pictures_keep_one_channel(tmp_path):
    save(tmp_path / "a.pgm", mode="L")
    save(tmp_path / "b.png", mode="1", value=1)
    data = load(tmp_path, holdout=0).train
    assert data.shape == (1, 4, 6) and data.labels is None and data.images.amax() == 255
    save(tmp_path / "c.png")
    assert load(tmp_path, holdout=0).train.shape == (3, 4, 6)
    assert load(f"folder('{tmp_path}', gray=true)", holdout=0).train.shape == (1, 4, 6)


def test_train_and_test_folders_are_a_split(tmp_path):
    for part, n in (("train", 3), ("test", 2)):
        for k in range(n):
            save(tmp_path / part / "x" / f"{k}.png")
    assert [len(part) for part in load(tmp_path)] == [3, 2]
    save(tmp_path / "test" / "y" / "0.png")
    with pytest.raises(VaekitError, match=r"train and test differ.*classes x and x, y"):
        load(tmp_path)


def test_size_makes_equal_and_orientation_is_kept(tmp_path):
    save(tmp_path / "a.png", size=(6, 4))
    save(tmp_path / "b.png", size=(9, 5))
    with pytest.raises(VaekitError, match=r"a.png is 6x4, .*b.png is 9x5.*size=4"):
        load(tmp_path)
    assert load(f"folder('{tmp_path}', size=4)", holdout=0.5).train.shape == (3, 4, 4)
    assert load(f"folder('{tmp_path}', size=[2, 3])", holdout=0.5).train.shape == (3, 2, 3)
    turned = Image.Exif()
    turned[0x0112] = 6
    save(tmp_path / "c" / "t.jpg", exif=turned)
    assert load(tmp_path / "c", holdout=0).train.shape == (3, 6, 4)


@pytest.mark.parametrize("size", [0, 2.5, "big", [1, 2, 3], [0, 4]])
def test_bad_size(tmp_path, size):
    with pytest.raises(VaekitError, match="size must be"):
        load(f"folder('{tmp_path}', size={size})")


def test_unreadable(tmp_path):
    with pytest.raises(VaekitError, match="no pictures in"):
        load(tmp_path)
    with pytest.raises(VaekitError, match="there is no folder"):
        load("folder(nowhere)")
    path = tmp_path / "noise.png"
    noise = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    for bad in (whole[:-2000], b"not a picture", whole[:60] + b"garbage" + whole[67:]):
        path.write_bytes(bad)
        with pytest.raises(VaekitError, match=r"cannot read the picture .*noise.png"):
            load(tmp_path)


def test_digits():
    data = digits()
    assert data.shape == (1, 8, 8) and len(data) == 1797 and data.range == (0, 1)
    assert data.labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
