"""What a distribution of codes can be asked: one contract of posteriors and priors.

Each is a `torch.distributions.Distribution` whose event is one whole code, so `log_prob` already
sums over entries and returns nats. Beyond that it says whether its coordinates are independent,
which blocks are, and what the distribution of some coordinates is. What needs independence asks for
`independent` and not for a class. Arguments are not validated: that would ask the device a question
in every step.

Those of PyTorch serve as they are: `density` reads `Independent(Laplace(m, b), 1)` as a
`Factorised` one, with the closed forms of its KL that PyTorch knows, and any other as one piece.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vaekit.errors import VaekitError


class Lean(Distribution):
    """Hold a distribution whose arguments are not validated."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    has_rsample: bool = False

    def __init__(self, batch_shape: Sequence[int], event_shape: Sequence[int]):
        super().__init__(torch.Size(batch_shape), torch.Size(event_shape), validate_args=False)


class Density(Lean):
    """Describe a code z (..., H); `log_prob` returns nats, (...).

    To write one: pass batch and event shape to `__init__`, and give `mean`, `variance`, `log_prob`
    and `rsample`, or `sample` with `has_rsample` False. Where the coordinates are independent,
    write a `Factorised` one. Set `parameters` where the class can be built from tensors (batch, …)
    alone, `sizes` with `log_prob_by_block` where blocks of coordinates are independent.
    """

    has_rsample = True
    independent: bool = False  # its coordinates
    deterministic: bool = False  # a function of x: it has samples and no density
    sphere: bool = False  # its codes have length 1, and its density is by the surface they lie on
    sizes: Sequence[int] = ()  # of its independent blocks, side by side, where it has some
    names: tuple[str, ...] = ()  # of these, where they have some
    parameters: tuple[Tensor, ...] = ()

    @property
    def kind(self) -> str:
        """Return the name of its class, or of the law that it is made of."""
        return type(self).__name__

    @property
    def parts(self) -> "tuple[Density, ...]":
        """Return the independent distributions that it is a product of: here itself alone."""
        return (self,)

    @property
    def univariate(self) -> Distribution | None:
        """Return the law of each coordinate as one of PyTorch, which may know its KL, or None."""
        return None

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return the log-density of every coordinate, same shape as `value`, where independent."""
        raise NotImplementedError(f"the coordinates of {type(self).__name__} are not independent")

    def log_prob_by_block(self, value: Tensor) -> Tensor:
        """Return the log-density of every independent block, (..., blocks), where it has some."""
        raise NotImplementedError(f"{type(self).__name__} has no independent blocks")

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Return the same kind with every parameter changed, detached for example."""
        return self.rebuilt([change(parameter) for parameter in self._known()])

    def rebuilt(self, parameters: Sequence[Tensor]) -> Self:
        """Return the same kind with other parameters."""
        return cast(Callable[..., Self], type(self))(*parameters)

    def concatenated(self, others: "Sequence[Density]") -> Self:
        """Return it with the batches of others of its kind behind its own."""
        columns = zip(*(d._known() for d in (self, *others)), strict=True)
        return self.rebuilt([torch.cat(column) for column in columns])

    def marginal(self, places: Sequence[int]) -> "Density":
        """Return the distribution of some coordinates, in their order.

        Raises `VaekitError` where they are a piece of what is not independent.
        """
        if list(places) == list(range(self.event_shape[-1])):
            return self
        raise VaekitError(
            "choosing coordinates needs a posterior whose coordinates are independent, as a "
            "Gaussian's: of others name a whole block"
        )

    def split(self, sizes: Sequence[int]) -> "list[Density] | None":
        """Cut it into independent distributions of these sizes, None where it is one piece."""
        return [self] if list(sizes) == list(self.event_shape) else None

    def merged(self) -> "Density":
        """Return it in one piece where its parts are of one factorised kind, else as it is."""
        return self

    def _known(self) -> tuple[Tensor, ...]:
        if not self.parameters:
            raise VaekitError(
                f"a posterior {self.kind} does not show its parameters: use Gaussian, "
                "Laplace, RelaxedOneHot, products of them, or torch.distributions.Independent"
            )
        return self.parameters


