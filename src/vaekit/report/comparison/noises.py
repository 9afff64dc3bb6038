"""What Gaussian noise does to a VAE, along the normalised variance ([noise] Figures 4, 5 and 8).

Fixed and learned noise share the axis β·σ² (see `readings`): at one place both weigh the rate
alike, and what is left between them is how well the noise fits. Drawn are

    ELBO                  lower bound on log p(x), at weight 1 whatever β   (Figure 4)
    KL(q*‖p)              how far the aggregate posterior is from the prior, at least (Figure 5a)
    v_h ≥ 0.8             coordinates as wide as the prior                  (Figure 5b)
    Ī(x; z_h) > 0.5       coordinates that tell something of x              (Figure 8b)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from vaekit import pictures
from vaekit.pictures import data_uri
from vaekit.report import tables
from vaekit.report.comparison.differences import labels
from vaekit.report.comparison.groups import Group, Value, over_runs
from vaekit.report.comparison.readings import INDICATORS, Reading
from vaekit.report.comparison.side_by_side import Residuals, ranges
from vaekit.report.comparison.tradeoffs import draw, legend
from vaekit.report.plots import Plot, of_runs
from vaekit.report.section import Section, figure

# What the axis itself says of a run: its β, its σ², and how that came about.
TOLD = (
    "recipe",
    "beta",
    "likelihood",
    "learned",
    "decay",
    "floor",
    "components",
)
TITLES = ("KL(q*‖p) (nats)", "factors of normal variance", "influential factors")
TILES, THUMBS, LETTERS = 4, 9, "abcdefghi"


@dataclass(frozen=True)
class Noise:
    """Place a group on the axis: its kind of noise, its β·σ², what is drawn above it."""

    place: int
    kind: str
    x: Value
    elbo: Value | None
    indicators: dict[str, Value]


def noise_section(
    groups: Sequence[Group],
    readings: Sequence[Sequence[Reading]],
    keys: Sequence[str],
    residuals: Residuals | None,
) -> Section | None:
    """Draw what runs of Gaussian noise have along β·σ²; None unless two places on it are taken.

    `readings` are those of every run of each group.
    """
    noises = [
        noise for i, g in enumerate(groups) if (noise := _point(i, g, readings[i])) is not None
    ]
    if len({noise.x.value for noise in noises}) < 2:
        return None
    rest = [key for key in keys if key not in TOLD]
    series = _noise_series(groups, noises, rest)
    chosen = _chosen(list(series.values()), residuals)
    figures = [legend(list(series)), figure(_plot(list(series.values()), chosen))]
    caption = (
        "Against the normalised variance β·σ², the end of β's schedule times the variance of the "
        "noise: in a VAE of fixed noise it alone decides what the networks learn. A mixture stands "
        "at its mean variance Σπσ². The ELBO is at weight 1, under each run's own noise; "
        "KL(q*‖p) is a lower bound on KL(q(z)‖p(z)). Normal variance is v ≥ 0.8, influential is "
        "above 0.5 nats. Bars are one standard error to each side, over seeds where there are "
        "several."
    )
    off = [i + 1 for i, r in enumerate(readings) if r[0].noise and r[0].normalised is None]
    if off:
        caption += (
            f" Without a place on this axis, for their objective has other terms or their noise a "
            f"σ² for every entry: {ranges(off)}."
        )
    if chosen and residuals is not None:
        figures.append(_thumbs(groups, chosen, residuals))
        caption += (
            f" Below, residuals x − E[x|z] of the same {TILES} test items at the lettered marks, "
            f"from −{residuals.limit:.2g} (black) to {residuals.limit:.2g} (white)."
        )
    return Section("noise", "Along the normalised variance", caption, figures)


def _point(place: int, group: Group, readings: Sequence[Reading]) -> Noise | None:
    known = [r for r in readings if r.noise is not None and r.normalised is not None]
    x = over_runs([r.normalised or 0.0 for r in known], [None] * len(known))
    if x is None or not x.value > 0:
        return None
    told = {}
    for name in INDICATORS:
        each = [r.indicators[name] for r in known if r.indicators is not None]
        value = over_runs([v for v, _ in each], [se for _, se in each])
        told |= {} if value is None else {name: value}
    return Noise(place, known[0].noise or "", x, group.number("elbo"), told)


def _noise_series(
    groups: Sequence[Group], noises: Sequence[Noise], rest: Sequence[str]
) -> dict[str, list[Noise]]:
    series: dict[str, list[Noise]] = {}
    names = labels([groups[noise.place].settings for noise in noises], rest)
    more_of = {noise.place: name for noise, name in zip(noises, names, strict=True)}
    for noise in sorted(noises, key=lambda each: each.x.value):
        more = more_of[noise.place]
        series.setdefault(f"{noise.kind} · {more}" if more else noise.kind, []).append(noise)
    return dict(sorted(series.items()))


def _plot(series: Sequence[Sequence[Noise]], chosen: Sequence[Noise]) -> str:
    with Plot(9.6, 6.0, 2, 2) as plot:
        first = plot.axes[0, 0]
        for i, noises in enumerate(series):
            draw(first, [(n.place, n.x, n.elbo) for n in noises if n.elbo is not None], i)
            for name, axes in zip(INDICATORS, plot.axes.flat[1:], strict=True):
                known = [n for n in noises if name in n.indicators]
                draw(axes, [(n.place, n.x, n.indicators[name]) for n in known], i)
        for letter, noise in zip(LETTERS, chosen, strict=False):
            if noise.elbo is not None:
                text = first.annotate(
                    letter,
                    (noise.x.value, noise.elbo.value),
                    xytext=(0, 6),
                    textcoords="offset points",
                    ha="center",
                )
                of_runs(text, [noise.place])
        for axes, title in zip(plot.axes.flat, ("ELBO (nats)", *TITLES), strict=True):
            axes.set(title=title, xscale="log", xlabel="β·σ²")
            axes.margins(y=0.12)
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=title in TITLES[1:]))
    return plot.svg


# ---- thumbnails


def _chosen(series: Sequence[Sequence[Noise]], residuals: Residuals | None) -> list[Noise]:
    """Choose of each series the ends of the axis and the highest ELBO, where there are pictures."""
    picked: list[Noise] = []
    for noises in series:
        shown = [n for n in noises if residuals is not None and n.place in residuals.images]
        judged = [n for n in shown if n.elbo is not None]
        best = max(judged, key=lambda n: n.elbo.value if n.elbo else 0.0, default=None)
        if best is not None:
            ends = [shown[0], best, shown[-1]]
            picked += list({n.place: n for n in ends}.values())
    return picked[:THUMBS]


def _thumbs(groups: Sequence[Group], chosen: Sequence[Noise], residuals: Residuals) -> Markup:
    html = Markup(
        '<figure data-runs="{}"><img class="pixels" src="{}" alt="{}">'
        "<figcaption>{}</figcaption></figure>"
    )
    cells = []
    for letter, noise in zip(LETTERS, chosen, strict=False):
        tiles = residuals.tiles(noise.place)[:TILES]
        beta = groups[noise.place].settings.get("beta")
        said = f"{letter} · {noise.kind}, β·σ² = {noise.x.value:.2g}"
        said += "" if beta is None else f", β = {tables.text(beta)}"
        cells.append(html.format(noise.place, data_uri(pictures.grid(tiles, 2)), said, said))
    return Markup('<div class="thumbs">{}</div>').format(Markup("").join(cells))
