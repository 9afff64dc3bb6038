"""Validation of runs: sets by share, name and path, classes by name, and the rows it leaves."""

import numpy as np
import pytest
import torch

import vaekit
from vaekit.errors import VaekitError
from vaekit.runs import history

SMALL = {"network": "mlp(32)", "device": "cpu", "verbose": False, "data": "digits"}


# ---- the history


def test_a_validation_column_may_be_blank_and_others_not(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("step,objective,validation_objective\n1,2.0,\n2,2.0,3.0\n3,,3.0\n4,1.0\n")
    assert history.look(path).rows == [
        {"step": 1.0, "objective": 2.0},
        {"step": 2.0, "objective": 2.0, "validation_objective": 3.0},
    ]


# ---- sets by name and by path


def test_a_set_of_ones_own_validates_as_the_run_reads_it(tmp_path):
    rng = np.random.default_rng(0)
    for name, n in (("a", 60), ("b", 13)):
        rows = "\n".join(f"{a:.3f},{b:.3f},{c:.3f}" for a, b, c in rng.normal(5, 3, (n, 3)))
        (tmp_path / f"{name}.csv").write_text("u,v,w\n" + rows + "\n")
    run = vaekit.train(
        "vae",
        **{**SMALL, "data": str(tmp_path / "a.csv"), "likelihood": "gaussian(sigma=1)"},
        validation=str(tmp_path / "b.csv"),
        epochs=2,
        batch=10,
        latent=2,
        out=tmp_path / "run",
    )
    assert run.config.notes["validation"] == 13
    assert run.validation is not None
    np.testing.assert_allclose(
        run.schema.own(run.validation.images[:2]),
        np.loadtxt(tmp_path / "b.csv", delimiter=",", skiprows=1)[:2],
        atol=1e-4,
    )
    assert [row["validation_objective"] for row in run.history if "validation_objective" in row]


def test_a_named_set_validates_by_its_training_part(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((40, 1, 8, 8), np.float32))
    own = {**SMALL, "data": str(tmp_path / "x.npy")}
    run = vaekit.train("ae", **own, validation="digits", epochs=1, batch=20, out=tmp_path / "r")
    assert run.config.notes["validation"] == 1617


# ---- classes of a named set


@pytest.fixture
def classes(tmp_path):
    """Write rows of three classes, whose means differ, and sets of one class under three names."""
    rng = np.random.default_rng(0)

    def write(name, kinds, label=None):
        rows = [[*(rng.normal(3 * "pqr".index(k) - 3, 1, 4)), label or k] for k in kinds]
        text = "\n".join(
            ",".join(f"{v:.3f}" if isinstance(v, float) else v for v in r) for r in rows
        )
        (tmp_path / f"{name}.csv").write_text("a,b,c,d,y\n" + text + "\n")
        return f"table('{tmp_path / name}.csv',label='y')"

    return write


def test_classes_of_a_validation_set_are_matched_by_name(classes, tmp_path):
    settings = {**SMALL, "likelihood": "gaussian(sigma=1)", "epochs": 15, "batch": 50, "latent": 2}
    settings |= {"data": classes("train", "pqr" * 100)}
    found = {}
    for name, label in (("r", "r"), ("p", "p")):
        held_out = classes(f"as_{name}", "r" * 40, label)
        run = vaekit.train("cvae", **{**settings, "out": tmp_path / name}, validation=held_out)
        found[name] = run.history[-1]["validation_elbo"]
        held = run.validation
        assert held is not None
        assert set(held.batch_labels(torch.arange(40)).tolist()) == {"pqr".index(name)}
    assert found["r"] > found["p"] + 5
    with pytest.raises(VaekitError, match="zzz"):
        vaekit.train(
            "cvae", **{**settings, "out": tmp_path / "z"}, validation=classes("z", "r" * 40, "zzz")
        )


def test_what_a_critic_says_is_no_measure(tmp_path):
    run = vaekit.train(
        "wae_gan", **SMALL, latent=4, epochs=6, batch=50, validation=0.1, out=tmp_path / "run"
    )
    row = run.history[-1]
    assert row["validation_objective"] == pytest.approx(row["validation_distortion"])
    assert "validation_prior_adversarial" in row


@pytest.mark.parametrize("name", ["beta_tcvae", "info_vae", "wae_mmd", "isa_tcvae"])
def test_a_set_of_one_more_than_a_batch(name, tmp_path):
    settings = {**SMALL, "latent": 4, "epochs": 1, "batch": 100, "validation": 0.0625}
    run = vaekit.train(name, **settings, out=tmp_path / name)
    assert run.config.notes["validation"] == 101


def test_without_a_test_part_both_are_what_is_trained_on(tmp_path):
    settings = {**SMALL, "epochs": 1, "batch": 500, "holdout": 0.0, "validation": 0.2}
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((1000, 4), np.float32))
    run = vaekit.train("ae", **{**settings, "data": str(tmp_path / "x.npy")}, out=tmp_path / "run")
    assert run.evaluate()["distortion"]["split"] == "training"
    assert len(run.data.test) == len(run.data.train) == 800
