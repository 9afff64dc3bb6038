"""Trees written as lists, [p, child, child, …]: a child is a tree, or a number of leaves.

Such a tree is worked on layer by layer, all nodes of a layer at once. A leaf that stands higher up
than others is hung on nodes of a single child until it has their depth: the p-norm of one number is
that number, so nothing changes.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from vaekit.errors import VaekitError

Tree = Sequence["float | Tree"]


class TreeNode:
    """Hold the children of a node, the leaves below it, and the number of its exponent."""

    def __init__(self, number: int, children: list["TreeNode"], leaves: int, leaf: bool = False):
        self.number, self.children, self.leaves, self.leaf = number, children, leaves, leaf


def read_tree(tree: Any, exponents: list[float]) -> TreeNode:
    """Read a tree [p, child, …], appending the p of its nodes to `exponents`, parents first.

    Raises `VaekitError` for what is no tree, p ≤ 0 and empty nodes.
    """
    if isinstance(tree, str) or not isinstance(tree, Sequence) or not tree:
        raise VaekitError(
            f"a tree is [p, child, …], a child a tree or a number of leaves, got {tree!r}"
        )
    p, *rest = tree
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0 < p < math.inf:
        raise VaekitError(f"an exponent must be a finite number > 0, got p={p!r}")
    number = len(exponents)
    exponents.append(float(p))
    children: list[TreeNode] = []
    for child in rest:
        if isinstance(child, bool) or not isinstance(child, int):
            children.append(read_tree(child, exponents))
            continue
        if child < 1:
            raise VaekitError(f"a node needs at least one leaf, got {child} in {list(tree)!r}")
        children += [TreeNode(-1, [], 1, leaf=True) for _ in range(child)]
    if not children:
        raise VaekitError(f"the node {list(tree)!r} is empty: write [p, number of leaves]")
    return TreeNode(number, children, sum(c.leaves for c in children))


def layers_of(root: TreeNode) -> list[list[TreeNode]]:
    """Cut a tree into layers, root first, each covering all leaves, the last of leaves only."""
    layers = [[root]]
    while not all(node.leaf for node in layers[-1]):
        before = layers[-1]
        for i, node in enumerate(before):
            if node.leaf:  # any exponent would do: it cancels
                before[i] = TreeNode(0, [node], 1)
        layers.append([child for node in before for child in node.children])
    for above, below in pairwise(layers):
        assert sum(len(node.children) for node in above) == len(below)
    return layers
