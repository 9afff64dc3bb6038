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
_UNREADABLE = (  # the last two of what is nested, or joined, too deep
    *(SyntaxError, ValueError, TypeError, tokenize.TokenError),
    *(RecursionError, MemoryError),
)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_SHOWN = 200  # letters of a text within a message
_KEPT = "__kept_by_python"
_CALL = re.compile(r"^\s*([A-Za-z][\w-]*)\s*(?:\((.*)\))?\s*$", re.DOTALL)


def parse(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Split `name(1, b=two)` into its name, positional and named arguments.

    Raises `VaekitError` where the text is not of that form.
    """
    if isinstance(text, Written):
        return text.call
    match = _CALL.match(text)
    if not match:
        cause = _bracket(text) or "write a name, or name(argument, key=value)"
        raise VaekitError(f"cannot read {_shown(text)}: {cause}")
    name, inside = match[1], match[2] or ""
    try:
        call = ast.parse(_freed(f"f({inside})"), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        keys = [pair.arg and _word(pair.arg) for pair in call.keywords]
        twice = [key for key in keys if key and keys.count(key) > 1]
        if twice:
            raise VaekitError(
                f"cannot read the arguments of {_shown(text)}: there are two of the name "
                f"{twice[0]!r}, so leave one out or name it otherwise"
            )
        if None in keys:  # **unpacked
            raise ValueError
        values = [_literal(pair.value) for pair in call.keywords]
        named = dict(zip(map(str, keys), values, strict=True))
        return name, [_literal(value) for value in call.args], named
    except VaekitError:
        raise
    except _UNREADABLE:
        cause = _bracket(text) or "write numbers, words, [lists] or 'quoted text'"
        raise VaekitError(f"cannot read the arguments of {_shown(text)}: {cause}") from None


def _shown(text: str) -> str:
    """Quote a text for a message, of a long one the beginning."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"


def _bracket(text: str) -> str:
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


def _freed(text: str) -> str:
    """Mark the words that Python keeps for itself, but `True`, `False` and `None`, as names."""
    tokens = []
    for kind, word, *_ in tokenize.generate_tokens(io.StringIO(text).readline):
        kept = keyword.iskeyword(word) and word.lower() not in _WORDS
        tokens.append((kind, word + _KEPT if kept else word))
    return tokenize.untokenize(tokens)


def _word(name: str) -> str:
    return name.replace(_KEPT, "")


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


def summed(text: str) -> list[tuple[str, str]]:
    """Split `a + 4*b(c=1) + linear(0, 1)*d` into pairs of weight and part, each as text.

    Brackets and quotes inside are left as they are; without a weight it is 1. Raises `VaekitError`
    for a minus, a plus too many, and for what is no such sum.
    """
    try:
        tree = ast.parse(f"({_freed(text)})", mode="eval").body
        return [_weighted(node, text) for node in _addends(tree, text)]
    except VaekitError:
        raise
    except _UNREADABLE:
        raise _no_sum(text) from None


def _addends(node: ast.expr, text: str) -> list[ast.expr]:
    operators = _operators(node)
    if any(isinstance(each, ast.UAdd) for each in operators):
        raise VaekitError(
            f"there is a plus too many in {_shown(text)}: write one + between two terms, and none "
            "before the first"
        )
    if any(isinstance(each, ast.Sub | ast.USub) for each in operators):
        raise VaekitError(
            f"there is a minus in {_shown(text)}, but weights are ≥ 0, for each term is "
            "minimised: write +, and take a term that falls where it should rise, such as "
            "mutual_information"
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_addends(node.left, text), *_addends(node.right, text)]
    return [node]


def _operators(node: ast.expr) -> list[ast.AST]:
    """List the operators of a sum of products, and the signs before its numbers and terms."""
    if isinstance(node, ast.BinOp):
        return [node.op, *_operators(node.left), *_operators(node.right)]
    return [node.op, *_operators(node.operand)] if isinstance(node, ast.UnaryOp) else []


def _weighted(node: ast.expr, text: str) -> tuple[str, str]:
    weight: ast.expr = ast.Constant(1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        weight, node = node.left, node.right
        if isinstance(node, ast.Constant):
            raise VaekitError(f"write the weight before its term, 4*kl, in {_shown(text)}")
    if not isinstance(node, ast.Name | ast.Call) or isinstance(weight, ast.BinOp):
        raise _no_sum(text)
    of_weight, of_part = (_word(ast.unparse(each)) for each in (weight, node))
    return of_weight, of_part


def _no_sum(text: str) -> VaekitError:
    cause = _bracket(text) or (
        "write a sum of weighted terms, such as distortion + 4*kl + linear(0, 1)*mmd(kernel=rbf)"
    )
    return VaekitError(f"cannot read {_shown(text)}: {cause}")


def written(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
    """Write the text that `parse` reads as this name with these arguments."""
    words = [*map(repr, positional), *(f"{key}={value!r}" for key, value in named.items())]
    return f"{name}({', '.join(words)})" if words else name


def value(text: str) -> Any:
    """Read one value as an argument of `parse` would be; what is none is text, `conv(32)` too."""
    try:
        return _literal(ast.parse(_freed(text.strip()), mode="eval").body)
    except _UNREADABLE:
        return text.strip()


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
    return _Bare(text) if text.isidentifier() and text.lower() not in _WORDS else text


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


def _own(signature: inspect.Signature, skip: int) -> str:
    parameters = list(signature.parameters.values())[skip:]
    shown = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(shown))


def words(name: str) -> list[str]:
    """Split a name into words and numbers, in lower case: «TrainSet2» is train, set, 2."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
