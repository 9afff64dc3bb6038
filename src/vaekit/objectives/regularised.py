"""What holds a deterministic autoencoder in place of a rate (Ghosh et al. 2020, eqs. 7 to 10).

A regularised autoencoder has no noise on its code. Its objective is the distortion with

    code_norm        ½ E ‖z‖²                    codes stay near 0: what is left of the rate
    decoder_norm     ½ Σ w²                      of the decoder's weights ("RAE-L2")
    decoder_slope    E ‖∂G(z)/∂z‖²_F             of the decoder's mean at the codes ("RAE-GP")

the last two being two ways to keep the decoder smooth between codes, which noise does in a VAE. It
is sampled from a mixture fitted to its codes, `vaekit sample RUN --from codes`:

    distortion + 0.01*code_norm + 1e-6*decoder_norm
"""

import torch
from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.objectives.base import Term, projected_slope, uncompiled


class CodeNorm(Term):
    """Return ½ ‖z‖², averaged over the batch."""

    name = "code_norm"

    def __call__(self, run: Pass) -> Tensor:
        """Return half the squared norm of the code."""
        return 0.5 * run.z.square().sum(-1).mean()


class DecoderNorm(Term):
    """Return ½ Σ w² over all weights and biases of the decoder's network, whatever the batch.

    Raises `VaekitError` for a decoder without weights that are trained.
    """

    name = "decoder_norm"

    def __call__(self, run: Pass) -> Tensor:
        """Return half the squared norm of the decoder's weights."""
        weights = [w for w in run.model.likelihood.network.parameters() if w.requires_grad]
        if not weights:
            raise VaekitError("decoder_norm needs a decoder with weights that are trained")
        return 0.5 * torch.stack([w.square().sum() for w in weights]).sum()


class DecoderSlope(Term):
    """Return ‖∂E[x|z]/∂z‖²_F at the codes, averaged over the batch, from `draws` projections.

    Random signs v give an unbiased estimate, E ‖vᵀJ‖² = ‖J‖²_F. Raises `VaekitError` for draws < 1.
    """

    name = "decoder_slope"

    def __init__(self, draws: int = 1):
        if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
            raise VaekitError(f"draws must be a whole number ≥ 1, got {draws!r}")
        self.draws = draws

    def __call__(self, run: Pass) -> Tensor:
        """Return the squared Frobenius norm of the decoder's Jacobian."""
        return uncompiled(self._norm, run)

    def _norm(self, run: Pass) -> Tensor:
        with torch.enable_grad():
            z = run.z if run.z.requires_grad else run.z.detach().requires_grad_()
            mean = run.model.decode(z, run.condition, run.x.shape).mean
            return projected_slope(mean, z, z.shape[:-1].numel(), self.draws)
