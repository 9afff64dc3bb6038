"""Sets larger than memory: mapped from the cache they are what they are in memory."""

import errno
import gzip
import json
import shutil
import warnings
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vaekit.data import Dataset, border, load
from vaekit.data.files import blocks, tables
from vaekit.data.tables.columns import TableColumns
from vaekit.data.tables.medians import medians
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.system import memory

DISK = namedtuple("DISK", "total used free")


def photo(path: Path, seed: int, size: tuple[int, int] = (9, 7), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size[::-1], len(mode)) if len(mode) > 1 else size[::-1]
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels, mode).save(path)


def classes(root: Path) -> dict[str, Any]:
    for k in range(12):
        photo(root / ("cat", "dog", "eel")[k % 3] / f"{k}.png", k)
    return {}


def gray_of_sixteen_bits(root: Path) -> dict[str, Any]:
    root.mkdir()
    for k in range(5):
        pixels = np.random.default_rng(k).integers(0, 65536, (6, 5), dtype=np.uint16)
        Image.fromarray(pixels).save(root / f"{k}.png")
    photo(root / "x.png", 9, (5, 6), "L")
    return {}


def pages(root: Path) -> dict[str, Any]:
    root.mkdir()
    one, *others = [Image.new("L", (6, 6), k) for k in range(12)]
    one.save(root / "stack.tif", save_all=True, append_images=others)
    photo(root / "one.png", 1, (6, 6), "L")
    return {}


def sizes_that_differ(root: Path) -> dict[str, Any]:
    for k in range(8):
        photo(root / f"{k}.png", k, (9 + k, 12 - k), "RGBA" if k % 2 else "RGB")
    return {"size": 6, "ground": "black"}


def a_broken_one(root: Path) -> dict[str, Any]:
    for k in range(40):
        photo(root / f"{k}.png", k)
    (root / "7.png").write_bytes(b"no picture")
    whole = (root / "30.png").read_bytes()
    (root / "30.png").write_bytes(whole[:100])  # its head is sound
    return {"skip": True}


def own_parts(root: Path) -> dict[str, Any]:
    for k in range(8):
        photo(root / ("train", "test")[k % 4 == 0] / "ab"[k % 8 > 3] / f"{k}.png", k)
    return {"gray": True}


FOLDERS = [classes, gray_of_sixteen_bits, pages, sizes_that_differ, a_broken_one, own_parts]


def loaded(what: Any, **options: Any) -> tuple[list[Dataset], list[str]]:
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        parts = list(load(what, **options))
    return parts, sorted(str(note.message) for note in notes)


def assert_same(own: Dataset, mapped: Dataset) -> None:
    assert mapped.checksum() == own.checksum() and mapped.range == own.range
    assert torch.equal(mapped.images, own.images) and mapped.images.dtype == own.images.dtype
    assert (own.labels is None) == (mapped.labels is None)
    if own.labels is not None and mapped.labels is not None:
        assert torch.equal(own.labels, mapped.labels)
    for key in ("name", "label_names", "files"):
        assert getattr(own, key) == getattr(mapped, key)
    rows = torch.arange(len(own))
    assert own.names_of(rows) == mapped.names_of(rows)
    assert repr(own) == repr(mapped)


@pytest.mark.parametrize("make", FOLDERS)
def test_a_mapped_folder_is_the_same(own_cache, tmp_path, make):
    options = make(tmp_path / "pics")
    own, notes = loaded(tmp_path / "pics", **options)
    for _ in range(2):  # made, and read again
        mapped, notes_mapped = loaded(tmp_path / "pics", mmap=True, **options)
        assert notes_mapped == notes
        for one, other in zip(own, mapped, strict=True):
            assert_same(one, other)
    assert list(own_cache.glob("folder/*/images.npy"))


def test_pictures_that_changed_are_decoded_anew(own_cache, tmp_path):
    classes(tmp_path / "pics")
    before = load(tmp_path / "pics", mmap=True, holdout=0).train
    photo(tmp_path / "pics" / "cat" / "0.png", 99)
    after = load(tmp_path / "pics", mmap=True, holdout=0).train
    assert after.checksum() != before.checksum()
    assert_same(load(tmp_path / "pics", holdout=0).train, after)


def test_pictures_that_change_meanwhile_are_refused(own_cache, tmp_path, monkeypatch):
    classes(tmp_path / "pics")
    from vaekit.data.files import folder_reader

    decode = folder_reader.decode_page

    def decode_and_change(*given: Any) -> np.ndarray:
        (tmp_path / "pics" / "cat" / "0.png").touch()
        return decode(*given)

    monkeypatch.setattr(folder_reader, "decode_page", decode_and_change)
    with pytest.raises(VaekitError, match="changed while they were read: load them again"):
        load(tmp_path / "pics", mmap=True)
    assert not list(own_cache.glob("folder/*"))


def test_a_broken_picture_leaves_nothing(own_cache, tmp_path):
    a_broken_one(tmp_path / "pics")
    with pytest.raises(
        VaekitError, match=r"pass over such files with skip=true: \"folder\('.*', skip=true\)\""
    ):
        load(tmp_path / "pics", mmap=True)
    assert not list(own_cache.glob("folder/*"))


