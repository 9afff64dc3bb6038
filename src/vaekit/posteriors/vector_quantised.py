"""A deterministic code of vectors from a codebook (van den Oord, Vinyals & Kavukcuoglu 2017).

The code is cut into groups, and each group becomes the nearest of K vectors e_k,

    z = e_k,   k = argmin_j ‖z_e(x) − e_j‖                                     (their eqs. 1 and 2)

with the gradient of z_e(x) itself, straight through. So a code says `groups` · ln K nats at most.
The codebook has no gradient: it follows the encoder's outputs by averages over batches that
fall by `decay` (their appendix A.1), with n_k the share of outputs nearest to e_k,

    N_k ← γ N_k + (1 − γ) n_k       m_k ← γ m_k + (1 − γ) mean_i [z_i nearest to e_k] z_i
    e_k = m_k / N_k                 N_k smoothed by ε/K, ε = 1e-5

which at rest is k-means. The term `commitment` draws the encoder to its code. A dead vector, used a
tenth as often as the mean of all, N_k < 0.1/K, is put on an output of the batch, drawn at random,
with N_k = 0.1/K, and stays there if it is used. Before training all are dead.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.arguments import check, check_latent
from vaekit.averages import Averaging, of_the_first, over_processes
from vaekit.distributions.quantised import Quantised, nearest_vectors
from vaekit.errors import VaekitError
from vaekit.posteriors.base import Posterior

DEAD = 0.1  # of the mean use of a vector, below which one is dead
SMOOTHING = 1e-5


class VectorQuantised(Averaging, Posterior):
    """Read the network's features (batch, latent) in `groups` of equal size as nearest vectors.

    Without `groups` they are of 4 entries, or of fewer where 4 do not divide the code. Each has its
    own codebook of `codes` vectors, or all have one where it is `shared`. `usage` (codebooks,
    codes) averages how often each vector was used. Raises `VaekitError` for fewer than 2 codes,
    groups that do not divide the latents, and a decay outside [0, 1).
    """

    codebook: Tensor
    share: Tensor
    sums: Tensor
    usage: Tensor

    def __init__(
        self,
        network: nn.Module,
        latent: int,
        codes: int = 64,
        groups: int | None = None,
        shared: bool = False,
        decay: float = 0.99,
    ):
        super().__init__()
        given = (("codes", codes, int), ("groups", groups, int | None), ("shared", shared, bool))
        for name, value, kind in (*given, ("decay", decay, float)):
            check(name, value, kind)
        if codes < 2:
            raise VaekitError(f"a codebook needs 2 vectors or more, got codes={codes}")
        if groups is None:
            groups = latent // max(n for n in (1, 2, 3, 4) if check_latent(latent) % n == 0)
        if groups < 1 or check_latent(latent) % groups:
            raise VaekitError(
                f"groups must divide the code evenly, got groups={groups} for latent={latent}"
            )
        if not 0 <= decay < 1:
            raise VaekitError(f"decay, of averages over batches, must be in [0, 1), got {decay}")
        self.network, self.latent, self.groups, self.decay = network, latent, groups, decay
        start = torch.randn(1 if shared else groups, codes, latent // groups)
        self.register_buffer("share", start.new_zeros(start.shape[:2]))
        self.register_buffer("usage", self.share.clone())
        self.register_buffer("codebook", start)
        self.register_buffer("sums", torch.zeros_like(start))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Quantised:
        """Return the point mass at the nearest vectors for x (batch, *shape)."""
        encoded = self.features(x, c)
        return Quantised(encoded, *self.nearest(encoded))

    def nearest(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest codes to z (batch, H), and which they are, (batch, groups)."""
        books = self.codebook.expand(self.groups, -1, -1)
        places = nearest_vectors(self._grouped(z), books).T
        return books[torch.arange(self.groups, device=places.device), places].flatten(1), places

    def _grouped(self, encoded: Tensor) -> Tensor:
        """Return features (batch, H) by group, (groups, batch, H/groups)."""
        return encoded.unflatten(-1, (self.groups, -1)).transpose(0, 1)

    @torch.no_grad()
    def adapt(self, q: Distribution) -> None:
        """Move the codebook after the encoder's outputs of a batch of training."""
        if not (self.training and isinstance(q, Quantised) and q.places is not None):
            return
        books, codes, size = self.codebook.shape
        outputs = self._grouped(q.encoded).reshape(books, -1, size)
        places = q.places.T.reshape(books, -1, 1)
        used = outputs.new_zeros(*places.shape[:2], codes).scatter_(-1, places, 1.0)
        with torch.autocast(outputs.device.type, enabled=False):
            sums = used.mT @ outputs / outputs.shape[1]
        found = over_processes(torch.cat([used.mean(1)[..., None], sums], -1))
        share, sums, kept = found[..., 0], found[..., 1:], self.kept(len(q.places))
        for average, now in ((self.usage, share), (self.share, share), (self.sums, sums)):
            average.mul_(kept).add_((1 - kept) * now)
        self._revive(outputs)
        total = self.share.sum(-1, keepdim=True)
        smoothed = (self.share + SMOOTHING / codes) * total / (total + SMOOTHING)
        self.codebook.copy_(self.sums / smoothed[..., None])

    def _revive(self, outputs: Tensor) -> None:
        """Put dead vectors on different outputs (codebooks, n, size), in so far as there are."""
        codes, count = self.share.shape[1], outputs.shape[1]
        order = torch.rand(outputs.shape[:2], device=outputs.device).argsort(-1)
        chosen = order[:, torch.arange(codes, device=order.device) % count]
        least = DEAD / codes
        placed = least * of_the_first(outputs.take_along_dim(chosen[..., None], 1))
        self.sums.copy_(torch.where((self.share < least)[..., None], placed, self.sums))
        self.share.clamp_min_(least)
