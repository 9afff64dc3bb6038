"""Other axes for a trained code, within the freedom that its prior leaves.

N(z; 0, I) is the same in all orthogonal axes, and so is the bound of a model that is turned: with
Qz in place of z and G(Qᵀz) in place of G(z) every number in nats stays, for any orthogonal Q
([noise] Theorem 3). What a latent means does not stay. So axes can be chosen after training:

    pca   the covariance of the means of q(z|x) is diagonal, the widest first
    ica   the means are as far from Gaussian as they get, axis by axis

`ica` is the orthogonal Q nearest to what FastICA finds in the latents that are in use; the others
stay as they are.

Deterministic codes without a prior have all the freedom, of which the same is used.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.apply import condition_of, device_of, encode_set
from vaekit.arguments import expect
from vaekit.data import Dataset
from vaekit.distributions import Density, StandardNormal
from vaekit.distributions.base import density
from vaekit.errors import VaekitError, nearest, warn
from vaekit.given import check_model, check_seed
from vaekit.information.encoding import posterior_of, rows_of
from vaekit.likelihoods import Likelihood
from vaekit.model import Model
from vaekit.posteriors import Posterior

AXES = ("pca", "ica")
_IN_USE = 0.01  # variance of the mean of a latent that is in use


class Turned(Density):
    """Describe Qz of a z that `base` describes, for an orthogonal Q (H, H)."""

    def __init__(self, base: Density, axes: Tensor):
        self.base, self.axes = base, axes
        self.has_rsample, self.deterministic = base.has_rsample, base.deterministic
        super().__init__(base.batch_shape, base.event_shape)

    @property
    def mean(self) -> Tensor:
        """Return Q E[z], (..., H)."""
        return self.base.mean @ self.axes.T

    @property
    def variance(self) -> Tensor:
        """Return the variance of each coordinate, for a z whose coordinates are independent."""
        return self.base.variance @ self.axes.T.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw Qz, (*sample_shape, ..., H)."""
        return self.base.rsample(torch.Size(sample_shape)) @ self.axes.T

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw Qz, (*sample_shape, ..., H)."""
        return self.base.sample(torch.Size(sample_shape)) @ self.axes.T

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density in nats: that of Qᵀ value."""
        return self.base.log_prob(value @ self.axes)


class _TurnedPosterior(Posterior):
    def __init__(self, base: Posterior, axes: Tensor):
        super().__init__()
        self.base, self.latent = base, base.latent
        self.register_buffer("axes", axes)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Turned:
        return Turned(density(self.base(x, c)), self.get_buffer("axes"))


class _TurnedLikelihood(Likelihood):
    def __init__(self, base: Likelihood, axes: Tensor):
        super().__init__()
        self.base, self.network = base, base.network
        self.support, self.whole, self.measure = base.support, base.whole, base.measure
        self.missing = base.missing
        self.register_buffer("axes", axes)

    def shown(self, x: Tensor) -> Tensor:
        return self.base.shown(x)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        return self.base(z @ self.get_buffer("axes"), c)


def why_not_turned(model: Model, data: Dataset) -> str:
    """Say why the code of a model has no other axes, or nothing."""
    q = posterior_of(model, data)
    if why := _why_not_round(model):
        return why
    return "" if q.independent or q.deterministic else "its posterior is of no independent latents"


def _why_not_round(model: Model) -> str:
    if model.prior is None:
        return ""
    wanted, device = model.condition, device_of(model)
    p = model.prior(None if wanted is None else torch.zeros(1, wanted.width, device=device))
    if isinstance(p, StandardNormal):
        return ""
    return "its prior is not the same in all directions, as normal is"


@torch.no_grad()
def find_axes(
    model: Model, data: Dataset, by: str = "pca", n: int = 10_000, seed: int = 0
) -> Tensor:
    """Return an orthogonal Q (H, H) for the code of a model, by the means of up to n examples.

    Raises `VaekitError` for an unknown way, a code that has no other axes, n < 1, and for ica no
    more examples than latents.
    """
    if by not in AXES:
        raise nearest(str(by), AXES, "way to choose axes")
    check_seed(seed)
    rows = rows_of(model, data, n)
    if why := why_not_turned(model, data):
        raise VaekitError(f"this model's code has no other axes: {why}")
    if by == "ica" and len(rows) <= model.posterior.latent:
        raise VaekitError(
            f"axes of {model.posterior.latent} latents by ica need more examples than {len(rows)}"
        )
    c = condition_of(model, data, rows)
    means = encode_set(model, data.subset(rows), c).mean.double().numpy()
    means = means - means.mean(0)
    found = _principal(means) if by == "pca" else _independent(means, seed)
    # Each axis points where its largest part does, so that the same code gives the same axes.
    largest = np.abs(found).argmax(1)
    signs = np.sign(found[np.arange(len(found)), largest])
    return torch.from_numpy(found * signs[:, None]).float()


def _principal(means: np.ndarray) -> np.ndarray:
    return np.linalg.eigh(np.cov(means.T, ddof=0).reshape(means.shape[1], -1))[1].T[::-1].copy()


def _independent(means: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    used = np.flatnonzero(means.var(0) > _IN_USE)
    found = np.eye(means.shape[1])
    if len(used) < 2:
        return found
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        made = FastICA(whiten="unit-variance", random_state=seed, max_iter=1000).fit(means[:, used])
    if any(issubclass(note.category, ConvergenceWarning) for note in notes):
        warn("the axes by ica did not settle in 1,000 steps: codes near Gaussian have none")
    left, _, right = np.linalg.svd(made.components_)
    found[np.ix_(used, used)] = left @ right
    return found


def with_axes(model: Model, axes: Tensor) -> Model:
    """Return the model with codes Qz in place of z, whose networks and bound are the same.

    Raises `VaekitError` for a Q (H, H) that is not orthogonal, and a code that has no other axes.
    """
    check_model(model)
    if why := _why_not_round(model):
        raise VaekitError(f"this model's code has no other axes: {why}")
    size = model.posterior.latent
    axes = torch.as_tensor(axes, dtype=torch.float32) if isinstance(axes, np.ndarray) else axes
    expect(axes, Tensor, f"axes, an orthogonal matrix ({size}, {size})")
    eye = torch.eye(size).to(axes)
    # The comparison is false of NaN too.
    if axes.shape != eye.shape or not float((axes @ axes.T - eye).abs().max()) <= 1e-3:
        raise VaekitError(f"axes are an orthogonal matrix ({size}, {size})")
    axes = axes.to(next(model.parameters()))
    q, p = _TurnedPosterior(model.posterior, axes), _TurnedLikelihood(model.likelihood, axes)
    return model.with_parts(posterior=q, likelihood=p)


def turned(model: Model, data: Dataset, by: str, seed: int = 0) -> Model:
    """Return the model with the axes that `by` chooses on a set; raise as `find_axes` does."""
    return with_axes(model, find_axes(model, data, by, seed=seed))
