"""Divergences between a posterior and a prior, in nats.

KL(q‖p) is analytic where a closed form is registered, otherwise the Monte-Carlo mean of
log q(z) − log p(z) over the samples of z. Most closed forms are registered by coordinate, because
the indicators of what each coordinate carries need them so; the whole divergence is their sum.

**Blocks.** Where q(z|x) = Π_b q_b and p(z) = Π_b p_b,

    KL(q‖p) = Σ_b KL(q_b‖p_b)                                                    ([vmi] eq. 4.18)

each analytic where it can be. A diagonal Gaussian is a product over any blocks.

**Categories.** Of a one-hot with probabilities π the K outcomes are summed,

    KL(q‖p) = Σ_k π_k (ln π_k − ln p_k)          = ln K − H(π) ≤ ln K  for p uniform

also where its samples are relaxed (`RelaxedOneHots`), which have no KL of their own. Its K entries
sum to 1 and share this number in no natural way, so that no coordinate is given a part of it.

**Directions.** Of the von Mises–Fisher law on the sphere of H entries from the uniform one,

    KL(q‖p) = κ A(κ) − f(κ)                                     (`directions.sphere`)

and a law on the sphere has no KL to one in space, nor the other way.

**The path derivative.** With z = g(ε, φ) the gradient of the Monte-Carlo mean in the parameters φ
of q has two parts,

    ∂z/∂φ · ∂/∂z [log q(z) − log p(z)]  +  ∂/∂φ log q(z)|_z

of which the second, the score, has mean 0 and leaves its noise. Held still, φ inside log q, only
the first remains: unbiased, of the same value, and without any noise where q = p, since then it
vanishes sample by sample (Roeder, Wu & Duvenaud 2017, eq. 8).
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from vaekit.distributions.base import Density, density
from vaekit.distributions.directions.sphere import UniformSphere, VonMisesFisherLaw
from vaekit.distributions.gaussian import DiagonalGaussian, StandardNormal
from vaekit.distributions.one_hots import Categories, OneHots, RelaxedOneHots
from vaekit.distributions.product import Blocks, blocks, pairs_of
from vaekit.errors import VaekitError
from vaekit.shapes import log_prob

ClosedForm = Callable[..., Tensor]
_BY_COORDINATE: dict[tuple[type, type], ClosedForm] = {}
_WHOLE: dict[tuple[type, type], ClosedForm] = {}


def closed_form(q: type, p: type, by_coordinate: bool = True) -> Callable[[ClosedForm], ClosedForm]:
    """Register the KL of a pair of distribution classes: (q, p) → (batch, H), or → (batch,)."""

    def register(function: ClosedForm) -> ClosedForm:
        (_BY_COORDINATE if by_coordinate else _WHOLE)[q, p] = function
        return function

    return register


def kl_by_coordinate(q: Distribution, p: Distribution) -> Tensor | None:
    """Return KL(q‖p) of every coordinate, (batch, H), or None where no closed form is known."""
    q, p = density(q), density(p)
    pairs = pairs_of(q, p)
    if pairs is not None:
        parts = all_known(kl_by_coordinate(*pair) for pair in pairs)
        return None if parts is None else torch.cat(parts, -1)
    function = _BY_COORDINATE.get((type(q), type(p)))
    return function(q, p) if function else _kl_of_torch(q, p)


def all_known(parts: Iterable[Tensor | None]) -> list[Tensor] | None:
    """Return the parts, None where one of them is not known."""
    each = list(parts)
    known = [part for part in each if part is not None]
    return known if len(known) == len(each) else None


def _kl_of_torch(q: Density, p: Density) -> Tensor | None:
    """Return KL(q‖p) by coordinate where PyTorch knows it of their laws."""
    # That of p first: most priors have none, and a step need not make a law of q for them.
    if (theirs := p.univariate) is None or (ours := q.univariate) is None:
        return None
    try:
        return kl_divergence(ours, theirs)
    except NotImplementedError:
        return None


def kl_in_closed_form(q: Distribution, p: Distribution) -> Tensor | None:
    """Return KL(q‖p) of every example, (batch,), or None where no closed form is known."""
    q, p = density(q), density(p)
    pairs = pairs_of(q, p)
    if pairs is not None:
        parts = all_known(kl_in_closed_form(*pair) for pair in pairs)
        return None if parts is None else torch.stack(parts).sum(0)
    if function := _WHOLE.get((type(q), type(p))):
        return function(q, p)
    by_coordinate = kl_by_coordinate(q, p)
    return None if by_coordinate is None else by_coordinate.sum(-1)


def kl(q: Distribution, p: Distribution, z: Tensor, path: bool = False) -> Tensor:
    """Return KL(q‖p) of every example, (batch,): analytic, else the mean over samples of z.

    z is (samples, batch, H), drawn from q; `path` asks for the path derivative where samples are
    needed. Raises `VaekitError` for a deterministic q, whose KL to a density is infinite, and where
    one of q and p is over one-hots or blocks and the other is not.
    """
    q, p = density(q), density(p)
    parts = blocks(q, p, z)
    if parts is not None:
        return torch.stack([kl(*part, path) for part in parts]).sum(0)
    exact = kl_in_closed_form(q, p)
    return kl_by_samples(q, p, z, path) if exact is None else exact


def kl_by_samples(q: Distribution, p: Distribution, z: Tensor, path: bool = False) -> Tensor:
    """Return the Monte-Carlo KL(q‖p) of every example, (batch,), from z (samples, batch, H).

    With `path` its gradient is the path derivative: z must have been drawn by `rsample`. Relaxed
    one-hots, which have no density, are given their closed form. Raises `VaekitError` as `kl` does,
    and for a path where q does not show its parameters.
    """
    return log_ratio(q, p, z, path).mean(0)


def log_ratio(
    q: Distribution, p: Distribution, z: Tensor, path: bool = False, exact: bool = False
) -> Tensor:
    """Return log q(z|x) − log p(z) of every code, (samples, batch), whose mean is the KL.

    With `exact` relaxed one-hots are refused, else given their closed form. Raises `VaekitError` as
    `kl_by_samples` does.
    """
    q, p = density(q), density(p)
    parts = blocks(q, p, z)
    if parts is not None:
        return torch.stack([log_ratio(*part, path, exact) for part in parts]).sum(0)
    if exact and (q.deterministic or isinstance(q, RelaxedOneHots)):
        which = "a deterministic code has" if q.deterministic else "relaxed one-hots have"
        raise VaekitError(
            f"weighing codes needs a posterior with a density, which {which} not: use a Gaussian "
            "code"
        )
    _check_pair(q, p)
    if isinstance(q, RelaxedOneHots):
        return _one_hots_to_one_hots(q, p).expand(z.shape[:-1])
    q = q.changed(Tensor.detach) if path and not isinstance(q, OneHots) else q
    own, other = (log_prob(d, z, z.shape[:-1], name) for d, name in ((q, "q(z|x)"), (p, "p(z)")))
    return own - other


def kl_of_blocks(q: Density, p: Density, z: Tensor, path: bool = False) -> dict[str, Tensor]:
    """Return KL(q_b‖p_b) of every example by the name of the block, each (batch,), as `kl` does.

    Raises `VaekitError` where blocks have no names.
    """
    parts = blocks(q, p, z)
    if parts is None or not p.names:
        raise VaekitError(
            "the rate by block needs a prior with named blocks: give the model prior Product({...})"
        )
    return {name: kl(*part, path) for name, part in zip(p.names, parts, strict=True)}


def kl_by_block(q: Density, p: Density, z: Tensor) -> Tensor | None:
    """Return KL(q‖p) of every independent block of p, (batch, blocks), analytic or Monte Carlo.

    None where p knows no blocks or q does not come apart into them. z is (samples, batch, H).
    """
    if isinstance(p, Blocks):
        parts = blocks(q, p, z)
        return None if parts is None else torch.stack([kl(*part) for part in parts], -1)
    if not (q.independent and p.sizes):
        return None
    own = q.log_prob_by_coordinate(z).split(list(p.sizes), -1)
    by_block = torch.stack([part.sum(-1) for part in own], -1)
    return (by_block - p.log_prob_by_block(z)).mean(0)


def _check_pair(q: Density, p: Density) -> None:
    """Raise `VaekitError` where q has no density that may be compared with p's."""
    if q.deterministic:
        raise VaekitError(
            "KL needs a posterior with a density, but this one is deterministic: "
            "use posterior Gaussian, or leave the KL term out"
        )
    if isinstance(q, Blocks) and not q.independent:
        sizes = ", ".join(map(str, q.sizes))
        raise VaekitError(
            f"this posterior of blocks of {sizes} needs a prior of the same blocks, but has "
            f"{_kind_of(p)}: use prior Product, with Categorical for one-hots"
        )
    check_surface(q, p)
    ours, theirs = (isinstance(d, Categories) for d in (q, p))
    if ours and not theirs:
        raise VaekitError(
            f"KL of one-hots needs a prior over one-hots, but this one is {_kind_of(p)}: "
            "use prior Categorical"
        )
    if theirs and not ours:
        raise VaekitError(
            f"a categorical prior needs a posterior over one-hots, but this one is {_kind_of(q)}: "
            "use posterior RelaxedOneHot"
        )


