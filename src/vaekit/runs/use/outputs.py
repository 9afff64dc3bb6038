"""What others are given of a run: its page, an explorer, another form. These imports point up."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vaekit import pictures
from vaekit.arguments import expect
from vaekit.data.border import evenly_spaced
from vaekit.errors import VaekitError
from vaekit.faces import face
from vaekit.runs.results import METRICS
from vaekit.system import files

if TYPE_CHECKING:
    from vaekit.explore import Server
    from vaekit.export import Export
    from vaekit.runs.folder import Run
    from vaekit.traversals import Traversal

_LINES, _PAIRS = 6, 12  # sentences, and examples, in a notebook


def report(
    run: "Run", out: Path | str | None = None, force: bool = False, tsne: bool = False
) -> Path:
    """Write the run's page, by default into its folder, and return its path.

    A run without numbers is evaluated first. `tsne` adds t-SNE to the map of codes, which takes
    some seconds to a minute. Raises `VaekitError` as `vaekit.report.write_report` does.
    """
    from vaekit.report import write_report
    from vaekit.report.rendering import check_page

    path = run.folder / "report.html" if out is None else files.place(out, "a page")
    check_page(path, force)
    if not run.judged():
        run.evaluate()
    return write_report(run, path, force, tsne)


def show(run: "Run") -> Path:
    """Return the run's page, which a notebook shows in the cell; it is written where it is old.

    Raises `VaekitError` as `report` does.
    """
    from vaekit.report.rendering import Page

    page, sources = run.folder / "report.html", [run.weights, run.folder / METRICS]
    if not run.judged() or not page.is_file():
        return report(run)
    newest = max(each.stat().st_mtime for each in sources if each.exists())
    return report(run) if newest > page.stat().st_mtime else Page(page)


def run_face(run: "Run") -> str:
    """Return what a notebook shows of a run: how it is, in sentences, and examples given back."""
    about, picture = run.config, ""
    lines = [str(run.folder)]
    with suppress(VaekitError):
        lines += [each.text for each in run.summary()[:_LINES]]
    with suppress(VaekitError):
        picture = _pairs_picture(run)
    title = f"{about.recipe} on {about.data}, {about.notes.get('state', 'unfinished')}"
    return face(title, lines, picture=picture, what="test examples above their reconstructions")


def _pairs_picture(run: "Run") -> str:
    data = run.data.test
    if len(data.shape) != 3:
        return ""
    part = data.subset(evenly_spaced(len(data), _PAIRS))
    both = part.batch(range(len(part))), torch.from_numpy(run.reconstruct(part))
    return pictures.data_uri(pictures.stacked(both, _PAIRS, *run.schema.levels))


def export(
    run: "Run",
    to: str = "onnx",
    out: Path | str | None = None,
    force: bool = False,
    pixels: str = "bytes",
    license: str = "unknown",
) -> "Export":
    """Write the model for use without vaekit (onnx, torch), or its folder for a hub.

    The arguments are those of `vaekit.export.write`, and so is what it raises.
    """
    from vaekit.export import write

    return write(run, to, out, force, pixels, license)


def explore(run: "Run", *others: "Run", port: int = 0) -> "Server":
    """Serve the page of `vaekit explore` in a thread, and return its server.

    A notebook shows the page in the cell; `address` opens it in a browser, `close()` ends it. Two
    runs stand side by side. Raises `VaekitError` for runs without weights and a port in use.
    """
    from vaekit.explore import Explorer, Server

    return Server([Explorer(each) for each in _as_runs(run, *others)], port).start()


def traverse_run(run: "Run", *others: "Run", **how: Any) -> "Traversal":
    """Decode examples with one latent changed, or one category, as `vaekit.traversals.traverse`.

    The same latents of `others` stand beside. Raises `VaekitError` as that.
    """
    from vaekit.traversals import traverse

    return traverse(_as_runs(run, *others), **how)


def _as_runs(*runs: "Run") -> "tuple[Run, ...]":
    """Return runs; raise `VaekitError` for what is none."""
    for each in runs:
        expect(each, type(runs[0]), "a run to stand beside", [(str | Path, "open it, Run(...)")])
    return runs


def open_pretrained(
    kind: "type[Run]",
    where: Path | str,
    revision: str | None = None,
    data_dir: Path | str | None = None,
) -> "Run":
    """Open what `export(to="hub")` wrote: a local folder, or a repository OWNER/NAME of the hub.

    A repository needs `pip install 'vaekit[hub]'`; `revision` is its branch, tag or commit. Raises
    `VaekitError` where there is neither.
    """
    from vaekit.export import from_pretrained

    return kind(from_pretrained(where, revision), data_dir)
