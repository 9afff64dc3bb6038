"""Arrays in files: which is meant, which labels are its own, and examples that come last."""

import numpy as np
import pytest
from scipy.io import savemat

from vaekit.data import Dataset, load
from vaekit.data.files import arrays
from vaekit.errors import VaekitError

N = 600
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 4, 4), dtype=np.uint8)
LABELS = np.arange(N) % 10


@pytest.mark.parametrize(
    ("shape", "layout", "cure"),
    [
        (
            (32, 32, 3, N),
            "auto",
            r"\(H, W, C, N\), examples last: .*transpose\(x, \(3, 2, 0, 1\)\)",
        ),
        ((32, 32, 3, N), "nhwc", "examples last"),
        ((28, 28, 1, N), "auto", "examples last"),
        ((28, 20, 3, N), "auto", "examples last"),
        ((3, 32, 32, N), "auto", r"\(C, H, W, N\), examples last: .*moveaxis\(x, -1, 0\)"),
        ((28, 28, N), "auto", r"\(H, W, N\), examples last: .*moveaxis\(x, -1, 0\)"),
    ],
)
def test_examples_last_are_refused(shape, layout, cure):
    x = np.zeros(shape, np.float32)
    with pytest.raises(VaekitError, match=cure):
        Dataset.from_array(x, layout=layout)
    assert len(Dataset.from_array(x, layout="nchw")) == shape[0]


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((40, 8, 8, 13), "nhwc"),
        ((1, 64, 64, 200), "nhwc"),
        ((10, 1, 28, N), "auto"),
        ((64, 12, 1, 1000), "auto"),
        ((12, 28, N), "auto"),
        ((40, 64, 100), "auto"),
        ((28, 28, 28), "auto"),
        ((4, 4, N), "auto"),
        ((8, N), "auto"),
        ((600, 3, 32, 32), "auto"),
    ],
)
def test_long_pictures_are_no_examples(shape, layout):
    assert len(Dataset.from_array(np.zeros(shape, np.float32), layout=layout)) == shape[0]


def test_examples_last_in_a_file(tmp_path):
    path, x = tmp_path / "svhn.mat", np.zeros((32, 32, 3, N), np.uint8)
    savemat(path, {"X": x})
    with pytest.raises(VaekitError, match="examples last"):
        load(path)
    savemat(path, {"X": x, "y": LABELS[:, None]})
    with pytest.raises(
        VaekitError, match=r"32 images but 600 labels .*moveaxis\(x, -1, 0\), or np.t"
    ):
        load(path)
    savemat(path, {"X": np.transpose(x, (3, 2, 0, 1)), "y": LABELS[:, None].astype(float)})
    assert load(path, holdout=0).train.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("images", "labels", "key"),
    [
        ("x_train", "y_train", "x_train"),
        ("x_train", "y_train", None),
        ("X_train", "y_train", None),
        ("XTrain", "YTrain", None),
        ("xtrain", "ytrain", "xtrain"),
        ("train_images", "train_labels", "train_images"),
        ("train", "train_labels", "train"),
        ("train", "y_train", "train"),
        ("images", "target", None),
        ("digits", "labels", "digits"),
        ("arr_0", "arr_1", None),
        ("arr_1", "arr_0", None),
    ],
)
def test_labels_go_with_their_images(images, labels, key, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, **{images: IMAGES, labels: LABELS[:, None]})
    data = load(path, holdout=0, **({"key": key} if key else {})).train
    assert data.shape == (1, 4, 4) and data.labels.tolist() == LABELS.tolist()


def test_labels_of_another_part_are_not_taken(tmp_path):
    path = tmp_path / "x.npz"
    parts = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:9], "y_test": LABELS[:9]}
    np.savez(path, **parts)
    for key, n in (("x_train", N), ("x_test", 9)):
        assert arrays.read_array(path, key)[1].tolist() == LABELS[:n].tolist()
    with pytest.raises(VaekitError, match=r"which array .* holds the images.*x_train.*x_test"):
        load(path)
    np.savez(path, x_test=IMAGES[:9], y_train=LABELS)
    assert arrays.read_array(path)[1] is None


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": IMAGES, "z": IMAGES}, r"holds the images\? pass key=; it has x \(600, 4, 4\), z"),
        ({"arr_0": IMAGES, "arr_1": IMAGES}, r"pass key=; it has arr_0 .*, arr_1"),
        (
            {"images": IMAGES, "labels": LABELS, "y": 9 - LABELS},
            "labels of images.* labels, y differ",
        ),
        ({"images": IMAGES, "labels": LABELS[:5]}, r"600 images but 5 labels .* save one label"),
    ],
)
def test_what_is_not_clear_is_asked(arrays, says, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(VaekitError, match=says):
        load(tmp_path / "x.npz")


@pytest.mark.parametrize(
    "besides",
    [{"y": LABELS}, {"y": LABELS.astype(float)}, {"target": LABELS[:9]}, {"z": np.zeros((N, 2))}],
)
def test_what_agrees_or_does_not_fit_is_no_question(besides, tmp_path):
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=LABELS, **besides)
    assert load(tmp_path / "x.npz", holdout=0).train.labels.tolist() == LABELS.tolist()


def test_numbers_that_are_no_labels(tmp_path):
    np.savez(tmp_path / "x.npz", IMAGES, LABELS + 0.5, LABELS[:5])
    assert arrays.read_array(tmp_path / "x.npz")[1] is None
