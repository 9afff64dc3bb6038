"""What each coordinate of the code carries, and how wide it is: the pulse plot of [noise] §5.1."""

from collections.abc import Iterator

import numpy as np
from matplotlib.ticker import MaxNLocator

from vaekit.information import Indicators, indicators
from vaekit.information.aggregated.indicators import INFLUENTIAL
from vaekit.information.rates import WIDE
from vaekit.report.plots import MUTED, SERIES, Plot
from vaekit.report.section import Section, View, figure

MOST, WITH_NAMES = 128, 24  # coordinates that are drawn, and that have room for a name each
SHIFTED = 0.1  # of v_h: it moves Ĩ by ½ ln(1/0.9) = 0.05 nats


def sections(view: View) -> Iterator[Section]:
    """Yield information up and variance down by coordinate, where they are defined."""
    if view.codes.information is not None and view.model.condition is None:
        yield _pulse_section(indicators(view.model, view.data))


def _pulse_section(values: Indicators) -> Section:
    order = values.order[:MOST]
    up, down = values.information[order].numpy(), values.v[order].numpy()
    with Plot(9.6, 3.4, 2) as plot:
        above, below = plot.axes[:, 0]
        places = np.arange(len(order))
        above.bar(places, up, width=0.7, color=SERIES[0])
        above.axhline(INFLUENTIAL, color=MUTED, linewidth=0.6, linestyle=":")
        above.set(ylabel="Ĩ(x; z) (nats)", xticks=[], xlim=(-0.6, len(order) - 0.4))
        below.bar(places, down, width=0.7, color=SERIES[1])
        below.axhline(WIDE, color=MUTED, linewidth=0.6, linestyle=":")
        below.set(ylabel="v", xlim=(-0.6, len(order) - 0.4), ylim=(max(1.1, down.max() * 1.05), 0))
        if len(order) <= WITH_NAMES:
            below.set_xticks(places, [f"z{h}" for h in order.tolist()])
        else:
            below.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            below.set_xlabel("coordinates, the most informative first")
    left = len(values.v) - len(order)
    caption = (
        "Above, Ĩ(x; z_h) = mean KL(q(z_h|x)‖N(0, v_h)), an upper bound on what coordinate h tells "
        "of x; below, its variance v_h = mean(μ_h² + s_h²), which is 1 where q(z_h) is as wide as "
        f"the prior; n = {len(values.rates):,}. {int(values.influential.sum())} of {len(values.v)} "
        f"coordinates are influential (above {INFLUENTIAL} nats), "
        f"{int(values.normal_variance.sum())} have normal variance (v ≥ {WIDE})."
    )
    if len(order) > WITH_NAMES:
        caption += f" In this order: {', '.join(f'z{h}' for h in order.tolist())}."
    shifted = [h for h in order.tolist() if values.shift[h] > SHIFTED]
    if shifted:
        caption += _warned(values, shifted)
    if left:
        caption += f" The {left} least informative are left out."
    return Section("pulse", "Information by coordinate", caption, [figure(plot.svg)])


def _warned(values: Indicators, shifted: list[int]) -> str:
    """Say which coordinates lie beside zero, and what they tell whatever the shift."""
    said = [f"z{h} {values.information[h]:.2f} → {values.centred[h]:.2f}" for h in shifted[:6]]
    more = f", and {len(shifted) - 6} more" if len(shifted) > 6 else ""
    return (
        f" Beware: the mean of μ_h is not 0 everywhere. N(0, v_h) counts that shift as "
        f"information and as variance, though it tells nothing; against a Gaussian of the code's "
        f"own mean the bounds are lower: {', '.join(said)}{more}."
    )
