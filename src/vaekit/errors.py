"""The one exception and the one warning that users meet: cause and cure in a line or two."""

import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any


class VaekitError(ValueError):
    """Report bad input with its cause and cure; the command line prints it without a traceback."""


class VaekitWarning(UserWarning):
    """Tell what was done with doubtful input; the command line prints it as a note."""


def warn(text: str) -> None:
    """Warn of input that was taken in a way which its owner may not have meant."""
    warnings.warn(text, VaekitWarning, stacklevel=3)


def shortened(words: Sequence[Any], most: int = 8) -> str:
    """List the first of many words, with commas between, and say how many there are in all."""
    shown = ", ".join(map(str, words[:most]))
    return shown + (f", … ({len(words):,} in all)" if len(words) > most else "")


def nearest(word: str, choices: Iterable[str], what: str, also: str = "") -> VaekitError:
    """Build the error for an unknown name, with the nearest known one and the whole list.

    Capitals make no name another one. `also` is what else the name is not, after a comma.
    """
    known = sorted(choices)
    plain = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), plain, n=1, cutoff=0.5)
    hint = f" Did you mean {plain[close[0]]!r}?" if close else ""
    return VaekitError(f"unknown {what} {word!r}{also}.{hint} Known: {', '.join(known)}.")
