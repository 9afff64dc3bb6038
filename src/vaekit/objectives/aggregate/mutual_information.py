"""Variational mutual information: a reader tells the code from what the decoder made of it.

    I(c; x) ≥ E_{c ~ q(c|x), x′ ~ p(x|z, c)} [log Q(c|x′)] + H(c)                 ([vmi] eq. 4.9)

c is a block of the code, or some of its coordinates. Q is a network of its own, the reader: it
looks at the **decoder's output** (the last sentence of [vmi] §4.2.3 names the encoder's, which is a
slip), and answers with a category, or with a Gaussian for coordinates. Its own step tightens the
bound; the model's raises it, so that a decoder cannot leave c unused. x′ is the decoder's mean, a
picture without noise, which may tell more than x does; `drawn` takes x′ from p(x|z) itself.

**A shared trunk.** Q may look through the encoder's own layers, all but the last, which [vmi] ch. 6
leaves to the future: then only its head learns from Q's step, and the layers only from the encoder.

**A share of the batch.** E log Q is a mean over images, so that of a share of the batch estimates
it as well, with more noise, and costs so much less; H(q(c)) is always that of the whole batch.

**Which entropy.** The bound holds for c drawn from the aggregate posterior q(c), and H is q(c)'s.
`entropy="aggregate"` estimates it from the batch and differentiates it: of categories that of their
mean probabilities, of coordinates that of a Gaussian of the same covariance (which is too large
where q(c) is no Gaussian); of a batch of one it is that of q(c|x), and rewards nothing. `"prior"`
puts the prior's constant in its place, as the thesis does: then it is no bound, and to send all x
to *one* category, which Q reads without an error, earns the full ln K.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.distributions import LOG_2PI, Categories, Density, DiagonalGaussian
from vaekit.distributions.product import coordinates
from vaekit.errors import VaekitError, nearest
from vaekit.model import Model, Pass
from vaekit.networks import Shape, networks
from vaekit.networks.frozen import Trunk
from vaekit.objectives.base import Adversarial, adam_settings, critic_rate
from vaekit.posteriors import Posterior, Product
from vaekit.shapes import float_output

ENTROPIES = ("aggregate", "prior")
# The least deviation of a reader, where a code has about 1: at most 6.0 nats a coordinate.
NARROWEST = 1e-3


class MutualInformation(Adversarial):
    """Return −(E log Q(c|x′) + H(c)) in nats, minus the bound, for it is minimised.

    `on` is the name of a block, or a list of coordinates of a Gaussian code. The `reader` maps
    images (n, *shape) to (n, K) logits for K categories, to (n, 2k) means and widths for k
    coordinates; with a `trunk` it maps what the trunk makes of the images. It sees a `share` of
    them. Raises `VaekitError` for a block that the code has not, coordinates outside it, a reader
    of another width, an unknown entropy, a share outside (0, 1], and draws without a gradient.
    """

    def __init__(
        self,
        reader: nn.Module,
        on: str | Sequence[int],
        entropy: str = "aggregate",
        drawn: bool = False,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        trunk: Trunk | None = None,
        share: float = 1.0,
    ):
        super().__init__()
        if not 0 < share <= 1:
            raise VaekitError(f"the reader sees a share of the batch above 0, up to 1, got {share}")
        if entropy not in ENTROPIES:
            raise nearest(str(entropy), ENTROPIES, "entropy")
        self.network, self.entropy = reader, entropy
        self.drawn, self.trunk, self.share = drawn, trunk, share
        self.on = on if isinstance(on, str) and on else coordinates(on)
        said = on if isinstance(on, str) else "_".join(f"z{h}" for h in self.on)
        self.name = f"minus_information_{said}"
        self.adam = adam_settings(lr, betas)

    def forward(self, run: Pass) -> Tensor:
        """Return minus the bound; its gradient does not reach the reader."""
        q, c = chosen_part(run, self.on)
        seen = run.once(_seen, self.drawn, self.trunk, self.share)
        told = log_read(self.still(seen), q, c[: len(seen)])
        return -(told.mean() + _code_entropy(q, self.entropy))

    def loss(self, run: Pass) -> Tensor:
        """Return −E log Q(c|x′), whose gradient reaches the reader alone."""
        q, c = chosen_part(run, self.on)
        seen = run.once(_seen, self.drawn, self.trunk, self.share).detach()
        return -log_read(self.network(seen), q, c[: len(seen)].detach()).mean()


def chosen_part(run: Pass, on: str | Sequence[int]) -> tuple[Density, Tensor]:
    """Return the posterior of the chosen part of the code and its samples (samples · batch, width).

    Raises `VaekitError` for a name or coordinates that the code has not.
    """
    z = run.z.flatten(0, -2)
    if isinstance(on, str):
        place = _place(on, run.q.names)
        return run.q.parts[place], z.split(list(run.q.sizes), -1)[place]
    rows = list(on)
    _check_within(rows, z.shape[-1])
    part = run.q.marginal(rows)
    if not part.independent:
        raise VaekitError(
            "to choose coordinates needs a posterior with a density for each of them, such as "
            "Gaussian or Laplace: of others name a block"
        )
    return part, z[:, rows]


def _place(name: str, names: Sequence[str]) -> int:
    """Return the number of a block; raise `VaekitError` for one that the code has not."""
    if name in names:
        return list(names).index(name)
    if names:
        raise nearest(name, names, "block")
    raise VaekitError(f"this code has no blocks, so none is called {name!r}: list coordinates")


def _check_within(rows: Sequence[int], latent: int) -> None:
    if not all(0 <= h < latent for h in rows):
        raise VaekitError(f"coordinates lie from 0 to {latent - 1}, got {list(rows)}")


def log_read(output: Tensor, q: Density, c: Tensor) -> Tensor:
    """Return log Q(c|x′) of each example, (n,), from a reader's output (n, features).

    The deviation of a coordinate is softplus(width) + .001. Raises `VaekitError` for a reader with
    another number of outputs.
    """
    categories = isinstance(q, Categories)
    wanted = c.shape[-1] if categories else 2 * c.shape[-1]
    output = float_output(output, "the reader")
    if output.shape != (len(c), wanted):
        raise VaekitError(
            f"the reader of {c.shape[-1]} entries needs {wanted} outputs, ({len(c)}, {wanted}) "
            f"for these images, but gives {tuple(output.shape)}"
        )
    if categories:
        return (c * output.log_softmax(-1)).sum(-1)
    mean, width = output.chunk(2, -1)
    # Not e^width: an image far from what the reader knows would make that 0 or infinite.
    return DiagonalGaussian(mean, (F.softplus(width) + NARROWEST).log()).log_prob(c)


def reader_input(run: Pass, drawn: bool = False) -> Tensor:
    """Return what the reader sees, (samples · batch, *shape): means of p(x|z), or draws of it.

    Raises `VaekitError` for draws of a likelihood whose draws carry no gradient.
    """
    if not drawn:
        return run.p.mean.flatten(0, 1)
    if not run.p.has_rsample:
        raise VaekitError("draws of this likelihood carry no gradient: use drawn=False")
    return run.p.rsample().flatten(0, 1)


def _seen(run: Pass, drawn: bool, trunk: Trunk | None, share: float) -> Tensor:
    image = run.once(reader_input, drawn)
    image = image[: math.ceil(share * len(image))]
    return image if trunk is None else trunk(image)


def _code_entropy(q: Density, kind: str) -> Tensor | float:
    """Return the entropy of q(c) over the batch, or the constant of the prior, in nats."""
    width = q.event_shape[0]
    if isinstance(q, Categories):
        if kind == "prior":
            return math.log(width)
        mean = q.mean.mean(0)
        return -torch.special.xlogy(mean, mean).sum()
    if kind == "prior":
        return 0.5 * width * (1 + LOG_2PI)
    with torch.autocast(q.mean.device.type, enabled=False):
        centred = q.mean - q.mean.mean(0)
        covariance = centred.mT @ centred / len(centred) + q.variance.mean(0).diag()
        return 0.5 * (width * (1 + LOG_2PI) + torch.linalg.slogdet(covariance).logabsdet)


def mutual_information_term(
    model: Model,
    shape: Shape,
    on: str | Sequence[int],
    reader: str = "mlp(400)",
    entropy: str = "aggregate",
    drawn: bool = False,
    critic_lr: float = 1e-3,
    share: float = 1.0,
) -> MutualInformation:
    """Build the term with a reader of examples of `shape`, by the text of its hidden layers.

    A `shared` reader has those of the model's encoder and a last one of its own. Raises
    `VaekitError` as `MutualInformation` and `networks` do, and for an encoder that cannot share.
    """
    answers = _answers(model.posterior, on)
    trunk = Trunk(model.posterior.network) if reader == "shared" else None
    if trunk is None:
        network = networks(reader).encoder(shape, answers)
    else:
        network = nn.Linear(trunk.width, answers)
    rate = critic_rate(critic_lr)
    return MutualInformation(network, on, entropy, drawn, rate, trunk=trunk, share=share)


def _answers(posterior: Posterior, on: str | Sequence[int]) -> int:
    """Return the number of a reader's outputs: K for categories, a mean and a width for others."""
    if not isinstance(on, str):
        rows = coordinates(on)
        _check_within(rows, posterior.latent)
        return 2 * len(rows)
    place = _place(on, list(posterior.blocks))
    assert isinstance(posterior, Product)
    part: Any = posterior.parts[place]
    return part.latent if part.own_prior == "categorical" else 2 * part.latent
