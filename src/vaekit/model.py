"""The whole contract: a model is three conditional distributions, a pass is one look at data.

    corruption  x → x̃             posterior  x̃ [, c] → q(z|x, c)
    prior       [c] → p(z|c)        likelihood z [, c] → p(x|z, c)

Objectives, metrics and pictures read a `Pass` and nothing else, so any part goes with any other.
Networks live inside posteriors and likelihoods and know no probability. The condition c is there
for models that are made with one: a vector for each example, such as its class as a one-hot.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit import shapes
from vaekit.brief import brief, brief_repr
from vaekit.corruptions import Corruption
from vaekit.corruptions import corruption as corruption_of
from vaekit.distributions.base import Density, density
from vaekit.errors import VaekitError
from vaekit.likelihoods.base import Likelihood
from vaekit.posteriors.base import Posterior
from vaekit.priors.base import Prior

Result = TypeVar("Result")


@dataclass(frozen=True)
class Condition:
    """Say what a model is conditioned on: `kind` of what is known of an example, its `width`.

    Kinds are `labels` (classes as one-hots), `factors` (a one-hot for each factor, side by side)
    and `attributes` (real vectors); see `Dataset.condition`.
    """

    kind: str
    width: int


@dataclass(frozen=True)
class Pass:
    """Record one pass of data through a model.

    x is (batch, *shape), the clean data; z is (samples, batch, H), drawn from q; `p` has batch
    shape (samples, batch). `prior` is None for models without one, `condition` (batch, width) is
    None for models without one.
    """

    model: "Model"
    x: Tensor
    q: Density
    z: Tensor
    p: Distribution
    prior: Density | None
    condition: Tensor | None = None
    _found: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, compute: Callable[..., Result], *arguments: Any) -> Result:
        """Return `compute(self, *arguments)`, computed once however many terms ask for it."""
        key = compute, arguments
        if key not in self._found:
            self._found[key] = compute(self, *arguments)
        return self._found[key]

    @property
    def log_likelihood(self) -> Tensor:
        """Return log p(x|z), (samples, batch); raise `VaekitError` where it has another shape."""
        return shapes.log_prob(self.p, self.x, self.p.batch_shape, "p(x|z)")

    __repr__ = brief_repr


class Model(nn.Module):
    """Join a posterior, a likelihood and, where there are, a prior, a corruption, a condition.

    `model(x, samples=L)` returns a `Pass`, `model(x, c, samples=L)` that of a conditional model.
    While training, the encoder sees a corrupted x; the target is always the clean one. Raises
    `VaekitError` for parts of another kind.
    """

    def __init__(
        self,
        posterior: Posterior,
        likelihood: Likelihood,
        prior: Prior | None = None,
        corruption: str | Corruption | Callable[[Tensor], Tensor] | None = None,
        condition: Condition | None = None,
    ):
        super().__init__()
        self.posterior, self.likelihood, self.prior = posterior, likelihood, prior
        self.corruption = None if corruption is None else corruption_of(corruption)
        self.condition = condition
        for name, kind, cure in _PARTS:
            _check_part(name, getattr(self, name), kind, cure)
        if self.corruption is not None and self.corruption.hides and not likelihood.missing:
            raise VaekitError(
                "hidden entries are missing ones, of which only the likelihood columns knows: "
                "train on mixed columns, \"table('FILE', mixed=true)\", or use masking"
            )

    def with_parts(self, **parts: Any) -> "Model":
        """Return this model with other parts by name, the rest shared, in evaluation mode."""
        names = ("posterior", "likelihood", "prior", "corruption", "condition")
        own: dict[str, Any] = {name: getattr(self, name) for name in names}
        return Model(**own | parts).eval()

    def forward(self, x: Tensor, c: Tensor | None = None, samples: int = 1) -> Pass:
        """Encode x (batch, *shape), draw `samples` codes each, and decode them.

        Raises `VaekitError` for x that is no batch of floats, for a condition c (batch, width)
        that is missing, unasked for, or of another size, and where a part answers with another
        shape than its kind says or p(x|z) is not over examples like x.
        """
        shapes.check_examples(x)
        self.check(c)
        if c is not None and (c.ndim != 2 or len(c) != len(x)):
            raise VaekitError(
                f"{len(x)} examples need conditions ({len(x)}, width), got shape {tuple(c.shape)}"
            )
        q = self.encode(self._seen(x), c)
        if not q.has_rsample:
            raise VaekitError(
                f"codes are to be drawn from {q.kind} with a gradient, which it has not (rsample): "
                "use a posterior of another distribution"
            )
        z = q.rsample((samples,))
        shapes.check_codes(z, (samples, len(x), self.posterior.latent))
        prior = None if self.prior is None else self.expect(z, c)
        return Pass(self, x, q, z, self.decode(z, c, x.shape), prior, c)

    def _seen(self, x: Tensor) -> Tensor:
        """Return what the encoder is shown of x."""
        if self.corruption is None or not self.training:
            return x
        seen = self.corruption(x)
        if seen.shape != x.shape:
            raise VaekitError(
                f"the corruption made {tuple(seen.shape)} of {tuple(x.shape)}: keep the shape"
            )
        return seen

    def encode(self, x: Tensor, c: Tensor | None = None) -> Density:
        """Return q(z|x, c); raise `VaekitError` unless it is one code of each example."""
        version = _version(x)
        q = self.posterior(self.likelihood.shown(x), c)
        if version != _version(x):
            raise VaekitError(
                "the encoder changes its input in place, and with it the data: write x - a for "
                "x.sub_(a), and nn.ReLU() for nn.ReLU(inplace=True) as its first layer"
            )
        shapes.check_posterior(q, len(x), self.posterior.latent)
        return density(q)

    def expect(self, z: Tensor, c: Tensor | None = None) -> Density:
        """Return p(z|c) for codes like z (…, batch, H); raise `VaekitError` for another width.

        The model must have a prior.
        """
        assert self.prior is not None
        p = self.prior(c)
        shapes.check_prior(p, z.shape[-2], self.posterior.latent)
        return density(p)

    def decode(self, z: Tensor, c: Tensor | None, x: Sequence[int]) -> Distribution:
        """Return p(x|z, c) for codes z (…, batch, H) of examples of the shape x (batch, *shape).

        Raises `VaekitError` where it is over examples of another shape.
        """
        p = self.likelihood(z, c)
        shapes.check_decoded(p, z.shape[:-1], x)
        return p

    def check(self, c: Tensor | None) -> None:
        """Raise `VaekitError` where a condition and the model do not fit."""
        if c is not None and not isinstance(c, Tensor):
            raise VaekitError(
                f"a condition is a tensor (batch, width), got {brief(c)}: write torch.tensor(...)"
            )
        if self.condition is None:
            if c is not None:
                raise VaekitError("this model takes no condition: leave it out")
        elif c is None:
            raise VaekitError(
                f"this model is conditioned on {self.condition.kind}: give a condition "
                f"(batch, {self.condition.width})"
            )
        elif c.ndim != 2 or c.shape[1] != self.condition.width or not c.is_floating_point():
            classes = c.ndim == 1 and self.condition.kind == "labels"
            cure = (
                f"write vaekit.data.one_hot(classes, {self.condition.width})"
                if classes
                else ("give one row of floats for each example")
            )
            raise VaekitError(
                f"the model was made for conditions (batch, {self.condition.width}) of floats, got "
                f"{brief(c)}: {cure}"
            )


def _version(x: Tensor) -> int:
    """Count the changes that were made to x in place; a compiled step does not tell."""
    return 0 if torch.compiler.is_compiling() or x.is_inference() else x._version


_PARTS = (
    ("posterior", Posterior, "a network becomes one by posteriors.Gaussian(network, latent)"),
    ("likelihood", Likelihood, "a network becomes one by likelihoods.Bernoulli(network)"),
    ("prior", Prior | None, "write priors.Normal(latent)"),
    ("condition", Condition | None, "write Condition('labels', width)"),
)


def _check_part(name: str, part: Any, kind: Any, cure: str) -> None:
    if not isinstance(part, kind):
        raise VaekitError(f"{name} is no {name.capitalize()}, but {brief(part)}: {cure}")
