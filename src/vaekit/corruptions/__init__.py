"""Corruptions x → x̃ of the encoder's input; the target of the likelihood is always the clean x.

A corruption acts while a model trains. In evaluation the encoder sees what it is given, and
`model.corruption(x)` corrupts on demand.
"""

from collections.abc import Callable

from torch import Tensor

from vaekit.corruptions.affine import Affine
from vaekit.corruptions.base import Corruption, Custom
from vaekit.corruptions.gaussian import GaussianNoise, TruncatedGaussian
from vaekit.corruptions.hidden import Hidden
from vaekit.corruptions.masking import Masking
from vaekit.corruptions.salt_and_pepper import SaltAndPepper
from vaekit.errors import VaekitError
from vaekit.text import build

CORRUPTIONS: dict[str, Callable[..., Corruption]] = {
    "masking": Masking,
    "hidden": Hidden,
    "gaussian": GaussianNoise,
    "truncated_gaussian": TruncatedGaussian,
    "salt_and_pepper": SaltAndPepper,
    "affine": Affine,
}


def corruption(kind: str | Callable[[Tensor], Tensor]) -> Corruption:
    """Read a corruption: its text, such as `masking(p=0.3)`, or any callable x → x̃.

    Raises `VaekitError` for anything else.
    """
    if isinstance(kind, str):
        return build(kind, CORRUPTIONS, "corruption")
    if not callable(kind) or isinstance(kind, type):
        raise VaekitError(
            f"corruption must be text such as 'masking(p=0.3)', or a callable x → x̃, not a "
            f"class of such, got {kind!r}"
        )
    return kind if isinstance(kind, Corruption) else Custom(kind)
