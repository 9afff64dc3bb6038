"""Parsing: flags with - and _ alike, mistakes in the words of the command line."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.errors import VaekitError
from vaekit.system import files

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from vaekit.runs import Run

_WANTED = {
    "int": "a whole number",
    "float": "a finite number",
    "bool": "true or false",
    "str": "text",
    "Sequence": "a list",
}

_NO_MEMBER = (
    r":? Does not validate against any of the Union subtypes Subtypes: \[(?P<kinds>.*?)\] Errors: "
    r".*Given value: (?P<got>.*)"
)


def parser(command: str, needs: str, description: str, example: str = "") -> "ArgumentParser":
    """Make the parser of a command that `needs` these words, with an example under its help."""
    from jsonargparse import ArgumentParser

    return ArgumentParser(
        prog=f"vaekit {command}",
        usage=f"vaekit {command} {needs} [options]",
        description=description,
        epilog=f"example: {example}" if example else None,
        exit_on_error=False,
    )


def add_run(made: "ArgumentParser") -> None:
    """Take a run folder, and where its data lie."""
    made.add_argument("run", type=str, help="the run folder")
    made.add_argument(
        "--data-dir", type=str, default=None, help="where the files of public sets lie"
    )


def add_runs(made: "ArgumentParser") -> None:
    """Take run folders, and where their data lie."""
    made.add_argument("runs", type=str, nargs="+", help="the run folders")
    made.add_argument(
        "--data-dir", type=str, default=None, help="where the files of public sets lie"
    )


def add_page(made: "ArgumentParser", usual: str) -> None:
    """Take where a page goes."""
    made.add_argument("--out", type=str, default=None, help=f"the file; default {usual}")
    made.add_argument("--force", action="store_true", help="overwrite what is no page")


def run_of(options: Any) -> "Run":
    """Open the run that was named."""
    from vaekit.runs import Run

    return Run(options.run, options.data_dir)


def options_of(options: Any) -> dict[str, Any]:
    """Return what was said of all but the run itself."""
    return {name: value for name, value in vars(options).items() if name not in ("run", "data_dir")}


def out_of(options: Any, usual: Path | str) -> Path:
    """Return the place that --out names, or the usual one."""
    return files.place(usual if options.out is None else options.out, "what --out writes")


def parse_words(made: "ArgumentParser", words: list[str]) -> Any:
    """Parse words, with - and _ alike in flags; unknown ones raise with the nearest."""
    from jsonargparse import ArgumentError

    known = flags_of(made)
    own = words.index("--") if "--" in words else len(words)  # behind it are names alone
    words = [*(_as_known(word, known) for word in words[:own]), *words[own:]]
    for word in words[:own]:
        if re.match("-[^-]", word) and Path(word).exists():
            raise VaekitError(f"{word} begins as an option does: write ./{word}")
        flag = word.split("=")[0]
        if flag.startswith("--") and flag not in known:
            close = get_close_matches(flag, known, n=1, cutoff=0.7)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise VaekitError(f"unknown argument {flag}.{hint} `{made.prog} --help` shows all")
    try:
        return made.parse_args(words)
    except ArgumentError as error:
        raise VaekitError(f"{_reworded(error)}. `{made.prog} --help` shows all arguments") from None


def flags_of(made: "ArgumentParser") -> list[str]:
    """List the flags of a parser: what begins the lines of its help."""
    return re.findall(r"^ +(?:-\w, )?(--[\w-]+)", made.format_help(), re.MULTILINE)


def _reworded(error: Exception) -> str:
    """Say a parser's complaint in the words of the command line."""
    said = re.sub(r'^Parser key "(\w+)":', r"--\1:", str(error))
    said = re.sub(
        r"Expected a <class '(\w+)'>\. Got value:",
        lambda kind: f"expected {_WANTED[kind[1]]}, got",
        said,
    )
    said = " ".join(said.split())
    return re.sub(_NO_MEMBER, _in_words, said, flags=re.DOTALL).rstrip(".")


def _in_words(found: re.Match[str]) -> str:
    """Say what an argument of several kinds must be; that of nothing goes without saying."""
    kinds = re.findall(r"<class '(\w+)'>|\b(Sequence)\[", found["kinds"])
    known = [_WANTED[kind] for pair in kinds for kind in pair if kind in _WANTED]
    return f" must be {' or '.join(known) or 'of another kind'}, got {found['got']}"


def _as_known(word: str, known: list[str]) -> str:
    """Return a flag in the spelling that the parser knows."""
    flag, equals, value = word.partition("=")
    bare = flag.removeprefix("--")
    for spelling in (flag, f"--{bare.replace('-', '_')}", f"--{bare.replace('_', '-')}"):
        if word.startswith("--") and spelling in known:
            return f"{spelling}{equals}{value}"
    return word
