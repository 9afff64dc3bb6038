"""Arguments held against their annotations, so that a slip is named and not carried along.

`epochs=1.5` would train two epochs and `compile="no"` would compile: Python asks no types. A whole
number serves where a real one is asked for, and True is no number. Where text names a part, such as
`linear(0, 4)`, the part itself serves too. What text or a recipe builds is checked by `check_call`.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral, Number, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from vaekit.brief import brief
from vaekit.errors import VaekitError

_SAID: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "None",
}
_LISTED: dict[Any, str] = {
    int: "a list of whole numbers",
    float: "a list of numbers",
    str: "a list of texts",
}
_NUMBERS: dict[Any, Any] = {int: Integral, float: Real}


def check(name: str, value: Any, kind: Any, default: Any = None) -> None:
    """Raise `VaekitError` where a value is not of the annotated kind, with one that would serve."""
    if fits(value, kind):
        return
    said = in_words(kind)
    cure = next((c for c in (_meant(value), default) if c is not None and fits(c, kind)), None)
    such = "" if cure is None else f", as in {name}={cure!r}"
    raise VaekitError(f"{name} must be {said}{such}; got {value!r}")


def check_latent(latent: int) -> int:
    """Return `latent` where it is a size a code can have; raise `VaekitError` otherwise."""
    check("latent", latent, int)
    if latent < 1:
        raise VaekitError(f"a code needs at least one latent, got latent={latent}")
    return latent


def check_counts(**counts: Any) -> None:
    """Raise `VaekitError` for a count that is no whole number, or below 1, 0 for shuffles."""
    for name, count in counts.items():
        least = 0 if name == "shuffles" else 1
        if not fits(count, int) or count < least:
            raise VaekitError(f"{name} must be ≥ {least}, a whole number, got {count!r}")


def expect(value: Any, kind: Any, wanted: str, cures: Sequence[tuple[Any, str]] = ()) -> None:
    """Raise `VaekitError` where a value is no instance of `kind`, with the first cure that fits.

    `wanted` says what is; a cure is a class, or several, and what to do with an instance of it.
    """
    if not isinstance(value, kind):
        cure = next((f": {text}" for of, text in cures if isinstance(value, of)), "")
        raise VaekitError(f"expected {wanted}, got {told(value)}{cure}")


def told(value: Any) -> str:
    """Say in a few words what a value is: its class, and what it holds."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    said, kind = brief(value), type(value).__name__
    return said if value is None or said.startswith(kind) else f"{kind} {said}"


def check_call(call: inspect.BoundArguments) -> None:
    """Raise `VaekitError` where an argument of a call is not of the kind that is annotated."""
    for name, value in call.arguments.items():
        known = call.signature.parameters[name]
        default = None if known.default is known.empty else known.default
        given = [(name, value)]
        if known.kind is known.VAR_POSITIONAL:
            given = [(name, item) for item in value]
        elif known.kind is known.VAR_KEYWORD:
            given = value.items()
        for each, item in given:
            check(each, item, known.annotation, default)


def in_words(kind: Any) -> str:
    """Say in words what an annotation allows: `a number or None`."""
    return " or ".join(map(_kind_text, _choices(kind)))


def fits(value: Any, kind: Any) -> bool:
    """Tell whether a value may stand where `kind` is annotated; what is not known here may."""
    if get_origin(kind) in (Union, UnionType):
        return any(fits(value, choice) for choice in get_args(kind))
    if get_origin(kind) is Literal:
        return any(value is choice or value == choice for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return isinstance(value, tuple | list)  # what stands in it, its reader checks
    if get_origin(kind) is Sequence:
        listed = isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)
        return listed and all(fits(item, get_args(kind)[0]) for item in value)
    return _is_plain(value, kind)


def _is_plain(value: Any, kind: Any) -> bool:
    if kind in _NUMBERS:
        return isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    if kind is str:  # or the part that the text would name, which is no plain value
        return isinstance(value, str) or not isinstance(value, Number | Collection | NoneType)
    if get_origin(kind) is Callable:
        return callable(value)
    known = isinstance(kind, type) and kind not in (Any, inspect.Parameter.empty)
    return isinstance(value, kind) if known else True


def _choices(kind: Any) -> list[Any]:
    """List what a kind allows: the members of a union, the values of a literal."""
    if get_origin(kind) in (Union, UnionType):
        return [choice for member in get_args(kind) for choice in _choices(member)]
    return list(get_args(kind)) if get_origin(kind) is Literal else [kind]


def _kind_text(kind: Any) -> str:
    """Say a kind in words."""
    if get_origin(kind) is Sequence:
        return _LISTED.get(get_args(kind)[0], "a list")
    if get_origin(kind) is Callable:
        return "a function"
    if get_origin(kind) is tuple:
        return "a tuple"
    return _SAID.get(kind, getattr(kind, "__name__", repr(kind)))


def _meant(value: Any) -> Any:
    """Return the number that text spells, or the whole one that a float is, else None."""
    try:
        number = float("no" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else number


def setting(make: Any, name: str, default: Any) -> Any:
    """Return what a class says of its instances; also where only some arguments were given."""
    return getattr(getattr(make, "func", make), name, default)