def test_a_damaged_cache_is_said(own_cache, tmp_path):
    classes(tmp_path / "pics")
    load(tmp_path / "pics", mmap=True)
    (place,) = own_cache.glob("folder/*")
    record = json.loads((place / "source.json").read_text())
    (place / "source.json").write_text(json.dumps({**record, "names": record["names"][1:]}))
    with pytest.raises(VaekitError, match="delete that folder, and they are made anew"):
        load(tmp_path / "pics", mmap=True)
    (place / "images.npy").write_bytes((place / "images.npy").read_bytes()[:-7])
    with pytest.raises(VaekitError, match="delete that folder, and they are made anew"):
        load(tmp_path / "pics", mmap=True)
    shutil.rmtree(place)
    load(tmp_path / "pics", mmap=True)


def test_a_cache_without_room_is_said(own_cache, tmp_path, monkeypatch):
    classes(tmp_path / "pics")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DISK(10, 10, 100))
    with pytest.raises(VaekitError, match=r"needs 0\.0 GiB, but 0\.0 GiB are free"):
        load(tmp_path / "pics", mmap=True)
    assert not list(own_cache.glob("folder/*"))


def test_a_full_disk_is_said(own_cache, tmp_path, monkeypatch):
    classes(tmp_path / "pics")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(VaekitError, match="no space left on the disk: free some"):
        load(tmp_path / "pics", mmap=True)


def test_a_cache_that_cannot_be_written_is_said(own_cache, tmp_path):
    classes(tmp_path / "pics")
    own_cache.write_text("a file")
    with pytest.raises(VaekitError, match="cannot write"):
        load(tmp_path / "pics", mmap=True)


def test_too_much_for_memory_is_said_before(tmp_path, monkeypatch):
    classes(tmp_path / "pics")
    monkeypatch.setattr(memory, "free_memory", lambda: 100)
    with pytest.warns(VaekitWarning, match=r"12 pictures of 7 x 9 .* mmap=true"):
        load(tmp_path / "pics")


def test_free_memory_is_that_of_the_container(tmp_path, monkeypatch):
    assert memory.free_memory() is None or memory.free_memory() > 2**20  # pyright: ignore[reportOptionalOperand]
    for name, text in {"_MACHINE": "MemAvailable: 10 kB", "_LIMIT": "4096", "_USED": "96"}.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(memory, name, tmp_path / name)
    assert memory.free_memory() == 4000
    (tmp_path / "_LIMIT").write_text("max")
    assert memory.free_memory() == 10240
    monkeypatch.setattr(memory, "_MACHINE", tmp_path / "none")
    assert memory.free_memory() is None


# ---- tables

ROWS = 300
TABLES = {
    "plain": {},
    "minmax": {"scale": "minmax"},
    "none": {"scale": "none"},
    "holdout": {"holdout": 0.3},
    "mean": {"missing": "mean"},
    "median": {"missing": "median", "scale": "minmax", "holdout": 0.2},
    "drop": {"missing": "drop"},
    "label": {"label": "kind", "missing": "drop"},
    "numbered label": {"label": "code", "columns": ["a", "d"]},
    "true or false": {"label": "flag", "columns": ["a", "d"]},
}
KINDS = [".csv", ".tsv", ".csv.gz", "semicolon.csv", "utf16.csv", ".parquet", "parts", "csv parts"]


def table_of(options: dict[str, Any]):
    import polars as pl

    rng = np.random.default_rng(7)
    wide = rng.standard_normal((ROWS, 4)) * [1, 1e-3, 1e5, 0] + [0, 5, 1e6, 3]
    columns: dict[str, Any] = {name: wide[:, k].tolist() for k, name in enumerate("abcd")}
    columns["d"] = rng.integers(0, 9, ROWS).tolist()
    columns["constant"] = [3.5] * ROWS
    if "missing" in options:
        for k in (0, 5, 77, 299):
            columns["a"][k] = None
            columns["d"][(k * 7) % ROWS] = None
    if "label" in options:
        columns["kind"] = [f'a "b" {k % 3}' if k % 50 else None for k in range(ROWS)]
        columns["code"] = [10 - k % 11 for k in range(ROWS)]
        columns["flag"] = [k % 2 == 0 for k in range(ROWS)]
    return pl.DataFrame(columns)


def written(frame: Any, kind: str, place: Path) -> Path:
    place.mkdir()
    path = place / f"t{kind}"
    if kind in ("parts", "csv parts"):
        path.mkdir()
        for k, start in enumerate(range(0, ROWS, 30)):  # part-10 comes after part-9
            part = frame[start : start + 30]
            if kind == "parts":
                part.write_parquet(path / f"part-{k}.parquet")
            else:
                part.write_csv(path / f"part-{k}.csv")
        return path
    if kind == ".parquet":
        frame.write_parquet(path, row_group_size=64)
        return path
    separator = {".tsv": "\t", "semicolon.csv": ";"}.get(kind, ",")
    text = frame.write_csv(separator=separator)
    if kind == ".csv.gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-16" if kind == "utf16.csv" else "utf-8")
    return path


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(border, "_PIECE", 2**11)
    monkeypatch.setattr(blocks, "TEXT", 3000)
    monkeypatch.setattr(blocks, "CELLS", 150)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", TABLES)
