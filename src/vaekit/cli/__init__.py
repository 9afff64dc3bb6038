"""The command line: train, evaluate, ledger, refit, report, encode, decode, sample, and others.

Every command is a parser and a function. The flags of `train` are read from the signature of the
recipe named first, so each recipe shows its own. An error is one or two lines and exit status 2;
`--debug` shows the traceback.
"""

import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from vaekit import __version__
from vaekit.errors import VaekitWarning, nearest
from vaekit.system import system_error
from vaekit.system.own_code import take
from vaekit.system.progress import shown_bars
from vaekit.system.stopping import on_signals, stop

USAGE = """\
usage: vaekit COMMAND ...

  list                       show recipes, data sets, and all parts and terms by name
  show RECIPE                show what a recipe is composed of, as a command
  train RECIPE|run.yaml ...  train a recipe into a run folder; `vaekit train RECIPE --help`
                             shows the recipe's own arguments
  study RECIPE ...|FILE.yaml make many runs as one: a grid of settings, seeds, several at once
  reproduce PAPER[/ITEM]     measure tables and figures of the five papers beside what is published
  evaluate RUN               judge a run: ELBO, distortion, rate, units, MIG
  ledger RUN                 add up where a run's nats go, and check that they do
  refit RUN                  fit other noise models to a run's residuals
  report RUN                 write the run's page, report.html
  compare RUN RUN ...|STUDY  write one page that shows runs side by side, or what a study says
  explore RUN [RUN ...]      open a page in which runs can be touched: sliders, examples, samples
  encode RUN [INPUT]         turn pictures, arrays or a table into codes
  score RUN [INPUT]          say how well a run explains each example
  decode RUN CODES           turn codes into pictures, an array or a table
  reconstruct RUN [INPUT]    encode and decode, shown below the originals
  interpolate RUN A B        decode along the line between two examples
  traverse RUN [RUN ...]     move latents and categories, as a picture, a moving one or a table
  impute RUN [TABLE]         fill in what is missing in a table, and say how well
  sample RUN                 draw new examples, of a class for conditional models
  export RUN                 write the model as ONNX, for torch.export, or for a model hub

Every command takes --help, --debug to see the traceback of an error, and --import FILE.py for
code of your own, which may enter recipes, parts, metrics and data sets by name.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 when it went well, 2 on an error, 130 or 143 when stopped."""
    # Read when PyTorch is loaded: threads that wait for each other give up their cores soon, which
    # costs nothing alone and keeps the speed of one thread where others take the cores.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    words, own = _imports(words)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with on_signals(stop), warnings.catch_warnings(), shown_bars():
            warnings.simplefilter("always", VaekitWarning)
            warnings.showwarning = _Notes()
            for name in own:
                take(name)
            _dispatch(words)
    except KeyboardInterrupt as stopped:
        print("vaekit: stopped", file=sys.stderr)
        sys.exit(getattr(stopped, "status", 130))
    except BrokenPipeError:  # nobody reads on, as behind `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        known = system_error(error)
        if debug or known is None:
            raise
        _fail(str(known))


class _Notes:
    """Print a warning of our own as a line, each once in a command; others as Python does."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, message: Warning | str, kind: type[Warning], *where: Any) -> None:
        text = f"vaekit: note: {message}"
        if not issubclass(kind, VaekitWarning):
            filename, line, *_ = where
            print(warnings.formatwarning(message, kind, filename, line), file=sys.stderr, end="")
        elif text not in self.said:
            self.said.add(text)
            print(text, file=sys.stderr, flush=True)


def _imports(words: list[str]) -> tuple[list[str], list[str]]:
    """Part the words into those of the command and the names that --import gives."""
    rest, names = [], []
    given = iter(words)
    for word in given:
        if word == "--import":
            names.append(next(given, ""))
        elif word.startswith("--import="):
            names.append(word.partition("=")[2])
        else:
            rest.append(word)
    return rest, names


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


def _command(module: str, name: str) -> Callable[[list[str]], None]:
    """Return a command that imports its module when it is run, once signals are answered."""

    def run(words: list[str]) -> None:
        getattr(import_module(f"vaekit.cli.{module}"), name)(words)

    return run


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "list": _command("listing", "list_command"),
    "show": _command("showing", "show_command"),
    "train": _command("training", "train_command"),
    "study": _command("studying", "study_command"),
    "reproduce": _command("reproducing", "reproduce_command"),
    "evaluate": _command("judging", "evaluate_command"),
    "ledger": _command("ledger", "ledger_command"),
    "refit": _command("refitting", "refit_command"),
    "report": _command("judging", "report_command"),
    "compare": _command("comparing", "compare_command"),
    "explore": _command("exploring", "explore_command"),
    "encode": _command("examples.applying", "encode_command"),
    "score": _command("examples.applying", "score_command"),
    "decode": _command("examples.applying", "decode_command"),
    "reconstruct": _command("examples.applying", "reconstruct_command"),
    "interpolate": _command("examples.applying", "interpolate_command"),
    "traverse": _command("traversing", "traverse_command"),
    "impute": _command("examples.imputing", "impute_command"),
    "sample": _command("examples.applying", "sample_command"),
    "export": _command("exporting", "export_command"),
}
