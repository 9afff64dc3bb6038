"""Parts named by text, on the command line and in run files: `gaussian(sigma=0.1)`.

One small language serves every kind of part (networks, likelihoods, schedules, data sets): a name,
then arguments written as in Python. Bare words are strings, paths such as `data/wine.csv` among
them, and `true`, `false`, `none` have their YAML meaning, so that a shell needs no inner quotes.
Nothing is evaluated, only literals are read. Words that Python keeps for itself, `class` and
`lambda` among them, are names like any other.
"""

import ast
import io
import keyword
import math
import re
import tokenize
from typing import Any

from vaekit.errors import VaekitError

WORDS = {"true": True, "false": False, "none": None, "nan": math.nan, "inf": math.inf}
UNREADABLE = (  # the last two of what is nested, or joined, too deep
    *(SyntaxError, ValueError, TypeError, tokenize.TokenError),
    *(RecursionError, MemoryError),
)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_SHOWN = 200  # letters of a text within a message
_KEPT = "__kept_by_python"
# A text in quotes, which stays as it is, or a run of what words, numbers and paths are made of.
_RUN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[\w./~@+-]+""")
_PATH = "__path"
_CALL = re.compile(r"^\s*([A-Za-z][\w-]*)\s*(?:\((.*)\))?\s*$", re.DOTALL)


def parse(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Split `name(1, b=two)` into its name, positional and named arguments.

    Raises `VaekitError` where the text is not of that form.
    """
    if (call := getattr(text, "call", None)) is not None:  # of a `Written`
        return call
    match = _CALL.match(text)
    if not match:
        cause = bracket_trouble(text) or "write a name, or name(argument, key=value)"
        raise VaekitError(f"cannot read {shown(text)}: {cause}")
    name, inside = match[1], match[2] or ""
    try:
        tree = ast.parse(freed(f"f({_RUN.sub(_quoted_path, inside)})"), mode="eval").body
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            raise ValueError
        keys = [pair.arg and word_of(pair.arg) for pair in tree.keywords]
        twice = [key for key in keys if key and keys.count(key) > 1]
        if twice:
            raise VaekitError(
                f"cannot read the arguments of {shown(text)}: there are two of the name "
                f"{twice[0]!r}, so leave one out or name it otherwise"
            )
        if None in keys:  # **unpacked
            raise ValueError
        values = [literal(pair.value) for pair in tree.keywords]
        named = dict(zip(map(str, keys), values, strict=True))
        return name, [literal(value) for value in tree.args], named
    except VaekitError:
        raise
    except UNREADABLE:
        cause = (
            bracket_trouble(text)
            or "write numbers, words, paths, [lists], or 'text with blanks' in quotes"
        )
        raise VaekitError(f"cannot read the arguments of {shown(text)}: {cause}") from None


def shown(text: str) -> str:
    """Quote a text for a message, of a long one the beginning."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"


def bracket_trouble(text: str) -> str:
    """Say which bracket has no counterpart, and what to do; nothing where all have."""
    still, quote = [], ""
    for letter in text:
        if quote or letter in "'\"":
            quote = ("" if letter == quote else quote) if quote else letter
        elif letter in "([{":
            still.append(letter)
        elif letter in _PAIRS and (not still or still.pop() != _PAIRS[letter]):
            return f"the bracket {letter} closes none that is open, so take it out or open one"
    return f"the bracket {still[-1]} is not closed, so close it" if still else ""


def _quoted_path(match: re.Match[str]) -> str:
    """Mark a run of letters that is no word and no number, as a path is written, as a text."""
    run = match[0]
    if run[0] in "'\"+-" or run.isidentifier() or not any(letter.isalpha() for letter in run):
        return run
    try:
        ast.literal_eval(run)
    except UNREADABLE:
        return f"{_PATH}({run!r})"  # a call, so that two beside each other are an error
    return run


def freed(text: str) -> str:
    """Mark the words that Python keeps for itself, but `True`, `False` and `None`, as names."""
    tokens = []
    for kind, word, *_ in tokenize.generate_tokens(io.StringIO(text).readline):
        kept = keyword.iskeyword(word) and word.lower() not in WORDS
        tokens.append((kind, word + _KEPT if kept else word))
    return tokenize.untokenize(tokens)


def word_of(name: str) -> str:
    """Return a name without the mark that `freed` gave it."""
    return name.replace(_KEPT, "")


def literal(node: ast.expr) -> Any:
    """Return the value of a literal, a word, a list or a {mapping}; `ValueError` for all else."""
    if isinstance(node, ast.Name):
        word = word_of(node.id)
        return WORDS.get(word.lower(), word)
    if isinstance(node, ast.List | ast.Tuple):
        return [literal(item) for item in node.elts]
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = [literal(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(literal, node.values), strict=True))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == _PATH:
        node = node.args[0]
    return ast.literal_eval(node)


def value(text: str) -> Any:
    """Read one value as an argument of `parse` would be; what is none is text, `conv(32)` too."""
    try:
        return literal(ast.parse(freed(text.strip()), mode="eval").body)
    except UNREADABLE:
        return text.strip()


def words(name: str) -> list[str]:
    """Split a name into words and numbers, in lower case: «TrainSet2» is train, set, 2."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
