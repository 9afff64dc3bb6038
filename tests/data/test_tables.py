"""The user's own files: arrays and tables."""

import numpy as np
import polars as pl
import pytest
import torch

from vaekit.data import CATALOGUE, load
from vaekit.data.files.arrays import array
from vaekit.data.files.tables import table
from vaekit.errors import VaekitError


def pixels(n: int = 10) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 5, 4), dtype=np.uint8)


@pytest.mark.parametrize("mmap", [True, False])
def test_npy_read_or_mapped(tmp_path, mmap):
    path = tmp_path / "x.npy"
    for images in (pixels(), pixels().astype(np.float32)):
        np.save(path, images)
        data = array(path, mmap=mmap)
        assert data.shape == (1, 5, 4) and data.name == "x" and list(data.files) == ["x.npy"]
        assert np.array_equal(data.images[:, 0], images)
        parts = load(f"array('{path}', mmap={mmap})", holdout=0.3)
        assert len(parts.train) == 7 and parts.train.batch(torch.tensor([0])).dtype == torch.float32
        assert parts.train.checksum() == load(path, holdout=0.3).train.checksum()


def test_a_mapped_array_is_not_read_whole(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, pixels())
    data = array(path, mmap=True)
    with path.open("r+b") as file:  # the file changes under the mapping
        file.seek(-1, 2)
        file.write(b"\x07")
    assert int(data.images[-1, 0, -1, -1]) == 7
    np.save(path, pixels().astype(np.float64))
    with pytest.raises(VaekitError, match="memory-mapped array must be float32"):
        array(path, mmap=True)


def test_npz_keys_and_labels(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, images=pixels(), y=np.arange(10)[:, None])
    data = array(path)
    assert data.labels.tolist() == list(range(10))
    np.savez(path, a=pixels(), b=pixels(3) * 0.5)
    with pytest.raises(VaekitError, match=r"pass key=; it has a \(10, 5, 4\), b \(3, 5, 4\)"):
        load(path)
    assert len(array(path, key="b")) == 3
    with pytest.raises(VaekitError, match="unknown array in"):
        array(path, key="c")


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_bad_arrays(tmp_path, name):
    path = tmp_path / name
    save = np.save if name == "x.npy" else np.savez
    save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(VaekitError, match="numbers only"):
        load(path)
    save(path, pixels())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(VaekitError, match="cannot read"):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(VaekitError, match="cannot read"):
        load(path)


FRAME = pl.DataFrame(
    {"a": [1, 2, 3, 4], "b": [0.5, 1.5, 1.5, 0.5], "c": [7, 7, 7, 7], "kind": ["u", "v", "u", "w"]}
)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_labels_and_scaling(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    FRAME.write_csv(path) if ending == "csv" else FRAME.write_parquet(path)
    data = table(path, label="kind")
    assert data.shape == (3,) and data.images.dtype == torch.float32
    assert data.labels.tolist() == [0, 1, 0, 2] and data.label_names == ("u", "v", "w")
    assert data.images.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert data.images.std(0, correction=0).tolist() == pytest.approx([1, 1, 0])
    small = load(f"table('{path}', columns=[a, c], scale=minmax)", holdout=0).train
    assert small.images.tolist() == [
        [0, 0],
        [pytest.approx(1 / 3), 0],
        [pytest.approx(2 / 3), 0],
        [1, 0],
    ]
    assert table(path, columns="b", scale="none").images.flatten().tolist() == [0.5, 1.5, 1.5, 0.5]
    assert table(path, columns=["a"], label="c").label_names == ("7",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"no numbers: kind \('u'\). Name the others, columns=.* label="),
        ({"columns": ["a", "kinds"]}, "Did you mean 'kind'"),
        ({"columns": ["a"], "label": "b"}, "label column 'b' .* should hold classes"),
        ({"columns": ["kind"], "label": "kind"}, "0 columns of numbers"),
        ({"columns": ["a"], "scale": "log"}, "scale must be"),
    ],
)
def test_refused_columns(tmp_path, options, message):
    FRAME.write_csv(tmp_path / "t.csv")
    with pytest.raises(VaekitError, match=message):
        table(tmp_path / "t.csv", **options)


@pytest.mark.parametrize("hole", ["", "nan", "inf"])
def test_missing_values_are_named(tmp_path, hole):
    (tmp_path / "t.csv").write_text(f"a,b\n1,2\n3,4\n5,{hole}\n")
    with pytest.raises(VaekitError, match=r"1 missing or infinite .* column 'b', row 2 \(from 0\)"):
        load(tmp_path / "t.csv")