class Factorised(Density):
    """Describe independent coordinates by parameters of the shape (..., H) each.

    To write one: pass the parameters to `__init__` in the order of its arguments, and give `mean`,
    `variance`, `rsample` and `log_prob_by_coordinate`.
    """

    independent = True

    def __init__(self, *parameters: Tensor):
        self.parameters = parameters
        super().__init__(parameters[0].shape[:-1], parameters[0].shape[-1:])

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of every code in nats, summed over the last dimension."""
        return self.log_prob_by_coordinate(value).sum(-1)

    def marginal(self, places: Sequence[int]) -> Density:
        """Return the distribution of some coordinates, in their order."""
        chosen = list(places)
        whole = chosen == list(range(self.event_shape[-1]))
        return self if whole else self.changed(lambda parameter: parameter[..., chosen])

    def split(self, sizes: Sequence[int]) -> list[Density] | None:
        """Cut it into distributions of these sizes."""
        columns = [parameter.split(list(sizes), -1) for parameter in self.parameters]
        return [self.rebuilt(part) for part in zip(*columns, strict=True)]

    def is_like(self, other: Density) -> bool:
        """Tell whether another is of its kind, so that the two can be one."""
        return type(other) is type(self)

    def beside(self, others: Sequence[Density]) -> Self:
        """Return it with the coordinates of others of its kind behind its own."""
        columns = zip(*(d.parameters for d in (self, *others)), strict=True)
        return self.rebuilt([torch.cat(column, -1) for column in columns])


class Given(Density):
    """Describe a code by `own`, a distribution of PyTorch, which knows its moments and samples."""

    own: Distribution

    @property
    def kind(self) -> str:
        """Return the name of the distribution of PyTorch."""
        return type(self.own).__name__

    @property
    def mean(self) -> Tensor:
        """Return the mean, (..., H)."""
        return self.own.mean

    @property
    def variance(self) -> Tensor:
        """Return the variance of each coordinate, (..., H)."""
        return self.own.variance

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw reparameterised samples, (*sample_shape, ..., H)."""
        return self.own.rsample(torch.Size(sample_shape))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, ..., H)."""
        return self.own.sample(torch.Size(sample_shape))


class Univariates(Given, Factorised):
    """Describe independent coordinates, each of a law of PyTorch, such as `Laplace(m, b)`.

    `own` has batch shape (..., H); its class is to be built from tensors named in its
    `arg_constraints`, as those of location and scale are.
    """

    def __init__(self, own: Distribution):
        self.own = own
        tensors = [getattr(own, name) for name in own.arg_constraints]
        super().__init__(*(tensor.expand(own.batch_shape) for tensor in tensors))
        self.has_rsample = own.has_rsample

    @property
    def univariate(self) -> Distribution:
        """Return the law of each coordinate."""
        return self.own

    def is_like(self, other: Density) -> bool:
        """Tell whether another is of its kind and law."""
        return isinstance(other, Univariates) and type(other.own) is type(self.own)

    def rebuilt(self, parameters: Sequence[Tensor]) -> Self:
        """Return the same law with other parameters."""
        named = dict(zip(self.own.arg_constraints, parameters, strict=True))
        kind = cast(Callable[..., Distribution], type(self.own))
        return type(self)(kind(**named, validate_args=False))

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return the log-density of every coordinate, same shape as `value`."""
        return self.own.log_prob(value)


class Whole(Given):
    """Describe a code by any distribution of PyTorch, of which no more is known."""

    def __init__(self, own: Distribution):
        self.own, self.has_rsample = own, own.has_rsample
        super().__init__(own.batch_shape, own.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of every code in nats."""
        return self.own.log_prob(value)


def density(d: Distribution) -> Density:
    """Return a distribution of PyTorch as a `Density`, and one of vaekit as it is."""
    if isinstance(d, Density):
        return d
    if isinstance(d, Independent) and d.reinterpreted_batch_ndims == len(d.event_shape) == 1:
        # A law made of others, such as a mixture, names no tensors that it could be rebuilt from.
        return Univariates(d.base_dist) if d.base_dist.arg_constraints else Whole(d)
    return Whole(d)


def check_same(posterior: list[tuple[str, int]], prior: list[tuple[str, int]]) -> None:
    """Raise `VaekitError` where blocks (name, size) of a posterior are not those of its prior."""
    if posterior != prior:
        named = [[name for name, _ in each] for each in (posterior, prior)]
        if named[0] == named[1]:
            named = [[f"{name} of {size}" for name, size in each] for each in (posterior, prior)]
        ours, theirs = map(", ".join, named)
        raise VaekitError(
            f"the posterior has blocks {ours}, but the prior {theirs}: give both the same names in "
            "the same order, with the same sizes"
        )
