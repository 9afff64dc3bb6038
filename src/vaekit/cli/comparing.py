"""`vaekit compare`."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.cli.parsing import add_page, out_of, parse_words, parser
from vaekit.errors import VaekitError
from vaekit.system import files

if TYPE_CHECKING:
    from vaekit.runs import Run


def compare_command(words: list[str]) -> None:
    """Write one page for several runs, or for a study."""
    options = _compare_options(words)
    from vaekit.study import store

    studies = [path for path in options.runs if store.is_study(Path(path))]
    if studies:
        if len(options.runs) > 1:
            raise VaekitError(
                f"{studies[0]} is a study: compare it alone, or its runs, {studies[0]}/runs/*"
            )
        _compare_study(Path(studies[0]), options)
        return
    for name in ("udr", "tradeoff", "strength"):
        if getattr(options, name):
            raise VaekitError(f"--{name} is of a study: name the folder of one")
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


def _compare_options(words: list[str]) -> Any:
    made = parser(
        "compare",
        "RUN RUN ... | STUDY",
        "Write one page that shows several runs side by side: their numbers, the same test items "
        "through all of them, and what each setting did. Runs that differ in nothing but the seed "
        "are averaged. Folders that are no runs are skipped with a note. Of the folder of a study "
        "the page is made from its table of results: means with intervals and ranks, score against "
        "strength, trade-offs, what the variance is due to, whether scores agree, and which model "
        "is chosen without labels; short tables are printed.",
        "vaekit compare runs/*",
    )
    made.add_argument("runs", type=str, nargs="+", help="the run folders, or the folder of a study")
    add_page(made, "compare.html, of a study STUDY/compare.html")
    made.add_argument(
        "--data-dir", type=str, default=None, help="where the files of public sets lie"
    )
    made.add_argument(
        "--udr",
        action="store_true",
        help="of a study: compute UDR from the codes of its runs, and keep it in STUDY/udr.json",
    )
    made.add_argument(
        "--tradeoff",
        type=str,
        default=None,
        help="of a study: two numbers to trade, Y:X such as elbo:rate; default a score of labels "
        "and the distortion, or the squared error and the rate",
    )
    made.add_argument(
        "--strength",
        type=str,
        action="append",
        help="of a study: a setting that is a recipe's strength, such as capacity; repeat it; "
        "default beta, gamma or another weight",
    )
    return parse_words(made, words)


def _compare_study(folder: Path, options: Any) -> None:
    """Write the page of a study, and print its short tables."""
    from vaekit.study import page

    out = out_of(options, folder / "compare.html")
    known = page.compare_study(
        folder,
        out,
        options.force,
        strengths=options.strength or (),
        tradeoff=None if options.tradeoff is None else _pair_of_numbers(options.tradeoff),
        with_udr=options.udr,
        progress=_note,
    )
    for line in page.lines(known):
        print(line)
    print(f"\n{out}")


def _pair_of_numbers(text: str) -> tuple[str, str]:
    y, colon, x = (part.strip() for part in text.partition(":"))
    if not (y and colon and x):
        raise VaekitError(f"--tradeoff takes two numbers, Y:X such as elbo:rate; got {text!r}")
    return y, x


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
