"""Tables that users bring: each kind is read as it is meant, or refused with the reason."""

import bz2
import gzip
import lzma
import re
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from vaekit.data import Dataset, TableColumns, load
from vaekit.data.files import blocks
from vaekit.data.files.tables import table
from vaekit.errors import VaekitError, VaekitWarning

quiet = pytest.mark.filterwarnings("ignore::vaekit.errors.VaekitWarning")
AB = [[1.5, 2.0], [2.5, 3.0]]


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    content = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def read(path: Path, **options) -> Dataset:
    return table(path, **{"scale": "none", **options})  # pyright: ignore


# ---- how text is split into columns


@pytest.mark.parametrize(
    ("content", "options", "name"),
    [
        ("a,b\n1.5,2\n2.5,3\n", {}, "t.csv"),
        ("a, b\n1.5, 2\n 2.5 ,3 \n", {}, "t.csv"),
        ("a;b\n1,5;2\n2,5;3\n", {}, "t.csv"),
        ("a;b\n1.5;2\n2.5;3\n", {}, "t.csv"),
        ("a\tb\n1.5\t2\n2.5\t3\n", {}, "t.tsv"),
        ("a\tb\n1,5\t2\n2,5\t3\n", {}, "t.csv"),
        ("a|b\n1.5|2\n2.5|3\n", {}, "t.csv"),
        ("a b\n1.5 2\n2.5 3\n", {}, "t.csv"),
        ("a,b\n1.5,2\n2.5,3\n", {}, "t.csv.gz"),
        ("a\tb\n1.5\t2\n2.5\t3\n", {}, "t.tsv.gz"),
        ("\ufeffa,b\n1.5,2\n2.5,3\n", {}, "t.csv"),
        ("a,b\r\n1.5,2\r\n2.5,3\r\n\r\n", {}, "t.csv"),
        ("a,b\r1.5,2\r2.5,3\r", {}, "t.csv"),
        ("a,b\n1.5,2\n\n2.5,3\n", {}, "t.csv"),
        ("a,b\n1.5e0,2E+0\n+2.5,3.0\n", {}, "t.csv"),
        ('"a","b"\n"1.5","2"\n"2.5","3"\n', {}, "t.csv"),
        ('a,b\n"1,5","2"\n"2,5","3"\n', {"decimal": ","}, "t.csv"),
        ("a;b\n1,500;2\n2,500;3\n", {"decimal": ","}, "t.csv"),
        ("a b,b\n1.5,2\n2.5,3\n", {}, "t.csv"),
        ('"a;x";b\n1,5;2\n2,5;3\n', {}, "t.csv"),
        ("1.5,2\n2.5,3\n", {"header": False}, "t.csv"),
        ("1,5;2\n2,5;3\n", {"header": False}, "t.csv"),
        ("2019,2020\n1.5,2\n2.5,3\n", {"header": True}, "t.csv"),
        ("a;b\n1.5;2\n2.5;3\n", {"separator": "semicolon"}, "t.csv"),
        ("a\tb\n1.5\t2\n2.5\t3\n", {"separator": "tab"}, "t.data"),
        (",a,b\n0,1.5,2\n1,2.5,3\n", {}, "t.csv"),
        ("Unnamed: 0,a,b\n0,1.5,2\n1,2.5,3\n", {}, "t.csv"),
        ('"","a","b"\n"x",1.5,2\n"y",2.5,3\n', {}, "t.csv"),
        ("a,b,\n1.5,2,\n2.5,3,\n", {}, "t.csv"),
        ("# made by hand\n# on Monday, late\n\na,b\n1.5,2\n2.5,3\n", {}, "t.csv"),
        ("# made by hand\n1.5,2\n2.5,3\n", {"header": False}, "t.csv.gz"),
        ("sep=;\r\na;b\r\n1,5;2\r\n2,5;3\r\n", {}, "t.csv"),
        ('\ufeff"sep=;"\n# a note\na;b\n1,5;2\n2,5;3\n', {}, "t.csv"),
        ("sep=\t\na\tb\n1.5\t2\n\n2.5\t3\n", {}, "t.csv"),
        ("a,b\n1.5,2\n2.5,3\n".encode("utf-16"), {}, "t.csv"),
        ("sep=;\na;b\n1,5;2\n\n2,5;3\n".encode("utf-16"), {}, "t.csv.gz"),
        ("\ufeffa;b\n1,5;2\n2,5;3\n".encode("utf-16-be"), {}, "t.csv"),
        ("é,b\n1.5,2\n2.5,3\n".encode("latin-1"), {"encoding": "latin-1"}, "t.csv"),
        ("é,b\n1.5,2\n2.5,3\n", {"encoding": "utf8"}, "t.csv"),
        ('a,"b\n\nc"\n1.5,2\n2.5,3\n', {}, "t.csv"),
    ],
)
@quiet
def test_one_content_in_many_spellings(content, options, name, tmp_path):
    found = read(write(tmp_path, content, name), **options)
    assert found.images.tolist() == AB and found.name == "t"
    again = (
        load(write(tmp_path, content, name), holdout=0, scale="none", **options)
        if (".data" not in name)
        else None
    )
    assert again is None or again.train.images.tolist() == AB


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1.5,2\n2.5,3\n", r"no header row, or numbers in it \(1.5, 2\).*header=false"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "header=false if the first line is data"),
        ("name,2019,2020\nx,1,2\n", "header=true if these are names"),
        ("a;b\n1,500;2\n2,500;3\n", "decimal=',' if the comma"),
        ('a,b\n"1,5","2,5"\n', r"no numbers: a, b \('1,5'\).*decimal="),
        ("a,b\n1,2,3\n", r"2 of the 3 fields .* separator ','.*: say separator="),
        ("a,b\n1,x\n2,y\n", r"no numbers: b \('x'\)"),
        ("a,b\n1_000,2\n3,4\n", "1_000"),
        ("a,b\n0x1A,2\n3,4\n", "0x1A"),
        ("a,b\n2024-01-01,2\n2024-01-02,4\n", "2024-01-01"),
        ("a,b\n1e999,2\n3,4\n", "missing or infinite"),
        ("a,b\n-inf,2\n3,4\n", "missing or infinite"),
        ("a,a\n1,2\n", "two columns named 'a'"),
        ("a,,\n1,2,3\n", "has columns without a name"),
        ("Figures of May,,\na,b,c\n1,2,3\n", "has columns without a name: .*or remove a title"),
        ("Figures of May\na,b,c\n1,2,3\n", r"\(Figures of May\) has 1 of the 3 fields .*','"),
        (
            "Figures of May\na;b\n1,5;3\n1,5;3\n",
            "1 of the 2 fields .* separator ';': .*remove a title",
        ),
        ('"a","b"\n"r1",1,2\n"r2",3,4\n', r"\(a, b\) has 2 of the 3 .*R: write\.csv"),
        ("a b\nr1 1 2\nr2 3 4\n", r"\(a, b\) has 2 of the 3 fields .* separator ' '"),
        ("a,,b\n1,2,3\n", "a column without a name"),
        (",b\n0.37,1\n-1.2,5\n9.1,7\n", r"without a name \(0\.37, -1\.2, 9\.1, …\), which is no"),
        (",b\nx,1\nx,5\n", r"without a name \('x', 'x', …\), which is no index"),
        ("a,b\n", "no rows below it"),
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("a,b\n1,2\n".encode("utf-16-le"), "no text in UTF-8"),
        ("a,b\n1,é\n".encode("latin-1"), "no text in UTF-8: .*encoding=latin1"),
        (b"a,b\n" + b"1,2\n" * 3000 + b"1,\xe9\n", "no text in UTF-8: .*encoding=latin1"),
        ("NA,NA,NA\n1,2,3\n", r"no header row, or missing values in it \(NA, NA, NA\).*header=f"),
        ("?\n1\n", "header=false"),
        ("# a note\n1,2\n", "header=false"),
        (b"a,b\n1,\x00\n", "no text in UTF-8, for it holds a NUL byte"),
        (b"PK\x03\x04\xff\x00 no table", "is a zip archive: unpack it"),
        (b"\x1f\x8b\x08broken", r"is packed with gzip: name it t\.csv\.gz"),
        (bz2.compress(b"a,b\n1,2\n"), "is packed with bzip2: unpack it"),
        (lzma.compress(b"a,b\n1,2\n"), "is packed with xz: unpack it"),
        (b"\x28\xb5\x2f\xfd\xff", "is packed with zstd: unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1", "Excel workbook, which is not read: save it as CSV"),
        (b"PAR1\xff", "is a Parquet file: name it .parquet"),
    ],
)
def test_what_stays_open_is_asked_for(content, says, tmp_path):
    with pytest.raises(VaekitError, match=says):
        read(write(tmp_path, content))


