"""Bars of what takes long: shown on a terminal, in no one's way elsewhere."""

import io

import numpy as np
import pytest
import torch
from parts import vae
from PIL import Image
from rich.console import Console
from torch.utils.data import DataLoader, IterableDataset

import vaekit
from vaekit import data
from vaekit.apply import encode_set
from vaekit.data import Dataset
from vaekit.data.cache import store
from vaekit.information import evaluate
from vaekit.system import progress

DATA = Dataset.from_array(torch.rand(1200, 6))


@pytest.fixture
def console(monkeypatch):
    monkeypatch.setattr(progress, "WAIT", 0.0)
    return Console(file=io.StringIO(), force_terminal=True, width=80)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("work", [encode_set, evaluate])
def test_loops_over_examples_are_shown(work, console):
    with progress.shown_bars(console=console):
        work(vae(), DATA)
    assert "examples" in said(console)
    assert "/s" in said(console)


def test_nothing_is_drawn_outside_and_where_another_bar_is(console):
    evaluate(vae(), DATA)
    with progress.shown_bars(console=console), progress.shown_bars(False):
        evaluate(vae(), DATA)
    assert said(console) == ""


def test_numbers_are_the_same(console):
    with progress.shown_bars(console=console):
        shown = evaluate(vae(), DATA)
    assert shown == evaluate(vae(), DATA)


def test_of_nested_loops_the_outer_is_shown(console):
    seen = []
    with progress.shown_bars(console=console):
        for a in progress.steps(range(3), "outer"):
            seen += [(a, b) for b in progress.steps(range(2), "inner")]
    assert seen == [(a, b) for a in range(3) for b in range(2)]
    assert "outer" in said(console)
    assert "inner" not in said(console)


def test_a_loop_that_breaks_off_leaves_the_next_one_free(console):
    with progress.shown_bars(console=console):
        for _ in progress.steps(range(3), "first"):
            break
        with pytest.raises(KeyError):
            for _ in progress.steps(range(3), "second"):
                raise KeyError
        list(progress.steps(range(3), "third"))
    assert "third" in said(console)


def test_what_is_quick_is_not_shown(console, monkeypatch):
    monkeypatch.setattr(progress, "WAIT", 60.0)
    with progress.shown_bars(console=console):
        evaluate(vae(), DATA)
    assert said(console) == ""


def test_it_is_not_for_files(monkeypatch, capsys):
    with progress.shown_bars():
        evaluate(vae(), DATA)
    assert capsys.readouterr().err == ""


# ---- what loads, and the page


def test_decoding_of_a_folder_is_shown(console, tmp_path):
    for k in range(5):
        Image.fromarray(np.full((4, 4), 50 * k, np.uint8)).save(tmp_path / f"{k}.png")
    with progress.shown_bars(console=console):
        data.load(str(tmp_path), holdout=0)
    assert "pictures decoded" in said(console)
    assert "/s" in said(console)


def test_pieces_count_what_they_hold(console, tmp_path):
    pieces = [np.zeros((3, 2), np.float32), np.zeros((4, 2), np.float32)]
    with progress.shown_bars(console=console):
        store(tmp_path / "set", 7, pieces)
    assert "examples written" in said(console)
    assert np.load(tmp_path / "set" / "images.npy").shape == (7, 2)


def test_rows_of_a_table_have_no_end_that_is_known(console, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "t.csv").write_text("a,b\n" + "1.5,2\n2,3.5\n" * 20)
    with progress.shown_bars(console=console):
        data.load(f"table('{tmp_path}/t.csv', mmap=true)")
    assert "rows read" in said(console)


def test_a_loader_tells_its_end_or_none(console):
    class Unknown(IterableDataset):
        def __iter__(self):
            return iter(torch.rand(40, 6))

    with progress.shown_bars(console=console):
        evaluate(vae(), DataLoader(Unknown(), batch_size=10), n=40)
        evaluate(vae(), DataLoader(torch.rand(40, 6), batch_size=10))
    assert "examples" in said(console)


def test_the_page_is_shown_by_sections(console, tmp_path):
    options = {"latent": 2, "network": "mlp(8)", "epochs": 1, "device": "cpu", "verbose": False}
    run = vaekit.train("vae", data="digits", out=tmp_path / "run", **options)
    run.evaluate()
    with progress.shown_bars(console=console):
        run.report()
    assert "sections of the page" in said(console)
    assert progress._speed(0.25) == "0.2/s"
    assert progress._speed(1234.5) == "1,234/s"
