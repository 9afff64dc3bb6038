"""What a learned noise model says of the data: how wide it is, and which entries have which.

The histogram is of residuals x − G(z) at codes drawn from q(z|x), as those are that the noise was
fitted to. The pictures are at mean codes, so that no draw blurs them.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit import pictures
from vaekit.apply import condition_of, device_of
from vaekit.distributions import LOG_2PI, MixtureEntries
from vaekit.information.encoding import drawing
from vaekit.likelihoods import Gaussian, GaussianMixture, NetworkGaussian
from vaekit.likelihoods.base import limited
from vaekit.model import Model
from vaekit.report.codes import spread
from vaekit.report.plots import MUTED, SERIES, Plot
from vaekit.report.refits import membership_rows
from vaekit.report.section import Section, Strip, View, figure

KINDS = (Gaussian, GaussianMixture, NetworkGaussian)
ITEMS, MANY, BINS = 8, 200, 121


def sections(view: View) -> Iterator[Section]:
    """Yield the residuals of test items under the noise, where it was learned."""
    if isinstance(view.model.likelihood, KINDS) and view.model.likelihood.learns:
        yield _noise_section(view)


def _noise_section(view: View) -> Section:
    model = view.model
    x, p = decode_items(view, spread(view.codes, MANY), draw=True)
    caption = (
        f"{_noise_fit(model, p)} The histogram is of x − E[x|z] at one code drawn for each of "
        f"{len(x)} test items, {x.numel():,} entries, on a logarithmic scale; the line "
        "is the density of the noise, which was fitted at drawn codes too."
    )
    figures = [figure(_histogram(x - p.mean[0], p))]
    if view.image:
        rows, text = noise_pictures(view)
        figures.append(view.strips("noise", rows))
        caption += text
    return Section("noise", "Noise", caption, figures)


def _noise_fit(model: Model, p: Any) -> str:
    kind: Any = model.likelihood
    noise, warning = kind.noise(), kind.warning()
    if isinstance(kind, GaussianMixture):
        parts = [
            f"σ² = {noise[f'noise_variance_{k}']:.3g} with π = {noise[f'noise_share_{k}']:.3f}"
            for k in range(kind.components)
        ]
        said = f"A mixture of {kind.components} Gaussians: {', '.join(parts)}."
    elif isinstance(kind, NetworkGaussian):
        low, high = p.variance.aminmax()
        said = f"The decoder gives σ²(z) for every entry, here from {low:.3g} to {high:.3g}."
        share = float(kind.share_at_floor(p)) if kind.floor else 0.0
        warning = limited(f"σ² of {share:.0%} of them", kind.floor) if share > 0.01 else ""
    else:
        said = f"One Gaussian for all entries, σ² = {noise['noise_variance']:.3g}."
    if not kind.floor:
        said += " There is no floor (floor = 0): σ² may fall without bound, and training diverge."
    return said + (f" Beware: {warning}." if warning else "")


@torch.no_grad()
def decode_items(view: View, places: np.ndarray, draw: bool = False) -> tuple[Tensor, Any]:
    """Return x (n, *shape) and p(x|z) at mean or drawn codes of items, of batch shape (1, n)."""
    model, data, codes = view.model, view.data, view.codes
    rows, device = codes.rows[torch.from_numpy(places)], device_of(model)
    x, c = data.batch(rows).to(device), condition_of(model, data, rows)
    z = torch.from_numpy(codes.means[places]).float().to(device)[None]
    if draw:
        with drawing(0):
            z = model.encode(x, c).rsample((1,))
    return x, model.likelihood(z, c)


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


def noise_pictures(view: View) -> tuple[list[Strip], str]:
    """Draw originals, reconstructions, residuals, and which noise each pixel has; say what is seen.

    For examples that are images.
    """
    x, p = decode_items(view, spread(view.codes, ITEMS))
    low, high = view.data.range
    residuals = (x - p.mean[0]).cpu()
    limit = float(residuals.abs().quantile(0.99)) if residuals.numel() < 1 << 24 else high - low
    limit = limit or 1.0

    def row(name: str, images: Tensor, least: float, most: float) -> Strip:
        return name, pictures.grid(pictures.tiles(images.cpu(), least, most), len(x))

    rows = [
        row("original", x, low, high),
        row("reconstruction", p.mean[0], low, high),
        row("residual", residuals, -limit, limit),
    ]
    said = (
        " Pictures are at the mean code; "
        f"residuals run from −{limit:.2g} (black) to {limit:.2g} (white)."
    )
    if isinstance(p, MixtureEntries):
        rows += membership_rows(x, p)
        said += (
            " Below them the probability that each pixel belongs to a noise, white where it is "
            "certain; the rest belongs to the most frequent one."
        )
    elif isinstance(view.model.likelihood, NetworkGaussian):
        sd = p.variance[0].sqrt().cpu()
        most = float(sd.flatten()[: 1 << 24].quantile(0.99)) if sd.numel() else 1.0
        rows.append(row("σ(z)", sd, 0.0, most))
        said += f" Below them σ(z), from 0 (black) to {most:.2g} (white)."
    return rows, said