def check_surface(q: Density, p: Density) -> None:
    """Raise `VaekitError` where one of q and p is over directions, and the other over space."""
    if q.sphere and not p.sphere:
        raise VaekitError(
            f"KL of directions needs a prior of directions, but this one is {_kind_of(p)}: "
            "use prior sphere"
        )
    if p.sphere and not q.sphere:
        raise VaekitError(
            "a prior of directions needs a posterior of directions, but this one is "
            f"{_kind_of(q)}: use posterior von_mises_fisher"
        )


def _kind_of(d: Density) -> str:
    sizes = f" of {', '.join(map(str, d.sizes))}" if isinstance(d, Blocks) else ""
    return d.kind + sizes


# ---- closed forms


@closed_form(DiagonalGaussian, StandardNormal)
def _gaussian_to_standard(q: DiagonalGaussian, p: StandardNormal) -> Tensor:
    """KL(N(μ, s²)‖N(0, 1)) = ½ (μ² + s² − 1) − ln s, by coordinate (Kingma & Welling, App. B)."""
    return 0.5 * (torch.addcmul(q.mean * q.mean, q.std, q.std) - 1) - q.log_std


@closed_form(DiagonalGaussian, DiagonalGaussian)
def _gaussian_to_gaussian(q: DiagonalGaussian, p: DiagonalGaussian) -> Tensor:
    """KL(N(μ, s²)‖N(m, t²)) = ½ ((μ − m)² + s²)/t² − ½ + ln t − ln s, by coordinate."""
    apart = (q.mean - p.mean) / p.std
    return 0.5 * (apart * apart + (q.std / p.std) ** 2 - 1) + p.log_std - q.log_std


@closed_form(OneHots, OneHots, by_coordinate=False)
@closed_form(RelaxedOneHots, OneHots, by_coordinate=False)
def _one_hots_to_one_hots(q: Categories, p: OneHots) -> Tensor:
    """KL(π‖p) = Σ_k π_k (ln π_k − ln p_k), ln K − H(π) for p uniform ([vmi] eq. 4.17)."""
    return (q.mean * (q.log_probs - p.log_probs)).sum(-1)


@closed_form(VonMisesFisherLaw, UniformSphere, by_coordinate=False)
def _directions_to_uniform(q: VonMisesFisherLaw, p: UniformSphere) -> Tensor:
    """KL = κ A(κ) − f(κ) (Davidson et al. 2018, eq. 12 and 14, with ln |S| in f)."""
    return q.information()
