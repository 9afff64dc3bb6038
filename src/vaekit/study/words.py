"""What is said of a study in words: several values, and seeds."""

from typing import Any

from vaekit.arguments import fits
from vaekit.errors import VaekitError

MOST_SEEDS = 100_000  # seeds


def split(text: str, at: str = ",") -> list[str]:
    """Split a text at a letter, but not within brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        quote = ("" if letter == quote else quote) if quote else letter * (letter in "'\"")
        depth += 0 if quote else (letter in "([{") - (letter in ")]}")
        if letter == at and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def several(values: Any) -> list[Any]:
    """Return values as a list, one of its own as a list of one."""
    return list(values) if isinstance(values, list | tuple) else [values]


def seeds_of(given: Any) -> list[int]:
    """Return seeds that are said as a number, a list, or a text: `0:5` for 0 to 4, `1,7`.

    Raises `VaekitError` for anything else.
    """
    try:
        if isinstance(given, str):
            parts = [part.partition(":") for part in given.split(",")]
            seeds = [
                seed
                for first, colon, end in parts
                for seed in (_range(int(first or 0), int(end)) if colon else [int(first)])
            ]
        else:
            seeds = [seed for seed in several(given) if fits(seed, int)]
    except ValueError:
        seeds = []
    if len(seeds) > MOST_SEEDS:
        raise VaekitError(f"{len(seeds):,} seeds are more than a study takes, {MOST_SEEDS:,}")
    if not seeds or (isinstance(given, list | tuple) and len(seeds) < len(given)):
        raise VaekitError(f"seeds are whole numbers: 0:5 for 0 to 4, or 0,3,7; got {given!r}")
    return seeds


def _range(first: int, end: int) -> range:
    return range(first, min(end, first + MOST_SEEDS + 1))
