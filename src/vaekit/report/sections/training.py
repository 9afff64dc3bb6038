"""How training went: a small curve of every term and weight."""

from collections.abc import Iterable, Iterator
from statistics import median

from markupsafe import Markup

from vaekit.report import plots, tables
from vaekit.report.section import Section, View, figure
from vaekit.runs import Run, history
from vaekit.runs.history import VALIDATION

NO_TERM = ("step", "epoch", "images_per_second")
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
    drawn = []
    for name in dict.fromkeys(name for row in rows for name in row):
        own = name.removeprefix(VALIDATION)
        values = [row[name] for row in rows if name in row]
        fixed = name.startswith("weight_") and len(set(values)) == 1
        # What validation saw of a term stands beside what training did.
        if name in NO_TERM or fixed or (own != name and own in rows[0]):
            continue
        steps = [row["step"] for row in rows if name in row]
        looked = [row for row in rows if VALIDATION + name in row]
        judged = [row["step"] for row in looked], [row[VALIDATION + name] for row in looked]
        title = name.replace("_", " ")
        drawn.append(figure(plots.curve(steps, values, title, judged if looked else None)))
    grid = Markup('<div class="plots">{}</div>').format(Markup("").join(drawn))
    caption = (
        "Means over the training batches since the row before, by step; terms for one example, "
        f"before their weights, in nats{_but(rows[0])}."
    )
    if any(name.startswith(VALIDATION) for row in rows for name in row):
        caption += (
            " Validation is the mean over the set held out for it, always with the same noise."
        )
    if len(rows) >= plots.MANY_ROWS:
        caption += " The vertical axes are fitted to what follows the first 2 % of the rows."
    speed = [row["images_per_second"] for row in rows if "images_per_second" in row]
    if speed:
        caption += f" It went at {tables.text(round(median(speed)))} examples per second."
    return Section("training", "Training", caption + said, [grid])


def _but(names: Iterable[str]) -> str:
    """Say which terms among columns of a history are in no nats."""
    scaled = [n.replace("_", " ") for n in names if n.startswith(OWN_SCALE)]
    return f", but for {', '.join(scaled)}, on scales of their own" if scaled else ""
