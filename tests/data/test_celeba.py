"""CelebA, on small files of the layout of its release."""

import numpy as np
import pytest
import torch
from packing import encoded, pack

from vaekit.data import load
from vaekit.data.area import averaged
from vaekit.data.files.pictures import pixels
from vaekit.data.sets.celeba import attribute_names, celeba
from vaekit.errors import VaekitError

NAMES = ("Bald", "Eyeglasses", "Smiling")
N, PARTS = 9, [0, 0, 0, 0, 1, 2, 2, 1, 0]
VALUES = np.random.default_rng(3).choice([-1, 1], (N, len(NAMES)))
PICTURES = {
    f"{k + 1:06d}.jpg": encoded(
        np.random.default_rng(k).integers(0, 256, (218, 178, 3), dtype=np.uint8), "JPEG"
    )
    for k in range(N)
}


def lists(values=VALUES, parts=PARTS, names=tuple(PICTURES)) -> dict[str, bytes]:
    """Return the two lists, spaced as in the release."""
    rows = [f"{n} {' '.join(f'{v:2d}' for v in row)}" for n, row in zip(names, values, strict=True)]
    listed = [f"{name} {part}" for name, part in zip(names, parts, strict=True)]
    return {
        "list_attr_celeba.txt": "\n".join([str(len(rows)), " ".join(NAMES) + " ", *rows, ""]),
        "list_eval_partition.txt": "\n".join([*listed, ""]),
    }


def write(folder, kind="folder", pictures=PICTURES, released=False, **changes):
    """Write a small release: the lists, and the pictures as a folder or zip."""
    inside = (
        pictures if kind == "folder" else {f"img_align_celeba/{k}": v for k, v in pictures.items()}
    )
    pack(folder / ("Img" if released else "") / "img_align_celeba", inside, kind)
    for name, text in lists(**changes).items():
        below = {"list_a": "Anno", "list_e": "Eval"}[name[:6]] if released else ""
        (folder / below).mkdir(parents=True, exist_ok=True)
        (folder / below / name).write_text(text)
    return folder


@pytest.mark.parametrize("kind", ["folder", ".zip"])
@pytest.mark.parametrize("released", [True, False])
@pytest.mark.parametrize("below", ["", "celeba"])
def test_layouts_and_official_parts(offline, tmp_path, kind, released, below):
    write(tmp_path / "d" / below, kind, released=released)
    train, test = load("celeba(check=false)", tmp_path / "d")
    assert (len(train), len(test)) == (5, 2) and train.shape == (3, 64, 64)
    assert train.images is test.images and train.images.dtype == torch.uint8
    assert train.rows.tolist() == [0, 1, 2, 3, 8] and test.rows.tolist() == [5, 6]
    assert torch.equal(train.attributes, torch.from_numpy((VALUES > 0).astype(np.float32)))
    expected = averaged(pixels(PICTURES["000006.jpg"], 3), (64, 64), (148, 148))
    assert np.array_equal(test.images[test.rows[0]].numpy(), expected)
    condition = test.condition(torch.tensor([1]), "attributes", 3)
    assert condition.tolist() == (VALUES[[6]] > 0).tolist()
    assert len(train.files) == 3 and train.labels is None and train.name == "celeba"
    assert attribute_names(tmp_path / "d") == NAMES


def test_arguments(offline, tmp_path):
    write(tmp_path)
    train, valid = load("celeba(label=Smiling, test=valid, size=[20, 16], check=false)", tmp_path)
    assert valid.rows.tolist() == [4, 7] and valid.shape == (3, 20, 16)
    assert train.labels.tolist() == (VALUES[:, 2] > 0).tolist()
    assert train.label_names == ("not Smiling", "Smiling")
    whole = celeba(size=[109, 89], crop=None, data_dir=tmp_path, check=False).train
    expected = averaged(pixels(PICTURES["000001.jpg"], 3), (109, 89))
    assert np.array_equal(whole.images[0].numpy(), expected)
    for words, message in {
        "label=Smile": "Did you mean 'Smiling'",
        "test=train": "test must be 'test' or 'valid'",
        "size=none": "size must be a whole number or a list",
        "crop=big": "crop must be a whole number or a list",
        "size=160": r"pictures of 148x148 \(h x w\) are shrunk, never enlarged",
        "crop=200": r"cannot crop 200x200 from pictures of 218x178",
    }.items():
        with pytest.raises(VaekitError, match=message):
            load(f"celeba({words}, check=false)", tmp_path)