GERMAN = "preis;menge\n987;0,5\n1.234;0,7\n650;1,5\n12.500;2,5\n"


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (GERMAN, {}, r"preis \('1\.234'\) in row 1 .*without the dot.*say decimal='\.'"),
        (GERMAN, {"decimal": ","}, r"preis \('1\.234'\) in row 1 .*without the dot"),
        (GERMAN, {"decimal": "."}, r"menge \('0,5'\).*without the comma.*say decimal=','"),
        ("a;b\n1.234,5;1\n2.000,5;2\n", {}, r"a \('1\.234,5'\).*without the dot"),
        ("a\tb\n1,5\t2\n1,5\t2.5\n", {}, r"b \('2\.5'\) in row 1"),
        ('a,b\n1,"1.000"\n2,"3,5"\n', {"decimal": ","}, r"b \('1\.000'\) in row 0"),
        ("a;b\n" + "1;2\n" * 2000 + "1,5;1.000\n", {"decimal": ","}, r"b \('1\.000'\) in row 2000"),
    ],
)
def test_a_dot_beside_decimal_commas_is_asked_about(content, options, says, tmp_path):
    with pytest.raises(VaekitError, match=says):
        read(write(tmp_path, content), **options)


def test_types_beside_decimal_commas(tmp_path):
    found = read(write(tmp_path, "a;k;n\n1,5;true;.\n2,5;false;1e3\n"), missing="mean")
    assert found.images.tolist() == [[1.5, 1, 1000], [2.5, 0, 1000]]


