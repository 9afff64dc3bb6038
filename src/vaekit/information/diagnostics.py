"""What the parts of a system claim, measured: sparse, contractive and denoising models, noise.

    mean activation   ρ̂_j = mean_x h_j(x)               what `Sparsity` holds against ρ
    use               mean_x [h_j(x) ≠ 0]               how often unit j is among the k largest
    perplexity        e^H of how often each vector of a codebook is used
    Jacobian          J = ∂E[z|x]/∂x, ‖J‖²_F = Σ s²     what `Contractive` holds down
    denoised error    ‖x − E[x|z(x̃)]‖²                 beside ‖x − x̃‖², that of x̃ as it is
    PSNR              10 log₁₀(range² / mean squared error of an entry), in dB
    noise             σ², π that were learned, and β·σ² (`vaekit.information.noise`)
    prior             exponents that were learned

Each is measured where the model or its objective has the part that it concerns.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
from torch import Tensor

from vaekit.apply import batches, reconstruct, seeded
from vaekit.averages import perplexity
from vaekit.brief import brief_repr
from vaekit.corruptions import Corruption
from vaekit.data import Dataset
from vaekit.data.border import evenly_spaced
from vaekit.distributions import Quantised
from vaekit.errors import VaekitError
from vaekit.faults import check_finite_values, check_numbers, check_range
from vaekit.given import check_objective
from vaekit.information.encoding import rows_of
from vaekit.information.noise import noise_numbers
from vaekit.information.rates import Number, mean_number, passes
from vaekit.model import Model
from vaekit.objectives import Contractive, Objective, Sparsity, Term, jacobian
from vaekit.posteriors import TopK, VectorQuantised
from vaekit.values import squares

DEAD_UNIT = 1e-3  # mean activation of a sigmoid below which a unit counts as dead
JACOBIANS = 100  # each takes a backward pass for every latent
_JACOBIAN_ENTRIES = 1 << 24  # of the Jacobians held at once, 64 MiB
_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)


def diagnose(
    model: Model, objective: Objective, data: Dataset, n: int = 10_000
) -> dict[str, dict[str, Any]]:
    """Measure what the parts of a system claim, on up to `n` examples, the same ones each time.

    Returns name → value, estimator, n, and so on as `evaluate` does; nothing for a system without
    such parts. The caller's random state is left as it was. Raises `VaekitError` for n < 1.
    """
    check_objective(objective)
    objective = 1.0 * objective if isinstance(objective, Term) else objective
    rows, numbers = rows_of(model, data, n), noise_numbers(model, objective)
    learned = {} if model.prior is None else model.prior.learned_numbers()
    for name, value in learned.items():
        numbers[name] = Number(value, "learned, of the prior", None, None, "exponent", "exact")
    sparsity = term_of(objective, Sparsity)
    if sparsity is not None:
        numbers |= _sparse(mean_activations(model, sparsity, data, rows), sparsity.rho, len(rows))
    if isinstance(model.posterior, TopK):
        numbers |= _selected(use(model, data, rows), len(rows))
    if isinstance(model.posterior, VectorQuantised):
        numbers |= _quantised(codebook_use(model, data, rows), len(rows))
    if term_of(objective, Contractive) is not None:
        numbers |= _contracted(spectra(model, data, rows[evenly_spaced(len(rows), JACOBIANS)]))
    if model.corruption is not None and not model.corruption.hides:
        numbers |= _denoised(denoise(model, data, rows, model.corruption), data)
    return {name: asdict(number) for name, number in numbers.items() if math.isfinite(number.value)}


def term_of(objective: Objective, kind: type[Any]) -> Any:
    """Return the objective's term of a kind, or None."""
    terms: list[Term] = [term for _, term in objective.parts]
    return next((term for term in terms if isinstance(term, kind)), None)


# ---- sparse


@torch.no_grad()
def mean_activations(model: Model, sparsity: Sparsity, data: Dataset, rows: Tensor) -> list[Tensor]:
    """Average each unit that the penalty watches over `rows`, float64 (units,) for each layer."""
    sums: list[Tensor] = []
    with seeded(0):  # a posterior that is no point mass draws the code
        for run in passes(model, data, rows):
            parts = [h.double().sum(0).cpu() for h in sparsity.activations(run)]
            sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts
    return [total / len(rows) for total in sums]


@torch.no_grad()
def use(model: Model, data: Dataset, rows: Tensor) -> Tensor:
    """Return the share of `rows` for which each entry of the code is not zero, float64 (H,)."""
    counts = [(run.q.mean != 0).sum(0).double().cpu() for run in passes(model, data, rows)]
    return torch.stack(counts).sum(0) / len(rows)


@torch.no_grad()
def codebook_use(model: Model, data: Dataset, rows: Tensor) -> Tensor:
    """Return the share of `rows` for which each vector is used, float64 (codebooks, codes).

    The model's posterior is a `VectorQuantised`; in a shared codebook each group of a code counts.
    """
    books, codes, _ = cast(VectorQuantised, model.posterior).codebook.shape
    counts = torch.zeros(books, codes, dtype=torch.float64)
    for run in passes(model, data, rows):
        places = cast(Quantised, run.q).places
        assert places is not None
        places = places.T.reshape(books, -1).cpu()
        counts.scatter_add_(1, places, torch.ones_like(places, dtype=counts.dtype))
    return counts / counts.sum(1, keepdim=True)


