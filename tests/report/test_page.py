"""The page as a reader gets it: whole, alone, the same each time, honest about what it lacks."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib
import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from vaekit import report
from vaekit.errors import VaekitError
from vaekit.report.sections import training
from vaekit.runs import Run


class _Reader(HTMLParser):
    """Collect ids, links and open tags."""

    VOID = ("meta", "img", "br", "path", "use", "image", "rect", "input")

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += "" if "script" in self.open else data


def read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def test_the_page_needs_nothing_else(sprites, page_of, tmp_path):
    page = page_of(sprites, tmp_path)
    found = read(page)
    assert all(link.startswith(("data:", "#")) for link in found.links)
    assert not re.search(r"@import|<script [^>]*src|<link|url\((?!#)", page)
    assert set(re.findall(r"https?://[^\"'\s]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_every_link_on_the_page_has_one_target(sprites, page_of, tmp_path):
    page = page_of(sprites, tmp_path)
    found = read(page)
    inner = {link[1:] for link in found.links if link.startswith("#")}
    inner |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert inner <= set(found.ids)
    own = [name for name in found.ids if not name.startswith("p")]
    assert len(own) == len(set(own))


def test_sections_of_a_set_with_factors(sprites, page_of, tmp_path):
    text = read(page_of(sprites, tmp_path)).text
    for title in (
        "Numbers",
        "Training",
        "Reconstructions",
        "Samples",
        "Latent traversals",
        "Latents against factors",
        "Information about factors",
        "Settings",
    ):
        assert title in text
    assert "finished" in text and "0.001" in text and "mlp(16)" in text
    assert re.search(r"z\d · \d\.\d\d nats", text) and "level of rotation" in text
    assert "MIG = 0." in text and "shuffled factors give 0." in text


def test_the_default_place_and_the_pictures(sprites):
    path = report.write_report(sprites)
    assert path == sprites.folder / "report.html" and path.exists()
    for name in ("reconstructions", "samples", "traversals"):
        with Image.open(sprites.folder / "pictures" / f"{name}.png") as image:
            assert image.mode == "RGBA" and min(image.size) > 100
    with Image.open(sprites.folder / "pictures" / "samples.png") as image:
        assert image.size == (2 * (8 * 34 - 2),) * 2


def test_the_same_run_gives_the_same_page_and_leaves_no_trace(sprites, page_of, tmp_path):
    settings = dict(matplotlib.rcParams)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = page_of(sprites, tmp_path), page_of(Run(sprites.folder), tmp_path)
    assert first == second
    assert torch.equal(before, torch.get_rng_state())
    assert dict(matplotlib.rcParams) == settings


def test_numbers_come_with_their_estimators(sprites, page_of, tmp_path):
    run = Run(sprites.folder)
    assert f"<code>vaekit evaluate {run.folder}</code>" in page_of(run, tmp_path)
    elbo = {"value": -86.4821, "estimator": "a <bound>", "n": 1037, "se": 0.9405, "unit": "nats"}
    shuffled = {"value": 0.02, "estimator": "plug-in", "n": 12, "se": None, "shuffled": 0.001}
    mixed = {**shuffled, "shuffled": 0.003, "factors": ["shape"]}
    known = {"mig": {**shuffled, "factors": ["shape"]}, "gaussian_tc_mean": mixed}
    run.save_metrics({"elbo": elbo, **known, "strange_one": {"value": None}})
    page = page_of(run, tmp_path)
    (run.folder / "metrics.json").unlink()
    text = read(page).text
    assert "vaekit evaluate" not in text
    for part in ("ELBO", "−86.48", "± 0.94", "a <bound>", "1,037", "strange one", "not stated"):
        assert part in text
    assert "0.001 for shuffled factors" in text
    assert "0.003 for latents each shuffled by itself" in text


def test_deterministic_codes_have_no_samples_and_are_ordered_by_variance(make, page_of, tmp_path):
    run = make("ae", "digits", latent=3)
    text = read(page_of(run, tmp_path)).text
    assert "no prior" in text and "variance" in text and "3 sd" in text
    assert not (run.folder / "pictures" / "samples.png").exists()


def test_colour(make, arrays, page_of, tmp_path):
    run = make("vae", arrays["colour"], latent=2)
    page_of(run, tmp_path)
    with Image.open(run.folder / "pictures" / "reconstructions.png") as image:
        red, green, _ = image.convert("RGB").split()
        assert red.tobytes() != green.tobytes()


@pytest.mark.parametrize(("recipe", "latent"), [("vae", 2), ("ae", 8)])
def test_vectors_get_plots(recipe, latent, make, arrays, page_of, tmp_path):
    likelihood = "squared_error"
    run = make(recipe, arrays["vectors"], latent=latent, likelihood=likelihood)
    page = page_of(run, tmp_path)
    assert "first 6 of 9 columns" in read(page).text and "data:image" not in page
    assert not (run.folder / "pictures").exists()


def test_names_are_text_and_never_markup(make, arrays, page_of, tmp_path):
    page = page_of(make("vae", arrays["<b>odd"], latent=2), tmp_path)
    assert "<b>odd" not in page and "vae on <b>odd.npy" in read(page).text


def test_unfinished_runs_say_so(sprites, page_of, tmp_path):
    run = Run(sprites.folder)
    notes = {**run.config.notes, "state": "interrupted", "step": 3, "steps": 1200}
    run.__dict__["config"] = replace(run.config, notes=notes)
    assert "interrupted at step 3 of 1,200" in read(page_of(run, tmp_path)).text


def test_a_schedule_shows_in_a_curve_and_a_constant_weight_does_not(make, page_of, tmp_path):
    run = make("beta_vae", "digits", latent=2, beta="linear(0, 4, epochs=2)")
    text = read(page_of(run, tmp_path)).text
    assert "weight kl" in text and "weight distortion" not in text


def test_terms_that_are_in_no_nats_are_named(make, page_of, tmp_path):
    text = read(page_of(make("vae", "digits", latent=2), tmp_path)).text
    assert "before their weights, in nats." in text
    text = read(page_of(make("wae_mmd", "digits", latent=2), tmp_path)).text
    assert "before their weights, in nats, but for mmd, on scales of their own." in text
    columns = [
        "step",
        "weight_mmd",
        "prior_adversarial",
        "prior_adversarial_critic",
        "information_critic",
    ]
    assert "but for prior adversarial, prior adversarial critic, on" in training._but(columns)


def test_a_run_without_a_history_still_has_a_page(make, page_of, tmp_path):
    run = make("vae", "digits", latent=2)
    (run.folder / "history.csv").unlink()
    assert "no history.csv" in page_of(run, tmp_path)


def test_errors(sprites, tmp_path):
    with pytest.raises(VaekitError, match="is a folder"):
        report.write_report(sprites, tmp_path)


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_tables_show_their_columns_by_name(scale, make, page_of, tmp_path):
    rng = np.random.default_rng(0)
    names = ["_acid", "Säure", "$a$ & b", "a very long name of a column", "<b>e</b>"]
    frame = pl.DataFrame(rng.normal(size=(120, 5)), schema=names)
    frame.with_columns(kind=pl.Series(["u", "v", "w"] * 40)).write_csv(tmp_path / "t.csv")
    data, options = f"table('{tmp_path}/t.csv', label=kind, scale={scale})", {"latent": 2}
    for recipe in ("cvae", "ae"):
        run = make(recipe, data, likelihood="squared_error", **options)
        text = read(page_of(run, tmp_path)).text
        for name in ("_acid", "Säure", "$a$ & b", "a very long name of…", "<b>e</b>"):
            assert text.count(name) >= 3 - (recipe == "ae"), name
        assert "x0" not in text and "examples per second" in text and "images" not in text
        said = {"standard": "Columns are standardised", "minmax": "Columns are scaled to [0, 1]"}
        assert text.count(said[scale]) == (recipe == "cvae")  # of the section on classes
        own = text.count("Columns are in the table's own units")
        assert own == (4 if recipe == "cvae" else 3)
        assert "u, v, w" in text