def test_a_line_with_a_hash_may_hold_the_names(tmp_path):
    assert read(write(tmp_path, "#,a\n1,2\n3,5\n")).columns.names == ("#", "a")
    assert read(write(tmp_path, "# note\n# x,a\n1,2\n3,5\n")).columns.names == ("# x", "a")
    assert read(write(tmp_path, "# note, more\nx,a\n1,2\n")).columns.names == ("x", "a")


def test_a_name_with_a_line_break(tmp_path):
    path = write(tmp_path, 'a,"b\r\nc"\r\n1,2\r\n3,4\r\n')
    assert read(path).columns.names == ("a", "b\nc")


@pytest.mark.parametrize("cell", ["#VALUE!", "5%", "Total", "1 234", "12€", "1.2.3"])
def test_a_cell_that_is_no_number_is_named(cell, tmp_path):
    for row, rows in ((2, 9), (8, 9), (20_000, 20_001)):
        lines = [f"{k % 7},{k % 3},x" for k in range(rows)]
        lines[row] = f"{cell},1,x"
        path = write(tmp_path, "a,b,k\n" + "\n".join(lines) + "\n")
        said = rf"cells that are no numbers: a \('{re.escape(cell)}'\) in row {row} \(from 0\)"
        with pytest.raises(VaekitError, match=said):
            read(path, label="k")
        with pytest.raises(VaekitError, match=rf"no numbers: k \('x'\).*label=.*and {said}"):
            read(path)


