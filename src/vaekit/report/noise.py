"""What a learned noise model says of the data: how wide it is, and which entries have which.

Residuals are x − G(z) at the mean code z of test items, so that no draw blurs the pictures.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.apply import condition_of, device_of
from vaekit.data import Dataset
from vaekit.distributions import LOG_2PI, MixtureEntries
from vaekit.likelihoods import GaussianMixture, NetworkGaussian
from vaekit.model import Model
from vaekit.report import pictures
from vaekit.report.codes import Codes, spread
from vaekit.report.plots import MUTED, SERIES, Plot
from vaekit.report.section import Section, figure, strips

ITEMS, MANY, BINS = 8, 200, 121


def section(model: Model, data: Dataset, codes: Codes, folder: Path) -> Section | None:
    """Show the residuals of test items under the noise that was learned; None where none was."""
    kind = model.likelihood
    if not kind.learns:
        return None
    x, p = _decoded(model, data, codes, spread(codes, MANY))
    caption = (
        f"{_said(model)} The histogram is of x − E[x|z] at the mean code of {len(x)} test items, "
        f"{x.numel():,} entries, on a logarithmic scale; the line is the density of the noise."
    )
    figures = [figure(_histogram(x - p.mean[0], p))]
    if len(data.shape) == 3:
        rows, said = _rows(model, data, codes)
        pictures.save(pictures.stack([s for _, s in rows]), folder / "noise.png", data.shape[-2])
        figures.append(strips(rows, []))
        caption += said
    return Section("noise", "Noise", caption, figures)


def _said(model: Model) -> str:
    kind, found = model.likelihood, model.likelihood.noise()
    if isinstance(kind, GaussianMixture):
        parts = [
            f"σ² = {found[f'noise_variance_{k}']:.3g} with π = {found[f'noise_share_{k}']:.3f}"
            for k in range(kind.components)
        ]
        warning = f" Beware: {kind.warning()}." if kind.warning() else ""
        return f"A mixture of {kind.components} Gaussians: {', '.join(parts)}.{warning}"
    if isinstance(kind, NetworkGaussian):
        return f"The decoder gives σ²(z) for every entry, {kind.floor:g} at least."
    return f"One Gaussian for all entries, σ² = {found['noise_variance']:.3g}."


@torch.no_grad()
def _decoded(model: Model, data: Dataset, codes: Codes, places: np.ndarray) -> tuple[Tensor, Any]:
    """Return x (n, *shape) and p(x|z) at the mean codes of items, of batch shape (1, n)."""
    rows, device = codes.rows[torch.from_numpy(places)], device_of(model)
    z = torch.from_numpy(codes.means[places]).float().to(device)
    return data.batch(rows).to(device), model.likelihood(z[None], condition_of(model, data, rows))


def _histogram(residuals: Tensor, p: Any) -> str:
    values = residuals.flatten().double().cpu().numpy()
    limit = float(np.quantile(np.abs(values), 0.9995)) or 1.0
    edges = np.linspace(-limit, limit, BINS)
    with Plot(6.6, 2.4) as plot:
        axes = plot.axes[0, 0]
        style: dict[str, Any] = {"density": True, "histtype": "stepfilled", "alpha": 0.35}
        counts, *_ = axes.hist(values, edges, color=MUTED, label="residuals", **style)
        whole = np.zeros(BINS)
        for k, (sd, share) in enumerate(_components(p)):
            each = np.mean(
                share * np.exp(-0.5 * ((edges[:, None] / sd) ** 2 + LOG_2PI)) / sd, axis=1
            )
            whole += each
            if isinstance(p, MixtureEntries):
                axes.plot(edges, each, color=SERIES[1 + k % 5], linewidth=1, label=f"noise {k}")
        axes.plot(edges, whole, color=SERIES[0], linewidth=1.4, label="noise")
        seen = counts[counts > 0]
        axes.set(
            yscale="log", ylim=(float(seen.min()) / 2, 2 * float(max(seen.max(), whole.max())))
        )
        axes.set_xlabel("x − E[x|z]")
        axes.legend(loc="upper right")
    return plot.svg


def _components(p: Any) -> list[tuple[np.ndarray, float]]:
    """List standard deviations, a sample of entries' own, and share of each kind of noise."""
    if isinstance(p, MixtureEntries):
        log_std, log_share = (t.exp().tolist() for t in p.mixture)
        return [(np.array([s]), share) for s, share in zip(log_std, log_share, strict=True)]
    sd = p.variance.flatten().sqrt().double().cpu().numpy()
    return [(sd[:: max(1, len(sd) // 2000)] if sd.std() else sd[:1], 1.0)]


def _rows(model: Model, data: Dataset, codes: Codes) -> tuple[list[tuple[str, np.ndarray]], str]:
    """Draw originals, reconstructions, residuals, and which noise each pixel has."""
    x, p = _decoded(model, data, codes, spread(codes, ITEMS))
    low, high = data.range
    residuals = (x - p.mean[0]).cpu()
    limit = float(residuals.abs().quantile(0.99)) if residuals.numel() < 1 << 24 else high - low
    limit = limit or 1.0

    def row(name: str, images: Tensor, least: float, most: float) -> tuple[str, np.ndarray]:
        return name, pictures.grid(pictures.tiles(images.cpu(), least, most), len(x))

    rows = [
        row("original", x, low, high),
        row("reconstruction", p.mean[0], low, high),
        row("residual", residuals, -limit, limit),
    ]
    said = f" Residuals run from −{limit:.2g} (black) to {limit:.2g} (white)."
    if isinstance(p, MixtureEntries):
        found = p.memberships(x)[:, 0].flatten(1).mean(1).argsort(descending=True)
        for k in found[1:].tolist():
            rows.append(row(f"noise {k}", p.memberships(x)[k, 0], 0.0, 1.0))
        said += (
            f" Below them the probability of each pixel's belonging to noise "
            f"{', '.join(map(str, found[1:].tolist()))}, white where it is certain; the rest is "
            f"noise {int(found[0])}."
        )
    elif isinstance(model.likelihood, NetworkGaussian):
        sd = p.variance[0].sqrt().cpu()
        most = float(sd.flatten()[: 1 << 24].quantile(0.99)) if sd.numel() else 1.0
        rows.append(row("σ(z)", sd, 0.0, most))
        said += f" Below them σ(z), from 0 (black) to {most:.2g} (white)."
    return rows, said
