"""What a likelihood is."""

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from vaekit.averages import Averaging
from vaekit.errors import VaekitError
from vaekit.shapes import float_output

FLOOR = 1e-4  # of a learned variance ([noise] Table 1): a twenty-fifth of a grey level of 256

NEAR = 1.01  # times the floor: a σ² as low as that has nothing else left


class Likelihood(Averaging, nn.Module, ABC):
    """Turn codes into a distribution p(x|z): the decoder network with a noise model on top.

    To write one: take the decoder network in `__init__`, decode with `self.decode(z, c)`, return
    from `forward` a distribution whose event is one example, so that `log_prob` sums over entries.
    Set `support` where the data must lie in a range, which is checked whoever brings them, `whole`
    where they must be whole numbers, `missing` where NaN is an entry that is not known, with what
    the encoder is `shown` of x, `measure` where `log_prob` is of a probability and no density,
    `heads` where the network gives several values for each entry, and `advice` where training can
    diverge because of the noise model. Where the noise is learned, set `learns` and write `noise`;
    where it has a closed form, write `maximise`, which updates buffers in place, and `settle`.
    """

    support: tuple[float, float] | None = None
    whole: bool = False
    missing: bool = False
    measure: str = "density"
    heads: int = 1
    learns: bool = False
    advice: str = ""
    settled: str = ""
    network: nn.Module

    @abstractmethod
    def forward(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return p(x|z, c) of batch shape (samples, batch) for z (…, H), c (batch, width)."""

    def decode(self, z: Tensor, c: Tensor | None) -> Tensor:
        """Return the network's output in float32, (samples, batch, *shape), for z (…, batch, H).

        A condition c (batch, width) stands behind z in the network's input. Raises `VaekitError`
        where the network gives no tensor of floats, or drops or mixes the first axis of its input.
        """
        if c is not None:
            z = torch.cat([z, c.to(z.dtype).expand(*z.shape[:-1], c.shape[-1])], -1)
        flat = z.flatten(0, -2)
        out = float_output(self.network(flat), "the decoder")
        if out.ndim < 2 or out.shape[0] != flat.shape[0]:
            raise VaekitError(
                f"the decoder gives shape {tuple(out.shape)} for {len(flat)} codes, expected "
                f"({len(flat)}, *shape): let it keep the first axis"
            )
        return out.view(*z.shape[:-1], *out.shape[1:])

    def decode_heads(self, z: Tensor, c: Tensor | None) -> tuple[Tensor, ...]:
        """Return the heads of the network's output, each (samples, batch, *shape).

        Raises `VaekitError` as `decode` does, and for channels that are no multiple of the heads.
        """
        out, axis = self.decode(z, c), z.dim() - 1
        if out.shape[axis] % self.heads:
            raise VaekitError(
                f"the decoder gives {out.shape[axis]} channels, but {type(self).__name__} needs "
                f"{self.heads} for each of x: make it with heads={self.heads} times the channels"
            )
        return out.chunk(self.heads, axis)

    def shown(self, x: Tensor) -> Tensor:
        """Return what the encoder is shown of x (batch, *shape), in the same shape: x itself."""
        return x

    def begin(self, x: Tensor) -> None:
        """Set what begins at the level of the data, by the first batch x (batch, *shape).

        A likelihood that was trained before keeps its own.
        """

    def known(self, x: Tensor) -> Tensor:
        """Return x with 0 in place of entries that are missing, where they may be."""
        return torch.where(x.isnan(), 0.0, x) if self.missing else x

    def maximise(self, x: Tensor, p: Distribution) -> None:
        """Set the noise to the best for a batch x (batch, *shape) under p: the M-step.

        p must then have the new noise, so let it hold the buffers themselves. Training calls this
        before the objective is computed.
        """

    def settle(self, squares: Tensor) -> None:
        """Set the noise to the best for squared residuals r² (n,), all at once.

        Where that takes steps, `settled` says how they ended.
        Raises `VaekitError` where that has no closed form.
        """
        raise VaekitError(
            f"the noise of {type(self).__name__} cannot be fitted to residuals alone: "
            "use gaussian or mixture(2)"
        )

    def noise(self) -> dict[str, float]:
        """Return the parameters of the noise by name, where they are the same for all entries."""
        return {}

    def warning(self) -> str:
        """Say what is wrong with the noise as it is now, or nothing."""
        return ""


class Entrywise(Likelihood):
    """Give every entry a law, from as many numbers of the network's as there are `heads`.

    To write one: return from `law` a distribution of PyTorch with one value for each entry, made of
    the heads, each (samples, batch, *shape), and without its checks (`validate_args=False`).
    """

    @abstractmethod
    def law(self, *heads: Tensor) -> Distribution:
        """Return the law of every entry, of batch shape (samples, batch, *shape)."""

    def forward(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return the product of the laws of all entries."""
        heads = self.decode_heads(z, c)
        return Independent(self.law(*heads), heads[0].dim() - z.dim() + 1, validate_args=False)


class ScaledNoise(Entrywise):
    """Give entries noise of one `scale` around G(z), which is learned by the gradient, or fixed.

    A learned scale stays above `floor`. Raises `VaekitError` for scales that are none.
    """

    log_scale: Tensor

    def __init__(
        self, network: nn.Module, scale: float = 0.1, learned: bool = True, floor: float = 1e-3
    ):
        super().__init__()
        for name, value in (("scale", scale), ("floor", floor)):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and 0 < value < math.inf):
                raise VaekitError(f"noise needs a finite {name} > 0, got {name}={value!r}")
        if not isinstance(learned, bool):
            raise VaekitError(f"learned must be true or false, got {learned!r}")
        self.network, self.learns, self.floor = network, learned, floor
        if learned and scale <= floor:
            raise VaekitError(
                f"a learned scale begins above its floor, got scale={scale:g} and floor={floor:g}: "
                "lower the floor"
            )
        if learned:
            self.free = nn.Parameter(torch.tensor(math.log(scale - floor)))
        else:
            self.register_buffer("log_scale", torch.tensor(math.log(scale)))

    @property
    def scale(self) -> Tensor:
        """Return the scale, ()."""
        return self.free.exp() + self.floor if self.learns else self.log_scale.exp()

    def noise(self) -> dict[str, float]:
        """Return the scale."""
        return {"noise_scale": float(self.scale.detach())}