def test_a_mapped_table_is_the_same(own_cache, small_pieces, tmp_path, kind, case):
    options = TABLES[case]
    path = written(table_of(options), kind, tmp_path / "tables")
    own, notes = loaded(f"table('{path}')", **options)
    for _ in range(2):
        mapped, notes_mapped = loaded(f"table('{path}', mmap=true)", **options)
        assert notes_mapped == notes
        for one, other in zip(own, mapped, strict=True):
            assert_same(one, other)
            assert one.columns is not None and other.columns is not None
            assert one.columns.plain() == other.columns.plain()
    assert [path.suffix for path in own_cache.rglob("*.part")] == []


def test_records_with_line_breaks_stay_whole(own_cache, small_pieces, tmp_path):
    rows = [f'{k},{k % 7},"a, {k % 3}\nline ""{k}"" "\n' for k in range(400)]
    (tmp_path / "t.csv").write_text("a,b,note\n" + "".join(rows))
    options = {"separator": "comma", "columns": ["a", "b"]}
    own, notes = loaded(tmp_path / "t.csv", **options)
    mapped, notes_mapped = loaded(tmp_path / "t.csv", mmap=True, **options)
    assert notes == notes_mapped and "looks like row numbers" in notes[0]
    assert_same(own[0], mapped[0])


def test_pieces_change_no_scaling(monkeypatch):
    numbers = np.random.default_rng(0).standard_normal((1000, 3)) * 1e3
    numbers[3, 1] = np.nan
    for scale in ("standard", "minmax"):
        for missing in ("mean", "median"):
            whole = TableColumns.of(("a", "b", "c"), numbers, scale, missing)
            with monkeypatch.context() as patch:
                patch.setattr(border, "_PIECE", 1000)
                pieces = TableColumns.of(("a", "b", "c"), numbers, scale, missing)
            for key in ("shift", "width", "fill"):
                assert np.allclose(getattr(whole, key), getattr(pieces, key), rtol=1e-13)


@pytest.mark.parametrize("few", [1, 1000, 2**26])
def test_medians_are_exact(monkeypatch, few):
    monkeypatch.setattr("vaekit.data.tables.medians._AT_ONCE", few)
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 100, 501):
        x = rng.standard_normal((n, 4)) * 10.0 ** rng.integers(-8, 8, (n, 4))
        x[:, 3] = np.rint(x[:, 3])
        x[: n // 3, 1] = np.nan
        parts = np.array_split(x, min(n, 3))
        assert np.array_equal(medians(lambda parts=parts: parts), np.nanmedian(x, axis=0))


BAD = {
    "a,b\n" + "1,2\n" * 900 + "1,x\n": r"b \('x'\) in row 900 \(from 0\)",
    "a,b\n" + "1,2\n" * 900 + "1,\n": r"missing or infinite .* column 'b', row 900 \(from 0\)",
    "a,b\n" + "1,2\n" * 900 + "1,2,3\n": "cannot read the table",
    "a,b\n": "no rows below it",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_rows_far_below_are_said(own_cache, small_pieces, tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(VaekitError, match=BAD[text]):
        load(tmp_path / "t.csv", mmap=True)
    assert not list(own_cache.rglob("*.*"))


def test_bad_part_files_are_said(own_cache, tmp_path):
    place = tmp_path / "parts"
    place.mkdir()
    for options in ({}, {"mmap": True}):
        with pytest.raises(VaekitError, match="holds no part files"):
            load(f"table('{place}')", **options)
    (place / "1.csv").write_text("a,b\n1,2\n")
    (place / "2.csv").write_text("a,c\n1,2\n")
    for options in ({}, {"mmap": True}):
        with pytest.raises(VaekitError, match=r"1\.csv and 2\.csv .* differ in column 'b'"):
            load(f"table('{place}')", **options)
    with pytest.raises(VaekitError, match="in memory already: leave mmap out"):
        load(table_of({}), mmap=True)
    (place / "2.csv").write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(VaekitError, match="no text in UTF-8"):
        load(f"table('{place}', mmap=true)")


def test_a_table_that_changes_meanwhile_is_refused(own_cache, tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n3,5\n" * 9)
    monkeypatch.setattr(tables, "sha256", lambda path: path.touch())
    with pytest.raises(VaekitError, match="changed while it was read"):
        load(tmp_path / "t.csv", mmap=True)
    assert not list(own_cache.rglob("*.*"))


def test_a_large_table_is_said_before(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n3,5\n" * 9)
    monkeypatch.setattr(memory, "free_memory", lambda: 100)
    with pytest.warns(VaekitWarning, match=r"t\.csv will take .* mmap=true"):
        load(tmp_path / "t.csv", holdout=0)
