"""The one exception that users meet: cause and cure in a line or two."""

from collections.abc import Iterable
from difflib import get_close_matches


class VaekitError(ValueError):
    """Report bad input with its cause and cure; the command line prints it without a traceback."""


def nearest(word: str, choices: Iterable[str], what: str) -> VaekitError:
    """Build the error for an unknown name, with the nearest known one and the whole list."""
    known = sorted(choices)
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return VaekitError(f"unknown {what} {word!r}.{hint} Known: {', '.join(known)}.")
