"""Tied networks, by their definition: one matrix for both ways, and the mean of what was seen."""

import copy

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from vaekit import cli, recipes
from vaekit.apply import encode, reconstruct
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.networks import networks
from vaekit.networks.tied import Centre, Tied
from vaekit.objectives import Contractive
from vaekit.report.sections import filters
from vaekit.runs import Run
from vaekit.training import Training, fit

X = torch.rand(60, 2, 3, 2, generator=torch.Generator().manual_seed(2))


def pair(centre=True):
    """Hold an encoder to 7 features that has seen X, and its decoder."""
    torch.manual_seed(0)
    nets = Tied(centre)
    encoder, decoder = nets.encoder((2, 3, 2), 7), nets.decoder(7, (2, 3, 2))
    encoder(X)
    return encoder.eval(), decoder.eval()


@pytest.mark.parametrize("centre", [True, False])
def test_both_ways_are_their_formulas(centre):
    encoder, decoder = pair(centre)
    weights, e = encoder[-1].weight, encoder[-1].bias
    m = X.flatten(1).mean(0) if centre else torch.zeros(12)
    with torch.no_grad():
        decoder[0].bias.uniform_(-1, 1)
    code = encoder(X)
    torch.testing.assert_close(code, (X.flatten(1) - m) @ weights.T + e)
    back = code @ weights + m + decoder[0].bias
    torch.testing.assert_close(decoder(code).flatten(1), back)


@pytest.mark.parametrize("sizes", [[60], [10, 50], [1] * 60, [25, 25, 10]])
def test_the_centre_is_the_mean_of_all_that_was_seen_in_training(sizes):
    centre = Centre(12)
    for part in X.flatten(1).split(sizes):
        centre(part)
    torch.testing.assert_close(centre.mean, X.flatten(1).mean(0))
    before = centre.mean.clone()
    shifted = centre.eval()(X.flatten(1) + 5)
    assert torch.equal(centre.mean, before)
    torch.testing.assert_close(shifted, X.flatten(1) + 5 - before)


def test_no_unit_has_a_head_start():
    """Before training the codes of all units have the same mean, e = 0, whatever the data's."""
    encoder, _ = pair()
    torch.testing.assert_close(encoder(X).mean(0), encoder[-1].bias)
    free, _ = pair(centre=False)
    assert (free(X).mean(0) - free[-1].bias).abs().max() > 0.3


@pytest.mark.parametrize("features", [4, 30, 36, 400, 2000])
def test_at_the_start_all_units_together_give_back_no_more_than_x(features):
    """E[Wᵀ W] is the identity, or less where there are few units."""
    torch.manual_seed(0)
    seen = []
    for _ in range(100):
        weights = Tied().encoder((12,), features)[-1].weight.detach()
        seen.append(weights.T @ weights)
    expected = min(1, features / 36) * torch.eye(12)
    torch.testing.assert_close(torch.stack(seen).mean(0), expected, atol=0.06, rtol=0)


def test_there_is_one_matrix_and_its_gradient_is_that_of_both_ways():
    encoder, decoder = pair()
    names = [name for name, _ in nn.ModuleList([encoder, decoder]).named_parameters()]
    assert names == ["0.2.weight", "0.2.bias", "1.0.bias"]
    layer, x = encoder[-1], X.flatten(1)
    decoder(encoder(X)).square().sum().backward()
    w = layer.weight.detach().requires_grad_()
    m = x.mean(0)
    (((x - m) @ w.T + layer.bias.detach()) @ w + m).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, w.grad)


def test_a_copy_is_tied_to_itself():
    model = recipes.k_sparse_ae((12,), 8, 3).model
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.posterior.network[2].weight.zero_()
        other.posterior.network[1].mean.fill_(3.0)
    other.eval()
    assert torch.equal(reconstruct(other, X.flatten(1)), torch.full((60, 12), 3.0))
    assert model.posterior.network[2].weight.abs().sum() > 0
    assert model.likelihood.network[0].of[1] is model.posterior.network[1]


def test_a_run_folder_reads_the_same_model(tmp_path):
    words = ["train", "k_sparse_ae", "--data", "digits", "--latent", "30", "--k", "5"]
    words += ["--batch", "400", "--epochs", "2", "--device", "cpu", "--out", str(tmp_path / "run")]
    cli.main(words)
    run = Run(tmp_path / "run")
    x = run.data.train.batch(torch.arange(len(run.data.train)))
    mean = run.model.posterior.network[1].mean
    torch.testing.assert_close(mean, x.flatten(1).mean(0), atol=2e-3, rtol=0)
    tensors = load_file(tmp_path / "run" / "model.safetensors")
    assert sum(v.numel() == 30 * 64 for v in tensors.values()) == 1


@pytest.mark.parametrize(
    ("build", "cause"),
    [
        (lambda: Tied().decoder(7, (12,)), "build the encoder first"),
        (lambda: Tied().encoder((12,), 0), "latent ≥ 1"),
        (lambda: recipes.vae((12,), 3, network="tied"), "6 features .* asked for 3 → 12"),
        (lambda: recipes.cvae((12,), 3, width=2, network="tied"), "needs network=mlp"),
        (lambda: networks("tied(a=1)"), "it takes tied"),
        (lambda: networks("tied(7)"), "centre must be True or False"),
    ],
)
def test_what_cannot_be_tied(build, cause):
    with pytest.raises(VaekitError, match=cause):
        build()


def test_a_contractive_code_of_tied_weights_has_its_closed_form():
    """As in the paper; a centre is one step more, and leaves the Jacobian what it is."""
    torch.manual_seed(0)
    for text, method in (("tied(centre=false)", "closed"), ("tied", "exact")):
        made = recipes.contractive_ae((12,), 5, method=method, network=text).model
        layer = next(m for m in made.modules() if isinstance(m, nn.Linear))
        run = made(X.flatten(1))
        h = run.q.mean
        by_hand = ((h * (1 - h)) ** 2 @ (layer.weight**2).sum(1)).mean()
        torch.testing.assert_close(Contractive(method)(run), by_hand)


def test_filters_of_tied_networks_are_shown_once():
    found = filters.linear(recipes.ae((1, 3, 4), 5, "tied()").model, Dataset(X.view(60, 1, 3, 4)))
    assert [(name, tuple(w.shape)) for name, w in found.items()] == [("both", (5, 1, 3, 4))]


def test_offsets_decide_who_is_used_unless_they_are_taken_off():
    """Data moved by a constant: two matrices use a tenth of the units, a centred one as before."""
    x = 0.3 * torch.randn(400, 20, generator=torch.Generator().manual_seed(0))
    unused = {}
    for text, shift in (("mlp()", 0), ("mlp()", 3), ("tied()", 0), ("tied()", 3)):
        torch.manual_seed(0)
        made, objective = recipes.k_sparse_ae((20,), 60, 6, network=text)
        data = Dataset.from_array(x + shift)
        for _ in fit(made, objective, data, Training(3, 50, device="cpu")):
            pass
        unused[text, shift] = int((encode(made, x + shift) == 0).all(0).sum())
    assert unused["tied()", 3] == unused["tied()", 0] < 12
    assert unused["mlp()", 0] < 12
    assert unused["mlp()", 3] > 45
