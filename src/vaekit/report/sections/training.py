"""How training went: a small curve of every term and weight."""

from collections.abc import Iterable, Iterator

from markupsafe import Markup

from vaekit.report import plots
from vaekit.report.section import Section, View, figure
from vaekit.runs import Run, history

# Penalties, a distance of kernels, a critic's verdict: terms, by their first words, without nats.
OWN_SCALE = ("mmd", "prior_adversarial", "contractive", "diagonal_of", "off_diagonal_of")


def sections(view: View) -> Iterator[Section]:
    """Yield the curves of history.csv."""
    if view.run is not None:
        yield _curves(view.run)


def _curves(run: Run) -> Section:
    rows, trouble = run.history, history.look(run.folder / "history.csv").trouble
    said = f" Mind that history.csv {trouble}." if trouble else ""
    if not rows:
        none = "There is no history.csv with rows to draw curves from." + said
        return Section("training", "Training", none)
    steps = [row["step"] for row in rows]
    drawn = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        fixed = name.startswith("weight_") and len(set(values)) == 1
        if name not in ("step", "epoch") and not fixed:
            title = name.replace("images_", "examples_").replace("_", " ")  # rows of a table too
            drawn.append(figure(plots.curve(steps, values, title)))
    grid = Markup('<div class="plots">{}</div>').format(Markup("").join(drawn))
    caption = (
        "Means over the training batches since the row before, by step; terms for one example, "
        f"before their weights, in nats{_but(rows[0])}."
    )
    if len(rows) >= plots.MANY_ROWS:
        caption += " The vertical axes are fitted to what follows the first 2 % of the rows."
    return Section("training", "Training", caption + said, [grid])


def _but(names: Iterable[str]) -> str:
    """Say which terms among columns of a history are in no nats."""
    scaled = [n.replace("_", " ") for n in names if n.startswith(OWN_SCALE)]
    return f", but for {', '.join(scaled)}, on scales of their own" if scaled else ""
