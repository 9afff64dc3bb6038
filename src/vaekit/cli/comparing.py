"""`vaekit compare`."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from vaekit.cli.parsing import add_page, out_of, parse_words, parser
from vaekit.errors import VaekitError
from vaekit.system import files

if TYPE_CHECKING:
    from vaekit.runs import Run


def compare_command(words: list[str]) -> None:
    """Write one page for several runs."""
    made = parser(
        "compare",
        "RUN RUN ...",
        "Write one page that shows several runs side by side: their numbers, the same test items "
        "through all of them, and what each setting did. Runs that differ in nothing but the seed "
        "are averaged. Folders that are no runs are skipped with a note.",
        "vaekit compare runs/*",
    )
    made.add_argument("runs", type=str, nargs="+", help="the run folders")
    add_page(made, "compare.html")
    made.add_argument(
        "--data-dir", type=str, default=None, help="where the files of public sets lie"
    )
    options = parse_words(made, words)
    from vaekit import report
    from vaekit.report.comparison.groups import gather
    from vaekit.report.rendering import check_page

    out = check_page(out_of(options, "compare.html"), options.force)
    runs = _open_runs(options.runs, options.data_dir)
    entries, notes = gather(runs)  # so that runs on the same data share them while they are judged
    if len(entries) > 1:
        for note in notes:
            _note(note)
        _evaluate([entry.run for entry in entries if entry.test is not None])
    print(report.compare(runs, out, options.force))


def _open_runs(paths: list[str], data_dir: str | None) -> list["Run"]:
    """Open the runs among paths, as a shell's `runs/*` gives them, and say what is skipped."""
    from vaekit.runs import Run

    runs = []
    for path in paths:
        if not files.place(path, "a run").exists():
            raise VaekitError(f"there is no run folder {path}")
        try:
            run = Run(path, data_dir)
            _ = run.config
        except VaekitError as error:
            _note(f"skipped: {error}{_runs_within(Path(path))}")
        else:
            runs.append(run)
    return runs


def _runs_within(folder: Path) -> str:
    inner = folder.is_dir() and any(folder.glob("*/run.yaml"))
    return f"; there are runs within it: write {folder}/*" if inner else ""


def _evaluate(runs: list["Run"]) -> None:
    """Judge the runs that have no numbers of the weights that they have."""
    for i, run in enumerate(runs):
        try:
            if not run.judged():
                _note(f"evaluating {run.folder}, {i + 1} of {len(runs)}")
                with redirect_stdout(sys.stderr):
                    run.evaluate(verbose=True)
        except VaekitError as error:
            _note(f"not evaluated: {error}")


def _note(text: str) -> None:
    print(f"vaekit: {text}", file=sys.stderr, flush=True)
