"""What a notebook shows of sets, runs, numbers, ledgers, scores and pages: HTML, text escaped."""

import numpy as np
import pytest
import torch
from PIL import Image

import vaekit
from vaekit import data, information
from vaekit.data import Dataset
from vaekit.faces import Numbers, face


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("faces") / "digits"
    settings = {"data": "digits", "latent": 3, "network": "mlp(16)", "epochs": 1}
    return vaekit.train("vae", out=out, verbose=False, **settings)


def test_a_face_escapes_all_text():
    shown = face("<b>", ["a < b"], picture="data:,", what='"x"', heads=["<h>"], rows=[["<i>", "1"]])
    assert "<h>" not in shown and "<i>" not in shown and shown.count("<b>") == 1
    assert "&lt;b&gt;" in shown and "a &lt; b" in shown and 'alt="&quot;x&quot;"' in shown


def test_a_set_of_pictures_is_a_title_and_a_picture():
    train, _ = both = data.load("digits")
    shown = train._repr_html_()
    assert "1,617 of 1,797 examples" in shown and 'src="data:image/' in shown
    assert len(shown) < 20_000
    assert both._repr_html_().count("<img") == 2


def test_a_table_has_no_picture():
    table = Dataset.from_array(np.random.default_rng(0).normal(size=(20, 3)).astype("float32"))
    assert "<img" not in table._repr_html_() and "20 examples" in table._repr_html_()


def test_numbers_are_a_table(run):
    numbers = run.evaluate()
    assert isinstance(numbers, Numbers) and isinstance(run.metrics, Numbers)
    shown = numbers._repr_html_()
    assert f"{len(numbers)} numbers" in shown and shown.count("<tr>") == len(numbers) + 1
    assert "elbo" in shown and "±" in shown and "nats" in shown
    assert Numbers(elbo={"value": 1.0}, left="out")._repr_html_().count("<tr>") == 2


def test_a_ledger_and_scores_are_tables(run):
    ledger = run.ledger()
    assert ledger._repr_html_().count("<tr>") == len(ledger.rows) + 1
    scores = information.score_examples(run.model, run.data.test, samples=2)
    assert scores._repr_html_().count("<tr>") == len(scores.values) + 1
    assert "180 examples" in scores._repr_html_()


def test_a_run_says_how_it_is_and_shows_examples(run):
    run.evaluate()
    shown = run._repr_html_()
    assert "vae on digits, finished" in shown and "<img" in shown and "nats" in shown


def test_a_run_without_weights_has_a_face(run, tmp_path):
    (tmp_path / "run.yaml").write_text((run.folder / "run.yaml").read_text())
    assert "vae on digits" in vaekit.Run(tmp_path)._repr_html_()


def test_show_is_the_page_which_is_written_once(run):
    page = run.show()
    written = page.stat().st_mtime_ns
    assert run.show() == run.folder / "report.html"
    assert page.stat().st_mtime_ns == written
    shown = page._repr_html_()
    assert shown.startswith("<iframe srcdoc=") and "<script" not in shown
    page.unlink()
    assert run.show().is_file()


@pytest.mark.parametrize("ending", [".gif", ".webp", ".apng"])
def test_an_interpolation_moves(run, tmp_path, ending):
    from vaekit import cli

    out = tmp_path / f"line{ending}"
    cli.main(["interpolate", str(run.folder), "0", "5", "--steps", "6", "--out", str(out)])
    with Image.open(out) as picture:
        assert getattr(picture, "n_frames", 1) == 2 * 6 - 2  # there and back
        assert picture.size == (56, 56)
        picture.seek(5)
        last = np.asarray(picture.convert("L"), dtype=float) / 255
    ends = torch.from_numpy(run.interpolate(0, 5, 6))
    shown = ends[5, 0].clamp(0, 1).repeat_interleave(7, 0).repeat_interleave(7, 1).numpy()
    assert np.abs(last - shown).max() < 0.02


def test_training_in_a_notebook_draws_its_curve(tmp_path, monkeypatch):
    shown = []

    class Handle:
        def update(self, face):
            shown.append(face)

    def display(face, display_id):
        shown.append(face)
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr("vaekit.runs.start.in_notebook", lambda: True)
    monkeypatch.setattr("vaekit.runs.show._PICTURE_PAUSE", 0.0)
    settings = {"network": "mlp(16)", "epochs": 3, "validation": 0.1}
    vaekit.train("vae", out=tmp_path / "run", data="digits", batch=4, **settings)
    last = shown[-1]._repr_html_()
    assert len(shown) > 3 and "finished after 0 min" in repr(shown[-1])
    assert last.count("<polyline") == 2 and "┄ validation" in last and "vae on digits" in last
    assert "<svg" in shown[1]._repr_html_() and "finished" not in shown[1]._repr_html_()


def test_a_curve_shows_what_comes_after_its_start():
    from vaekit.runs.show import curve_lines, curve_svg

    rows = [{"step": float(s), "objective": 1000.0 / s} for s in range(1, 1001)]
    rows[500]["objective"] = float("nan")
    (line,) = lines = curve_lines(rows, "objective")
    assert len(line) == 999
    drawn = curve_svg(lines, 'curve of "x"')
    assert ">10</text>" in drawn and ">1</text>" in drawn and "&quot;x&quot;" in drawn
    assert drawn.count(" ", drawn.index("points"), drawn.index("fill")) < 260
    assert curve_svg(curve_lines(rows[:1], "objective"), "") == ""
