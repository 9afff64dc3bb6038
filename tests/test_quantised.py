"""Codes from a codebook: what is nearest, what has a gradient, what the averages end at."""

import math

import numpy as np
import pytest
import torch
from parts import noise_model, small
from torch import nn

from vaekit import information, recipes
from vaekit.apply import sample_codes
from vaekit.averages import perplexity
from vaekit.data import Dataset, load
from vaekit.distributions import PointMass, Quantised
from vaekit.distributions.quantised import nearest_vectors
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.objectives import Commitment, Distortion
from vaekit.posteriors import Product, VectorQuantised
from vaekit.runs.summary.faults import _unused_share
from vaekit.training import Training, fit


def quantised(latent: int = 6, **settings: object) -> VectorQuantised:
    torch.manual_seed(0)
    return VectorQuantised(nn.Identity(), latent, **settings)  # pyright: ignore


# ---- one pass


@pytest.mark.parametrize("shared", [False, True])
def test_the_code_is_the_nearest_vector_of_each_group(shared):
    posterior = quantised(codes=20, groups=3, shared=shared).double()
    x = torch.randn(50, 6, dtype=torch.float64) + 100
    posterior.codebook += 100  # far from 0, where squares cancel
    q = posterior(x)
    for row, code, places in zip(x, q.mean, q.places, strict=True):
        for g in range(3):
            book = posterior.codebook[0 if shared else g]
            k = int(np.argmin([float((row[2 * g : 2 * g + 2] - e).norm()) for e in book]))
            assert places[g] == k
            assert torch.equal(code[2 * g : 2 * g + 2], book[k])


def test_bf16_around_it_changes_no_choice():
    outputs, books = torch.randn(2, 200, 4), torch.randn(2, 64, 4)
    with torch.autocast("cpu", torch.bfloat16):
        there = nearest_vectors(outputs, books)
    assert torch.equal(there, torch.cdist(outputs, books).argmin(-1))


def test_the_gradient_is_straight_through_and_none_reaches_the_codebook():
    posterior, x = quantised(codes=5, groups=2), torch.randn(7, 6, requires_grad=True)
    posterior.codebook.requires_grad_()
    q, weight = posterior(x), torch.randn(7, 6)
    loss = (q.rsample((3,)) * weight).sum()
    found = torch.autograd.grad(loss, (x, posterior.codebook), allow_unused=True)
    torch.testing.assert_close(found[0], 3 * weight)
    assert found[1] is None
    wrong = (PointMass(q.nearest).rsample((3,)) * weight).sum()  # the vectors alone
    lost, leak = torch.autograd.grad(wrong, (x, posterior.codebook), allow_unused=True)
    assert lost is None
    assert leak is not None


def model(posterior: VectorQuantised) -> Model:
    return Model(posterior, noise_model("squared_error", small(), (4,), posterior.latent))


def test_the_commitment_draws_the_encoder_alone():
    posterior = quantised(4, codes=5, groups=2)
    posterior.codebook.requires_grad_()
    x = torch.randn(9, 4, requires_grad=True)
    run = model(posterior)(x)
    value = Commitment()(run)
    torch.testing.assert_close(value, (x - run.q.mean).square().sum(1).mean())
    found = torch.autograd.grad(value, (x, posterior.codebook), allow_unused=True)
    torch.testing.assert_close(found[0], 2 * (x - run.q.mean).detach() / 9)
    assert found[1] is None


# ---- the codebook


