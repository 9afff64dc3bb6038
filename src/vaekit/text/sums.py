"""Sums of weighted parts by text: `distortion + 4*kl + linear(0, 1)*mmd(kernel=rbf)`."""

import ast

from vaekit.errors import VaekitError
from vaekit.text.reading import UNREADABLE, bracket_trouble, freed, shown, word_of


def summed(text: str) -> list[tuple[str, str]]:
    """Split `a + 4*b(c=1) + linear(0, 1)*d` into pairs of weight and part, each as text.

    Brackets and quotes inside are left as they are; without a weight it is 1. Raises `VaekitError`
    for a minus, a plus too many, and for what is no such sum.
    """
    try:
        tree = ast.parse(f"({freed(text)})", mode="eval").body
        return [_weighted(node, text) for node in _addends(tree, text)]
    except VaekitError:
        raise
    except UNREADABLE:
        raise _no_sum(text) from None


def _addends(node: ast.expr, text: str) -> list[ast.expr]:
    operators = _operators(node)
    if any(isinstance(each, ast.UAdd) for each in operators):
        raise VaekitError(
            f"there is a plus too many in {shown(text)}: write one + between two terms, and none "
            "before the first"
        )
    if any(isinstance(each, ast.Sub | ast.USub) for each in operators):
        raise VaekitError(
            f"there is a minus in {shown(text)}, but weights are ≥ 0, for each term is "
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
            raise VaekitError(f"write the weight before its term, 4*kl, in {shown(text)}")
    if not isinstance(node, ast.Name | ast.Call) or isinstance(weight, ast.BinOp):
        raise _no_sum(text)
    of_weight, of_part = (word_of(ast.unparse(each)) for each in (weight, node))
    return of_weight, of_part


def _no_sum(text: str) -> VaekitError:
    cause = bracket_trouble(text) or (
        "write a sum of weighted terms, such as distortion + 4*kl + linear(0, 1)*mmd(kernel=rbf)"
    )
    return VaekitError(f"cannot read {shown(text)}: {cause}")
