"""A prior that is fitted to the codes of a trained model, so that any autoencoder can be sampled.

A mixture of Gaussians with full covariances (Ghosh et al. 2020, §3.2), by EM, or a flow is fitted
to codes of the training data, draws of q(z|x) where there is noise, for the decoder was trained on
those. The networks stay. A plain autoencoder so gets a p(z) at all, and of a VAE whose q(z) is not
its prior samples come from where the decoder knows its way. It says nothing of how the model was
trained: an ELBO with it is that of the same encoder and decoder under another prior.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch import distributions as td

from vaekit.apply import device_of
from vaekit.arguments import check, check_counts
from vaekit.data import Dataset
from vaekit.distributions.base import Lean
from vaekit.errors import VaekitError
from vaekit.given import check_seed
from vaekit.information.aggregated.categories import categories_of
from vaekit.information.encoding import drawing, encodings, posterior_of, rows_of
from vaekit.information.fitted.code_flow import fitted_flow
from vaekit.metrics.record import Fitted
from vaekit.model import Model
from vaekit.posteriors import VectorQuantised
from vaekit.priors import Prior

CODE_COMPONENTS = 10  # of a mixture that is fitted to codes
_EM_STEPS = 1000  # of EM at most
_LEAST_VARIANCE = 1e-6  # added to variances, in units of the codes' own


class CodeMixture(Prior):
    """Give Σ_k π_k N(z; m_k, L_k L_kᵀ), of shares (K,), means (K, H) and roots L (K, H, H)."""

    shares: Tensor
    means: Tensor
    roots: Tensor

    def __init__(self, shares: Tensor, means: Tensor, roots: Tensor):
        super().__init__()
        self.latent = means.shape[1]
        for name, value in (("shares", shares), ("means", means), ("roots", roots)):
            self.register_buffer(name, value.float())

    def forward(self, c: Tensor | None = None) -> td.Distribution:
        """Return the mixture, for any c."""
        parts = td.MultivariateNormal(self.means, scale_tril=self.roots, validate_args=False)
        kinds = td.Categorical(self.shares, validate_args=False)
        return td.MixtureSameFamily(kinds, parts, validate_args=False)


class Snapped(Prior):
    """Give the vectors of a codebook nearest to another prior's draws: a decoder met no others."""

    def __init__(self, fitted: Prior, posterior: VectorQuantised):
        super().__init__()
        self.latent, self.fitted, self.posterior = fitted.latent, fitted, posterior

    def forward(self, c: Tensor | None = None) -> "SnappedDraws":
        """Return the distribution, for any c."""
        return SnappedDraws(self.fitted(c), self.posterior)


class SnappedDraws(Lean):
    """Describe the codes nearest to draws of `base`; they have no density."""

    def __init__(self, base: td.Distribution, posterior: VectorQuantised):
        self.base, self.posterior = base, posterior
        super().__init__(base.batch_shape, base.event_shape)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw codes, (*sample_shape, ..., H)."""
        z = self.base.sample(torch.Size(sample_shape))
        return self.posterior.nearest(z.reshape(-1, z.shape[-1]))[0].view_as(z)


def unfit_for_code_priors(model: Model, data: Dataset) -> str:
    """Say why no prior can be fitted to the codes of a model on a set, or nothing."""
    q = posterior_of(model, data)
    if q.sphere:
        return (
            "this model's codes are directions, which no mixture of Gaussians and no flow describes"
        )
    discrete = categories_of(q)
    return "this model's code has categories, to which no density is fitted" if discrete else ""


def with_code_prior(
    model: Model,
    data: Dataset,
    components: int = CODE_COMPONENTS,
    n: int = 10_000,
    seed: int = 0,
    kind: Fitted = "mixture",
) -> Model:
    """Return the model with a prior that is fitted to up to `n` codes.

    `kind` is mixture, of `components` Gaussians, or flow, which follows any shape. `data` should be
    what the model was trained on. The networks are shared. The prior is the same under all
    conditions. Raises `VaekitError` for another kind, components or n < 1, too few codes, codes
    with categories, codes that do not vary, and for a flow without its package.
    """
    check("kind", kind, Fitted, None)
    check_counts(components=components)
    check_seed(seed)
    if lack := unfit_for_code_priors(model, data):
        raise VaekitError(lack)
    rows = rows_of(model, data, n)
    with drawing(seed):
        draws = [each.q.rsample().double().cpu() for each in encodings(model, data, rows)]
        z = torch.cat(draws).detach()
        centre, spread = z.mean(0), z.std(0, correction=0)
        if not spread.max() > 0:
            raise VaekitError("all codes are one, so that there is nothing to fit: train longer")
        spread = torch.where(spread > 0, spread, spread.max())
        if kind == "flow":
            prior: Prior = fitted_flow(z, centre, spread)
        else:
            prior = fitted_mixture(z, centre, spread, components, seed)
    if isinstance(model.posterior, VectorQuantised):
        prior = Snapped(prior, model.posterior)
    return model.with_parts(prior=prior.to(device_of(model)))


def fitted_mixture(
    z: Tensor, centre: Tensor, spread: Tensor, components: int, seed: int
) -> CodeMixture:
    """Fit a mixture to codes z (N, H); centre and spread (H,) are their unit.

    Raises `VaekitError` for fewer codes than components.
    """
    from sklearn.mixture import GaussianMixture

    if len(z) <= components:
        raise VaekitError(
            f"{components} components need more codes than {len(z)}: give fewer components"
        )
    em: Any = GaussianMixture(
        components, reg_covar=_LEAST_VARIANCE, max_iter=_EM_STEPS, random_state=seed
    )
    fitted = em.fit(((z - centre) / spread).numpy())
    roots = np.linalg.cholesky(fitted.covariances_)
    shares, means, roots = (torch.from_numpy(v) for v in (fitted.weights_, fitted.means_, roots))
    return CodeMixture(shares, means * spread + centre, roots * spread[:, None])
