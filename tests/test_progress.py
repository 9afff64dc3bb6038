"""Bars of what takes long: shown on a terminal, in no one's way elsewhere."""

import io

import pytest
import torch
from parts import vae
from rich.console import Console

from vaekit.apply import encode_set
from vaekit.data import Dataset
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
    with progress.shown(console):
        work(vae(), DATA)
    assert "examples" in said(console)
    assert "/s" in said(console)


def test_nothing_is_drawn_outside_and_where_another_bar_is(console):
    evaluate(vae(), DATA)
    with progress.shown(console), progress.hidden():
        evaluate(vae(), DATA)
    assert said(console) == ""


def test_numbers_are_the_same(console):
    with progress.shown(console):
        shown = evaluate(vae(), DATA)
    assert shown == evaluate(vae(), DATA)


def test_of_nested_loops_the_outer_is_shown(console):
    seen = []
    with progress.shown(console):
        for a in progress.steps(range(3), "outer"):
            seen += [(a, b) for b in progress.steps(range(2), "inner")]
    assert seen == [(a, b) for a in range(3) for b in range(2)]
    assert "outer" in said(console)
    assert "inner" not in said(console)


def test_a_loop_that_breaks_off_leaves_the_next_one_free(console):
    with progress.shown(console):
        for _ in progress.steps(range(3), "first"):
            break
        with pytest.raises(KeyError):
            for _ in progress.steps(range(3), "second"):
                raise KeyError
        list(progress.steps(range(3), "third"))
    assert "third" in said(console)


def test_what_is_quick_is_not_shown(console, monkeypatch):
    monkeypatch.setattr(progress, "WAIT", 60.0)
    with progress.shown(console):
        evaluate(vae(), DATA)
    assert said(console) == ""


def test_it_is_not_for_files(monkeypatch, capsys):
    with progress.shown():
        evaluate(vae(), DATA)
    assert capsys.readouterr().err == ""
