"""What a file of JSON or YAML should hold, as a value of the same form, and whether it does.

    {"value": float, "n?": int, "*": ANY}    a mapping; `?` may be missing, `*` is any other name
    [str]                                    a list of texts
    float | None                             a type as in an annotation, finite where a number
    REAL                                     a number, NaN and infinity too
    Maybe({…})                               None, or what has this form
    Least(float)                             what has this form and is 0 or more

What is wrong is said with its place: `elbo.n`.
"""

import json
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaekit.arguments import fits, in_words
from vaekit.errors import VaekitError

ANY: Any = object()
REAL: Any = object()
LARGEST_NUMBER = 1e100


@dataclass(frozen=True)
class Maybe:
    """Allow None in place of a form."""

    form: Any


@dataclass(frozen=True)
class Least:
    """Ask for a number that is not below 0."""

    form: Any


class Damaged(VaekitError):
    """Report what a file holds in place of what it should."""


def read_json(path: Path, form: Any) -> Any:
    """Return what a JSON file holds; None where there is no such file.

    Raises `Damaged` where it cannot be read, or does not have the form.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except FileNotFoundError:
        return None
    except Damaged:
        raise
    except (ValueError, OSError, RecursionError) as error:  # no JSON, no UTF-8, too deep, a folder
        raise Damaged(f"not readable: {' '.join(str(error).split())[:100]}") from error
    check_form(value, form)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = max(names, key=names.count)
        raise Damaged(f"{shown_value(twice)} stands there twice")
    return dict(pairs)


def check_form(value: Any, form: Any, place: str = "") -> None:
    """Raise `Damaged` with the first place where a value does not have the form."""
    wrong = next(_wrong(value, form, place), None)
    if wrong:
        raise Damaged(wrong)


def _wrong(value: Any, form: Any, place: str) -> Iterator[str]:
    if isinstance(form, Maybe):
        yield from () if value is None else _wrong(value, form.form, place)
    elif isinstance(form, Least):
        yield from _wrong(value, form.form, place)
        if isinstance(value, int | float) and value < 0:
            yield f"{_at(place)}should be 0 or more, got {shown_value(value)}"
    elif isinstance(form, Mapping):
        yield from _wrong_mapping(value, form, place)
    elif isinstance(form, list):
        if not isinstance(value, list):
            yield f"{_at(place)}should be a list, got {shown_value(value)}"
        else:
            for k, each in enumerate(value):
                yield from _wrong(each, form[0], f"{place}[{k}]")
    elif form is not ANY:
        kind = float if form is REAL else form
        if not fits(value, kind):
            yield f"{_at(place)}should be {in_words(kind)}, got {shown_value(value)}"
        elif form is not REAL and not _occurs(value):
            yield f"{_at(place)}should be a finite number, got {shown_value(value)}"


def _wrong_mapping(mapping: Any, form: Mapping[str, Any], place: str) -> Iterator[str]:
    if not isinstance(mapping, dict):
        yield f"{_at(place)}should be `name: value`, got {shown_value(mapping)}"
        return
    known = {name.rstrip("?"): inner for name, inner in form.items()}
    for name in form:
        if name not in mapping and not name.endswith("?") and name != "*":
            yield f"{_at(place)}lacks {name}"
    for name, value in mapping.items():
        if not isinstance(name, str) or (name not in known and "*" not in known):
            yield f"{_at(place)}has an unknown {shown_value(name)}"
        else:
            inner = f"{place}.{shown_value(name)[1:-1]}".lstrip(".")
            yield from _wrong(value, known.get(name, known.get("*")), inner)


def _occurs(value: Any) -> bool:
    return not isinstance(value, int | float) or abs(value) <= LARGEST_NUMBER


def _at(place: str) -> str:
    return f"{place} " if place else "it "


def shown_value(value: Any) -> str:
    """Write a value that may be long or deep in a few letters."""
    return reprlib.repr(value)
