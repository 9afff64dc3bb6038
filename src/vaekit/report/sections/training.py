"""How training went: a small curve of every term and weight."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from markupsafe import Markup

from vaekit.report import plots, tables
from vaekit.report.section import Section, View, figure
from vaekit.runs import Run, history
from vaekit.runs.history import VALIDATION

# Columns that are drawn together, by their first word.
FAMILIES = {"share": "shares of categories", "exponent": "exponents of the prior"}
NO_TERM = ("step", "epoch", "images_per_second")
# Penalties, a distance of kernels, a critic's verdict: terms, by their first words, without nats.
OWN_SCALE = ("mmd", "prior_adversarial", "contractive", "diagonal_of", "off_diagonal_of")


def sections(view: View) -> Iterator[Section]:
    """Yield the curves of history.csv."""
    if view.run is not None:
        yield _curve_section(view.run)


def _curve_section(run: Run) -> Section:
    rows, trouble = run.history, history.look(run.folder / "history.csv").trouble
    said = f" Mind that history.csv {trouble}." if trouble else ""
    if not rows:
        none = "There is no history.csv with rows to draw curves from." + said
        return Section("training", "Training", none)
    names = list(dict.fromkeys(name for row in rows for name in row))
    families = _families(names)
    drawn = []
    for name in names:
        own = name.removeprefix(VALIDATION)
        values = [row[name] for row in rows if name in row]
        fixed = name.startswith("weight_") and len(set(values)) == 1
        # What validation saw of a term stands beside what training did.
        if name in NO_TERM or fixed or (own != name and own in rows[0]):
            continue
        if any(own in members for members in families.values()):
            continue
        steps = [row["step"] for row in rows if name in row]
        looked = [row for row in rows if VALIDATION + name in row]
        judged = [row["step"] for row in looked], [row[VALIDATION + name] for row in looked]
        title = name.replace("_", " ")
        drawn.append(figure(plots.curve(steps, values, title, judged if looked else None)))
    drawn += [figure(_family(rows, stem, own)) for stem, own in families.items()]
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


def _families(names: Iterable[str]) -> dict[str, list[str]]:
    """Gather columns that are drawn together: shares of categories, exponents, by their stem."""
    families: dict[str, list[str]] = {}
    for name in names:
        stem, _, number = name.rpartition("_")
        if stem.partition("_")[0] in FAMILIES and number.isdigit():
            families.setdefault(stem, []).append(name)
    return {stem: own for stem, own in families.items() if len(own) > 1}


def _family(rows: Sequence[history.HistoryRow], stem: str, names: Sequence[str]) -> str:
    """Draw the columns of a family over training steps, as lines of one small SVG."""
    lines = [
        ([row["step"] for row in rows if name in row], [row[name] for row in rows if name in row])
        for name in names
    ]
    kind, _, block = stem.partition("_")
    title = FAMILIES[kind] + (f" of {block}".replace("_", " ") if block else "")
    return plots.curves(lines, title)


def _but(names: Iterable[str]) -> str:
    """Say which terms among columns of a history are in no nats."""
    scaled = [n.replace("_", " ") for n in names if n.startswith(OWN_SCALE)]
    return f", but for {', '.join(scaled)}, on scales of their own" if scaled else ""
