"""`vaekit evaluate --metrics`: the scores of a run."""

import json
import math

import numpy as np
import pytest
import torch

from vaekit import data, recipes
from vaekit.cli import main
from vaekit.errors import VaekitError
from vaekit.information import chosen, score
from vaekit.metrics import METRICS
from vaekit.report import tables
from vaekit.runs import Config, Run, train
from vaekit.training import Training

SPRITES = "sprites(scales=2, rotations=4, positions=5, size=16)"
ROWS = {
    "mig", "mig_by_neighbours", "dci_disentanglement", "dci_completeness", "dci_informativeness",
    "dci_disentanglement_weighted", "dci_completeness_weighted", "mig_posterior",
    "dci_explicitness", "dci_size", "sap_r2", "sap_svm", "modularity", "explicitness", "irs",
    "irs_quantile",
    "beta_vae_score", "factor_vae_score", "info_modularity", "info_explicitness",
    "info_compactness", "gaussian_tc_mean", "gaussian_tc_drawn", "wasserstein_mean",
    "wasserstein_drawn",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("scores") / "run"
    arguments = {"latent": 3, "network": "mlp(16)"}
    config = Config("beta_vae", arguments, SPRITES, Training(epochs=1, device="cpu"))
    return train(config, folder)


def fails(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_all_scores_of_a_run(run, capsys):
    main(["evaluate", str(run.folder), "--metrics", "all"])
    said = capsys.readouterr()
    every = len(METRICS) - 6  # without clusters, and the five that take minutes
    assert said.err.count("scores ") == every and f"2/{every}: dci" in said.err
    assert "left out: clusters: this model's code has no categories" in said.out
    assert "left out: fid, fid_codes, fid_flow, parzen: takes a minute" in said.out
    found = json.loads((run.folder / "metrics.json").read_text())
    assert found.keys() >= ROWS | {"elbo", "rate"}
    held_out = len(run.data.test)
    for name in ROWS:
        number = found[name]
        assert name in said.out and math.isfinite(number["value"])
        assert number["split"] == "test" and number["estimator"] and number["unit"]
        assert number["factors"] == list(run.data.test.factors.names)
        if name not in {"beta_vae_score", "factor_vae_score"}:
            assert number["n"] == held_out
        if name != "dci_size":
            assert math.isfinite(number["shuffled"])
    assert np.shape(found["dci_disentanglement"]["parts"]["importance"]) == (3, 5)
    assert "shuffled" in said.out
    main(["report", str(run.folder)])
    page = (run.folder / "report.html").read_text()
    rows = [row for metric in METRICS.values() if metric.of_codes for row in metric.rows]
    assert "dci disentanglement" in page and all(tables.title(row.name) in page for row in rows)


def test_some_scores_and_options(run, capsys):
    words = ["evaluate", str(run.folder), "--metrics", "irs, mig", "--bins", "7", "--n", "30"]
    main([*words, "--train-split"])
    found = json.loads((run.folder / "metrics.json").read_text())
    assert not found.keys() & (ROWS - {"irs", "irs_quantile", "mig"})
    assert found["irs"]["n"] == found["mig"]["n"] == 30 and found["mig"]["bins"] == 7
    assert found["irs"]["split"] == "training"


def test_help_and_list_name_every_metric(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    main(["list"])
    shown = capsys.readouterr().out
    assert all(shown.count(name) >= 2 for name in METRICS)


def test_unknown_scores_end_before_anything_is_computed(run, capsys):
    said = fails(capsys, "evaluate", str(run.folder), "--metrics", "mig,dcl")
    assert "unknown score 'dcl'. Did you mean 'dci'?" in said
    assert chosen("") == () and chosen(" mig,mig ,irs") == ("mig", "irs")
    assert chosen("mig,all") == ("mig", "all")
    with pytest.raises(VaekitError, match="Did you mean 'probe'"):
        chosen("prob")


def test_sets_without_factors():
    digits = data.load("digits").test
    model, _ = recipes.vae(digits.shape, latent=2, network="mlp(8)")
    with pytest.raises(VaekitError, match="digits has no factors, which the score 'mig' needs"):
        score(model, digits, ("mig",))
    found = score(model, digits, ("correlation",), n=50)
    assert found.keys() == {
        f"{a}_{b}" for a in ("gaussian_tc", "wasserstein") for b in ("mean", "drawn")
    }
    with pytest.raises(VaekitError, match="n must be ≥ 1"):
        score(model, digits, ("correlation",), n=0)
    with pytest.raises(VaekitError, match="unknown score"):
        score(model, digits, ("tc",))


def test_copied_latents_write_no_infinity(monkeypatch):
    """JSON has no infinite numbers: the value is null."""
    sprites = data.load(SPRITES).test
    model, _ = recipes.ae(sprites.shape, latent=2, network="mlp(8)")
    plain = model.posterior.forward

    def copied(x, c=None):
        q = plain(x, c)
        return type(q)(q.mean[:, :1].expand(-1, 2))

    monkeypatch.setattr(model.posterior, "forward", copied)
    found = score(model, sprites, ("correlation",))
    assert found.keys() == {"gaussian_tc_mean", "wasserstein_mean"}  # nothing is drawn
    assert found["gaussian_tc_mean"]["value"] is None
    json.dumps(found, allow_nan=False)


def test_the_same_seed_gives_the_same_scores_and_leaves_the_generators(run):
    model, test, names = run.model, run.data.test, ("mig", "factor_vae", "correlation")
    before = torch.random.get_rng_state()
    one, two = (score(model, test, names, seed=3) for _ in range(2))
    assert one == two and torch.equal(before, torch.random.get_rng_state())
