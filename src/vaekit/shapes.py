"""The shapes of a pass, held against one another: broadcasting is never what was meant.

    x        (batch, *shape)
    q(z|x)   of batch (batch,) and event (H,)               z (samples, batch, H)
    p(z)     of batch () or (batch,) and event (H,)
    p(x|z)   of batch (samples, batch) and event shape

Tuples are compared and nothing is computed, so a step can be compiled and asks no device.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import Any, Protocol, TypeVar

from torch import Tensor
from torch.distributions import Distribution

from vaekit.brief import brief
from vaekit.errors import VaekitError

Sizes = Sequence[int]


class Sized(Protocol):
    """Whatever is of a code of `latent` entries."""

    latent: int


SizedPart = TypeVar("SizedPart", bound=Sized)
# In what PyTorch says where shapes, and types, do not fit.
_SHAPES = ("shape", "size", "dimension", "Dimension", "reduction dim", "channel", "D input")
_TYPES = ("dtype", "scalar type", "should be the same")
_ALONE = "Expected more than 1 value per channel"


def spans(sizes: Iterable[int]) -> list[slice]:
    """Return the places of blocks of these sizes that lie side by side."""
    return [slice(start, stop) for start, stop in pairwise(accumulate(sizes, initial=0))]


def check_examples(x: Any) -> None:
    """Raise `VaekitError` for what is no batch of floats (batch, *shape)."""
    if not isinstance(x, Tensor):
        raise VaekitError(f"a model is shown a tensor x (batch, *shape), got {type(x).__name__}")
    if x.ndim < 2:
        raise VaekitError(
            f"a model is shown a batch x (batch, *shape), got shape {tuple(x.shape)}: "
            "write x[None] for one example, x[:, None] for examples of one number"
        )
    if not x.is_floating_point():
        raise VaekitError(
            f"a model is shown float32 numbers, got {_dtype(x)}: write x.float() / 255 for "
            "pictures of bytes, x.float() for others"
        )


def float_output(out: Any, who: str) -> Tensor:
    """Return what a network gave in float32; raise `VaekitError` for what is no tensor of floats.

    `who` names the network, as in `the encoder`.
    """
    if not isinstance(out, Tensor):
        raise VaekitError(
            f"{who} gives {_said(out)}: let it return one tensor, parts of it joined by "
            "torch.cat(parts, -1)"
        )
    if not out.is_floating_point():
        raise VaekitError(
            f"{who} gives {_dtype(out)} numbers, through which nothing is learned: let it return "
            "float32"
        )
    return out.float()


def check_posterior(q: Any, count: int, latent: int) -> None:
    """Raise `VaekitError` unless q is over `latent` entries for each of `count` examples."""
    _check_kind(q, "posterior")
    if tuple(q.batch_shape) != (count,):
        raise VaekitError(
            f"the posterior gives q(z|x) of batch shape {tuple(q.batch_shape)} for {count} "
            f"examples: it must be ({count},), so let the encoder keep the first axis of x"
        )
    if tuple(q.event_shape) != (latent,):
        raise VaekitError(
            f"the posterior gives q(z|x) over {_entries(q)}, but its latent is {latent}: make "
            "the two alike"
        )


def check_codes(z: Any, shape: Sizes) -> None:
    """Raise `VaekitError` unless codes drawn from q(z|x) are floats (samples, batch, H)."""
    if not isinstance(z, Tensor) or tuple(z.shape) != tuple(shape) or not z.is_floating_point():
        raise VaekitError(
            f"the posterior draws codes {brief(z)}, expected floats of shape {tuple(shape)}, "
            "(samples, batch, latent): mend the rsample of its distribution"
        )


def check_prior(p: Any, count: int, latent: int) -> None:
    """Raise `VaekitError` unless p(z) is over `latent` entries, for all or for each of `count`."""
    _check_kind(p, "prior")
    if tuple(p.event_shape) != (latent,):
        raise VaekitError(
            f"the prior is over {_entries(p)}, but the code has {latent}: make posterior and "
            "prior with the same latent"
        )
    if tuple(p.batch_shape) not in ((), (count,)):
        raise VaekitError(
            f"the prior gives p(z) of batch shape {tuple(p.batch_shape)} for {count} examples: "
            f"it must be (), or ({count},) under a condition"
        )


def check_decoded(p: Any, lead: Sizes, x: Sizes) -> None:
    """Raise `VaekitError` unless p(x|z) is over examples like x, for codes of batch shape `lead`.

    `x` is the shape (batch, *shape) of the examples.
    """
    _check_kind(p, "likelihood")
    batch, event, shape = tuple(p.batch_shape), tuple(p.event_shape), tuple(x[1:])
    if batch == tuple(lead) and event == shape:
        return
    if batch + event == (*lead, *shape):
        raise VaekitError(
            f"the likelihood gives p(x|z) of batch shape {batch} and event {event}, expected "
            f"{tuple(lead)} and {shape}: make one whole example its event, as "
            "torch.distributions.Independent does"
        )
    if batch != tuple(lead):
        raise VaekitError(
            f"the likelihood gives p(x|z) of batch shape {batch} for codes of batch shape "
            f"{tuple(lead)}: let the decoder keep all axes of z but the last"
        )
    raise VaekitError(misfit(x, event))


def misfit(x: Sizes, event: Sizes) -> str:
    """Say that examples x (batch, *shape) are not what p(x|z) is over, and what to do."""
    shape, event, last = tuple(x[1:]), tuple(event), (*event[1:], *event[:1])
    said = f"the examples have shape {shape}, but p(x|z) of this model is over {event}"
    if tuple(x) == event:
        return f"{said}: x {tuple(x)} is one example, so give it the first axis of a batch, x[None]"
    if shape == last:
        return f"{said}: channels come first, so move them, x.movedim(-1, 1)"
    if math.prod(shape) == math.prod(event):
        sizes = ", ".join(map(str, event))
        return f"{said}: write x.reshape(-1, {sizes}), or let the decoder return {shape}"
    return f"{said}: make the model, or its decoder, for examples of shape {shape}"


def log_prob(d: Distribution, value: Tensor, shape: Sizes, what: str) -> Tensor:
    """Return log-densities of the given shape; raise `VaekitError` where they have another."""
    log_p: Any = d.log_prob(value)
    if not isinstance(log_p, Tensor) or log_p.shape != shape:
        raise VaekitError(
            f"log {what} is {brief(log_p)}, expected shape {tuple(shape)}: sum it over the "
            "entries of an example, in the log_prob of its distribution"
        )
    return log_p


@contextmanager
def explaining(shape: Sizes, wanted: Callable[[], Sizes] | None = None) -> Iterator[None]:
    """Raise `VaekitError` where a network inside cannot read what it is shown.

    What PyTorch says of shapes and types is translated; its other errors pass. `wanted` tells which
    shape the model was made for.
    """
    try:
        yield
    except (RuntimeError, ValueError, IndexError) as error:
        said = _translated(error, tuple(shape), wanted)
        if said is None:
            raise
        raise VaekitError(said) from error


def _translated(
    error: Exception, shape: tuple[int, ...], wanted: Callable[[], Sizes] | None
) -> str | None:
    """Say in our words what PyTorch says of shapes or types, None for anything else."""
    if type(error).__name__ == "TorchRuntimeError":  # of a compiled step, around its cause
        said = str(error).partition("Error('")[2].partition("')")[0]
    elif type(error) in (RuntimeError, ValueError, IndexError):
        said = str(error).strip().partition("\n")[0]
    else:
        return None
    said = said.rstrip(".")
    known = {
        _ALONE: f"batch normalisation has no variance of one example ({said}): use batches of "
        "two or more, and drop_last=True with a DataLoader",
        "Expected parameter": "a distribution was made with parameters out of its range "
        f"({said}): keep them within it, as scale = log_scale.exp() does",
    }
    for words, text in known.items():
        if words in said:
            return text
    if any(word in said for word in _TYPES):
        return (
            f"the types of numbers do not fit ({said}): the examples are float32, so make the "
            "networks so too, network.float()"
        )
    if any(word in said for word in _SHAPES):
        own = None if wanted is None else tuple(wanted())
        if own is not None and own != shape:
            return (
                f"the shapes do not fit ({said}): the examples have shape {shape}, but the model "
                f"was made for {own}"
            )
        return (
            f"the shapes do not fit ({said}): the examples have shape {shape}, so give such as the "
            "model was made for; a critic is made for the size of the codes, a reader for examples"
        )
    return None


def _check_kind(out: Any, who: str) -> None:
    if not isinstance(out, Distribution):
        raise VaekitError(
            f"the {who} gives {_said(out)}, no torch.distributions.Distribution: return one from "
            "its forward"
        )


def _said(value: Any) -> str:
    return "nothing (None)" if value is None else f"a {type(value).__name__}"


def _dtype(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def _entries(d: Distribution) -> str:
    shape = tuple(d.event_shape)
    return f"{shape[0]} entries" if len(shape) == 1 else f"an event of shape {shape}"


def sized(part: SizedPart, latent: int, what: str, said: Any) -> SizedPart:
    """Return a part of a code of `latent` entries; raise `VaekitError` for one of another size."""
    if not hasattr(part, "latent"):
        raise VaekitError(f"{type(part).__name__} has no latent: set it in __init__, the size of z")
    if part.latent != latent:
        raise VaekitError(
            f"{what} {brief(said)} is over {part.latent} coordinates, but the code has {latent}: "
            f"write latent={part.latent}, or make it of {latent}"
        )
    return part
