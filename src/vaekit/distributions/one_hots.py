"""One of K categories as a one-hot vector: the categorical, and its relaxation by Gumbel noise.

A category with probabilities π is drawn by adding noise to their logarithms (Gumbel 1954),

    argmax_k (ln π_k + g_k) ~ π          g_k = −ln E_k,   E_k exponential, k = 1 … K

which is a function of π and of noise that knows nothing of π, but a flat one. With a softmax of
temperature τ in place of the argmax it has slopes,

    y_k = exp((ln π_k + g_k)/τ) / Σ_j exp((ln π_j + g_j)/τ)

([vmi] eq. 4.20; Jang, Gu & Poole 2017, eq. 2; Maddison, Mnih & Teh 2017, eq. 1). y lies within the
simplex. Its largest entry is k with probability π_k at any τ, and as τ → 0 it becomes the one-hot;
then its gradient is 0 nearly always and huge else, so that τ weighs bias against variance.
**Straight through**, the one-hot goes forward and the gradient of y goes back.

**The relaxed y has no `log_prob` here.** It has a density over the simplex (Maddison et al., eq.
10), but a one-hot has a mass, and their difference is no KL: it is not bounded by ln K, nor even
below by 0. What bounds log p(x) is the categorical's, and K outcomes are soon summed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from vaekit.distributions.base import Density, Lean

_NEVER = -1e9  # logit of a class that is not there: −∞ times 0 would be no number


def gumbel_like(value: Tensor) -> Tensor:
    """Draw standard Gumbel noise −ln E in the shape of `value`."""
    # Some generators round the smallest E to 0, whose −ln would make NaN of a softmax.
    least = torch.finfo(value.dtype).tiny
    return -torch.empty_like(value).exponential_().clamp_min(least).log()


def hardened(value: Tensor) -> Tensor:
    """Return the one-hot of the largest entry, in the shape of `value`."""
    largest = value.argmax(-1, keepdim=True)
    return torch.zeros_like(value).scatter_(-1, largest, 1.0)


class Categories(Density, ABC):
    """Hold one of K categories by `logits` (..., K) up to a constant.

    To write one: draw in `rsample`. Mean and variance are those of the one-hot, relaxed or not.
    """

    def __init__(self, logits: Tensor):
        self.log_probs = logits.log_softmax(-1)
        self.parameters = (self.log_probs,)
        super().__init__(logits.shape[:-1], logits.shape[-1:])

    @property
    def mean(self) -> Tensor:
        """Return the probabilities π, (..., K)."""
        return self.log_probs.exp()

    @property
    def variance(self) -> Tensor:
        """Return π (1 − π) of each entry, (..., K)."""
        return self.mean * (1 - self.mean)

    @abstractmethod
    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw, with the gradient, (*sample_shape, ..., K)."""


class OneHots(Categories):
    """Describe a category as a one-hot of K entries.

    Samples are exact one-hots; those of `rsample` carry the gradient of π, straight through.
    """

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw one-hots, (*sample_shape, ..., K)."""
        many = self.log_probs.expand(*sample_shape, *self.log_probs.shape)
        mean = self.mean
        return hardened(many.detach() + gumbel_like(many)) + (mean - mean.detach())

    def log_prob(self, value: Tensor) -> Tensor:
        """Return Σ_k y_k ln π_k in nats: ln π_k of the one-hot k, within the simplex its mean."""
        return (value * self.log_probs).sum(-1)


class RelaxedOneHots(Categories):
    """Relax the one-hots of `logits` (..., K) at a temperature τ > 0, a number or a 0-d tensor.

    With `straight_through` samples are one-hots and their gradient is that of the relaxed ones.
    """

    def __init__(self, logits: Tensor, temperature: Tensor | float, straight_through: bool = False):
        super().__init__(logits)
        self.temperature, self.straight_through = temperature, straight_through
        self.parameters = ()  # it has no density, and is for training alone

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw relaxed one-hots, (*sample_shape, ..., K)."""
        many = self.log_probs.expand(*sample_shape, *self.log_probs.shape)
        noisy = many + gumbel_like(many)
        relaxed = (noisy / self.temperature).softmax(-1)
        if not self.straight_through:
            return relaxed
        return hardened(noisy.detach()) + (relaxed - relaxed.detach())


class OneHotColumns(Lean):
    """Describe classes as one-hots side by side, of `sizes`, by logits (..., Σ sizes).

    `wide_places` of the sizes says where each entry is among columns of equal width.
    """

    def __init__(self, logits: Tensor, sizes: Sequence[int], places: Tensor):
        self._shape, self._places = (len(sizes), max(sizes)), places
        self.log_share = self._wide(logits, _NEVER).log_softmax(-1)
        super().__init__((*logits.shape[:-1], len(sizes)), ())

    def _wide(self, flat: Tensor, fill: float) -> Tensor:
        """Return (..., columns, most classes) of (..., Σ sizes)."""
        columns, most = self._shape
        wide = flat.new_full((*flat.shape[:-1], columns * most), fill)
        wide[..., self._places] = flat
        return wide.unflatten(-1, self._shape)

    def _flat(self, wide: Tensor) -> Tensor:
        return wide.flatten(-2)[..., self._places]

    @property
    def mean(self) -> Tensor:
        """Return the probabilities, (..., Σ sizes)."""
        return self._flat(self.log_share.exp())

    @property
    def variance(self) -> Tensor:
        """Return π (1 − π) of every entry, (..., Σ sizes)."""
        return self.mean * (1 - self.mean)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw one-hots, (*sample_shape, ..., Σ sizes)."""
        with torch.no_grad():
            kind = torch.distributions.Categorical(logits=self.log_share, validate_args=False)
            drawn = kind.sample(torch.Size(sample_shape))
            every = torch.arange(self._shape[1], device=drawn.device)
            return self._flat((drawn[..., None] == every).to(self.log_share.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln π of the class of each one-hot, (..., columns): 0 of one that is all 0."""
        return (self._wide(value, 0.0) * self.log_share).sum(-1)


def wide_places(sizes: Sequence[int]) -> Tensor:
    """Return where entries of one-hots of `sizes` are, where each has room for the most classes."""
    most = max(sizes)
    return torch.tensor([k * most + j for k, size in enumerate(sizes) for j in range(size)])
