"""Parts named by text, on the command line and in run files: `gaussian(sigma=0.1)`.

One small language serves every kind of part (networks, likelihoods, schedules, data sets): a name,
then arguments written as in Python. Bare words are strings and `true`, `false`, `none` have their
YAML meaning, so that a shell needs no inner quotes. Nothing is evaluated, only literals are read.
Words that Python keeps for itself, `class` and `lambda` among them, are names like any other.
"""

import ast
import inspect
import io
import keyword
import math
import re
import tokenize
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vaekit.arguments import check_call
from vaekit.errors import VaekitError, nearest

_WORDS = {"true": True, "false": False, "none": None, "nan": math.nan, "inf": math.inf}
_KEPT = "__kept_by_python"
_CALL = re.compile(r"^\s*([A-Za-z][\w-]*)\s*(?:\((.*)\))?\s*$", re.DOTALL)


def parse(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Split `name(1, b=two)` into its name, positional and named arguments.

    Raises `VaekitError` where the text is not of that form.
    """
    match = _CALL.match(text)
    if not match:
        raise VaekitError(f"cannot read {text!r}: write a name, or name(argument, key=value)")
    name, inside = match[1], match[2] or ""
    try:
        call = ast.parse(_freed(f"f({inside})"), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        named = {pair.arg and _word(pair.arg): _literal(pair.value) for pair in call.keywords}
        if None in named or len(named) < len(call.keywords):  # **unpacked, or named twice
            raise ValueError
        return name, [_literal(value) for value in call.args], {str(k): v for k, v in named.items()}
    except (SyntaxError, ValueError, TypeError, tokenize.TokenError):
        raise VaekitError(
            f"cannot read the arguments of {text!r}: write numbers, words, [lists] or 'quoted text'"
        ) from None


def _freed(text: str) -> str:
    """Mark the words that Python keeps for itself, but `True`, `False` and `None`, as names."""
    tokens = []
    for kind, word, *_ in tokenize.generate_tokens(io.StringIO(text).readline):
        kept = keyword.iskeyword(word) and word.lower() not in _WORDS
        tokens.append((kind, word + _KEPT if kept else word))
    return tokenize.untokenize(tokens)


def _word(name: str) -> str:
    return name.removesuffix(_KEPT)


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        word = _word(node.id)
        return _WORDS.get(word.lower(), word)
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    return ast.literal_eval(node)


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


def written(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Write the text that `parse` reads as this name with these arguments."""
    words = [*map(repr, positional), *(f"{key}={value!r}" for key, value in named.items())]
    return f"{name}({', '.join(words)})" if words else name


def value(text: str) -> Any:
    """Read one value as an argument of `parse` would be; what is none is text, `conv(32)` too."""
    try:
        return _literal(ast.parse(_freed(text.strip()), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, tokenize.TokenError):
        return text.strip()


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


def _own(signature: inspect.Signature, skip: int) -> str:
    parameters = list(signature.parameters.values())[skip:]
    shown = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(shown))


def words(name: str) -> list[str]:
    """Split a name into words and numbers, in lower case: «TrainSet2» is train, set, 2."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
