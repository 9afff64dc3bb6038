"""Priors p(z)."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torch.distributions import Distribution

from vaekit.arguments import expect
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior
from vaekit.priors.categorical import Categorical
from vaekit.priors.conditional import Conditional, conditional
from vaekit.priors.exponents import RATE
from vaekit.priors.flow import Flow
from vaekit.priors.generalized_normal import GeneralizedNormal
from vaekit.priors.logistic import Logistic
from vaekit.priors.lp_nested import LpNested, isa
from vaekit.priors.mixture import MixtureOfGaussians
from vaekit.priors.normal import Normal
from vaekit.priors.product import Product
from vaekit.priors.sphere import Sphere
from vaekit.priors.student_t import StudentT
from vaekit.priors.vamp import Vamp
from vaekit.shapes import sized
from vaekit.text import build, parse


def prior(
    text: str | Prior,
    latent: int,
    posterior: nn.Module | None = None,
    shape: Sequence[int] | None = None,
    width: int = 0,
) -> Prior:
    """Build the prior over `latent` coordinates that `text` names, such as `isa(p=2.2, size=4)`.

    `vamp(50)` also needs the model's posterior and the shape of one example, `conditional` the
    width of a condition. A `Prior` is taken as it is. Raises `VaekitError` for what is neither, an
    unknown name, arguments that do not fit, and a prior of another size than the code.
    """
    if isinstance(text, Prior):
        return sized(text, latent, "prior", text)
    expect(
        text,
        str,
        "a prior by its text, such as 'normal', or a Prior",
        [(type, "make one"), (Distribution, OF_TORCH)],
    )
    name = parse(text)[0]
    if name == "vamp":
        if posterior is None or shape is None:
            raise VaekitError(
                "a vamp prior needs the encoder: prior(text, latent, posterior, shape)"
            )
        return build(text, {"vamp": Vamp}, "prior", posterior, tuple(shape))
    first = (latent, width) if name == "conditional" else (latent,)
    return sized(build(text, PRIORS, "prior", *first), latent, "prior", text)


def subspaces(
    latent: int,
    p0: float = 2.1,
    p: float | Sequence[float] = 2.2,
    size: int | Sequence[int] = 4,
    scale: float = 1.0,
    learned: str | bool = "no",
    unit_variance: bool = False,
    rate: float = RATE,
) -> LpNested:
    """Fill the code with subspaces of `size` coordinates, or of the sizes listed.

    Raises `VaekitError` where they do not fill it, for exponents of another number, and as `isa`.
    """
    sizes = [size] * (latent // max(1, size)) if isinstance(size, int) else list(size)
    if isinstance(size, int) and (size < 1 or latent % size):
        halves = [half for half in (latent - latent // 2, latent // 2) if half]
        raise VaekitError(
            f"subspaces of size={size} do not fill {latent} latents: choose a size that divides "
            f"{latent}, or list the sizes, size={halves}"
        )
    powers = [p] * len(sizes) if isinstance(p, int | float) else list(p)
    if len(powers) != len(sizes):
        raise VaekitError(f"{len(sizes)} subspaces need as many exponents, got p={powers}")
    pairs = zip(powers, sizes, strict=True)
    return isa(p0, pairs, scale, learned, unit_variance, rate)


def _lp_nested(
    latent: int,
    tree: Any,
    scale: float = 1.0,
    learned: str | bool = "no",
    unit_variance: bool = False,
    rate: float = RATE,
) -> LpNested:
    return LpNested(tree, scale, learned, unit_variance, rate)


def _product(latent: int, **blocks: Any) -> Product:
    """Read blocks written as name=[prior, size]."""
    for name, block in blocks.items():
        if not (isinstance(block, list) and len(block) == 2 and isinstance(block[1], int)):
            raise VaekitError(
                f"a block is written name=[prior, size], such as style=['isa(size=4)', 8], "
                f"got {name}={block!r}"
            )
    return Product({name: prior(str(text), size) for name, (text, size) in blocks.items()})


OF_TORCH = "write a Prior whose forward returns it (CONTRIBUTING shows one)"
PRIORS: dict[str, Callable[..., Prior]] = {
    "categorical": Categorical,
    "conditional": conditional,
    "flow": Flow,
    "generalized_normal": GeneralizedNormal,
    "isa": subspaces,
    "logistic": Logistic,
    "lp_nested": _lp_nested,
    "mixture": MixtureOfGaussians,
    "normal": Normal,
    "product": _product,
    "sphere": Sphere,
    "student_t": StudentT,
    "vamp": Vamp,
}

__all__ = [
    "PRIORS",
    "Categorical",
    "Conditional",
    "Flow",
    "GeneralizedNormal",
    "Logistic",
    "LpNested",
    "MixtureOfGaussians",
    "Normal",
    "Prior",
    "Product",
    "Sphere",
    "StudentT",
    "Vamp",
    "isa",
    "prior",
    "subspaces",
]
