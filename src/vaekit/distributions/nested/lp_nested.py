"""L^p-nested symmetric distributions: a tree of norms over the sizes of coordinates.

Each inner node i of a tree is a norm of its children, each leaf a coordinate's |z_j|,

    f_i = (Σ_k f_{i,k}^{p_i})^{1/p_i}        f = f at the root        ([isa] eqs. 6, 9)

and the density depends on z through f alone (Sinz & Bethge 2010; [isa] eqs. 7, 8, 11). With n
leaves in all, n_i under node i, n_{i,k} under its k-th child, l_i children of i, and scale s:

    p(z)      = ψ0(f) / (f^{n−1} S_f(1))
    ψ0(v)     = p0 v^{n−1} exp(−v^{p0}/s) / (Γ(n/p0) s^{n/p0})
    ln S_f(1) = n ln 2 + Σ_i [Σ_k lnΓ(n_{i,k}/p_i) − (l_i − 1) ln p_i − lnΓ(n_i/p_i)]

The powers of f cancel, which leaves a density that is finite at z = 0:

    ln p(z) = ln p0 − lnΓ(n/p0) − (n/p0) ln s − f(z)^{p0}/s − ln S_f(1)

f^{p0} is the sum over the root's children of f_k^{p0}: with this ψ0 **the root's children are
independent**, each L^p-nested itself. A tree of two levels is independent subspace analysis, a
tree of one level independent generalised normals; all p = 2 with s = 2 is the standard normal.
(The subspaces of [isa] eq. 10 end at b = a + n_i − 1: erratum.)

Here s is taken into the coordinates, z_j = a_j w_j with w of s = 1: a = s^{1/p0} for all. For unit
variance a_j = 1/sd(w_j). The law of w is a cascade (below), so its moments are products of those
of Gamma and Beta variables, along the path from the root to leaf j:

    E w_j² = r(n, p0) Π_{i → k} r(n_{i,k}, p_i) / r(n_i, p_i)        r(n, p) = Γ((n+2)/p) / Γ(n/p)

Leaves of one parent share it, so a subspace is scaled as a whole and keeps its form. Subspaces of
other size or exponent have another variance, and so a scale of their own: no one s would do.

Sampling is exact (their Algorithm 1, without its normalisation, which finds nothing to do). Under
the root f_k^{p0} = g_k ~ Gamma(n_k/p0); under an inner node i the shares (f_{i,k}/f_i)^{p_i} are
g_k/Σg, g_k ~ Gamma(n_{i,k}/p_i), which is Dirichlet's law; signs are even.

All of it is computed in logarithms, layer by layer: l_i = ln f_i is a log-sum-exp. Nothing over- or
underflows before ln p(z) itself does, and gradients are finite at 0 and on the axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vaekit.distributions.base import Density
from vaekit.distributions.coordinates import LN_2, log_gamma_draw, log_size, signs_like
from vaekit.distributions.nested.trees import Tree, layers_of, read_tree
from vaekit.errors import VaekitError


class Layout(nn.Module):
    """Hold a tree [p, child, …] layer by layer: who belongs to whom, as arrays.

    [2.1, 1, [2.2, 2]] is (|z0|^2.1 + (|z1|^2.2 + |z2|^2.2)^{2.1/2.2})^{1/2.1}; a whole number as a
    child stands for that many leaves. `exponents` lists the p of the nodes in the order of the
    text, the root first. Raises `VaekitError` for what is no tree, p ≤ 0 and empty nodes.

    Every layer k = 1 … depth below the root covers all leaves (see `trees`). Its members are
    children of layer k − 1 in order, and `sizes[k − 1]` says how many each parent has. Arrays over
    all members, layer after layer: `parent` and `own` exponents (own 1 for leaves), `leaves` below,
    `more` children than one, `inner` nodes; `path` (depth, n) lists the members above each leaf.
    """

    parent: Tensor
    own: Tensor
    leaves: Tensor
    more: Tensor
    inner: Tensor
    path: Tensor

    def __init__(self, tree: Tree):
        super().__init__()
        self.tree = tree
        self.exponents: list[float] = []
        layers = layers_of(read_tree(tree, self.exponents))
        self.depth, self.nodes = len(layers) - 1, len(self.exponents)
        self.sizes = [[len(node.children) for node in layer] for layer in layers[:-1]]
        self.counts = [len(layer) for layer in layers[1:]]
        self.blocks = [node.leaves for node in layers[1]]
        below = [node for layer in layers[1:] for node in layer]
        parents = [node for layer in layers[:-1] for node in layer for _ in node.children]
        own = [self.nodes if node.leaf else node.number for node in below]
        whole = torch.get_default_dtype()
        arrays = {
            "parent": torch.tensor([node.number for node in parents]),
            "own": torch.tensor(own),
            "leaves": torch.tensor([node.leaves for node in below], dtype=whole),
            "more": torch.tensor([max(0, len(node.children) - 1) for node in below], dtype=whole),
            "inner": torch.tensor([not node.leaf for node in below]),
            "path": torch.tensor(self._paths()),
        }
        for name, array in arrays.items():
            self.register_buffer(name, array, persistent=False)

    @property
    def size(self) -> int:
        """Return the number of leaves n."""
        return self.counts[-1]

    def _paths(self) -> list[list[int]]:
        """List, layer by layer, which member lies above each leaf, numbered through all layers."""
        above, rows = list(range(self.size)), []
        for depth in range(self.depth, 0, -1):
            first = sum(self.counts[: depth - 1])
            rows.insert(0, [first + a for a in above])
            owner = [i for i, size in enumerate(self.sizes[depth - 1]) for _ in range(size)]
            above = [owner[a] for a in above]
        return rows

    def pairs(self, exponents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the exponents of each member's parent and its own (1 for leaves), all members."""
        known = torch.cat([exponents, exponents.new_ones(1)])
        return known.index_select(0, self.parent), known.index_select(0, self.own)

    def ratios(self, exponents: Tensor) -> Tensor:
        """Return what takes f_k^{p_k} of a member to f_k^{p_i} of its parent, all members."""
        parent, own = self.pairs(exponents)
        return parent / own

    def powers(self, level: Tensor, ratios: Tensor) -> Tensor:
        """Return f_k^{p0} of the root's children, (…, blocks), for ln of the leaves (…, n)."""
        factors = ratios.split(self.counts)
        for factor, sizes in zip(factors[:0:-1], self.sizes[:0:-1], strict=True):
            level = _logsumexp(level * factor, sizes)
        return (level * factors[0]).exp()

    def constant(self, exponents: Tensor) -> Tensor:
        """Return ln p(0) at s = 1."""
        blocks = len(self.blocks)
        return self._each(exponents).sum() + blocks * exponents[0].log() - self.size * LN_2

    def constants(self, exponents: Tensor) -> Tensor:
        """Return ln p(0) of each of the root's children at s = 1, (blocks,)."""
        layers = list(self._each(exponents).split(self.counts))
        total = layers.pop() - LN_2
        for sizes in self.sizes[:0:-1]:
            total = _sum(total, sizes) + layers.pop()
        return total + exponents[0].log()

    def _each(self, exponents: Tensor) -> Tensor:
        """Return what a member adds to ln p(0), less ln 2 for leaves and ln p0 below the root."""
        parent, own = self.pairs(exponents)
        leaves, more = self.leaves.to(exponents.dtype), self.more.to(exponents.dtype)
        return torch.lgamma(leaves / own) - torch.lgamma(leaves / parent) + more * own.log()

    def log_variance(self, exponents: Tensor) -> Tensor:
        """Return ln E z_j² at s = 1, (n,)."""
        parent, own = self.pairs(exponents)
        leaves = self.leaves.to(exponents.dtype)
        down, up = (
            torch.lgamma((leaves + 2) / p) - torch.lgamma(leaves / p) for p in (parent, own)
        )
        return (down - torch.where(self.inner, up, 0.0))[self.path].sum(0)

    def draw(self, exponents: Tensor, shape: Sequence[int]) -> Tensor:
        """Draw ln|z_j| at s = 1, (*shape, n)."""
        parent, _ = self.pairs(exponents)
        alphas = (self.leaves.to(exponents.dtype) / parent).split(self.counts)
        powers = parent.split(self.counts)
        level = log_gamma_draw(alphas[0], shape) / powers[0]
        for alpha, power, sizes in zip(alphas[1:], powers[1:], self.sizes[1:], strict=True):
            share = log_gamma_draw(alpha, shape)
            above = level - _logsumexp(share, sizes) / _firsts(power, sizes)
            level = _spread(above, sizes) + share / power
        return level


