"""Parts called with the arguments that a user wrote, and the errors where these do not fit."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vaekit.arguments import check_call
from vaekit.errors import VaekitError, nearest
from vaekit.text.reading import parse


def build(text: str, catalogue: Mapping[str, Callable[..., Any]], what: str, *first: Any) -> Any:
    """Call the part that `text` names in `catalogue`, with `first` before the text's arguments.

    Raises `VaekitError` for an unknown name (with the nearest), for arguments that do not fit the
    part's signature (with the signature), and for values that are not of the annotated kind.
    """
    name, positional, named = parse(text)
    if name not in catalogue:
        raise nearest(name, catalogue, what)
    return call(catalogue[name], name, f"{what} {text!r}", first, positional, named)


def call(
    part: Callable[..., Any],
    name: str,
    said: str,
    first: Sequence[Any],
    positional: Sequence[Any],
    named: Mapping[str, Any],
) -> Any:
    """Call a part with `first` and the arguments that a user gave; raises as `bind` does."""
    bind(part, name, said, first, positional, named)
    try:
        return part(*first, *positional, **named)
    except TypeError as error:
        raise VaekitError(f"{said}: {error}") from None


def bind(
    part: Callable[..., Any],
    name: str,
    said: str,
    first: Sequence[Any],
    positional: Sequence[Any],
    named: Mapping[str, Any],
) -> inspect.BoundArguments:
    """Hold arguments that a user gave against a part's signature; `said` begins every error.

    Raises `VaekitError` for arguments that do not fit the signature (with the signature) and for
    values that are not of the annotated kind.
    """
    signature = inspect.signature(part)
    try:
        bound = signature.bind(*first, *positional, **named)
    except TypeError as error:
        own = _own(signature, len(first))
        raise VaekitError(f"{said}: {error}; it takes {name}{own}") from None
    try:
        check_call(bound)
    except VaekitError as error:
        raise VaekitError(f"{said}: {error}") from None
    return bound


def _own(signature: inspect.Signature, skip: int) -> str:
    parameters = list(signature.parameters.values())[skip:]
    shown = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(shown))
