"""A code of two latents, seen whole: codes by class beside the prior ([vimae] Figure 1).

Where the two clouds differ the decoder was never trained at what it is asked for, or codes lie
where no sample is drawn. The number of that is MMD²(q(z), p(z)).
"""

from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes

from vaekit.apply import encode_set
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information.scores.match import match, prior_of, unmatched
from vaekit.model import Model
from vaekit.report.codes import ItemCodes, spread
from vaekit.report.columns import plot_name
from vaekit.report.plots import SERIES, Plot
from vaekit.report.section import Section, View, figure
from vaekit.report.sections.priors import contours

PLANE_ITEMS = 2000


def sections(view: View) -> Iterator[Section]:
    """Yield codes and prior in the plane, of a code of two latents with a prior p(z)."""
    model, data, codes = view.model, view.data, view.codes
    if codes.means.shape[1] != 2 or codes.categories or unmatched(model, data):
        return
    svg, count, coloured = drawn(model, data, codes)
    caption = (
        f"{count:,} test items, each at a draw from its q(z|x)"
        f"{', coloured by class' if coloured else ''}; and the prior, with contours around 95, 75, "
        f"50 and 25 % of its mass. {_apart(model, data.subset(codes.rows))}"
    )
    yield Section("plane", "Codes and prior", caption, [figure(svg)])


def drawn(model: Model, data: Dataset, codes: ItemCodes) -> tuple[str, int, bool]:
    """Draw codes of a set beside the prior, as SVG; tell how many, and whether by class."""
    places = spread(codes, PLANE_ITEMS)
    part = data.subset(codes.rows[torch.from_numpy(places)])
    z = encode_set(model, part, codes.condition(places), draw=True).code.numpy()
    labels = part.batch_labels()
    svg, coloured = scatter(
        model, z, None if labels is None else labels.cpu().numpy(), data.label_names
    )
    return svg, len(z), coloured


def _apart(model: Model, data: Dataset) -> str:
    """Say how far codes and prior are apart, or why that is not known."""
    try:
        scores = match(model, data)
    except VaekitError as error:
        return f"How far the two are apart is left out: {error}."
    value = scores["mmd"]
    bound, whole = (_nats(scores[name]) for name in ("code_entropy_gaussian", "prior_entropy"))
    return (
        f"MMD² of the two is {_signed(value, 3)} ± {value.settings['se']:.2g}, from "
        f"{value.settings['n']:,} codes ({_signed(value.shuffled, 2)} for mixed ones); the entropy "
        f"of a Gaussian of the codes' covariance is {bound}, which h(q(z)) does not exceed, that "
        f"of the prior {whole}."
    )


def _signed(value: float | None, digits: int) -> str:
    """Write a number with a real minus."""
    return "–" if value is None else f"{float(value):.{digits}g}".replace("-", "−")


def _nats(value: float) -> str:
    return f"{float(value):.2f} nats".replace("-", "−").replace("inf", "∞")


def scatter(
    model: Model, z: np.ndarray, labels: np.ndarray | None, names: tuple[str, ...] = ()
) -> tuple[str, bool]:
    """Draw codes z (n, 2) beside the prior, as SVG; tell also whether classes have colours."""
    like = torch.zeros(1, 2, device=next(model.parameters()).device)
    with torch.no_grad():
        p = prior_of(model, like)
    classes = [] if labels is None else np.unique(labels).tolist()
    coloured = 1 < len(classes) <= 20
    reach = max(3.5, float(np.quantile(np.abs(z), 0.998)) * 1.05)
    with Plot(7.4, 3.6, 1, 2) as plot:
        left, right = plot.axes[0]
        contours(right, p, reach)
        if coloured and labels is not None:
            for colour, label in zip(_colours(len(classes)), classes, strict=True):
                name = names[label] if label < len(names) else str(label)
                _dots(left, z[labels == label], colour, plot_name(name))
            plot.figure.legend(loc="outside right upper", fontsize=7, markerscale=2)
        else:
            _dots(left, z, SERIES[0], "")
        left.set(title="codes, z ~ q(z|x)", xlim=right.get_xlim(), ylim=right.get_ylim())
        left.set(aspect="equal", xticks=right.get_xticks(), yticks=right.get_yticks())
        right.set_title("prior p(z)")
        for axes in (left, right):
            axes.set(xlabel="z0", ylabel="z1")
    return plot.svg, coloured


def _dots(axes: Axes, z: np.ndarray, colour: Any, name: str) -> None:
    axes.scatter(*z.T, s=4, color=colour, alpha=0.6, linewidths=0, label=name)


def _colours(count: int) -> list[Any]:
    """Return colours that are told apart on light and dark pages."""
    return list(matplotlib.color_sequences["tab10" if count <= 10 else "tab20"][:count])