def test_labels_that_are_missing_have_a_cure(tmp_path):
    path = write(tmp_path, "a,k\n1,x\n2,\n3,y\n")
    with pytest.raises(VaekitError, match=r"misses 1 of 3 classes, .* row 1 .*missing=drop"):
        read(path, label="k")
    with pytest.warns(VaekitWarning, match="1 of 3 rows"):
        assert len(read(path, label="k", missing="drop")) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"separator": "::"}, "separator must be one character"),
        ({"separator": "x"}, "separator must be one character"),
        ({"encoding": "latin-one"}, "unknown encoding 'latin-one'"),
        ({"encoding": "utf-16"}, "no text in utf-16"),
        ({"decimal": ";"}, "decimal must be"),
        ({"missing": "zero"}, "missing must be"),
        ({"missing": "keep"}, "missing must be"),
        ({"header": "no"}, "header must be True or False"),
        ({"columns": ["a", "c"]}, "unknown column of .*'c'"),
        ({"columns": ["a", "a"]}, "named twice"),
        ({"columns": []}, "0 columns of numbers"),
        ({"label": "lable"}, "unknown column of .*'lable'"),
        ({"lable": "a"}, "it takes table"),
    ],
)
def test_options_that_do_not_serve(options, says, tmp_path):
    path = write(tmp_path, "a,b\n1,2\n3,4\n")
    with pytest.raises(VaekitError, match=says):
        load(path, holdout=0, **options)


def test_rows_are_numbered_as_in_the_file_when_some_are_dropped(tmp_path):
    path = write(tmp_path, "a,b\n,1\n2,3\n4,inf\n5,6\n")
    with (
        pytest.warns(VaekitWarning, match="1 of 4 rows miss values and are dropped"),
        pytest.raises(VaekitError, match=r"1 infinite values, the first in column 'b', row 2"),
    ):
        read(path, missing="drop")