def first_sigma(sigma: float, floor: float, times: float = 1.0) -> float:
    """Return σ to begin with: `sigma`, or what keeps (σ / `times`)² at twice the floor or more."""
    return max(sigma, times * math.sqrt(2 * floor))


def at_floor(variance: float, floor: float) -> bool:
    """Tell whether a σ² stands on its floor, to a percent."""
    return floor > 0 and variance <= NEAR * floor


def limited(what: str, floor: float) -> str:
    """Say that `what` stands on its floor, and what to do."""
    return (
        f"{what} is at the floor of {floor:g}, which limits the likelihood: "
        "lower floor, or scale the data up"
    )


def check_noise(what: str, sigma: Any, decay: Any, floor: Any) -> None:
    """Raise `VaekitError` for a σ, a decay or a floor of σ² that no noise can have."""
    for name, value in (("sigma", sigma), ("decay", decay), ("floor", floor)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise VaekitError(f"{what} needs a number for {name}, got {name}={value!r}")
    if not (sigma > 0 and math.isfinite(sigma)):
        raise VaekitError(f"{what} needs a finite sigma > 0, got sigma={sigma}")
    if not 0 <= decay < 1:
        raise VaekitError(f"{what} needs 0 ≤ decay < 1, got decay={decay}")
    if not (floor >= 0 and math.isfinite(floor)):
        raise VaekitError(f"{what} needs a finite floor ≥ 0 of its variance, got floor={floor}")
