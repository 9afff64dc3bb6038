"""Parts written as text that is read back as the same."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vaekit.text.reading import WORDS, parse


def written(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Write the text that `parse` reads as this name with these arguments."""
    words = [*map(repr, positional), *(f"{key}={value!r}" for key, value in named.items())]
    return f"{name}({', '.join(words)})" if words else name


class Written(str):
    """Write a part with its arguments, and keep these as they are for whoever reads the text.

    `Written("rate_target", Linear(0, 25), on="style")` is the text
    `rate_target('linear(start=0, end=25)', on=style)`, from which `build` takes the schedule.
    """

    call: tuple[str, list[Any], dict[str, Any]]

    def __new__(cls, name: str, /, *positional: Any, **named: Any) -> "Written":
        """Write the text; arguments that are no literals stand in it by their own text."""
        plain = {key: _plain(value) for key, value in named.items()}
        made = super().__new__(cls, written(name, [*map(_plain, positional)], plain))
        made.call = name, list(positional), named
        return made


class _Bare(str):
    """Write a word without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _plain(value: Any) -> Any:
    """Return what is written shortest: bare words, whole numbers; for objects their text."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool):
        return _Bare(str(value).lower())
    if isinstance(value, int | float):
        return int(value) if math.isfinite(value) and value == int(value) else value
    text = str(value)
    return _Bare(text) if text.isidentifier() and text.lower() not in WORDS else text


def spelled(number: Any) -> str:
    """Write a number, or text that spells one, in the shortest way; other text as it is."""
    try:
        return str(_plain(float(number)))
    except (TypeError, ValueError):
        return str(number)


def shortest(text: str, catalogue: Mapping[str, Callable[..., Any]]) -> str:
    """Write a part without those of its named arguments that are the catalogue's default."""
    name, positional, named = parse(text)
    known = inspect.signature(catalogue[name]).parameters if name in catalogue else {}
    own = {k: v for k, v in named.items() if k not in known or known[k].default != v}
    return Written(name, *positional, **own)