def test_damaged_files_of_other_kinds(tmp_path):
    for name in ("t.parquet", "t.csv.gz"):
        (tmp_path / name).write_bytes(b"PAR1" + bytes(40) + b"PAR1")
        with pytest.raises(VaekitError, match="cannot read the table"):
            read(tmp_path / name)
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    (tmp_path / "t.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VaekitError, match="cannot read the table"):
        read(tmp_path / "t.csv.gz")
    with pytest.raises(VaekitError, match=r"cannot tell what .* holds: .*\.csv"):
        load(write(tmp_path, b"PK", "t.bin"))


def test_files_in_other_forms_are_named_with_what_reads_them(tmp_path):
    for name in ("t.xlsx", "t.ods", "t.json", "t.jsonl", "t.feather"):
        write(tmp_path, b"PK", name)
        said = r"which is not read: save it as CSV, or in Python pass pandas\.read_.*t\."
        with pytest.raises(VaekitError, match=said):
            load(tmp_path / name)
    for inside, said in (
        ("xl/workbook.xml", "is an Excel workbook"),
        ("t.csv", "is a zip archive"),
    ):
        for name in ("t.csv", "t.csv.zip"):
            with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(inside, b"a,b\n" + b"1,2\n" * 99)
            with pytest.raises(VaekitError, match=said):
                load(tmp_path / name)


# ---- which columns are used


def test_types_are_told_from_all_rows(tmp_path):
    """The first thousand rows look like whole numbers, the last is none."""
    rows = "".join(f"{i % 7},{i % 5}\n" for i in range(1500))
    assert read(write(tmp_path, f"a,b\n{rows}1.5,2\n")).images[-1].tolist() == [1.5, 2]
    with pytest.raises(VaekitError, match=r"no numbers: a \('oops'\) in row 1500 \(from 0\)"):
        read(write(tmp_path, f"a,b\n{rows}oops,2\n"))


def test_an_index_repeats_where_frames_were_joined(tmp_path):
    with pytest.warns(VaekitWarning, match="column '' is the index of a data frame"):
        assert read(write(tmp_path, ",b\n0,1\n1,5\n0,2\n1,3\n")).columns.names == ("b",)


def test_the_index_of_a_frame_is_left_out_and_said(tmp_path):
    path = write(tmp_path, ",a,b\n" + "".join(f"{i},{i % 7},{i * i % 11}\n" for i in range(40)))
    with pytest.warns(VaekitWarning, match="column '' is the index of a data frame"):
        assert read(path).columns.names == ("a", "b")
    frame = pl.DataFrame({"a": [1.0, 2.0], "__index_level_0__": [0, 1]})
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.warns(VaekitWarning, match="__index_level_0__"):
        assert read(tmp_path / "t.parquet").columns.names == ("a",)


@pytest.mark.parametrize(
    ("name", "values", "doubtful"),
    [
        ("n", range(30), True),
        ("n", range(130, 100, -1), True),
        ("patient_id", [(7 * i) % 31 for i in range(30)], True),
        ("ID", [(7 * i) % 31 for i in range(30)], True),
        ("id", [i % 3 for i in range(30)], False),
        ("id", [i / 3 for i in range(30)], False),
        ("width", [(7 * i) % 31 for i in range(30)], False),
        ("n", [2 * i for i in range(30)], False),
        ("valid", [(7 * i) % 31 for i in range(30)], False),
    ],
)
def test_columns_that_only_number_the_rows(name, values, doubtful, tmp_path, recwarn):
    path = write(tmp_path, f"a,{name}\n" + "".join(f"{i % 4},{v}\n" for i, v in enumerate(values)))
    with_ = pytest.warns(VaekitWarning, match=f"{name} looks like row numbers or IDs")
    if doubtful:
        with with_:
            assert read(path).shape == (2,)
    else:
        assert read(path).shape == (2,)
        assert not recwarn.list


@quiet
def test_frames_of_polars_and_pandas(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed here")
    columns = {"a": [1.5, None, 2.5], "b": [1, 2, 3], "kind": ["u", None, "v"]}
    frames = (pl.DataFrame(columns), pandas.DataFrame(columns, index=[7, 8, 9]))
    csv = write(tmp_path, pl.DataFrame(columns).write_csv())
    want = load(csv, holdout=0, label="kind", missing="drop", scale="none").train
    for frame in frames:
        found = load(frame, holdout=0, label="kind", missing="drop", scale="none").train
        assert found.images.tolist() == want.images.tolist() == [[1.5, 1], [2.5, 3]]
        assert found.label_names == ("u", "v") and found.names == ("0", "2")
    named = pandas.DataFrame([[1.0, 2.0], [3.0, 4.0]])
    assert load(named, holdout=0, scale="none").train.columns.names == ("0", "1")
    nullable = pandas.DataFrame({"a": pandas.array([1, None, 3], dtype="Int64")})
    assert load(nullable, holdout=0, scale="none", missing="mean").train.images[1].item() == 2


# ---- missing values


@pytest.mark.parametrize("hole", ["", " ", "?", "NA", "N/A", "nan", "NaN", "null", "-", "None"])
@pytest.mark.parametrize("how", [None, "drop", "mean", "median"])
@quiet
def test_missing_values(hole, how, tmp_path):
    path = write(tmp_path, f"a,b,k\n1,2,x\n3,{hole},y\n5,10,x\n9,6,y\n")
    if how is None:
        with pytest.raises(VaekitError, match=r"1 missing .*by column: 'b' 1.*missing=drop"):
            read(path, label="k")
        return
    found = read(path, label="k", missing=how)
    if how == "drop":
        assert found.images.tolist() == [[1, 2], [5, 10], [9, 6]]
        assert found.names == ("0", "2", "3") and found.labels.tolist() == [0, 0, 1]
    else:
        assert found.images[1].tolist() == [3, 6]


def test_a_class_may_be_none(tmp_path):
    found = read(write(tmp_path, "a,k\n1,none\n2,mild\n3,none\n"), label="k")
    assert found.label_names == ("mild", "none")


def test_counts_by_column(tmp_path):
    path = write(tmp_path, "a,b,c\n1,,3\n,,3\n1,2,\n")
    with pytest.raises(VaekitError, match=r"4 missing .*'a' 1, 'b' 2, 'c' 1"):
        read(path)
    with pytest.raises(VaekitError, match="misses a value in every row"):
        read(path, missing="drop")
    with pytest.raises(VaekitError, match=r"columns without a single value .*: b"):
        read(write(tmp_path, "a,b\n1,\n2,?\n"), missing="mean")


@quiet
def test_what_is_learned_is_learned_from_training_rows(tmp_path):
    """The held-out rows are extreme: neither scaling nor filling may know of them."""
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    held = load(write(tmp_path, frame(numbers)), seed=3, holdout=0.25).test.rows
    numbers[held] += 1000
    numbers[[int(held[0]), 7 if 7 not in held else 8]] = np.nan
    parts = load(write(tmp_path, frame(numbers)), seed=3, holdout=0.25, missing="mean")
    rows = np.setdiff1d(np.arange(40), held.numpy())
    mean = np.nanmean(numbers[rows], axis=0)
    np.testing.assert_allclose(parts.train.columns.fill, mean)
    filled = np.where(np.isnan(numbers[rows]), mean, numbers[rows])
    np.testing.assert_allclose(parts.train.columns.shift, filled.mean(0))
    np.testing.assert_allclose(parts.train.columns.width, filled.std(0))
    x = parts.train.batch(torch.arange(len(parts.train)))
    torch.testing.assert_close(x.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    assert parts.test.batch(torch.arange(len(parts.test))).max() > 100
    assert parts.test.columns is parts.train.columns


def frame(numbers: np.ndarray) -> str:
    return pl.DataFrame(numbers, schema=["a", "b"]).fill_nan(None).write_csv()


# ---- scaling


@pytest.mark.parametrize(
    ("values", "constant"),
    [
        ([0.3, 0.1 + 0.2], True),
        ([sum([0.1] * 10), 1.0], True),
        ([7.0, 7.0], True),
        ([0.0, 0.0], True),
        ([1e9, 1e9 + 1e-6], True),
        ([1e9, 1e9 + 1], False),
        ([1.0, 1.0 + 1e-12], False),
        ([0.0, 1e-100], False),
        ([-1e-20, 1e-20], False),
    ],
)
@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_columns_that_vary_by_rounding_alone(values, constant, scale, tmp_path):
    pl.DataFrame({"a": values * 6, "b": [1.0, 2.0, 4.0] * 4}).write_parquet(tmp_path / "t.parquet")
    found = table(tmp_path / "t.parquet", scale=scale)
    spread = float(found.images[:, 0].max() - found.images[:, 0].min())
    assert spread == 0 if constant else spread == pytest.approx(2 if scale == "standard" else 1)
    back = found.columns.own(found.images.numpy().astype(np.float64))
    np.testing.assert_allclose(back[:, 0], values * 6, rtol=1e-6, atol=1e-300)


def test_a_float32_column_has_the_rounding_of_its_type(tmp_path):
    values = np.float32(0.1) + np.array([0, 1e-8] * 6, np.float32)
    pl.DataFrame({"a": values}).write_parquet(tmp_path / "t.parquet")
    assert table(tmp_path / "t.parquet").images.abs().max() == 0


@pytest.mark.parametrize("scale", ["standard", "minmax", "none"])
@pytest.mark.parametrize("missing", [None, "mean", "median", "drop"])
@pytest.mark.parametrize("cells", ["1e308", "1e308 -1e308", "4e38", "inf", "-inf inf"])
def test_numbers_beyond_float32_are_named(cells, missing, scale, tmp_path):
    rows = "".join(f"{cell},3\n" for cell in cells.split())
    path = write(tmp_path, f"a,b\n1,2\n2,5\n{rows}")
    with pytest.raises(VaekitError, match=r"'a', row 2 \(from 0\).*Repair those") as caught:
        read(path, missing=missing, scale=scale)
    assert "missing=" not in str(caught.value)


def test_numbers_near_the_ends_of_float32(tmp_path):
    found = read(write(tmp_path, "a,b\n3e38,1e-300\n-3e38,0\n"), scale="minmax")
    assert found.images.tolist() == [[1, 1], [0, 0]]
    with pytest.raises(VaekitError, match=r"beyond float32 on the scale .*row 1, column 'b' \(1\)"):
        found.columns.scaled(np.array([[0.0, 0.0], [0.0, 1.0]]))


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize(
    ("step", "kind", "lost"),
    [(1, "i8", True), (10, "i8", True), (100, "u8", True), (2**40, "i8", False), (0, "i8", False)],
)
def test_whole_numbers_that_float64_loses_are_said(step, kind, lost, scale, tmp_path, recwarn):
    whole = (17 * 10**17 + step * np.arange(100)).astype(kind)
    frame = pl.DataFrame({"k": whole, "b": np.arange(100) % 7})
    frame.write_csv(tmp_path / "t.csv")
    for given in (frame, tmp_path / "t.csv"):
        recwarn.clear()
        load(given, holdout=0, scale=scale)
        said = [str(w.message) for w in recwarn.list if "float64 can tell apart" in str(w.message)]
        assert [s.split(":")[1].split()[2] for s in said] == ["k"] * lost


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        ([2**24, 2**24 + 1, 5], True),
        ([1e9, 1e9 + 0.5, 1e9 + 1], True),
        ([-1e9, -1e9 + 1, None], True),
        ([2**24, 2**24 + 2, 5], False),
        ([0.1, 0.2, 0.3], False),
        ([0.3, 0.1 + 0.2, 0.3], False),
        ([1e9, 1e9, 1e9], False),
        (np.random.default_rng(0).random(100_000).tolist(), False),
    ],
)
def test_differences_that_float32_loses_are_said(values, lost, tmp_path, recwarn):
    frame = pl.DataFrame(
        {"a": values, "b": values[::-1], "c": [0.5 * (v or 0) % 3 for v in values]}
    )
    frame = frame.with_columns(b=pl.Series([1.5, 2.5, 4.5] * len(frame))[: len(frame)])
    load(frame, holdout=0, scale="none", missing="mean")
    said = [str(w.message) for w in recwarn.list]
    assert any("values of a differ by less" in s and "scale=standard" in s for s in said) == lost
    assert len(said) == lost
    load(frame, holdout=0, missing="mean")
    assert len(recwarn.list) == lost


@pytest.mark.parametrize("scale", ["standard", "minmax"])
@pytest.mark.parametrize("constant", [5.0, 0.0, 7.3, -1e-30])
def test_values_off_a_constant_column_are_said(constant, scale, recwarn):
    numbers = np.stack([np.full(4, constant), np.arange(4.0)], axis=1)
    made = TableColumns.of(("a", "b"), numbers, scale)
    same = numbers.astype(np.float32).astype(np.float64)  # as it may come back
    assert made.scaled(same)[:, 0].tolist() == [0] * 4
    assert not recwarn.list
    for other in (500.0, -1e6, constant + 1e-3):
        said = r"2 of 4 rows hold other values .*constant in training \(a = .*: rows 7, 9$"
        numbers[[1, 3], 0] = other
        with pytest.warns(VaekitWarning, match=said):
            made.scaled(numbers, np.array([6, 7, 8, 9]))


def test_held_out_rows_off_a_constant_column(tmp_path):
    numbers = np.stack([np.full(40, 5.0), np.random.default_rng(0).normal(size=40)], axis=1)
    held = load(write(tmp_path, frame(numbers)), seed=3, holdout=0.25).test.rows
    numbers[held[0], 0] = 6
    said = rf"1 of 40 rows hold other values .*\(a = 5\).*rows {int(held[0])}$"
    with pytest.warns(VaekitWarning, match=said):
        load(write(tmp_path, frame(numbers)), seed=3, holdout=0.25)


def test_a_column_that_is_filled_from_end_to_end(recwarn):
    made = TableColumns.of(("a", "b"), np.array([[1.0, 2], [3, 4]]), "none", "mean")
    assert made.scaled(np.array([[np.nan, 1.0]])).tolist() == [[2, 1]]
    assert not recwarn.list
    with pytest.warns(VaekitWarning, match="no row has a value of a: the training's mean"):
        made.scaled(np.array([[np.nan, 1.0], [np.nan, 2.0]]))


@pytest.mark.parametrize("missing", ["", "mean"])
def test_columns_go_through_plain_types(missing):
    numbers = np.random.default_rng(0).normal(size=(9, 2))
    made = TableColumns.of(("a", "b"), numbers, "standard", missing)
    again = TableColumns.from_plain(made.plain())
    assert again.same(made) and again.scale == "standard" and again.missing == missing
    assert (again.fill is None) == (made.fill is None)
    old = {k: v for k, v in made.plain().items() if k in ("names", "shift", "width")}
    assert TableColumns.from_plain(old).same(made)


# ---- cost


@quiet
@pytest.mark.parametrize("hole", ["5", "-"], ids=["numbers", "text"])
def test_reading_is_linear_in_the_columns(hole, tmp_path):
    took = []
    for width in (5000, 20_000):
        names = ",".join(f"g{i}" for i in range(width))
        values = np.random.default_rng(0).integers(0, 9, (20, width)).astype(str)
        values[3] = hole
        path = write(tmp_path, names + "\n" + "\n".join(",".join(row) for row in values) + "\n")
        start = time.process_time()
        assert table(path, missing="mean").shape == (width,)
        took.append(time.process_time() - start)
    assert took[1] <= 6 * took[0] + 0.2, took


def test_decimal_commas_are_read_in_linear_time(tmp_path):
    took = []
    for width in (5000, 20_000):
        rows = [[f"{(k * j) % 7},5" if k % 2 else f"{k}" for k in range(width)] for j in range(20)]
        content = ";".join(f"g{k}" for k in range(width)) + "\n"
        path = write(tmp_path, content + "\n".join(";".join(row) for row in rows) + "\n")
        start = time.process_time()
        assert table(path).shape == (width,)
        took.append(time.process_time() - start)
    assert took[1] <= 6 * took[0] + 0.2, took


# ---- columns that blanks align


ALIGNED = {
    "names above": ("       alpha        beta\n", "{:12.3f}{:12.3f}\n"),
    "to the left, and blanks at the end": ("alpha  beta\n", "{:<9.3f}{:<9.3f}  \n"),
    "tabs among blanks": ("alpha\t beta\n", "{:.3f} \t  {:.3f}\n"),
    "line ends of Windows": ("  alpha   beta\r\n", "  {:8.3f}  {:8.3f}  \r\n"),
    "header of NumPy": ("# alpha beta\n", "{:12.3f} {:12.3f}\n"),
    "a header of NumPy, one blank": ("# alpha beta\n", "{:.3f} {:.3f}\n"),
    "quoted names": ('   "alpha"   "beta"\n', "{:9.3f}{:9.3f}\n"),
}


@pytest.mark.parametrize("case", ALIGNED)
@pytest.mark.parametrize("how", ["", ", separator=space", ", mmap=true"])
def test_aligned_columns_are_columns(case, how, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "TEXT", 700)  # several of them when mapped
    head, line = ALIGNED[case]
    how = how.replace("space", "tab" if "\t" in head else "space")
    x = np.random.default_rng(0).normal(size=(40, 2)).round(3) * [1, 100]
    (tmp_path / "t.txt").write_text(head + "".join(line.format(*row) for row in x), newline="")
    read = load(f"table('{tmp_path / 't.txt'}'{how})").joined()
    assert read.columns.names == ("alpha", "beta")
    own = read.columns.own(read.batch().double().numpy())
    np.testing.assert_allclose(np.sort(own, 0), np.sort(x, 0), atol=1e-3)


def test_two_blanks_may_hold_a_missing_value(tmp_path):
    """Where single blanks part the lines alike they do, as before."""
    (tmp_path / "t.txt").write_text("a b c\n1  3\n4 5 6\n7 8 9\n")
    with pytest.raises(VaekitError, match=r"by column: 'b' 1"):
        load(f"table('{tmp_path / 't.txt'}')")


def test_words_beside_words_are_no_columns(tmp_path):
    (tmp_path / "t.txt").write_text("city\nNew York\nLos Angeles\nSan  Jose\n")
    with pytest.raises(VaekitError, match="columns that are no numbers: city"):
        load(f"table('{tmp_path / 't.txt'}')")