def test_unreadable_tables(tmp_path):
    for name, content in (("a.csv", b""), ("b.parquet", b"no parquet"), ("c.csv", b"a,b\n1,2,3\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VaekitError, match=f"cannot read the table .*{name}"):
            load(tmp_path / name)
    for name in ("d.csv", "d.parquet"):
        frame = pl.DataFrame(schema={"a": pl.String, "b": pl.Float64})
        frame.write_csv(tmp_path / name) if "csv" in name else frame.write_parquet(tmp_path / name)
        for options in ({}, {"columns": ["b"]}, {"label": "a"}):
            with pytest.raises(VaekitError, match="has a header and no rows below it"):
                table(tmp_path / name, **options)
    (tmp_path / "d.txt").write_text("a\n1\n2\n")
    with pytest.raises(VaekitError, match=r"cannot tell what .*d.txt holds: .*say table\("):
        load(tmp_path / "d.txt")
    assert table(tmp_path / "d.txt", scale="none").images.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("mnits", "Did you mean 'mnist'"),
        ("nowhere.npy", "there is no file or folder nowhere.npy"),
        ("./mnist", "there is no file or folder mnist"),
        ("no/such/dir", "there is no file or folder"),
        ("array(nowhere)", "there is no file nowhere"),
        ("array('/')", "is a folder, not the array"),
        ("mnist(folder=3)", r"it takes mnist\("),
        ("sprites(scales=", "cannot read"),
        ("digits", None),
    ],
)
def test_what_a_text_may_mean(what, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if message is None:
        assert len(load(what).train) == 1617
        return
    with pytest.raises(VaekitError, match=message):
        load(what)


def test_catalogue_explains_itself():
    for name, loader in CATALOGUE.items():
        assert loader.__doc__ and loader.__doc__.split("\n")[0].endswith("."), name


def test_numbers_in_place_of_a_header(tmp_path):
    (tmp_path / "t.csv").write_text("1.5,2\n3,4\n5,6\n")
    with pytest.raises(VaekitError, match="no header row"):
        load(tmp_path / "t.csv")


def test_labels_of_another_length(tmp_path):
    np.savez(tmp_path / "t.npz", images=np.zeros((6, 1, 8, 8), np.uint8), labels=np.arange(5))
    with pytest.raises(VaekitError, match="6 images but 5 labels"):
        load(tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("header", "twice"), [("a,b,a", "'a'"), ('"a","b","a"', "'a'"), ("x,a,x", "'x'")]
)
def test_a_name_that_comes_twice(header, twice, tmp_path):
    (tmp_path / "t.csv").write_text(f"{header}\n1,2,3\n4,5,6\n")
    with pytest.raises(VaekitError, match=f"has two columns named {twice}: give each"):
        load(tmp_path / "t.csv")
    for name in ("1,1,2", "0.5,2,3"):
        (tmp_path / "t.csv").write_text(f"{name}\n4,5,6\n")
        with pytest.raises(VaekitError, match=r"^[^(]* has no header row"):
            load(tmp_path / "t.csv")


def test_names_that_only_look_doubled(tmp_path):
    (tmp_path / "t.csv").write_text("a,a_duplicated_0\n1,2\n4,5\n")
    assert table(tmp_path / "t.csv").columns.names == ("a", "a_duplicated_0")
    pl.DataFrame({"0": [1.0, 2.0], "1": [2.0, 1.0]}).write_parquet(tmp_path / "t.parquet")
    assert table(tmp_path / "t.parquet").columns.names == ("0", "1")


def test_a_table_says_which_column_may_hold_the_classes(tmp_path):
    FRAME[["a", "b"]].write_csv(tmp_path / "t.csv")
    with pytest.raises(VaekitError, match=r"no labels.*\"table\('FILE', label=COLUMN\)\""):
        load(tmp_path / "t.csv", holdout=0).train.condition_width("labels")


@pytest.mark.parametrize("scale", ["standard", "minmax", "none"])
def test_a_table_knows_how_it_was_scaled(scale, tmp_path):
    FRAME[["a", "b"]].write_csv(tmp_path / "t.csv")
    parts = load(f"table('{tmp_path}/t.csv', scale={scale})", holdout=0.25)
    assert parts.test.columns.scale == scale


@pytest.mark.parametrize("mmap", [False, True])
def test_columns_are_left_out_by_name(tmp_path, mmap):
    path = tmp_path / "t.csv"
    path.write_text("id,a,b,class\n" + "".join(f"{k + 7},{k % 5},{k * k},x\n" for k in range(30)))
    made = load(f"table({path}, without=[id, b], label=class, mmap={str(mmap).lower()})")
    assert made.train.columns is not None and made.train.columns.names == ("a",)
    only = load(f"table({path}, without=id, label=class, mmap={str(mmap).lower()})").train
    assert only.columns is not None and only.columns.names == ("a", "b")
    with pytest.raises(VaekitError, match="Did you mean 'id'"):
        load(f"table({path}, without=ids, label=class, mmap={str(mmap).lower()})")
    with pytest.raises(VaekitError, match="columns to use, and without"):
        load(f"table({path}, without=id, columns=[a], mmap={str(mmap).lower()})")
