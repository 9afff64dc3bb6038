"""VAEs whose code can be read from what the decoder makes of it ([vmi])."""

from collections.abc import Collection, Sequence
from typing import Any, Unpack

from vaekit.errors import VaekitError
from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written

PAPER = "Variational Mutual Information Maximization Framework for VAE Latent Codes"
JOINT: dict[str, Any] = {"without": ["posterior", "prior"], "network": "mlp(512, 512)"}


@recipe(paper=f"{PAPER}, §4.3.1, eq. 4.14")
def vmi_vae(
    shape: Shape,
    latent: int = 32,
    on: int | Sequence[int] = 2,
    information: Weight = 0.01,
    beta: Weight = 1.0,
    entropy: str = "aggregate",
    reader: str = "mlp(400)",
    critic_lr: float = 1e-3,
    share: float = 1.0,
    **parts: Unpack[Parts],
) -> Composition:
    """VMI-VAE: some coordinates of the code are to be read from the decoder's image.

    Args:
        on: coordinates to be read: how many from the first, or a list such as [3, 17]
        information: weight λ of the information bound, a number or a schedule
        beta: weight of the rate, a number or a schedule
        entropy: entropy in the bound, `aggregate` or `prior` (the thesis')
        reader: hidden layers of the reader, or `shared`: those of the encoder and one of its own
        critic_lr: learning rate of the reader
        share: of each batch, the share of images that the reader sees; less of it costs less
    """
    rows = _coordinates(on, latent)
    read = {"reader": reader, "entropy": entropy, "critic_lr": critic_lr, "share": share}
    term = Written("mutual_information", on=rows, **read)
    terms = {"distortion": 1, "kl": beta, term: information}
    return Composition(shape, latent, terms, **parts)


@recipe(paper=f"{PAPER}, §4.3.2, eq. 4.19; Dupont 2018", **JOINT)
def joint_vae(
    shape: Shape,
    style: int = 16,
    categories: int = 10,
    beta: Weight = 1.0,
    class_beta: Weight = 1.0,
    capacity: Weight | None = None,
    temperature: Weight = 0.67,
    **parts: Unpack[Parts],
) -> Composition:
    """Joint VAE: a code of Gaussian style and one of K categories.

    Args:
        style: size of the Gaussian block
        categories: number of categories K
        beta: weight of the style's rate, a number or a schedule
        class_beta: weight of the category's rate, a number or a schedule
        capacity: nats at which to hold the style's rate, a number or a schedule, `linear(0, 20)`
        temperature: of the relaxed one-hot, a number or a falling schedule, `linear(1, 0.5)`
        corruption: what the encoder's input undergoes in training, `affine`, `gaussian(sigma=0.6)`
    """
    parts |= _style_and_category(style, categories, temperature)
    return Composition(shape, None, _rates(beta, class_beta, capacity), **parts)


@recipe(paper=f"{PAPER}, §4.3.2, eq. 4.22", **JOINT)
def vmi_joint_vae(
    shape: Shape,
    style: int = 16,
    categories: int = 10,
    information: Weight = 20.0,
    beta: Weight = 1.0,
    class_beta: Weight = 1.0,
    capacity: Weight | None = None,
    entropy: str = "aggregate",
    temperature: Weight = 0.67,
    reader: str = "mlp(512)",
    critic_lr: float = 1e-3,
    share: float = 1.0,
    **parts: Unpack[Parts],
) -> Composition:
    """VMI joint VAE: style and a category, and the category is to be read from the image.

    Args:
        style: size of the Gaussian block
        categories: number of categories K
        information: weight λ of the information bound, a number or a schedule
        beta: weight of the style's rate, a number or a schedule
        class_beta: weight of the category's rate, a number or a schedule
        capacity: nats at which to hold the style's rate, a number or a schedule, `linear(0, 20)`
        entropy: entropy in the bound, `aggregate` or `prior` (the thesis', which rewards collapse)
        temperature: of the relaxed one-hot, a number or a falling schedule, `linear(1, 0.5)`
        reader: hidden layers of the reader, or `shared`: those of the encoder and one of its own
        critic_lr: learning rate of the reader
        share: of each batch, the share of images that the reader sees; less of it costs less
        corruption: what the encoder's input undergoes in training, `affine`, `gaussian(sigma=0.6)`
    """
    parts |= _style_and_category(style, categories, temperature)
    read = {"reader": reader, "entropy": entropy, "critic_lr": critic_lr, "share": share}
    term = Written("mutual_information", on="class", **read)
    terms = {**_rates(beta, class_beta, capacity), term: information}
    return Composition(shape, None, terms, **parts)


def _coordinates(on: int | Sequence[int], latent: int) -> list[int]:
    """Return the coordinates that a number of them, or a list, names.

    Raises `VaekitError` for none, for one twice, and for one that the code has not.
    """
    listed = on if isinstance(on, Collection) else range(min(on, latent + 1))
    rows = [int(h) for h in listed]
    if not rows or len(set(rows)) < len(rows) or not all(0 <= h < latent for h in rows):
        raise VaekitError(
            f"on, the coordinates to be read, must be their number, 1 to latent={latent}, or list "
            f"different ones from 0 to {latent - 1}, as in on=[0, 1]; got on={on}"
        )
    return rows


def _style_and_category(style: int, categories: int, temperature: Weight) -> Parts:
    """Return the posterior of a Gaussian style and a category, and that its prior is their own."""
    one_hot = Written("relaxed_one_hot", temperature=temperature)
    blocks = {"style": ["gaussian", style], "class": [one_hot, categories]}
    return {"posterior": Written("product", **blocks), "prior": "own"}


def _rates(beta: Weight, class_beta: Weight, capacity: Weight | None) -> dict[str, Weight]:
    """Return the distortion and the rates of both blocks with their weights."""
    held = (
        Written("kl", on="style")
        if capacity is None
        else (Written("rate_target", capacity, on="style"))
    )
    return {"distortion": 1, held: beta, Written("kl", on="class"): class_beta}