class LpNestedSymmetric(Density):
    """Describe the L^p-nested law of a `layout` with the given `exponents` (nodes,).

    `log_scale` is ln a, (n,) or a scalar, None for a = 1. `constant` is ln p(0), `ratios` those of
    the layout, where they are known beforehand. Samples carry the gradient in exponents and scale.
    """

    def __init__(
        self,
        layout: Layout,
        exponents: Tensor,
        log_scale: Tensor | float | None = None,
        constant: float | None = None,
        ratios: Tensor | None = None,
    ):
        self.layout, self.exponents, self.log_scale = layout, exponents, log_scale
        self._constant, self._ratios = constant, ratios
        self.sizes = layout.blocks
        super().__init__((), (layout.size,))

    @property
    def mean(self) -> Tensor:
        """Return zeros, (n,)."""
        return self.exponents.new_zeros(self.event_shape)

    @property
    def variance(self) -> Tensor:
        """Return the variance of each coordinate, (n,)."""
        log = self.layout.log_variance(self.exponents)
        return (log if self.log_scale is None else log + 2 * self.log_scale).exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, (*sample_shape, n)."""
        level = self.layout.draw(self.exponents, sample_shape)
        size = (level if self.log_scale is None else level + self.log_scale).exp()
        return size * signs_like(size)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of every example in nats, (…) for `value` (…, n)."""
        return self.log_constant - self._powers(value).sum(-1)

    @property
    def log_constant(self) -> Tensor | float:
        """Return ln p(0)."""
        if self._constant is not None:
            return self._constant
        whole = self.layout.constant(self.exponents)
        return whole if self.log_scale is None else whole - self._scales().sum()

    def log_prob_by_block(self, value: Tensor) -> Tensor:
        """Return the log-density of each of the root's children, which are independent."""
        return self._constants() - self._powers(value)

    def _powers(self, value: Tensor) -> Tensor:
        if value.shape[-1] != self.layout.size:
            raise VaekitError(
                f"the tree of the prior has {self.layout.size} leaves, but the code has "
                f"{value.shape[-1]} latents: give the tree as many"
            )
        level = log_size(value)
        level = level if self.log_scale is None else level - self.log_scale
        ratios = self.layout.ratios(self.exponents) if self._ratios is None else self._ratios
        return self.layout.powers(level, ratios)

    def _constants(self) -> Tensor:
        own = self.layout.constants(self.exponents)
        return own if self.log_scale is None else own - _sum(self._scales(), self.layout.blocks)

    def _scales(self) -> Tensor:
        """Return ln a of every coordinate, (n,)."""
        if isinstance(self.log_scale, Tensor):
            return self.log_scale.expand(self.event_shape)
        return self.exponents.new_full(self.event_shape, self.log_scale or 0.0)


# ---- children of one parent lie side by side


def _logsumexp(value: Tensor, sizes: list[int]) -> Tensor:
    if len(set(sizes)) == 1:
        return value.unflatten(-1, (len(sizes), sizes[0])).logsumexp(-1)
    return torch.stack([part.logsumexp(-1) for part in value.split(sizes, -1)], -1)


def _sum(value: Tensor, sizes: list[int]) -> Tensor:
    return torch.stack([part.sum(-1) for part in value.split(sizes, -1)], -1)


def _firsts(value: Tensor, sizes: list[int]) -> Tensor:
    return torch.stack([part[..., 0] for part in value.split(sizes, -1)], -1)


def _spread(value: Tensor, sizes: list[int]) -> Tensor:
    parts = zip(value.split(1, -1), sizes, strict=True)
    return torch.cat([part.expand(*part.shape[:-1], size) for part, size in parts], -1)
