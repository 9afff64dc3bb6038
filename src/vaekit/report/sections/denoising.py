"""How well a model that was trained on corrupted input takes the corruption away."""

import math
from collections.abc import Iterator

import numpy as np
from markupsafe import Markup

from vaekit import pictures
from vaekit.apply import condition_of, device_of, reconstruct, seeded
from vaekit.corruptions import CORRUPTIONS, Corruption
from vaekit.data import Dataset
from vaekit.information import diagnostics as measure
from vaekit.report.codes import spread
from vaekit.report.plots import MUTED, SERIES, Plot
from vaekit.report.section import Section, View, figure

SHOWN, PER_LEVEL = 12, 1000


def sections(view: View) -> Iterator[Section]:
    """Yield how well corruption is taken away, of a model that was trained on it."""
    if view.model.corruption is not None and not view.model.corruption.hides:
        yield _denoising_section(view, view.model.corruption)


def _denoising_section(view: View, corruption: Corruption) -> Section:
    """Plot the error of corrupted and denoised items against the level; show some of them."""
    model, data, codes = view.model, view.data, view.codes
    rows = codes.rows[measure.evenly_spaced(len(codes.rows), PER_LEVEL)]
    errors = [measure.denoise(model, data, rows, kind) for kind in measure.levels(corruption)]
    figures = [figure(_levels(errors, corruption.level, data))] if len(errors) > 1 else []
    if view.image:
        figures.append(_show_examples(view, corruption))
    own = next((f for f in errors if f.level == corruption.level), errors[0])
    caption = (
        f"Squared error against the clean x, summed over entries and averaged over {len(rows):,} "
        "test items: of the corrupted x̃, and of the mean of p(x|z) at the mean code of x̃. At the "
        f"corruption of its training{_corruption_name(corruption)}, "
        f"{float(own.before.mean()):.4g} became {float(own.after.mean()):.4g}."
    )
    if view.image:
        caption += _decibels(own, data) + " Below, test images at that corruption."
    return Section("denoising", "Denoising", caption + " Noise is drawn from seed 0.", figures)


def _corruption_name(corruption: Corruption) -> str:
    known = {kind: name for name, kind in CORRUPTIONS.items()}
    name = known.get(type(corruption), type(corruption).__name__)
    return "" if math.isnan(corruption.level) else f", {name} at level {corruption.level:g}"


def _decibels(error: measure.Denoised, data: Dataset) -> str:
    low, high = data.range
    before, after = measure.psnr(error.before, data), measure.psnr(error.after, data)
    return (
        f" PSNR = 10 log₁₀({high - low:g}² / mean squared error of a pixel): {before:.1f} dB "
        f"became {after:.1f} dB."
    ).replace("-", "−")


def _levels(series: list[measure.Denoised], own: float, data: Dataset) -> str:
    level, image = [f.level for f in series], len(data.shape) == 3
    pairs = [("corrupted x̃", MUTED), ("reconstruction", SERIES[0])]
    with Plot(9.4 if image else 5.4, 2.7, 1, 1 + image) as plot:
        for i, (label, colour) in enumerate(pairs):
            errors = [(f.before, f.after)[i] for f in series]
            means = [float(e.mean()) for e in errors]
            plot.axes[0, 0].plot(level, means, "o-", color=colour, label=label, markersize=3)
            if image:  # no error at all is infinitely good, and not drawn
                ratio = np.array([measure.psnr(e, data) for e in errors])
                ratio[np.isinf(ratio)] = np.nan
                plot.axes[0, 1].plot(level, ratio, "o-", color=colour, label=label, markersize=3)
        for axes, label in zip(plot.axes[0], ("squared error", "PSNR, dB"), strict=False):
            axes.set(xlabel="level of corruption", ylabel=label)
            style = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 0}
            axes.axvline(own, label=f"trained at {own:g}", **style)
        plot.axes[0, 0].set_ylim(0, None)
        # Above the axes: within them it would lie on a curve, which may run anywhere.
        plot.legend(3, "left")
    return plot.svg


def _show_examples(view: View, corruption: Corruption) -> Markup:
    model, data = view.model, view.data
    rows = view.codes.rows[spread(view.codes, SHOWN)]
    x, c = data.batch(rows).to(device_of(model)), condition_of(model, data, rows)
    with seeded(0):
        corrupted = corruption(x)
    made = reconstruct(model, corrupted, c)
    named = {"clean": x.cpu(), "corrupted": corrupted.cpu(), "reconstruction": made}
    strips = [(name, pictures.grid(view.tiles(each), len(rows))) for name, each in named.items()]
    return view.strips("denoising", strips)
