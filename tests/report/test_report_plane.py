"""Pages of codes of two latents."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from vaekit import data, recipes
from vaekit.information.scores.match import match
from vaekit.report import codes as coding
from vaekit.report.section import View
from vaekit.report.sections import plane


@pytest.fixture(scope="module")
def flat(make):
    return make("vae", "digits", latent=2)


def test_the_page(flat, page_of, tmp_path):
    page = page_of(flat, tmp_path)
    found = match(flat.model, flat.data.test)["mmd"]
    assert 'id="plane"' in page and "coloured by class" in page
    said = re.search(r"MMD² of the two is (\S+) ± (\S+), from", page)
    assert said and said[1] == f"{float(found):.3g}".replace("-", "−")
    assert said[2] == f"{found.settings['se']:.2g}"
    assert "that of the prior 2.84 nats" in page
    assert "codes, z ~ q(z|x)" in page and "prior p(z)" in page


def test_minus_signs():
    assert plane._signed(-0.00641, 3) == "−0.00641" and plane._signed(2e-5, 2) == "2e−05"
    assert plane._signed(None, 2) == "–"


def of(recipe, **arguments):
    """Show the plane of an untrained model of digits."""
    torch.manual_seed(0)
    test = data.load("digits").test
    model, _ = getattr(recipes, recipe)(test.shape, network="mlp(8)", **arguments)
    codes, before = coding.encode_items(model, test), torch.get_rng_state()
    found = next(plane.sections(View(model, test, codes, Path())), None)
    assert torch.equal(before, torch.get_rng_state())
    return found


def test_what_has_a_plane_and_what_has_none():
    assert of("vae", latent=2) is not None
    assert of("wae_mmd", latent=2) is not None  # a deterministic code
    assert of("vae", latent=3) is None
    assert of("ae", latent=2) is None  # no prior
    assert of("cvae", latent=2, width=10) is None  # p(z|c)


def test_colours_are_for_few_classes(flat):
    z = np.random.default_rng(0).normal(size=(60, 2))
    svg, coloured = plane.scatter(flat.model, z, np.arange(60) % 3 + 1, ("zero", "one", "two"))
    assert coloured and ">one<" in svg and ">two<" in svg and ">3<" in svg and "zero" not in svg
    for labels in (None, np.arange(60), np.zeros(60, int)):
        assert not plane.scatter(flat.model, z, labels)[1]
    assert plane.scatter(flat.model, z, np.arange(60) % 15)[1]
