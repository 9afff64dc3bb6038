"""The parts of a page by their definitions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vaekit import apply, pictures
from vaekit.data import Dataset, TableColumns
from vaekit.distributions.divergences import kl_by_coordinate
from vaekit.information import indicators
from vaekit.report import codes as coding
from vaekit.report import columns, plots, tables
from vaekit.report.codes import ItemCodes
from vaekit.report.section import View
from vaekit.report.sections import factors, images
from vaekit.runs import Config
from vaekit.training import Training


def made_up(worth: list[float], nats: bool = True) -> ItemCodes:
    means = np.random.default_rng(0).normal(3, 2, (50, len(worth)))
    return ItemCodes(torch.arange(50), means, np.array(worth), nats)


def test_codes_are_means_and_their_worth_is_the_rate_by_coordinate(sprites):
    model, test = sprites.model, sprites.data.test
    found = coding.encode_items(model, test)
    with torch.no_grad():
        q = model.posterior(test.batch(torch.arange(len(test))))
        each = kl_by_coordinate(q, model.prior())
    assert found.means == pytest.approx(q.mean.numpy(), abs=1e-5)
    assert found.nats and found.share == pytest.approx(each.mean(0).numpy(), abs=1e-4)
    known = indicators(model, test)
    assert found.information == pytest.approx(known.remainder.numpy(), abs=1e-4)
    assert (np.diff(found.information[found.order]) <= 0).all()


def test_a_sample_of_a_large_set_is_the_same_each_time():
    rows = coding.sample_rows(1000, 100)
    assert len(rows.unique()) == 100 and torch.equal(rows, rows.sort().values)
    assert torch.equal(rows, coding.sample_rows(1000, 100))
    assert torch.equal(coding.sample_rows(5, 100), torch.arange(5))


def test_samples_are_the_same_each_time_and_disturb_nothing(sprites):
    model, before = sprites.model, torch.get_rng_state()
    first = apply.sample_codes(model, 9)
    assert torch.equal(before, torch.get_rng_state())
    assert first.shape == (9, 7) and torch.equal(first, apply.sample_codes(model, 9))


def test_a_prior_that_cannot_be_sampled_has_no_samples(sprites, tmp_path, monkeypatch):
    def refuses(self, sample_shape=()):
        raise NotImplementedError

    model, test = sprites.model, sprites.data.test
    with torch.no_grad():
        prior = type(model.prior())
    codes = coding.encode_items(model, test)
    assert images.samples(View(model, test, codes, tmp_path)).figures
    monkeypatch.setattr(prior, "sample", refuses)
    monkeypatch.setattr(prior, "rsample", refuses)
    found = images.samples(View(model, test, codes, tmp_path))
    assert not found.figures and found.caption.startswith("None: this prior cannot be sampled, so")


def test_chunks_do_not_change_what_is_decoded(sprites, monkeypatch):
    z = torch.randn(20, 7, generator=torch.Generator().manual_seed(0))
    whole = apply.decode(sprites.model, z)
    monkeypatch.setattr(apply, "CHUNK", 3)
    assert torch.allclose(whole, apply.decode(sprites.model, z), atol=1e-5)
    assert whole.shape == (20, 1, 32, 32)


@pytest.mark.parametrize(
    ("worth", "nats", "shown", "said"),
    [
        ([0.01, 2, 0.02, 1, 3, 4, 5], True, [6, 5, 4, 1, 3], "2 of 7 latents are left out, below"),
        ([0.01, 2, 0.02], True, [1, 2, 0], "All latents are shown"),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 9], True, [5, 0, 1, 2, 3], "1 of 6 latents are left out, below"),
        ([1.0] * 30, True, list(range(20)), "10 of 30 latents are left out, carrying less"),
        ([1.0] * 25, False, list(range(20)), "5 of 25 latents are left out, carrying less"),
    ],
)
def test_rows_are_those_that_tell_something(worth, nats, shown, said):
    codes = made_up(worth, nats)
    assert images.informative(codes) == shown
    assert said in images.order_text(codes, shown)


@pytest.mark.parametrize(
    ("information", "shown", "said"),
    [
        ([0.1, 2.0, 0.6, 0.4], [1, 2], "2 of 4 latents are left out, each of which"),
        ([0.1, 0.2, 0.0], [1, 0, 2], "All latents are shown"),
        ([0.9] * 25, list(range(20)), "5 of 25 latents are left out, carrying less"),
        ([0.1] * 25, list(range(20)), "5 of 25 latents are left out, carrying less"),
    ],
)
def test_rows_of_a_gaussian_code_are_its_influential_factors(information, shown, said):
    codes = replace(made_up([5.0] * len(information)), information=np.array(information))
    assert images.informative(codes) == shown
    text = images.order_text(codes, shown)
    assert said in text and "Ī(x; z_h)" in text
    assert codes.label(shown[0]) == f"z{shown[0]} · {max(information):.2f} nats"


def test_sweeps():
    codes = made_up([1.0, 2.0])
    z = images.path(codes, 1, 4, 13)
    assert z[:, 1].tolist() == pytest.approx(np.linspace(-3, 3, 13).tolist())
    assert (z[:, 0] == np.float32(codes.means[4, 0])).all()
    free = coding.sweep(made_up([1.0, 2.0], nats=False), 0, 9)
    column = codes.means[:, 0]
    wide = column.mean() + column.std() * np.array([-3, 3])
    ends = wide.clip(column.min(), column.max())
    assert free == pytest.approx(np.linspace(*ends, 9)) and (np.diff(free) > 0).all()
    assert images.column_heads(codes)[0] == "−3" and images.column_heads(codes)[12] == "3"


def test_a_sweep_stays_among_the_codes_seen():
    codes = made_up([1.0], nats=False)
    codes.means[:, 0] = np.linspace(0.02, 0.98, 50)  # of a sigmoid, mean ± 3 sd: −0.4 to 1.4
    found = coding.sweep(codes, 0, 13)
    assert (found[0], found[6], found[-1]) == pytest.approx((0.02, 0.5, 0.98))
    assert (np.diff(found) > 0).all()  # so that no frame is there twice
    assert "not beyond the codes seen" in images.order_text(codes, [0])


def test_the_typical_item_ignores_dead_latents():
    codes = made_up([1.0, 1.0])
    codes.means[:, 1] = 0.5
    distance = abs(codes.means[:, 0] - codes.means[:, 0].mean())
    assert coding.typical(codes) == distance.argmin()


def test_labels():
    assert made_up([2.414]).label(0) == "z0 · 2.41 nats"
    assert made_up([2.414], nats=False).label(0) == "z0 · variance 2.41"


def test_tiles_map_the_range_to_bytes():
    values = torch.tensor([-9.0, -1.0, 0.0, 1.0]).reshape(1, 1, 2, 2)
    assert pictures.tiles(values, -1, 1)[0, :, :, 0].tolist() == [[0, 0], [128, 255]]
    assert pictures.tiles(torch.zeros(2, 3, 5, 4)).shape == (2, 5, 4, 3)
    assert pictures.tiles(torch.zeros(2, 4, 5, 4)).shape == (2, 5, 4, 3)
    assert pictures.tiles(torch.zeros(2, 2, 5, 4), 3, 3).shape == (2, 5, 4, 3)
    assert pictures.tiles(torch.ones(1, 1, 300, 200)).shape == (1, 100, 67, 3)


def test_grids_have_transparent_gaps():
    sheet = pictures.grid(np.full((3, 2, 2, 3), 7, np.uint8), 2)
    assert sheet.shape == (6, 6, 4)
    assert sheet[:2, :2].reshape(-1, 4).tolist() == [[7, 7, 7, 255]] * 4
    assert sheet[2:4, :, 3].max() == 0 and sheet[4:, 4:, 3].max() == 0
    assert pictures.stack_sheets([sheet, sheet]).shape == (14, 6, 4)


def test_means_by_cell():
    found = factors.mean_by_cell(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 3)
    assert found[[0, 2]].tolist() == [2, 5] and np.isnan(found[1])


def test_the_last_bits_of_a_layout_do_not_show():
    def drawn(shift: float) -> str:
        with plots.Plot(3, 2) as plot:
            plot.figure.set_layout_engine("none")
            plot.axes[0, 0].set_position((0.2 + shift, 0.2, 0.7, 0.7))
            plot.axes[0, 0].plot([0, 1], [1, 2])
        return plot.svg

    assert "clip-path" in drawn(0)
    assert drawn(0) == drawn(1e-13) != drawn(1e-3)


def test_names_in_other_scripts_are_text():
    assert "密度" in plots.curve([1, 2], [1, 2], "密度")


def test_plots_follow_the_page():
    svg = plots.curve(range(100), [1e9, *range(99)], "a & b")
    assert svg.startswith("<svg") and "var(--series-0)" in svg and "a &amp; b" in svg
    assert "#010203" not in svg and "<metadata" not in svg and "1e9" not in svg
    assert plots.curve([1], [2.0], "one") != plots.curve([1], [3.0], "one")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1234567, "1,234,567"),
        (-86.4821, "−86.48"),
        (0.001, "0.001"),
        (4096.5, "4,096.50"),
        (True, "yes"),
        (None, "–"),
        ([0, 1, 2.5], "0, 1, 2.5"),
        (("a", None), "a, –"),
        (float("nan"), "nan"),
        ("as it is", "as it is"),
    ],
)
def test_text(value, said):
    assert tables.text(value) == said


NUMBERS = np.random.default_rng(0).normal(size=(4, 5))


def test_columns_go_by_their_names():
    rows = Dataset.from_array(NUMBERS)
    assert columns.names(rows, 3) == ["x0", "x1", "x2"] and not columns.scaling(rows)
    own = ("acid", "_hidden", "price in $", "", "a name that is longer than a plot is wide")
    for scale, said in (("standard", "standardised"), ("minmax", "[0, 1]"), ("none", ""), ("", "")):
        scaled = replace(TableColumns.of(own, NUMBERS, "standard"), scale=scale)
        table = replace(rows, columns=scaled)
        assert columns.names(table, 5) == [
            "acid",
            " _hidden",
            "price in $",
            "(no name)",
            "a name that is long…",
        ]
        assert said in columns.scaling(table) and bool(said) == bool(columns.scaling(table))


def test_classes_of_the_settings_go_by_their_names():
    notes = {"shape": [1, 8, 8], "classes": [0, 2], "known": {"label_names": ["ant", "bee", "cat"]}}
    config = Config("cvae", {}, "pics", Training(), notes=notes)
    found = {title: dict(rows) for title, rows in tables.setting_tables(config)}
    assert found["Data"]["shape"] == "1 × 8 × 8" and found["Data"]["classes"] == "ant, cat"
    assert "classes" not in found["Environment"]
    for many, said in ((3, "0, 1, 2"), (1200, "28, 29, … (1,200 in all)")):
        config = replace(config, notes={"classes": list(range(many))})
        assert dict(dict(tables.setting_tables(config))["Data"])["classes"].endswith(said)
