"""One page for one run: what was trained, how well, and what it looks like.

Everything is in the file: style, pictures, plots. It asks no network for anything, so it can be
mailed, archived beside a paper, or opened from a cluster's disk. The same run gives the same page:
which items are shown is fixed, and what is drawn at random is drawn from seed 0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from vaekit.errors import VaekitError, warn
from vaekit.report import tables
from vaekit.report.codes import encode_items
from vaekit.report.rendering import check_page, data_name, render, save_page
from vaekit.report.section import View
from vaekit.report.sections import sections_of
from vaekit.runs import Run
from vaekit.system import files

ITEMS = 10_000


def write_report(
    run: Run, path: Path | str | None = None, force: bool = False, tsne: bool = False
) -> Path:
    """Write the page of a run, by default into its folder as report.html, and return its path.

    `tsne` adds t-SNE to the map of codes, which takes some seconds to a minute.

    Pictures of image models also go to `pictures/` in the run's folder, with a warning where they
    cannot. Random generators are left as they were. Raises `VaekitError` where the run has no
    weights yet, its data cannot be found, something that is no page stands at `path` (unless
    `force`), or the disk refuses.
    """
    path = run.folder / "report.html" if path is None else files.place(path, "a page")
    check_page(path, force)
    with torch.random.fork_rng(range(torch.cuda.device_count())), _pictures(run) as folder:
        text = _render(run, folder, tsne)
    return save_page(path, text)


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


def _render(run: Run, folder: Path, tsne: bool) -> str:
    return render(
        "page.html.jinja",
        title=f"{run.config.recipe} on {data_name(run.config.data)}",
        facts=tables.facts(run.config),
        state=tables.state(run.config),
        summary=run.summary(),
        numbers=tables.numbers(run.metrics),
        folder=run.folder,
        sections=list(sections_of(_view(run, folder, tsne))),
        settings=tables.setting_tables(run.config),
    )


def _view(run: Run, folder: Path, tsne: bool = False) -> View:
    (model, objective), test = run.system, run.data.test
    return View(model, test, encode_items(model, test, ITEMS), folder, objective, run, tsne)
