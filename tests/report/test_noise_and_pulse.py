"""What a page says of learned noise and of the coordinates of a code."""

from pathlib import Path

import pytest
import torch

from vaekit.information import indicators
from vaekit.report import codes as coding
from vaekit.report.section import View
from vaekit.report.sections import noise, pulse


def said(run, folder):
    model, test = run.model, run.data.test
    found = next(noise.sections(View(model, test, coding.encode_items(model, test), folder)), None)
    assert found is not None
    return found.caption


def test_residuals_are_those_that_the_noise_was_fitted_to(make, tmp_path, monkeypatch):
    """Codes as wide as the prior: at their means residuals are another thing than at draws."""
    run, seen = make("noise_vae", "digits", latent=3), []
    with torch.no_grad():
        last = run.model.posterior.network[-1]
        last.weight.zero_(), last.bias.zero_()
        run.model.likelihood.network[0].weight.mul_(10)
    model, test = run.model, run.data.test
    monkeypatch.setattr(noise, "_histogram", lambda r, p: seen.append(r.clone()) or "<svg/>")
    before = torch.get_rng_state()
    first, again = said(run, tmp_path), said(run, tmp_path)
    assert "at one code drawn for each of" in first and "Pictures are at the mean code" in first
    assert first == again and torch.equal(*seen) and torch.equal(before, torch.get_rng_state())
    with torch.no_grad():
        at_mean = test.batch(torch.arange(200)) - model.likelihood(torch.zeros(1, 200, 3)).mean[0]
        drawn = torch.cat([(test.batch(torch.arange(200)) - model.likelihood(z).mean[0]).flatten()
                           for z in torch.randn(20, 1, 200, 3)])  # fmt: skip
    size = seen[0].square().mean().sqrt()
    assert size == pytest.approx(float(drawn.square().mean().sqrt()), rel=0.05)
    assert size > 1.1 * at_mean.square().mean().sqrt()


def test_floors_are_named(make, tmp_path):
    with pytest.warns(UserWarning, match="at the floor of 0.5"):
        run = make("noise_vae", "digits", floor=0.5)
    assert "Beware: the variance of the noise is at the floor of 0.5" in said(run, tmp_path)
    run = make("network_noise_vae", "digits", floor=0.0, sigma=0.3)
    text = said(run, tmp_path)
    assert "There is no floor (floor = 0)" in text and "Beware" not in text
    assert "for every entry, here from 0." in text
    with torch.no_grad():
        run.model.likelihood.network[-2].bias[64:] -= 50
    run.model.likelihood.floor = 1e-3
    assert "σ² of 100% of them is at the floor of 0.001" in said(run, tmp_path)


def test_the_order_of_many_coordinates_is_said(make):
    """Where the axis has no room for their names; the least informative are the last."""
    run = make("vae", "digits", latent=26)
    model, test = run.model, run.data.test
    (found,) = pulse.sections(View(model, test, coding.encode_items(model, test), Path()))
    order = indicators(model, test).order.tolist()
    assert f"In this order: {', '.join(f'z{h}' for h in order)}." in found.caption


def test_a_shifted_code_is_named(make):
    run = make("vae", "digits", latent=3)
    model, test = run.model, run.data.test
    found, bias = coding.encode_items(model, test), model.posterior.network[-1].bias
    with torch.no_grad():
        bias[:3] -= torch.from_numpy(found.means.mean(0)).float()
    (plain,) = pulse.sections(View(model, test, found, Path()))
    assert plain is not None and "Beware" not in plain.caption
    with torch.no_grad():
        bias[1] += 5
    (shifted,) = pulse.sections(View(model, test, found, Path()))
    assert shifted is not None and "Beware: the mean of μ_h is not 0" in shifted.caption
    assert "z1 " in shifted.caption and "z0 " not in shifted.caption
