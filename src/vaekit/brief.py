"""Results in a line: tensors and arrays by type and shape, all else as it writes itself."""

from collections.abc import Sized
from dataclasses import fields
from typing import Any

LONGEST, MANY = 60, 10  # characters of a value within a line, entries of a list


def brief(value: Any) -> str:
    """Write a value in a few words: of a tensor or array its type and shape, of the rest what fits.

    What is longer is written as its class, with its length where it has one.
    """
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype"):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{kind} {tuple(shape)}" if len(shape) else repr(value.item())
    plain = isinstance(value, list | tuple | set | dict)
    if plain and (len(value) > MANY or any(isinstance(v, Sized) for v in _inner(value))):
        return f"{type(value).__name__} of {len(value)}"  # whose text may be as long as the data
    text = repr(value)
    if len(text) <= LONGEST and "\n" not in text and " at 0x" not in text:
        return text
    return type(value).__name__ + (f" of {len(value)}" if isinstance(value, Sized) else "")


def _inner(value: Any) -> list[Any]:
    """List the values in a list or dictionary that are no text."""
    held = value.values() if isinstance(value, dict) else value
    return [each for each in held if not isinstance(each, str)]


def brief_repr(self: Any) -> str:
    """Write a named tuple or a dataclass by its fields in brief: set it as a class's `__repr__`."""
    names = getattr(self, "_fields", None) or [f.name for f in fields(self) if f.repr]
    inside = ", ".join(f"{name}={brief(getattr(self, name))}" for name in names)
    return f"{type(self).__name__}({inside})"