def groups_of_points(count: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Return 40 points about each of `count` centres far apart, and their means."""
    seeded = torch.Generator().manual_seed(0)
    points = 0.3 * torch.randn(count, 40, 2, generator=seeded)
    angle = torch.arange(count) * 2 * math.pi / count
    points = points + 8 * torch.stack([angle.cos(), angle.sin()], 1)[:, None]
    return points.flatten(0, 1), points.mean(1)


def test_averages_end_at_the_centroids_of_kmeans():
    points, centres = groups_of_points()
    posterior = quantised(2, codes=5, decay=0.9)
    posterior.codebook[0] = points[::40]  # one of each: k-means has worse ends too
    posterior.share[:], posterior.sums[0] = 0.2, 0.2 * points[::40]
    for _ in range(200):
        posterior.adapt(posterior(points))
    torch.testing.assert_close(posterior.codebook[0], centres, atol=1e-3, rtol=0)
    torch.testing.assert_close(perplexity(posterior.usage), torch.tensor([5.0]), atol=1e-3, rtol=0)


def test_the_averages_by_hand():
    posterior = quantised(2, codes=3, decay=0.8)
    posterior.set_batch(240)  # a batch of half as many keeps more: two of them keep 0.8
    kept = 0.8**0.5
    points, _ = groups_of_points(3)
    posterior.adapt(posterior(points))
    share, sums = posterior.share[0].clone(), posterior.sums[0].clone()
    q = posterior(points)
    posterior.adapt(q)
    for k in range(3):
        chosen = points[q.places[:, 0] == k]
        share[k] = kept * share[k] + (1 - kept) * len(chosen) / 120
        sums[k] = kept * sums[k] + (1 - kept) * chosen.sum(0) / 120
    torch.testing.assert_close(posterior.share[0], share)
    torch.testing.assert_close(posterior.codebook[0], sums / share[:, None], rtol=1e-4, atol=1e-4)


def test_dead_vectors_are_put_on_outputs_and_those_in_use_stay():
    posterior = quantised(2, codes=6, decay=0.9)
    points, _ = groups_of_points()
    posterior.codebook[:] = 1e3 + torch.randn(1, 6, 2)  # all far off: one takes all
    for _ in range(60):
        posterior.adapt(posterior(points))
    assert len(posterior(points).places.unique()) == 6
    before = posterior.codebook.clone()
    posterior.adapt(posterior(points))
    assert (posterior.codebook - before).abs().max() < 0.1
    same = torch.zeros(50, 2)  # one output for all: no vector can be saved
    for _ in range(150):
        posterior.adapt(posterior(same))
    assert torch.isfinite(posterior.codebook).all()
    assert float(perplexity(posterior.usage)) == pytest.approx(1, abs=0.01)


def test_perplexity():
    assert float(perplexity(torch.full((64,), 3.0))) == pytest.approx(64)
    assert float(perplexity(torch.eye(64)[5])) == pytest.approx(1)


def test_only_training_moves_the_codebook():
    x = Dataset.from_array(torch.rand(40, 6))
    made, objective = recipes.compose(
        (6,), 4, posterior="vector_quantised(codes=5)", prior="none", network="mlp(8)",
        likelihood="squared_error", objective="distortion + commitment",
    )  # fmt: skip
    posterior = made.posterior
    assert isinstance(posterior, VectorQuantised)
    assert not posterior.share.any()  # the look at what was composed left no trace
    for _ in fit(made, objective, x, Training(epochs=1, batch=16, device="cpu"), validation=x):
        pass
    before = posterior.codebook.clone()
    made.train()
    made(torch.rand(9, 6))
    posterior.eval().adapt(posterior(torch.rand(9, 6)))
    assert torch.equal(posterior.codebook, before)
    made.posterior.requires_grad_(False)  # frozen: so is its codebook
    for _ in fit(made, Distortion(), x, Training(epochs=1, batch=16, device="cpu")):
        pass
    assert torch.equal(posterior.codebook, before)


def test_a_block_learns_its_codebook():
    torch.manual_seed(0)
    blocks = {"a": (VectorQuantised, 4), "b": (VectorQuantised, 2)}
    product = Product(small().encoder((6,), 6), blocks)
    q = product(torch.rand(9, 6))
    product.adapt(q)
    assert all(isinstance(p, VectorQuantised) and p.usage[0].any() for p in product.parts)
    assert all(isinstance(part, Quantised) for part in q.parts)


# ---- a run


def test_it_reconstructs_digits_and_counts_its_vectors():
    train, test = load("digits")
    torch.manual_seed(0)
    made, objective = recipes.vq_vae(train.shape, latent=16, codes=32, network="mlp(64)")
    going = fit(made, objective, train, Training(epochs=10, lr=3e-3, device="cpu"))
    for _ in going:
        pass
    means = going.means()
    assert 5 < means["perplexity"] <= 32
    assert 0 <= means["dead_codes"] < 32 * 4
    found = information.diagnose(made, objective, test)
    assert 5 < found["perplexity"]["value"] <= 32
    assert 0 <= found["unused_codes"]["value"] < 0.7
    drawn = sample_codes(information.with_code_prior(made, train).eval(), 50)
    assert torch.equal(drawn, made.posterior.nearest(drawn)[0])
    assert not torch.equal(drawn + 0.01, made.posterior.nearest(drawn + 0.01)[0])
    x = test.batch(torch.arange(len(test)))
    with torch.no_grad():
        error = (made.eval()(x).p.mean[0] - x).square().flatten(1).sum(1).mean()
    spread = (x - x.mean(0)).square().flatten(1).sum(1).mean()
    assert error < 0.5 * spread


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"codes": 1}, "2 vectors or more"),
        ({"codes": 2.5}, "codes must be"),
        ({"groups": 4}, "groups must divide"),
        ({"groups": 0}, "groups must divide"),
        ({"decay": 1.0}, r"decay, of averages over batches, must be in \[0, 1\)"),
        ({"shared": 1}, "shared must be"),
    ],
)
def test_settings_that_are_none(settings, said):
    with pytest.raises(VaekitError, match=said):
        quantised(**settings)


@pytest.mark.parametrize(("n", "said"), [(180, False), (10_000, True)])
def test_unused_vectors_are_told_where_there_are_examples_enough(n, said):
    numbers = {
        "unused_codes": {"value": 0.75, "n": n},
        "perplexity": {"value": 20.0, "n": n, "unit": "in [1, 1,024]"},
    }
    assert bool(list(_unused_share(numbers))) == said
