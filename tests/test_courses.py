"""What is read of categories and exponents while a model trains, and where it stands."""

import numpy as np
import pytest
import torch

import vaekit
from vaekit.data import load
from vaekit.objectives import Distortion, Objective
from vaekit.objectives.shares import MOST_CATEGORIES, CategoryShares, category_shares
from vaekit.recipes import find
from vaekit.report.sections.training import _families
from vaekit.training import Training, fit

SMALL = {"network": "mlp(16)", "epochs": 1, "device": "cpu", "verbose": False}


def made(recipe: str, **settings):
    torch.manual_seed(0)
    return find(recipe).make((1, 8, 8), network="mlp(16)", **settings)


def test_shares_are_the_mean_probabilities_of_the_batch():
    model, objective = made("joint_vae", categories=4, style=2)
    assert objective.readings == tuple(f"share_class_{k}" for k in range(4))
    x = torch.rand(10, 1, 8, 8)
    torch.manual_seed(1)
    run = model(x)
    values = dict(zip(objective.names, objective.values(run), strict=True))
    shares = torch.stack([values[f"share_class_{k}"] for k in range(4)])
    torch.testing.assert_close(shares, run.q.parts[1].mean.mean(0))
    assert float(shares.sum()) == pytest.approx(1)
    assert not any(value.requires_grad for value in shares)
    both = Objective([(1.0, Distortion())], objective.readers) * 2
    assert both.readings == objective.readings  # scaled, they stay


def test_who_has_none():
    assert made("vae")[1].readers == ()
    many, _ = made("joint_vae", categories=MOST_CATEGORIES + 1)
    assert category_shares(many.posterior) is None
    alone = made("compose", posterior="relaxed_one_hot", prior="own", latent=3)[0]
    reader = category_shares(alone.posterior)
    assert reader is not None and reader.readings == ("share_0", "share_1", "share_2")
    assert isinstance(reader, CategoryShares)


def test_the_course_stands_in_history_page_and_numbers(tmp_path):
    run = vaekit.train("joint_vae", data="digits", out=tmp_path / "joint", categories=3, **SMALL)
    rows = run.history
    for row in rows:
        assert sum(row[f"share_class_{k}"] for k in range(3)) == pytest.approx(1, abs=1e-5)
    page = run.report().read_text()
    assert "shares of categories of class" in page and ">share class 0<" not in page
    run = vaekit.train(
        "isa_vae", data="digits", out=tmp_path / "isa", learned="inner", lr=1e-2, **SMALL
    )
    last = run.history[-1]
    p = run.model.prior.exponents(torch.float64).detach().numpy()
    assert [last[f"exponent_{k}"] for k in range(1, len(p))] == pytest.approx(list(p[1:]))
    assert "exponent_0" not in last and np.ptp(p[1:]) > 0  # the root's is fixed
    numbers = run.evaluate(n=50)
    assert numbers["exponent_1"]["value"] == pytest.approx(p[1])
    assert "exponents of the prior" in run.report().read_text()


def test_families_are_columns_of_one_stem():
    names = ["kl", "share_0", "share_1", "exponent_3", "share_class_2", "share_class_10", "other_1"]
    assert _families(names) == {
        "share": ["share_0", "share_1"],
        "share_class": ["share_class_2", "share_class_10"],
    }


def test_many_exponents_stand_nowhere():
    few, many = (made("ica_vae", latent=n, learned=True)[0].prior for n in (3, 41))
    assert few is not None and many is not None
    assert set(few.learned_numbers()) == {"exponent_0", "exponent_1", "exponent_2"}
    assert many.learned_numbers() == {}
    fixed = made("ica_vae", latent=3)[0].prior
    assert fixed is not None and fixed.learned_numbers() == {}


def test_training_is_what_it_was():
    """Reading shares draws nothing and changes no gradient."""
    data, ends = load("digits").train, []
    for readers in (True, False):
        model, objective = made("joint_vae", categories=3)
        if not readers:
            objective = Objective(objective.parts)
        for _ in fit(model, objective, data, Training(epochs=1, batch=500, device="cpu")):
            pass
        ends.append([weight.detach().clone() for weight in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
