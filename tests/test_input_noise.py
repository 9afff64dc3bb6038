"""Rate and information of a deterministic encoder with noise on its input."""

import json
import math

import pytest
import torch
from parts import white
from scipy import stats
from test_cli import fails
from torch import nn

from vaekit.cli import main
from vaekit.corruptions import corruption
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import first_order, ledger, summarise
from vaekit.likelihoods import Gaussian
from vaekit.model import Model
from vaekit.posteriors import Dirac
from vaekit.priors import Normal
from vaekit.runs import Config, train
from vaekit.training import Training


def linear(a: torch.Tensor, noise: str = "gaussian(sigma=0.3)", prior: bool = True) -> Model:
    """f(x) = A x, for which the first order is all there is, A (H, D)."""
    encoder, decoder = nn.Linear(a.shape[1], len(a), bias=False), nn.Linear(len(a), a.shape[1])
    nn.init.zeros_(decoder.weight)
    encoder.weight.data = a
    own = Normal(len(a)) if prior else None
    return Model(Dirac(encoder, len(a)), Gaussian(decoder, 1.0), own, noise).eval()


A = torch.tensor([[0.8, 0.3, 0.0], [-0.2, 0.5, 0.9]])


@pytest.mark.parametrize("noise", ["gaussian(sigma=0.3)", "truncated_gaussian(sigma=0.4, bound=2)"])
def test_a_linear_encoder_by_closed_forms(noise):
    data = white(4000, 3)  # whose covariance is the identity
    first = first_order(linear(A, noise), data, seed=3)
    assert first is not None
    v = corruption(noise).variance
    assert v is not None
    a = A.double()
    inner, whole = v * a @ a.T, (1 + v) * a @ a.T
    information = 0.5 * (torch.logdet(whole) - torch.logdet(inner))
    assert float(first.information.mean()) == pytest.approx(float(information), abs=0.03)
    rate = 0.5 * (torch.trace(whole) - 2 - torch.logdet(inner))  # KL of Gaussians, E over x
    assert first.rate is not None
    assert float(first.rate.mean()) == pytest.approx(float(rate), abs=0.12)
    assert first.numbers()["rate_first_order"].direction == "upper bound"


@pytest.mark.parametrize("bound", [0.004, 0.5, 1.0, 2.0, 9.0])
def test_the_variance_of_truncated_noise(bound):
    wanted = 0.2**2 * stats.truncnorm(-bound, bound).var()
    noise = corruption(f"truncated_gaussian(sigma=0.2, bound={bound})")
    assert noise.variance == pytest.approx(wanted, rel=1e-5)
    torch.manual_seed(0)
    drawn = noise(torch.zeros(200_000)).double()
    assert float(drawn.var()) == pytest.approx(wanted, rel=0.02)
    assert corruption("masking").variance is None


def test_few_examples_make_no_smaller_information():
    """ln det of the covariance of few codes is too small in the mean, and is put right."""
    torch.manual_seed(0)
    a, found = torch.randn(10, 12) / 3, []
    for seed in range(40):
        data = Dataset(torch.randn(40, 12))
        first = first_order(linear(a), data, seed=seed)
        assert first is not None
        found.append((float(first.information.mean()), first.spread_error))
    v, square = 0.09, (a @ a.T).double()
    wanted = float(0.5 * (torch.logdet((1 + v) * square) - torch.logdet(v * square)))
    values = torch.tensor([value for value, _ in found])
    error = float(values.std()) / 40**0.5
    assert float(values.mean()) == pytest.approx(wanted, abs=4 * error)
    assert float(values.std()) == pytest.approx(found[0][1], rel=0.4)
    number = first_order(linear(a), data).numbers()["information_first_order"]  # type: ignore[union-attr]
    assert number.se is not None and number.se >= found[0][1]
    with pytest.warns(UserWarning, match="needs more examples than 11"):
        assert first_order(linear(a), Dataset(torch.randn(11, 12))) is None


def test_more_noise_keeps_less():
    data = white(500, 3)
    kept = [
        float(first.information.mean())
        for sigma in (0.1, 0.3, 1.0)
        if (first := first_order(linear(A, f"gaussian(sigma={sigma})"), data))
    ]
    assert kept[0] > kept[1] > kept[2] > 0
    assert kept[0] - kept[1] == pytest.approx(2 * math.log(3), abs=0.2)


def test_what_has_no_rate():
    data = white(50, 3)
    dead = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    with pytest.warns(
        UserWarning,
        match="or only together with others, at 50 of 50",
    ):
        assert first_order(linear(dead), data) is None
    with pytest.raises(VaekitError, match="no noise of a known variance"):
        first_order(linear(A, "masking(p=0.2)"), data)
    with pytest.raises(VaekitError, match="more entries than its input"):
        first_order(linear(torch.randn(4, 3)), data)
    without = first_order(linear(A, prior=False), data)
    assert without is not None and without.rate is None
    assert set(without.numbers()) == {"information_first_order"}
    assert set(summarise(linear(A), data)) == {"rate_first_order", "information_first_order"}
    book = ledger(linear(A), data)
    assert book["rate"].value == pytest.approx(
        book["information"].value + book["aggregate_kl"].value
    )
    assert "to first order" in book.table()


def test_numbers_that_do_not_apply_stop_no_others(tmp_path, capsys):
    small, once = {"network": "mlp(16)", "latent": 3}, Training(epochs=1, batch=500, device="cpu")
    train(Config("vimae_n", small, "digits", once), tmp_path / "vimae")
    main(["evaluate", str(tmp_path / "vimae"), "--information", "--metrics", "svm,dci"])
    said = capsys.readouterr()
    assert "left out: dci: digits has no factors" in said.out
    written = json.loads((tmp_path / "vimae" / "metrics.json").read_text())
    assert {"rate_first_order", "information_first_order", "svm_accuracy"} <= written.keys()
    main(["ledger", str(tmp_path / "vimae")])
    assert "to first order" in capsys.readouterr().out
    main(["evaluate", str(tmp_path / "vimae"), "--n", "100"])
    assert "nats of the rate at most" in capsys.readouterr().out
    main(["report", str(tmp_path / "vimae")])
    assert "to first order" in (tmp_path / "vimae" / "report.html").read_text()
    train(Config("ae", small, "digits", once), tmp_path / "ae")
    main(["evaluate", str(tmp_path / "ae"), "--information"])
    assert "information is left out: this model's code is deterministic" in capsys.readouterr().err
    assert "squared_error" in json.loads((tmp_path / "ae" / "metrics.json").read_text())
    assert "has no factors" in fails(capsys, "evaluate", str(tmp_path / "ae"), "--metrics", "dci")
