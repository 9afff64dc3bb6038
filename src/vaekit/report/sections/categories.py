"""What the categories of a code are: which classes they hold, how they look, how sure they are.

table       how many test items of each class are taken for a category, the most likely one
samples     one row a category, one column a style: all else drawn from the prior, once a column
histograms  how likely the most likely category is, and how often each category is used
"""

from collections.abc import Iterator

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from vaekit import pictures
from vaekit.apply import sample_codes
from vaekit.information.scores.match import unsampled
from vaekit.metrics import Score, cluster_accuracy
from vaekit.report.codes import spread
from vaekit.report.plots import INK, MUTED, SERIES, Plot
from vaekit.report.section import Section, View, figure

STYLES, MANY = 10, 40  # columns of samples, categories or classes of a table


def sections(view: View) -> Iterator[Section]:
    """Yield a section for each one-hot of a code."""
    for name in view.codes.categories:
        yield _category_section(view, name)


def _category_section(view: View, name: str) -> Section:
    data, codes = view.data, view.codes
    p = codes.means[:, codes.categories[name]]
    figures, said = [figure(category_usage(p))], _used(p)
    labels = data.batch_labels(codes.rows)
    if labels is not None:
        truth = labels.cpu().numpy()
        one = cluster_accuracy(p.argmax(1), truth, categories=p.shape[1])
        most = cluster_accuracy(p.argmax(1), truth, "majority", categories=p.shape[1])
        if max(one.parts["table"].shape) <= MANY:
            figures.append(figure(count_table(one, data.label_names)))
            said += " Below, how many items of each class are taken for a category; framed is the "
            said += "class that the best one-to-one assignment gives it."
        said += _accuracy_text(one, most)
    if view.image and not unsampled(view.model, data):
        figures.append(category_samples(view, name))
        said += (
            " Pictures are the mean of p(x|z): each row a category, each column one draw of all "
            "else from the prior, seed 0."
        )
    title = f"Categories: {name}" if name else "Categories"
    return Section(f"categories-{name}" if name else "categories", title, said, figures)


def _used(p: np.ndarray) -> str:
    share = p.mean(0)
    used = float(np.exp(-(share[share > 0] * np.log(share[share > 0])).sum()))
    return (
        f"Over {len(p):,} test items: how likely the most likely category is, as a histogram, and "
        f"the mean probability of each of the {p.shape[1]} categories, beside 1/K. It spreads over "
        f"{used:.2f} categories, e to the entropy of the mean."
    )


def _accuracy_text(one: Score, most: Score) -> str:
    return (
        f" Accuracy {one:.3f} under that assignment ({one.shuffled:.3f} for shuffled labels), "
        f"{most:.3f} where each category has its most frequent class ({most.shuffled:.3f}); "
        f"adjusted mutual information {one.parts['adjusted_information']:.3f}."
    ).replace("-0.", "−0.")


def category_usage(p: np.ndarray) -> str:
    """Draw probabilities (n, K): a histogram of the largest, and the mean of each category."""
    share, size = p.mean(0), p.shape[1]
    with Plot(9.4, 2.5, 1, 2) as plot:
        left, right = plot.axes[0]
        left.hist(p.max(1), np.linspace(1 / size, 1, 31), color=SERIES[0])
        left.set(xlabel="largest probability of an item", ylabel="items", xlim=(1 / size, 1))
        right.bar(range(size), share, color=SERIES[0], width=0.7)
        right.axhline(1 / size, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        right.set(xlabel="category", ylabel="mean probability")
        right.xaxis.set_major_locator(MaxNLocator(min(size, 20), integer=True))
    return plot.svg


def count_table(score: Score, names: tuple[str, ...]) -> str:
    """Draw counts of category × class as a heat map, shaded by the share of the category."""
    counts, classes = score.parts["table"], score.parts["classes"].tolist()
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    heads = [names[k] if k < len(names) else str(k) for k in classes]
    with Plot(min(10.0, 1.4 + 0.62 * len(classes)), 0.8 + 0.28 * len(counts)) as plot:
        axes: Axes = plot.axes[0, 0]
        style = {"cmap": "Blues", "vmin": 0, "vmax": 1, "interpolation": "none"}
        axes.imshow(share, aspect="auto", **style)
        axes.set_xticks(range(len(classes)), heads, rotation=0 if max(map(len, heads)) < 8 else 60)
        axes.set_yticks(range(len(counts)), [str(k) for k in range(len(counts))])
        axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
        axes.set(ylabel="category", title="class")
        axes.spines[:].set_visible(False)
        for (i, j), count in np.ndenumerate(counts):
            if count:
                colour = "#ffffff" if share[i, j] > 0.5 else "#1a1a1a"
                axes.text(j, i, f"{count}", ha="center", va="center", color=colour, fontsize=8)
        for i, label in enumerate(score.parts["assignment"].tolist()):
            if label in classes and counts[i, classes.index(label)]:
                _frame(axes, classes.index(label), i)
    return plot.svg


def _frame(axes: Axes, column: int, row: int) -> None:
    from matplotlib.patches import Rectangle

    corner = (column - 0.48, row - 0.46)
    axes.add_patch(Rectangle(corner, 0.96, 0.92, fill=False, edgecolor=INK, linewidth=1.2))


def category_samples(view: View, name: str) -> Markup:
    """Show decoded draws of the prior with each category in turn, the same draws in each row."""
    codes, where = view.codes, view.codes.categories[name]
    size, named = where.stop - where.start, f"{name}: " if len(codes.categories) > 1 else ""
    c = codes.condition(np.resize(spread(codes, STYLES), STYLES))
    z, rows = sample_codes(view.model, STYLES, c), []
    for k in range(size):
        z[:, where] = torch.eye(size)[k]
        rows.append((f"{named}category {k}", pictures.grid(view.decoded(z, c), STYLES)))
    return view.strips(f"categories-{name}" if name else "categories", rows)
