"""One page for one run: what was trained, how well, and what it looks like.

Everything is in the file: style, pictures, plots. It asks no network for anything, so it can be
mailed, archived beside a paper, or opened from a cluster's disk. The same run gives the same page:
which items are shown is fixed, and what is drawn at random is drawn from seed 0.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from markupsafe import Markup

from vaekit import files
from vaekit.errors import VaekitError, warn
from vaekit.metrics import mig
from vaekit.report import plots, tables
from vaekit.report.codes import encode
from vaekit.report.rendering import check_page, data_name, render
from vaekit.report.section import Section, figure
from vaekit.report.sections import (
    categories,
    diagnostics,
    factors,
    images,
    ledger,
    noise,
    plane,
    priors,
    pulse,
    vectors,
)
from vaekit.runs import Run, history

ITEMS = 10_000
# Penalties, a distance of kernels, a critic's verdict: terms, by their first words, without nats.
OWN_SCALE = ("mmd", "prior_adversarial", "contractive", "diagonal_of", "off_diagonal_of")


def write(run: Run, path: Path | str | None = None, force: bool = False) -> Path:
    """Write the page of a run, by default into its folder as report.html, and return its path.

    Pictures of image models also go to `pictures/` in the run's folder, with a warning where they
    cannot. Random generators are left as they were. Raises `VaekitError` where the run has no
    weights yet, its data cannot be found, something that is no page stands at `path` (unless
    `force`), or the disk refuses.
    """
    path = run.folder / "report.html" if path is None else files.place(path, "a page")
    check_page(path, force)
    with torch.random.fork_rng(range(torch.cuda.device_count())), _pictures(run) as folder:
        text = _render(run, folder)
    files.write_text(path, text)
    return path


@contextmanager
def _pictures(run: Run) -> Iterator[Path]:
    """Give the folder of a run's pictures, or where none can be written one that is thrown away."""
    folder = run.folder / "pictures"
    try:
        files.check_folder(folder)
    except VaekitError as error:
        warn(f"pictures are on the page alone, they cannot be written as files: {error}")
        with TemporaryDirectory() as thrown:
            yield Path(thrown)
    else:
        yield folder


def _render(run: Run, folder: Path) -> str:
    return render(
        "page.html.jinja",
        title=f"{run.config.recipe} on {data_name(run.config.data)}",
        facts=tables.facts(run.config),
        state=tables.state(run.config),
        numbers=tables.numbers(run.metrics),
        folder=run.folder.name,
        sections=[*filter(None, [ledger.section(run)]), _curves(run), *_views(run, folder)],
        settings=tables.settings(run.config),
    )


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
    if len(rows) >= plots.MANY:
        caption += " The vertical axes are fitted to what follows the first 2 % of the rows."
    return Section("training", "Training", caption + said, [grid])


def _but(names: Iterable[str]) -> str:
    """Say which terms among columns of a history are in no nats."""
    found = [n.replace("_", " ") for n in names if n.startswith(OWN_SCALE)]
    return f", but for {', '.join(found)}, on scales of their own" if found else ""


def _views(run: Run, folder: Path) -> list[Section]:
    (model, objective), test = run.system, run.data.test
    codes = encode(model, test, ITEMS)
    if len(test.shape) == 3:
        show = images.reconstructions, images.samples, images.traversals
        sections = [view(model, test, codes, folder) for view in show]
    else:
        plot = vectors.reconstructions, vectors.samples, vectors.traversals
        sections = [view(model, test, codes) for view in plot]
    for found in (
        noise.section(model, test, codes, folder),
        priors.section(model, test, codes),
        pulse.section(model, test, codes),
        plane.section(model, test, codes),
    ):
        sections += [found] if found else []
    sections += categories.sections(model, test, codes, folder)
    sections += diagnostics.sections(model, objective, test, codes, folder)
    given = factors.known(test, codes)
    return sections if given is None else [*sections, *_factors(codes, given)]


def _factors(codes: factors.Codes, given: factors.Known) -> list[Section]:
    drawn, found = factors.responses(codes, given), mig(codes.means, given.levels)
    sections = []
    if drawn:
        caption = (
            f"Mean code of the {min(factors.LATENTS, len(codes.worth))} most informative latents, "
            f"averaged over the {len(codes.means):,} encoded test items that share "
        )
        caption += "a position (map) or " if given.mapped else ""
        caption += "a level" + (" and a shape." if len(given.groups) > 1 else ".")
        sections.append(Section("factors", "Latents against factors", caption, [figure(drawn)]))
    caption = (
        f"Share of each factor's entropy that each latent tells, {found.settings['estimator']}, "
        f"n = {found.settings['n']:,}. MIG = {found:.3f}, the mean over factors of the distance "
        f"from the first latent to the second; shuffled factors give {found.shuffled:.3f}."
    )
    vary = found.parts["entropy"].any()
    shown = [figure(factors.mig_matrix(codes, found, given))] if vary else []
    sections.append(Section("mig", "Information about factors", caption, shown))
    return sections