def _sparse(layers: list[Tensor], rho: float, n: int) -> dict[str, Number]:
    means = torch.cat(layers)
    where = f"over {len(means):,} units" + (f" of {len(layers)} layers" if len(layers) > 1 else "")
    gap, dead = float((means - rho).abs().max()), float((means < DEAD_UNIT).double().mean())
    how = f"max_j |ρ̂_j − ρ| {where}, ρ = {rho:g}"
    return {
        "mean_activation": Number(
            float(means.mean()), f"mean of ρ̂_j {where}", n, None, "in [0, 1]"
        ),
        "activation_gap": Number(gap, how, n, None, "in [0, 1]"),
        "dead_units": Number(
            dead, f"share of ρ̂_j < {DEAD_UNIT:g} {where}", n, None, "share of units"
        ),
    }


def _selected(shares: Tensor, n: int) -> dict[str, Number]:
    unused = float((shares == 0).double().mean())
    how = f"share of {len(shares):,} units never among the k largest"
    return {"unused_units": Number(unused, how, n, None, "share of units", "exact")}


def _quantised(shares: Tensor, n: int) -> dict[str, Number]:
    books, codes = shares.shape
    of = f"of {codes:,} vectors" + (f", mean of {books} codebooks" if books > 1 else "")
    unused = float((shares == 0).double().mean())
    return {
        "perplexity": Number(
            float(perplexity(shares).mean()),
            f"e^H of how often each vector is used, {of}",
            n,
            None,
            f"in [1, {codes:,}]",
        ),
        "unused_codes": Number(
            unused, f"share {of} that no example uses", n, None, "share of vectors", "exact"
        ),
    }


# ---- contractive


def spectra(model: Model, data: Dataset, rows: Tensor) -> Tensor:
    """Return the singular values of ∂E[z|x]/∂x at the clean x of each row, falling.

    Float64 (n, min(H, D)), in units of the code by units of x.
    """
    values, size = [], max(1, _JACOBIAN_ENTRIES // (model.posterior.latent * _size(data)))
    for _, part, x, c in batches(model, data, rows, size):
        check_numbers(data, part, model.likelihood.known(x))
        j = jacobian(model, x, c).detach().double()
        # Eigenvalues of the small Gram matrix: many times faster than an SVD of J, and in
        # float64 good to 1e-8 of the largest singular value.
        small = j @ j.mT if j.shape[1] <= j.shape[2] else j.mT @ j
        values.append(torch.linalg.eigvalsh(small).clamp_min(0).sqrt().flip(-1).cpu())
    return torch.cat(values)


def _contracted(values: Tensor) -> dict[str, Number]:
    norms = values.square().sum(-1).sqrt()
    how = "mean_x ‖J‖_F, J = ∂E[z|x]/∂x at the clean x by automatic differentiation"
    return {"jacobian_norm": mean_number(norms, how, "units of z by units of x", "exact")}


# ---- denoising


@dataclass(frozen=True)
class Denoised:
    """Hold squared errors ‖·‖² summed over entries, float64 (n,): of x̃, and of what came of it."""

    level: float
    before: Tensor
    after: Tensor

    __repr__ = brief_repr


def denoise(model: Model, data: Dataset, rows: Tensor, corruption: Corruption) -> Denoised:
    """Corrupt the items at `rows` from seed 0, reconstruct them, and compare with the clean ones.

    What is reconstructed is the mean of p(x|z) at the mean code of x̃.
    """
    before, after = [], []
    with seeded(0):
        for _, part, x, c in batches(model, data, rows):
            check_range(model, data, part, x)
            corrupted = corruption(x)
            made = reconstruct(model, corrupted, c).to(x.device)
            check_finite_values(model, data, part, "what comes of a corrupted input", made)
            before.append(squares(x, corrupted).double().flatten(1).sum(1).cpu())
            after.append(squares(x, made).double().flatten(1).sum(1).cpu())
    return Denoised(corruption.level, torch.cat(before), torch.cat(after))


def levels(corruption: Corruption) -> list[Corruption]:
    """Return the corruption at levels from 0 to twice its own, its own among them.

    Levels that it refuses (a share above 1) are left out; a callable has its own only.
    """
    if not corruption.level > 0:
        return [corruption]
    kinds = []
    for times in _TIMES:
        try:
            kinds.append(corruption.at(times * corruption.level))
        except VaekitError:
            continue
    return kinds


def psnr(squared: Tensor, data: Dataset) -> float:
    """Return 10 log₁₀(range² / MSE) in dB; MSE averages over entries and over examples.

    `squared` (n,) are squared errors summed over entries; the range is that of the whole set. No
    error is infinitely good.
    """
    low, high = data.range
    mse = float(squared.mean()) / _size(data)
    return 20 * math.log10((high - low) or 1.0) - 10 * math.log10(mse) if mse else math.inf


def _denoised(error: Denoised, data: Dataset) -> dict[str, Number]:
    at = "" if math.isnan(error.level) else f" of level {error.level:g}"
    said = {"corrupted": ("‖x − x̃‖²", error.before), "denoised": ("‖x − E[x|z(x̃)]‖²", error.after)}
    numbers = {}
    for name, (formula, errors) in said.items():
        how = f"{formula} summed over entries, corruption{at}, seed 0"
        numbers[f"{name}_squared_error"] = mean_number(errors, how, "squared units of x")
        if len(data.shape) == 3:
            low, high = data.range
            how = f"10 log₁₀({high - low:g}² / MSE), MSE over all entries, of {formula}"
            numbers[f"{name}_psnr"] = Number(psnr(errors, data), how, len(errors), None, "dB")
    return numbers


def _size(data: Dataset) -> int:
    return math.prod(data.shape)
