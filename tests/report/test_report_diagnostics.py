"""Diagnostics on the page: where they belong, and what their pictures are made of."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.data.factors import Factors
from vaekit.model import Condition, Model
from vaekit.priors import Normal
from vaekit.report import codes as coding
from vaekit.report.section import View
from vaekit.report.sections import conditions, denoising, filters, images

OWN = {"activations", "selection", "filters", "contraction", "denoising", "classes", "conditions"}
LINEAR, SIGMOIDS = {"network": "mlp()"}, {"network": "mlp(activation=sigmoid)"}
IMAGES = [
    ("ae", {}, set()),
    ("ae", LINEAR, {"filters"}),
    ("vae", LINEAR, {"filters"}),
    ("sparse_ae", {"latent": 12, **SIGMOIDS}, {"activations", "filters"}),
    ("sparse_ae", {"network": "mlp(9, activation=sigmoid)", "layers": "all"}, {"activations"}),
    ("k_sparse_ae", {"latent": 120, "k": 3, **LINEAR}, {"selection", "filters"}),
    ("k_sparse_ae", {"latent": 12, "k": 3}, {"selection"}),
    ("contractive_ae", {"latent": 7, **LINEAR}, {"contraction", "filters"}),
    ("denoising_ae", {"corruption": "masking(p=0.7)"}, {"denoising"}),
    ("cvae", {"latent": 3}, {"classes"}),
    ("cvae", {"latent": 3, "prior": "normal"}, {"classes"}),
]
TABLES = [
    ("ae", LINEAR, set()),
    ("sparse_ae", {"latent": 5, **SIGMOIDS}, {"activations"}),
    ("k_sparse_ae", {"latent": 9, "k": 2, **LINEAR}, {"selection"}),
    ("contractive_ae", {"latent": 1, **LINEAR}, {"contraction"}),
    ("denoising_ae", {"latent": 2}, {"denoising"}),
    ("cvae", {"latent": 2, "likelihood": "squared_error"}, {"classes"}),
]


def own_sections(page: str) -> set[str]:
    return set(re.findall(r'<section id="(\w+)"', page)) & OWN


def whole(page: str) -> bool:
    """Say whether a page asks for nothing from outside."""
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    outside = set(re.findall(r"https?://[^\"'\s]+", page)) - {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    return not outside and all(link.startswith(("data:", "#")) for link in links)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a table with a column of classes, which moves its first column."""
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    rng = np.random.default_rng(0)
    rows = [",".join(f"{v:.3f}" for v in rng.normal(i % 3, 1, 8)) + f",{i % 3}" for i in range(150)]
    path.write_text("\n".join(["a,b,c,d,e,f,g,h,kind", *rows]), encoding="utf-8")
    return f"table('{path}', label='kind')"


@pytest.mark.parametrize(("recipe", "arguments", "expected"), IMAGES)
def test_sections_of_images(recipe, arguments, expected, make, page_of, tmp_path):
    page = page_of(run := make(recipe, "digits", **arguments), tmp_path)
    assert own_sections(page) == expected and whole(page)
    drawn = {p.stem for p in (run.folder / "pictures").iterdir()}
    assert drawn & OWN == expected & {"filters", "denoising", "classes"}


@pytest.mark.parametrize(("recipe", "arguments", "expected"), TABLES)
def test_sections_of_tables(recipe, arguments, expected, labelled, make, page_of, tmp_path):
    page = page_of(run := make(recipe, labelled, **arguments), tmp_path)
    assert own_sections(page) == expected and whole(page)
    assert not (run.folder / "pictures").exists() and "data:image" not in page
    assert "on table(&#39;table.csv&#39;, label=&#39;kind&#39;)" in page