def test_missing_files_say_where_to_get_them(offline, tmp_path):
    with pytest.raises(VaekitError) as caught:
        load("celeba", tmp_path)
    for part in (
        *("img_align_celeba.zip or img_align_celeba", "list_attr_celeba.txt"),
        *("list_eval_partition.txt", "mmlab.ie.cuhk.edu.hk", "agreement", "not downloaded"),
        *(str(tmp_path / "celeba"), "--data-dir"),
    ):
        assert part in str(caught.value)
    (write(tmp_path) / "list_eval_partition.txt").unlink()
    with pytest.raises(VaekitError, match=r"celeba: in none of .* is list_eval_partition\.txt\."):
        load("celeba(check=false)", tmp_path)


def test_another_number_is_refused(offline, tmp_path):
    with pytest.raises(VaekitError, match=r"holds 9 names of pictures, the published set 202599"):
        load("celeba", write(tmp_path))
    assert not offline.exists()  # said before anything is decoded


FEWER = dict(list(PICTURES.items())[:-1])
BROKEN = {**PICTURES, "000004.jpg": PICTURES["000004.jpg"][:900]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pictures": FEWER}, r"8 pictures, the other 9, and the first lacks 000009\.jpg"),
        (
            {"pictures": {**PICTURES, "000010.jpg": PICTURES["000001.jpg"]}},
            r"the first has 000010\.jpg, which is not listed",
        ),
        ({"pictures": BROKEN}, r"000004\.jpg in .*: cannot read the picture"),
        ({"pictures": {**PICTURES, "a/000004.jpg": PICTURES["000004.jpg"]}}, "pictures twice"),
        ({"pictures": {"x.txt": b""}}, "holds none of the pictures"),
        ({"parts": [0, 0, 0, 0, 1, 3, 2, 1, 0]}, "should hold 0, 1 and 2 only"),
        ({"parts": [0, 0, 0, 0, 1, 1, 1, 1, 0]}, r"no pictures for test \(2\)"),
        ({"values": np.where(VALUES > 0, 2, -1)}, "should hold 1 and -1 only"),
    ],
)
def test_files_that_do_not_fit(offline, tmp_path, changes, message):
    with pytest.raises(VaekitError, match=message):
        load("celeba(check=false)", write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("list_attr_celeba.txt", lambda t: "", "no list of attributes, or is truncated"),
        ("list_attr_celeba.txt", lambda t: t[:-30], "damaged or truncated|is truncated"),
        (
            "list_attr_celeba.txt",
            lambda t: t.replace("9\n", "10\n", 1),
            "promises '10' .* 9 follow",
        ),
        ("list_attr_celeba.txt", lambda t: t.replace(" -1", " no", 1), "3 whole numbers"),
        ("list_eval_partition.txt", lambda t: t[:-14], "lists 8 pictures, which are not the 9"),
        ("list_eval_partition.txt", lambda t: t.replace("000002", "000011"), "are not the 9"),
        ("list_eval_partition.txt", lambda t: t[:-2], "name of a picture and 1 whole numbers"),
        ("list_eval_partition.txt", lambda t: "\xff" + t, "cannot read .*partition"),
    ],
)
def test_damaged_lists(offline, tmp_path, name, change, message):
    path = write(tmp_path) / name
    path.write_bytes(change(path.read_text()).encode("latin-1"))
    with pytest.raises(VaekitError, match=message):
        load("celeba(check=false)", tmp_path)


def test_other_numbers_of_another_release(offline, tmp_path):
    pictures = {k: encoded(np.zeros((100, 100, 3), np.uint8), "JPEG") for k in PICTURES}
    with pytest.raises(VaekitError, match=r"000001\.jpg in .*: cannot crop 148x148"):
        load("celeba(check=false)", write(tmp_path, pictures=pictures))
