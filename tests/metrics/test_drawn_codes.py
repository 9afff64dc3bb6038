"""Scores of codes that are drawn from q(z|x), beside those of means."""

import pytest
import torch
from test_cli import fails

import vaekit
from vaekit.data import load
from vaekit.errors import VaekitError
from vaekit.information import score


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory):
    """A VAE whose rate has been priced to nothing."""
    settings = {"network": "mlp(64)", "latent": 8, "epochs": 20, "beta": 40.0, "device": "cpu"}
    out = tmp_path_factory.mktemp("collapsed") / "run"
    return vaekit.train("beta_vae", out=out, data="digits", verbose=False, **settings)


def test_a_collapsed_code_is_at_chance_by_draws_and_not_by_means(collapsed):
    numbers = collapsed.evaluate(metrics="svm,probe", codes="mean,drawn")
    assert numbers["rate"]["value"] < 0.05
    chance = 0.1
    drawn, mean = (numbers[f"svm_accuracy{which}"] for which in (" [drawn]", ""))
    assert drawn["value"] == pytest.approx(chance, abs=0.06)
    assert mean["value"] > 2 * drawn["value"]
    assert "drawn from q(z|x)" in drawn["estimator"] and "drawn" not in mean["estimator"]
    assert {"probe_accuracy", "probe_accuracy [drawn]"} <= numbers.keys()
    assert collapsed.metrics["svm_accuracy [drawn]"]["value"] == drawn["value"]


def test_draws_stand_under_their_own_names_with_corruptions_and_factors(collapsed):
    model, test = collapsed.model, collapsed.data.test
    numbers = score(model, test, ("probe",), corruptions=("masking(p=0.5)",), codes=("drawn",))
    assert set(numbers) == {"probe_accuracy [drawn]", "probe_accuracy [masking(p=0.5), drawn]"}
    again = score(model, test, ("probe",), corruptions=("masking(p=0.5)",), codes=("drawn",))
    assert again == numbers  # one seed, the same draws
    sprites = load("sprites(scales=1, rotations=2, positions=4, size=16)").train
    torch.manual_seed(0)
    other = vaekit.recipes.RECIPES["vae"].make(sprites.shape, latent=3, network="mlp(8)")[0]
    both = score(other, sprites, ("mig", "correlation"), codes=("mean", "drawn"))
    assert {"mig", "mig [drawn]", "gaussian_tc_mean"} <= both.keys()
    assert "gaussian_tc_mean [drawn]" not in both  # it has both anyway


def test_a_draw_of_a_deterministic_code_is_its_mean(collapsed):
    test = collapsed.data.test
    torch.manual_seed(0)
    plain = vaekit.recipes.RECIPES["ae"].make(test.shape, latent=3, network="mlp(8)")[0]
    both = score(plain, test, ("probe",), codes=("mean", "drawn"))
    assert both["probe_accuracy"]["value"] == both["probe_accuracy [drawn]"]["value"]


def test_bad_input(collapsed, capsys):
    model, test = collapsed.model, collapsed.data.test
    with pytest.raises(VaekitError, match="Did you mean 'mean'"):
        score(model, test, ("probe",), codes=("means",))
    with pytest.raises(VaekitError, match="name one"):
        score(model, test, ("probe",), codes=())
    run = str(collapsed.folder)
    assert "give --metrics" in fails(capsys, "evaluate", run, "--codes", "drawn")
    assert "kind of codes" in fails(capsys, "evaluate", run, "--metrics", "svm", "--codes", "draw")