def test_the_numbers_in_the_captions(make, page_of, tmp_path):
    page = page_of(make("k_sparse_ae", "digits", latent=120, k=3, network="mlp()"), tmp_path)
    assert re.search(r"the k = 3 largest", page) and "of 120 (" in page
    page = page_of(make("sparse_ae", "digits", rho=0.2, latent=9), tmp_path)
    assert "each of the 9 units" in page and "ρ = 0.2" in page
    page = page_of(make("denoising_ae", "digits", corruption="masking(p=0.7)"), tmp_path)
    assert "masking at level 0.7" in page and "PSNR = 10 log₁₀(1²" in page


def test_the_same_page_each_time(make, page_of, tmp_path):
    for recipe in ("denoising_ae", "cvae"):
        run = make(recipe, "digits", latent=3)
        assert page_of(run, tmp_path) == page_of(run, tmp_path)


def test_factors_move_one_at_a_time(make, page_of, tmp_path):
    data = "sprites(scales=2, rotations=3, positions=5, size=32)"
    run = make("cvae", data, latent=2, condition="factors")
    page = page_of(run, tmp_path)
    assert "conditions" in own_sections(page) and ">rotation</span>" in page
    with Image.open(run.folder / "pictures" / "conditions.png") as image:
        assert image.width > image.height


def test_a_factor_moves_over_its_levels_and_the_others_stay():
    sizes = (2, 1, 15)
    factors = Factors(("a", "b", "c"), sizes, tuple(np.arange(s) for s in sizes))
    data = Dataset(torch.zeros(30, 4), factors=factors)
    codes = coding.ItemCodes(torch.tensor([17, 18]), np.zeros((2, 2)), np.zeros(2), True)
    first, last = conditions.sweeps(data, codes, Condition("factors", 18))
    assert (first.name, last.name) == ("a", "c") and first.values == [0, 1]
    assert len(last.values) == conditions.STEPS and last.values[-1] == 14
    assert (first.conditions.sum(1) == 3).all() and (last.conditions.sum(1) == 3).all()
    assert (first.conditions[:, 3 + 2] == 1).all() and (last.conditions[:, 1] == 1).all()


def test_an_attribute_moves_over_its_values(tmp_path):
    known = torch.stack([torch.linspace(0, 1, 101), torch.full((101,), 7.0)], 1)
    data = Dataset(torch.rand(101, 4), attributes=known)
    model, _ = recipes.cvae((4,), latent=2, condition="attributes", width=2)
    codes = coding.encode_items(model, data)
    (move,) = conditions.sweeps(data, codes, Condition("attributes", 2))
    assert move.name == "attribute 0" and (move.conditions[:, 1] == 7).all()
    assert move.values == pytest.approx(np.linspace(0.05, 0.95, conditions.STEPS).tolist())
    (section,) = conditions.sections(View(model, data, codes, tmp_path))
    assert "5th to the 95th" in section.caption and "var(--series-3)" in section.figures[0]


def test_a_style_is_the_same_noise_under_every_class():
    model, _ = recipes.cvae((4,), latent=3, width=2)
    last = [m for m in model.prior.modules() if isinstance(m, torch.nn.Linear)][-1]
    torch.nn.init.normal_(last.weight)
    eye, none = torch.eye(2), coding.ItemCodes(torch.arange(1), np.zeros((1, 3)), np.zeros(3), True)
    found = [conditions.styles(model, none, c, 5) for c in eye]
    with torch.no_grad():
        prior = model.prior(eye)
    noise = [(z - prior.mean[i]) / prior.variance[i].sqrt() for i, z in enumerate(found)]
    assert torch.allclose(noise[0], noise[1], atol=1e-4) and not torch.allclose(*found)
    plain = Model(model.posterior, model.likelihood, Normal(3), condition=model.condition)
    assert torch.equal(*[conditions.styles(plain, none, c, 5) for c in eye])


