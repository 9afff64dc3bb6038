"""`vaekit train`: its flags are read from the signature of the recipe that is named first."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vaekit.cli.judging import print_numbers, print_summary
from vaekit.cli.parsing import parse_words, parser
from vaekit.errors import VaekitError
from vaekit.text.shell import quoted

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from vaekit.recipes import Recipe
    from vaekit.runs import Run


def train_command(words: list[str]) -> None:
    """Train a recipe, or what a run file says, into a run folder."""
    if not words or words[0] in ("-h", "--help"):
        from vaekit.data import CATALOGUE
        from vaekit.recipes import RECIPES

        print("usage: vaekit train RECIPE|run.yaml [options]\n\nrecipes: " + ", ".join(RECIPES))
        print("data sets: " + ", ".join(CATALOGUE))
        print(
            "`vaekit train RECIPE --help` shows a recipe's arguments, `vaekit list` describes all."
        )
        return
    from vaekit.runs import is_first, start

    if words[0].startswith("-"):
        raise VaekitError(
            "name the recipe before its arguments: vaekit train RECIPE --data DATA ..."
        )
    made = _train_parser(words[0])
    options = vars(parse_words(made, words[1:]))
    folder = start.folder_of(words[0], options["out"], options["resume"])
    step = _trained_step(folder) if folder and options["resume"] else None
    if folder and options["resume"] and not folder.exists():
        print(f"no run in {folder} yet: starting it", file=sys.stderr)
    run = start.train(words[0], **options)
    if is_first(run.config.training):
        _say_end(run, step)


def _trained_step(folder: Path) -> int | None:
    """Return the step that the weights in a folder are of, None where there are none."""
    from vaekit.runs import Run

    try:
        return Run(folder).stamp.step
    except VaekitError:
        return None


def _say_end(run: "Run", before: int | None) -> None:
    notes = run.config.notes
    if notes["state"] == "finished" and before == notes.get("step", before):
        print("this run is finished: nothing was trained")
    if notes["state"] == "interrupted":
        print(f"stopped after step {notes['step']} of {notes['steps']}; continue with --resume")
    print_numbers(run, run.metrics if run.judged() else run.evaluate(verbose=True))
    print_summary(run)
    print(f"run: {run.folder}    page: vaekit report {quoted(run.folder)}")
    if "stopped_by" in notes:
        sys.exit(128 + signal.Signals[notes["stopped_by"]])


def parser_of(recipe: "Recipe", command: str, needs: str) -> "ArgumentParser":
    """Make the parser of a command that takes a recipe's arguments and those of training."""
    from vaekit.training import Training

    about = f"{recipe.summary}\n\nPaper: {recipe.paper}"
    made = parser(f"{command} {recipe.name}", needs, about)
    made.add_function_arguments(recipe.by_text, as_group=True, skip={"shape"})
    made.add_class_arguments(Training, as_group=True)
    made.set_defaults(**recipe.training)
    return made


def _train_parser(what: str) -> "ArgumentParser":
    from vaekit import recipes
    from vaekit.runs import start

    base = start.base_of(what)
    recipe = recipes.find(base.recipe if base else what)
    made = parser_of(recipe, "train", "--data DATA")
    _add_data_and_run(made)
    if base:
        rest = {name: getattr(base, name) for name in (*start.OF_DATA, *start.OF_START)}
        made.set_defaults(**base.arguments, **vars(base.training), **rest)
    return made


def _add_data_and_run(made: "ArgumentParser") -> None:
    from vaekit.data import CATALOGUE
    from vaekit.runs.recorder import MINUTES
    from vaekit.runs.trackers import TRACKERS

    group = made.add_argument_group("data and run")
    sets = ", ".join(CATALOGUE)
    for flag, kind, default, text in (
        ("--data", str, "", f"a path, or a set by name (see `vaekit list`): {sets}"),
        ("--data-dir", str, None, "where the files of public sets lie"),
        ("--holdout", float, 0.1, "share held out where a set has no test part"),
        (
            "--validation",
            float | str,
            0.0,
            "share of the training part, or a set by name or path, "
            "to judge by while training (--patience, --keep); 0: none",
        ),
        ("--start", str, "", "weights to begin with: a run, its checkpoint, an estimator's file"),
        ("--start-parts", str, "", "parts of it to take, such as posterior; default all"),
        ("--freeze", str, "", "parts whose weights stay, such as posterior,likelihood.network"),
        ("--out", str, None, "the run folder; default runs/RECIPE-DATA-N"),
        ("--checkpoint-minutes", float, MINUTES, "time between checkpoints"),
        ("--checkpoint-steps", int, None, "steps between checkpoints, in place of minutes"),
    ):
        group.add_argument(flag, type=kind, default=default, help=text)
    group.add_argument(
        "--log", type=str, default="", help=f"trackers that follow: {', '.join(TRACKERS)}"
    )
    group.add_argument(
        "--keep-checkpoint",
        action="store_true",
        help="keep the last checkpoint, so that --resume with more --epochs trains on",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out, a finished one with more --epochs",
    )
