"""`vaekit train`: its flags are read from the signature of the recipe that is named first."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit import files
from vaekit.cli.judging import judge, show
from vaekit.cli.parsing import parse, parser
from vaekit.errors import VaekitError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from vaekit.runs import Config, Run


def train(words: list[str]) -> None:
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
    from vaekit import runs
    from vaekit.runs.show import Bar

    config, options = _train_arguments(words[0], words[1:])
    folder = _folder(options["out"], words[0], options["resume"])
    step = _trained(folder) if folder and options["resume"] else None
    if folder and options["resume"] and not folder.exists():
        print(f"no run in {folder} yet: starting it", file=sys.stderr)
    saving = runs.Saving(options["checkpoint_minutes"], options["checkpoint_steps"])
    with Bar(f"{config.recipe} on {config.data}") as bar:
        run = runs.train(config, folder, options["resume"], saving, bar)
    if runs.is_first(config.training):
        _conclude(run, step)


def _run_file(what: str) -> Path | None:
    """Return the run file that is named, by itself or by its folder; None for a recipe.

    A recipe wins over a folder of its name: ./vae is the folder.
    """
    from vaekit.recipes import RECIPES

    path = Path(what).expanduser()
    if what not in RECIPES and path.is_dir():
        return path / "run.yaml"
    return path if what.endswith((".yaml", ".yml")) else None


def _folder(out: str | None, what: str, resume: bool) -> Path | None:
    """Return the run folder that was named, None where any will do."""
    if out is not None or not resume:
        return None if out is None else files.place(out, "a run folder")
    found = _run_file(what)
    if found and found.name == "run.yaml":
        return found.parent
    raise VaekitError("--resume needs --out RUN, the folder of the run to continue")


def _trained(folder: Path) -> int | None:
    """Return the step that the weights in a folder are of, None where there are none."""
    from vaekit.runs import Run

    try:
        return Run(folder).stamp.step
    except VaekitError:
        return None


def _conclude(run: "Run", before: int | None) -> None:
    notes = run.config.notes
    if notes["state"] == "finished" and before == notes.get("steps", before):
        print("this run is finished: nothing was trained")
    if notes["state"] == "interrupted":
        print(f"stopped after step {notes['step']} of {notes['steps']}; continue with --resume")
    if run.judged():
        show(run, run.metrics)
    else:
        judge(run)
    print(f"run: {run.folder}    page: vaekit report {run.folder}")
    if "stopped_by" in notes:
        sys.exit(128 + signal.Signals[notes["stopped_by"]])


def _train_arguments(what: str, words: list[str]) -> tuple["Config", dict[str, Any]]:
    from vaekit import recipes
    from vaekit.data import resolved
    from vaekit.runs import Config
    from vaekit.runs import config as configs
    from vaekit.training import Training

    if what.startswith("-"):
        raise VaekitError(
            "name the recipe before its arguments: vaekit train RECIPE --data DATA ..."
        )
    path = _run_file(what)
    given = configs.read(path) if path else None
    recipe = recipes.find(given.recipe if given else what)
    made = _train_parser(recipe, given)
    found = vars(parse(made, words))
    training = {name: found[name] for name in Training.__dataclass_fields__}
    folder = found["data_dir"]
    own = list(made.own_arguments)  # pyright: ignore[reportAttributeAccessIssue]
    if not found["data"]:
        raise VaekitError("say what to train on with --data: `vaekit list` shows what there is")
    config = Config(
        recipe=recipe.name,
        arguments={name: found[name] for name in own},
        data=resolved(found["data"]),
        training=Training(**training),
        holdout=found["holdout"],
        data_dir=folder and str(files.place(folder, "the data folder").resolve()),
    )
    return config, found


def _train_parser(recipe: Any, given: "Config | None") -> "ArgumentParser":
    from vaekit.training import Training

    about = f"{recipe.summary}\n\nPaper: {recipe.paper}"
    made = parser(f"train {recipe.name}", "--data DATA", about)
    own = made.add_function_arguments(recipe.make, as_group=True, skip={"shape"})
    made.add_class_arguments(Training, as_group=True)
    _add_data_and_run(made)
    made.own_arguments = own  # pyright: ignore[reportAttributeAccessIssue]
    made.set_defaults(**recipe.training)
    if given:
        rest = {"data": given.data, "holdout": given.holdout, "data_dir": given.data_dir}
        made.set_defaults(**given.arguments, **vars(given.training), **rest)
    return made


def _add_data_and_run(made: "ArgumentParser") -> None:
    from vaekit.data import CATALOGUE

    group = made.add_argument_group("data and run")
    sets = ", ".join(CATALOGUE)
    for flag, kind, default, text in (
        ("--data", str, "", f"a path, or a set by name (see `vaekit list`): {sets}"),
        ("--data-dir", str, None, "where the files of public sets lie"),
        ("--holdout", float, 0.1, "share held out where a set has no test part"),
        ("--out", str, None, "the run folder; default runs/RECIPE-DATA-N"),
        ("--checkpoint-minutes", float, 5.0, "time between checkpoints"),
        ("--checkpoint-steps", int, None, "steps between checkpoints, in place of minutes"),
    ):
        group.add_argument(flag, type=kind, default=default, help=text)
    group.add_argument("--resume", action="store_true", help="continue the run in --out")
