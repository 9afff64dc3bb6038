"""A trained model as two plain modules that take and give what a user has: encoder and decoder.

    encoder   x [, c] → mean, std [, a block's probabilities …]       decoder   z [, c] → x

x are pixels as bytes 0 to 255, floats on the scale of the training, or rows of a table in its own
units, float64, whose scaling and filling of missing values is part of the module. c is a vector for
each example, (batch, width). What comes out is the mean of q(z|x) and its deviation, and the mean
of p(x|z) in the units of x. No module asks the data a question, so each can be traced.
"""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaekit.apply.modes import mean_at
from vaekit.data import Schema
from vaekit.data.tables.columns import TableColumns
from vaekit.distributions.base import density
from vaekit.distributions.one_hots import Categories
from vaekit.errors import VaekitError
from vaekit.model import Model

PIXELS = ("bytes", "floats")


class Scaling(nn.Module):
    """Take examples as a user has them to the scale of the training; `own` takes them back."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x (batch, *shape) on the scale of the training, float32."""
        return x

    def own(self, x: Tensor) -> Tensor:
        """Return x (batch, *shape) as the user has it."""
        return x

    def such(self, count: int, shape: tuple[int, ...], schema: Schema) -> Tensor:
        """Draw examples such as a user has, (count, *shape)."""
        low, high = schema.levels
        return low + (high - low) * torch.rand(count, *shape)


class Bytes(Scaling):
    """Divide bytes by 255; what comes back is float32 from 0 to 255."""

    def forward(self, x: Tensor) -> Tensor:
        """Return v/255."""
        return x.float() / 255

    def own(self, x: Tensor) -> Tensor:
        """Return 255 x."""
        return 255 * x

    def such(self, count: int, shape: tuple[int, ...], schema: Schema) -> Tensor:
        """Draw bytes."""
        return torch.randint(0, 256, (count, *shape), dtype=torch.uint8)


class RowScaling(Scaling):
    """Scale the columns of a table as `TableColumns` does, in float64, and fill missing values."""

    shift: Tensor
    width: Tensor
    divisor: Tensor
    fill: Tensor

    def __init__(self, columns: TableColumns):
        super().__init__()
        width = torch.as_tensor(columns.width, dtype=torch.float64)
        self.register_buffer("shift", torch.as_tensor(columns.shift, dtype=torch.float64))
        self.register_buffer("width", width)
        self.register_buffer("divisor", torch.where(width == 0, torch.inf, width))
        self.filled = columns.fill is not None
        fill = columns.shift if columns.fill is None else columns.fill
        self.register_buffer("fill", torch.as_tensor(fill, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Return (x − shift) / width, 0 for columns that were constant."""
        if self.filled:
            x = torch.where(torch.isnan(x), self.fill, x)
        return ((x - self.shift) / self.divisor).float()

    def own(self, x: Tensor) -> Tensor:
        """Return x · width + shift."""
        return x.double() * self.width + self.shift

    def such(self, count: int, shape: tuple[int, ...], schema: Schema) -> Tensor:
        """Draw rows, of columns that lie as those of the training do."""
        return self.own(torch.randn(count, *shape))


class Encoder(nn.Module):
    """Map x [, c] to the mean and deviation of q(z|x), and the probabilities of categories."""

    def __init__(self, model: Model, scaling: Scaling):
        super().__init__()
        self.posterior, self.scaling = model.posterior, scaling

    def forward(self, x: Tensor, c: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return mean and std (batch, H), then (batch, K) of each block that is a category."""
        q = density(self.posterior(self.scaling(x), c))
        categories = [part.mean for part in q.parts if isinstance(part, Categories)]
        return q.mean, q.variance.sqrt(), *categories


class Decoder(nn.Module):
    """Map z [, c] to the mean of p(x|z, c) in the units of x."""

    def __init__(self, model: Model, scaling: Scaling):
        super().__init__()
        self.likelihood, self.scaling = model.likelihood, scaling
        self.sphere = model.posterior.sphere

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Return examples (batch, *shape) for codes z (batch, H)."""
        return self.scaling.own(mean_at(self.likelihood, z, c, self.sphere))


class Graph(NamedTuple):
    """Hold a module with the names of what goes in and comes out, and such inputs for a check."""

    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    such: tuple[Tensor, ...]


def graphs(model: Model, schema: Schema, pixels: str = "bytes") -> dict[str, Graph]:
    """Return `encoder` and `decoder` of a model on the CPU, in evaluation mode, as copies.

    `pixels` says what pictures within [0, 1] are given as: `bytes` or `floats`. Raises
    `VaekitError` for another word.
    """
    if pixels not in PIXELS:
        raise VaekitError(f"pixels must be {' or '.join(PIXELS)}, got {pixels!r}")
    model = copy.deepcopy(model).cpu().eval().requires_grad_(False)
    scaling = scaling_of(schema, pixels)
    count, latent = 7, model.posterior.latent
    generator_state = torch.get_rng_state()
    torch.manual_seed(0)
    x, z = scaling.such(count, schema.shape, schema), torch.randn(count, latent)
    torch.set_rng_state(generator_state)
    wanted = model.condition
    c = () if wanted is None else (torch.eye(wanted.width)[torch.arange(count) % wanted.width],)
    more = () if wanted is None else ("c",)
    encoder, decoder = Encoder(model, scaling), Decoder(model, scaling)
    with torch.no_grad():
        q = model.encode(scaling(x), *c)
    blocks = q.names or [str(k) for k in range(len(q.parts))]
    categories = [
        f"probabilities_{name}" if len(q.parts) > 1 else "probabilities"
        for name, part in zip(blocks, q.parts, strict=False)
        if isinstance(part, Categories)
    ]
    return {
        "encoder": Graph(encoder, ("x", *more), ("mean", "std", *categories), (x, *c)),
        "decoder": Graph(decoder, ("z", *more), ("x",), (z, *c)),
    }


def scaling_of(schema: Schema, pixels: str) -> Scaling:
    """Return the scaling of what a model was trained on, for a user's examples."""
    if schema.fields:
        raise VaekitError(
            "a model of mixed columns is not exported: its rows are words and classes, which no "
            "graph reads; load the run where it is used, vaekit.Run(FOLDER)"
        )
    if schema.columns is not None:
        return RowScaling(schema.columns)
    unit = len(schema.shape) == 3 and schema.levels == (0.0, 1.0)
    return Bytes() if unit and pixels == "bytes" else Scaling()
