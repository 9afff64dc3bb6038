"""Words of a command line, as they can be pasted into a shell."""

import re
import shlex
from pathlib import Path

_BARE = re.compile(r"[\w.,=/:+-]+")
_SAFE = re.compile(r"[^\"$`\\!]*")  # within double quotes


def quoted(text: str | Path) -> str:
    """Quote a word for the shell where it needs to be, in double quotes where these suffice.

    A path that begins with a dash is written so that it is no flag.
    """
    word = f"./{text}" if isinstance(text, Path) and str(text).startswith("-") else str(text)
    if _BARE.fullmatch(word):
        return word
    return f'"{word}"' if _SAFE.fullmatch(word) else shlex.quote(word)
