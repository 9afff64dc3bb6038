"""The command line: list, train, evaluate, report.

Every command is a parser and a function. The flags of `train` are read from the signature of the
recipe named first, so each recipe shows its own. An error is one or two lines and exit status 2;
`--debug` shows the traceback.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit import __version__
from vaekit.errors import VaekitError, nearest

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from vaekit.runs import Config, Run

USAGE = """\
usage: vaekit COMMAND ...

  list                       show recipes, data sets, networks, likelihoods and schedules
  train RECIPE|run.yaml ...  train a recipe into a run folder; `vaekit train RECIPE --help`
                             shows the recipe's own arguments
  evaluate RUN               judge a run: ELBO, distortion, rate, units, MIG
  report RUN                 write the run's page, report.html

Every command takes --help, and --debug to see the traceback of an error.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 when it went well, 2 on an error, 130 when stopped."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        _dispatch(words)
    except VaekitError as error:
        if debug:
            raise
        _fail(str(error))
    except OSError as error:
        if debug:
            raise
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("vaekit: stopped", file=sys.stderr)
        sys.exit(130)


def _fail(message: str) -> None:
    print(f"vaekit: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


def _dispatch(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
    elif words[0] == "--version":
        print(f"vaekit {__version__}")
    elif words[0] in COMMANDS:
        COMMANDS[words[0]](words[1:])
    else:
        raise nearest(words[0], COMMANDS, "command")


# ---- list


def _list(words: list[str]) -> None:
    if words and words[0] not in ("-h", "--help"):
        raise VaekitError(f"list takes no arguments, got {words[0]!r}")
    from vaekit.corruption import CORRUPTIONS
    from vaekit.data import CATALOGUE
    from vaekit.likelihoods import LIKELIHOODS
    from vaekit.networks import NETWORKS
    from vaekit.recipes import RECIPES
    from vaekit.schedules import SCHEDULES

    _table("recipes", {name: f"{r.summary} [{r.paper}]" for name, r in RECIPES.items()})
    _table("data sets (--data NAME, or a path)", {k: _first_line(v) for k, v in CATALOGUE.items()})
    print(f"networks (--network): {', '.join(NETWORKS)}")
    print(f"corruptions (--corruption): {', '.join(CORRUPTIONS)}")
    print(f"likelihoods (--likelihood): {', '.join(LIKELIHOODS)}")
    print(f"schedules (for any weight): {', '.join(SCHEDULES)}")


def _table(title: str, rows: dict[str, str]) -> None:
    width = max(map(len, rows))
    print(title)
    for name, text in rows.items():
        print(f"  {name:<{width}}  {text}")
    print()


def _first_line(thing: Callable[..., Any]) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]


# ---- train


def _train(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help"):
        from vaekit.recipes import RECIPES

        print("usage: vaekit train RECIPE|run.yaml [options]\n\nrecipes: " + ", ".join(RECIPES))
        print(
            "`vaekit train RECIPE --help` shows a recipe's arguments, `vaekit list` describes all."
        )
        return
    from vaekit.runs import Saving, train
    from vaekit.runs.show import Bar

    config, options = _train_arguments(words[0], words[1:])
    folder = _folder(config, options["out"], words[0] if options["resume"] else None)
    if options["resume"] and not folder.exists():
        print(f"no run in {folder} yet: starting it", file=sys.stderr)
    saving = Saving(options["checkpoint_minutes"], options["checkpoint_steps"])
    with Bar(f"{config.recipe} on {config.data}") as bar:
        run = train(config, folder, options["resume"], saving, bar)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        _conclude(run)


def _folder(config: "Config", out: str | None, resumed: str | None) -> Path:
    if out:
        return Path(out)
    if resumed is None:
        return _free_folder(config)
    if Path(resumed).name == "run.yaml" or Path(resumed).is_dir():
        return Path(resumed) if Path(resumed).is_dir() else Path(resumed).parent
    raise VaekitError("--resume needs --out RUN, the folder of the run to continue")


def _conclude(run: "Run") -> None:
    state = run.config.notes["state"]
    if state == "interrupted":
        notes = run.config.notes
        print(f"stopped after step {notes['step']} of {notes['steps']}; continue with --resume")
    _judge(run)
    print(f"run: {run.folder}    page: vaekit report {run.folder}")


def _train_arguments(what: str, words: list[str]) -> tuple["Config", dict[str, Any]]:
    from vaekit import recipes
    from vaekit.runs import Config
    from vaekit.runs import config as configs
    from vaekit.train import Training

    if what.startswith("-"):
        raise VaekitError(
            "name the recipe before its arguments: vaekit train RECIPE --data DATA ..."
        )
    given = None
    if what.endswith((".yaml", ".yml")) or Path(what).is_dir():
        path = Path(what) / "run.yaml" if Path(what).is_dir() else Path(what)
        given = configs.read(path)
    recipe = recipes.find(given.recipe if given else what)
    parser = _train_parser(recipe, given)
    found = vars(_parse(parser, words))
    training = {f.name: found[f.name] for f in fields(Training)}
    own = list(parser.own_arguments)  # pyright: ignore[reportAttributeAccessIssue]
    if not found["data"]:
        raise VaekitError("say what to train on with --data: `vaekit list` shows what there is")
    config = Config(
        recipe=recipe.name,
        arguments={name: found[name] for name in own},
        data=_absolute(found["data"]),
        training=Training(**training),
        holdout=found["holdout"],
        data_dir=_absolute(found["data_dir"]) if found["data_dir"] else None,
    )
    return config, found


def _train_parser(recipe: Any, given: "Config | None") -> "ArgumentParser":
    from vaekit.train import Training

    parser = _parser(f"train {recipe.name}", f"{recipe.summary}\n\nPaper: {recipe.paper}")
    own = parser.add_function_arguments(recipe.make, as_group=True, skip={"shape"})
    parser.add_class_arguments(Training, as_group=True)
    group = parser.add_argument_group("data and run")
    group.add_argument(
        "--data", type=str, default="", help="a set by name, or a path: see `vaekit list`"
    )
    group.add_argument(
        "--data-dir", type=str, default=None, help="where the files of public sets lie"
    )
    group.add_argument(
        "--holdout", type=float, default=0.1, help="share held out where a set has no test part"
    )
    group.add_argument(
        "--out", type=str, default=None, help="the run folder; default runs/RECIPE-DATA-N"
    )
    group.add_argument("--resume", action="store_true", help="continue the run in --out")
    group.add_argument(
        "--checkpoint-minutes", type=float, default=5.0, help="time between checkpoints"
    )
    group.add_argument(
        "--checkpoint-steps",
        type=int,
        default=None,
        help="steps between checkpoints, in place of minutes",
    )
    parser.own_arguments = own  # pyright: ignore[reportAttributeAccessIssue]
    parser.set_defaults(**recipe.training)
    if given:
        parser.set_defaults(
            **given.arguments,
            **vars(given.training),
            data=given.data,
            holdout=given.holdout,
            data_dir=given.data_dir,
        )
    return parser


def _absolute(what: str) -> str:
    return str(Path(what).expanduser().resolve()) if Path(what).expanduser().exists() else what


def _free_folder(config: "Config") -> Path:
    data = Path(config.data).stem if os.sep in config.data else config.data.split("(")[0]
    n = 1
    while (folder := Path("runs") / f"{config.recipe}-{data}-{n}").exists():
        n += 1
    return folder


# ---- evaluate and report


def _evaluate(words: list[str]) -> None:
    parser = _parser("evaluate", "Judge a run on its held-out data and write metrics.json.")
    _add_run(parser)
    parser.add_argument("--n", type=int, default=10_000, help="examples at most")
    parser.add_argument("--samples", type=int, default=1, help="codes drawn for each example")
    parser.add_argument("--bins", type=int, default=20, help="bins of the MIG")
    parser.add_argument(
        "--train-split", action="store_true", help="judge on the training data instead"
    )
    found = _parse(parser, words)
    options = {k: getattr(found, k) for k in ("n", "samples", "bins", "train_split")}
    _judge(_run(found), **options)


def _judge(run: "Run", train_split: bool = False, **options: Any) -> None:
    from vaekit.information import evaluate

    data = run.data.train if train_split else run.data.test
    numbers = evaluate(run.model, data, **options)
    part = "training" if train_split or run.data.test is run.data.train else "test"
    for number in numbers.values():
        number["split"] = part
    run.save_metrics(numbers)
    print(f"{part} set of {run.config.data}, n = {next(iter(numbers.values()))['n']}")
    for name, number in numbers.items():
        print(f"  {name:<22}{_shown(number):<17} {number['unit']}; {number['estimator']}")


def _shown(number: dict[str, Any]) -> str:
    value, se = number["value"], number["se"]
    if isinstance(value, int):
        return f"{value:>8}"
    return f"{value:>8.3f}" if se is None else f"{value:>8.2f} ± {se:.2f}"


def _report(words: list[str]) -> None:
    parser = _parser("report", "Write the run's page: one HTML file that needs no network.")
    _add_run(parser)
    parser.add_argument("--out", type=str, default=None, help="the file; default RUN/report.html")
    found = _parse(parser, words)
    run = _run(found)
    if not run.metrics:
        _judge(run)
    from vaekit import report

    print(report.write(run, Path(found.out) if found.out else None))


def _add_run(parser: "ArgumentParser") -> None:
    parser.add_argument("run", type=str, help="the run folder")
    parser.add_argument(
        "--data-dir", type=str, default=None, help="where the files of public sets lie"
    )


def _run(found: Any) -> "Run":
    from vaekit.runs import Run

    return Run(found.run, found.data_dir)


# ---- parsing


def _parser(command: str, description: str) -> "ArgumentParser":
    from jsonargparse import ArgumentParser

    needs = "--data DATA" if command.startswith("train") else "RUN"
    return ArgumentParser(
        prog=f"vaekit {command}",
        usage=f"vaekit {command} {needs} [options]",
        description=description,
        exit_on_error=False,
    )


def _parse(parser: "ArgumentParser", words: list[str]) -> Any:
    """Parse words, with - and _ alike in flags; unknown ones raise with the nearest."""
    from jsonargparse import ArgumentError

    known = [flag for action in parser._actions for flag in action.option_strings]
    words = [_as_known(word, known) for word in words]
    for word in words:
        flag = word.split("=")[0]
        if flag.startswith("--") and flag not in known:
            close = get_close_matches(flag, known, n=1, cutoff=0.7)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise VaekitError(f"unknown argument {flag}.{hint} `{parser.prog} --help` shows all")
    try:
        return parser.parse_args(words)
    except ArgumentError as error:
        raise VaekitError(f"{_plain(error)}. `{parser.prog} --help` shows all arguments") from None


def _plain(error: Exception) -> str:
    """Say a parser's complaint in the words of the command line."""
    said = re.sub(r'^Parser key "(\w+)":', r"--\1:", str(error))
    said = re.sub(r"Expected a <class '(\w+)'>\. Got value:", r"expected \1, got", said)
    return " ".join(said.split()).rstrip(".")


def _as_known(word: str, known: list[str]) -> str:
    """Return a flag in the spelling that the parser knows."""
    flag, equals, value = word.partition("=")
    bare = flag.removeprefix("--")
    for spelling in (flag, f"--{bare.replace('-', '_')}", f"--{bare.replace('_', '-')}"):
        if word.startswith("--") and spelling in known:
            return f"{spelling}{equals}{value}"
    return word


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "list": _list,
    "train": _train,
    "evaluate": _evaluate,
    "report": _report,
}