def test_traversals_of_a_conditional_prior_span_it():
    model, _ = recipes.cvae((4,), latent=3, width=2)
    last = [m for m in model.prior.modules() if isinstance(m, torch.nn.Linear)][-1]
    torch.nn.init.normal_(last.weight)
    data = Dataset(torch.rand(9, 4), labels=torch.arange(9) % 2)
    codes = coding.encode_items(model, data)
    with torch.no_grad():
        prior = model.prior(torch.eye(2))
    ends = coding.sweep(codes, 1, 2, place=5)
    m, t = float(prior.mean[1, 1]), float(prior.variance[1, 1].sqrt())
    assert ends == pytest.approx([m - 3 * t, m + 3 * t], rel=1e-5)
    assert images.path(codes, 1, 5, 2)[:, 1].tolist() == pytest.approx(ends.tolist(), rel=1e-5)
    assert images.column_heads(codes)[0] == "−3 sd" and "p(z|c)" in images.order_text(codes, [0])


def test_without_a_prior_styles_are_codes_of_test_items():
    made, _ = recipes.cvae((4,), latent=3, width=2)
    model = Model(made.posterior, made.likelihood, condition=made.condition)
    codes = coding.ItemCodes(torch.arange(9), np.random.rand(9, 3), np.zeros(3), False)
    found = conditions.styles(model, codes, torch.eye(2)[0], 3)
    assert np.allclose(found.numpy(), codes.means[[0, 4, 8]])


def test_filters_are_columns_of_the_decoder_and_rows_of_the_encoder():
    model, _ = recipes.ae((1, 3, 3), latent=4, network="mlp()")
    data = Dataset(torch.rand(9, 1, 3, 3))
    found = filters.linear(model, data)
    decoder, encoder = model.likelihood.network[0], model.posterior.network[1]
    assert torch.equal(found["decoder"][2].flatten(), decoder.weight[:, 2])
    assert torch.equal(found["encoder"][2].flatten(), encoder.weight[2])
    deep, _ = recipes.ae((1, 3, 3), latent=4, network="mlp(5)")
    assert filters.linear(deep, data) == {}


def test_filters_of_a_conditional_decoder_leave_the_condition_out():
    model, _ = recipes.cvae((1, 3, 3), latent=4, width=2, network="mlp()")
    found = filters.linear(model, Dataset(torch.rand(9, 1, 3, 3)))
    assert set(found) == {"decoder"} and found["decoder"].shape == (4, 1, 3, 3)


def test_filters_have_grey_zeros_and_their_own_scale():
    weights = torch.tensor([[-2.0, 0, 1, 2], [0, 0, 0, 0], [0.01, 0, 0, 0]]).reshape(3, 1, 2, 2)
    grey = filters.filter_tiles(weights)[..., 0].reshape(3, 4).tolist()
    assert grey == [[0, 128, 191, 255], [128] * 4, [255, 128, 128, 128]]


def test_the_legend_of_denoising_lies_on_no_curve(make, monkeypatch):
    run = make("denoising_ae", "digits", corruption="masking(p=0.7)")
    drawn = []

    class Kept(denoising.Plot):
        def __enter__(self):
            drawn.append(super().__enter__())
            return drawn[-1]

    monkeypatch.setattr(denoising, "Plot", Kept)
    model, test = run.model, run.data.test
    codes = coding.encode_items(model, test)
    assert list(denoising.sections(View(model, test, codes, run.folder / "pictures")))
    (plot,) = drawn
    (legend,) = plot.figure.legends
    low = legend.get_window_extent().y0
    for axes in plot.axes.flat:
        assert axes.get_legend() is None and axes.get_window_extent().y1 <= low


def test_what_one_denoised_pixel_says(make):
    run = make("denoising_ae", "digits", corruption="gaussian(sigma=0)")
    model, test = run.model, run.data.test
    codes = coding.encode_items(model, test)
    (section,) = denoising.sections(View(model, test, codes, run.folder / "pictures"))
    assert len(section.figures) == 1 and "inf dB" in section.caption
