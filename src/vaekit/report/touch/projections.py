"""Codes in the plane: their own, of two entries, or by principal components and t-SNE."""

from dataclasses import dataclass

import numpy as np

from vaekit.report.codes import ItemCodes, compared_entries

PERPLEXITY = 30


@dataclass(frozen=True)
class Projection:
    """Hold points (n, 2) of codes in the plane, and what its axes are."""

    name: str
    points: np.ndarray
    axes: str


def projections(codes: ItemCodes, places: np.ndarray, tsne: bool) -> list[Projection]:
    """Bring the codes at `places` into the plane: as they are, by PCA, and where asked by t-SNE."""
    entries = compared_entries(codes)
    z = codes.means[places][:, entries]
    if len(entries) == 2:
        return [Projection("code", z, f"z{entries[0]} to the right, z{entries[1]} upwards")]
    return [principal(z), *([neighbour_embedding(z)] if tsne else [])]


def principal(z: np.ndarray) -> Projection:
    """Project codes (n, H) onto two principal components, the largest entry of each positive."""
    centred = z - z.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(np.take_along_axis(axes[:2], abs(axes[:2]).argmax(1)[:, None], 1))
    shares = [f"{100 * share:.0f} %" for share in sizes[:2] ** 2 / ((sizes**2).sum() or 1.0)]
    return Projection(
        "principal components (PCA)",
        centred @ axes.T,
        f"First principal component ({shares[0]} of the variance) to the right, second "
        f"({shares[1]}) upwards",
    )


def neighbour_embedding(z: np.ndarray) -> Projection:
    """Embed codes (n, H) by t-SNE, which keeps who is whose neighbour; the same each time."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(z) - 1) / 3)
    with threadpool_limits(1):
        points = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(z)
    axes = (
        f"t-SNE, perplexity {perplexity:.3g}: it shows who is whose neighbour, and no distances "
        "beyond"
    )
    return Projection("neighbourhoods (t-SNE)", points, axes)
