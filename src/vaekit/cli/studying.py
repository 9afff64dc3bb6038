"""`vaekit study`: many runs as one."""

import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from vaekit import recipes
from vaekit.cli.parsing import flags_of, parse_words, parser
from vaekit.errors import VaekitError
from vaekit.study import (
    Engine,
    Follower,
    Here,
    Plan,
    Processes,
    forecast,
    planned,
    read_study,
    run_study,
    store,
)
from vaekit.study.driver import failures
from vaekit.study.words import split
from vaekit.system import files
from vaekit.text import value
from vaekit.text.shell import quoted

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_PLAN, _YAML = "plan", (".yaml", ".yml")
_ABOUT = """\
Make many runs as one study: recipes x settings x seeds x data, each an ordinary run folder in
OUT/runs, all their numbers in OUT/results.parquet and OUT/results.csv. The same command goes on
where it was stopped or killed; runs that are finished are skipped, failures are recorded with their
reason while the rest goes on. More seeds or values may be added later.

Any setting of a recipe, of training or of data serves as a flag, for all runs, and in --grid.
`vaekit study plan ...` shows the runs, and what time and disk they will take.
"""


def study_command(words: list[str]) -> None:
    """Make, or plan, the runs of a study."""
    if words and words[0] == _PLAN:
        _plan(words[1:])
        return
    spec, options = _read_study(words, "study")
    out = _folder(options)
    engine = _engine(spec, options)
    shown = Lines()
    run_study(spec, out, engine, options.retry, shown)
    print(f"table: {out / 'results.csv'}    page: vaekit compare {quoted(out)}")
    if shown.failed:
        print(f"{shown.failed} runs failed: the column `reason` says why; --retry makes them anew")
        sys.exit(1)


class Lines(Follower):
    """Say on stderr what has ended, and when all will have: by the mean time of those that have."""

    def __init__(self) -> None:
        self.left, self.slots, self.failed, self.again = 0, 1, 0, 0
        self.times: list[float] = []

    def begin(self, plan: Plan, left: int, engine: Engine) -> None:
        """Say what is left of the plan, and where it is made."""
        self.left, self.slots = left, engine.slots
        what = "trials" if plan.search else "runs"
        _to_stderr(f"{plan.count} {what}, {left} of them left; {engine.about}")

    def ended(self, row: Mapping[str, Any]) -> None:
        """Say how a run ended, and when the last one will."""
        self.left -= 1
        finished = row["state"] == "finished"
        self.times += [row["seconds"]] if finished else []
        number = next((n for n in ("elbo", "objective", "distortion") if row.get(n)), None)
        said = f"{number} {row[number]:.2f}" if number and finished else row["reason"][:200]
        state = "" if finished else f"{row['state']}{row['reason'] and ': '}"
        _to_stderr(
            f"{row['run']}  {state}{said}  {forecast.time_in_words(row['seconds'])}{self._end()}"
        )

    def known(self, row: Mapping[str, Any]) -> None:
        """Count a trial that asked for a run that was there."""
        self.left -= 1
        self.again += 1

    def end(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Count what failed, also before."""
        self.failed = len(failures(rows))
        if self.again:
            _to_stderr(f"{self.again} trials asked for settings that had been tried")

    def _end(self) -> str:
        if not self.left or not self.times:
            return ""
        seconds = mean(self.times) * self.left / min(self.slots, self.left)
        at = datetime.now() + timedelta(seconds=seconds)
        when = f"{at:%H:%M}" if seconds < 80_000 else f"{at:%d %b %H:%M}"
        return f"  ({self.left} left, until about {when})"


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser(command: str) -> "ArgumentParser":
    example = "vaekit study beta_vae isa_vae --data digits --grid beta=1,2,4 --seeds 0:5 --out s"
    made = parser(command, "FILE.yaml | RECIPE ... | DIR", _ABOUT, example)
    made.add_argument("--out", type=str, default=None, help="the folder of the study")
    made.add_argument("--data", type=str, action="append", help="a set by name or path; repeat it")
    made.add_argument("--seeds", type=str, default=None, help="0:5 for 0 to 4, or 0,3,7")
    made.add_argument(
        "--grid", type=str, action="append", help="values of a setting, beta=1,2,4; repeat it"
    )
    made.add_argument(
        "--evaluate", type=str, action="append", help="an option of evaluate, metrics=mig,sap"
    )
    made.add_argument(
        "--search", type=str, action="append", help="try settings by Optuna: trials=50; repeat it"
    )
    made.add_argument(
        "--maximise", type=str, default=None, help="the number that it looks for, elbo"
    )
    made.add_argument("--minimise", type=str, default=None, help="or this one, as small as it gets")
    made.add_argument(
        "--space", type=str, action="append", help="what it varies, beta=0.1:10:log or latent=4,8"
    )
    made.add_argument(
        "--workers", type=int, default=None, help="processes, each with one run; default one a core"
    )
    made.add_argument(
        "--worker-threads", type=int, default=None, help="threads of each; default one"
    )
    made.add_argument(
        "--scheduler", type=str, default=None, help="a Dask scheduler, tcp://HOST:8786"
    )
    made.add_argument(
        "--checkpoint-minutes", type=float, default=None, help="time between checkpoints of a run"
    )
    made.add_argument("--retry", action="store_true", help="make runs once more that failed")
    return made


def _read_study(words: list[str], command: str) -> tuple[dict[str, Any], Any]:
    """Return what the study is, and the options of how to make it."""
    made = _parser(command)
    known = set(flags_of(made))
    names, own, settings = [], list[str](), dict[str, Any]()
    rest = iter(words)
    for word in rest:
        flag, equals, text = word.partition("=")
        spelled = f"--{flag[2:].replace('_', '-')}"
        if word == "--":
            names += rest
        elif not word.startswith("-"):
            names.append(word)
        elif spelled in known or flag in known:
            own.append(word)
            if not equals and spelled not in ("--retry", "--help") and flag != "-h":
                own.append(next(rest, ""))
        else:
            settings[flag.lstrip("-").replace("-", "_")] = value(text if equals else next(rest, ""))
    options = parse_words(made, own)
    return _spec(names, settings, options, f"vaekit {command} --help"), options


def _spec(names: list[str], settings: dict[str, Any], options: Any, help_: str) -> dict[str, Any]:
    """Return the description that words of the command line make, on top of that of a file."""
    if not names:
        raise VaekitError(f"name a file, recipes, or the folder of a study; see `{help_}`")
    spec: dict[str, Any] = {}
    first = Path(names[0]).expanduser()
    if len(names) == 1 and store.is_study(first):
        spec, options.out = store.read_spec(first), options.out or str(first)
    elif len(names) == 1 and not first.is_dir() and (first.parts[1:] or first.suffix in _YAML):
        spec = read_study(first)
    else:
        spec = {"recipes": [_recipe(name) for name in names]}
    for name, given in (("settings", settings), ("grid", _grid_values(options, settings))):
        if given:
            spec[name] = {**(spec.get(name) or {}), **given}
    search = _flag_values(options.search, "--search", several=False)
    search |= {n: getattr(options, n) for n in ("maximise", "minimise") if getattr(options, n)}
    if options.space:
        search["space"] = _texts(options.space, "--space")
    if search:
        spec["search"] = {**(spec.get("search") or {}), **search}
    if options.evaluate:
        judged = _flag_values(options.evaluate, "--evaluate", several=False)
        spec["evaluate"] = {**(spec.get("evaluate") or {}), **judged}
    if options.data:
        spec["data"] = options.data[0] if len(options.data) == 1 else options.data
    if options.checkpoint_minutes is not None:
        spec["checkpoint_minutes"] = options.checkpoint_minutes
    if options.seeds is not None:
        spec["seeds"] = options.seeds
    return spec


def _grid_values(options: Any, settings: dict[str, Any]) -> dict[str, Any]:
    grid = _flag_values(options.grid, "--grid")
    if twice := sorted({*settings} & {*grid}):
        raise VaekitError(f"{twice[0]} is given as a flag and in --grid: leave one of the two out")
    return grid


def _recipe(name: str) -> str:
    """Return the name of a recipe; raise `VaekitError` for others, for a path with what it is."""
    if name not in recipes.RECIPES and Path(name).expanduser().exists():
        raise VaekitError(
            f"{name} is no study: name recipes, a study file that ends in .yaml, or the folder of "
            "a study, which has a study.yaml"
        )
    return recipes.find(name).name


def _flag_values(given: list[str] | None, flag: str, several: bool = True) -> dict[str, Any]:
    """Read `name=value,value` for each use of a flag; a single text where values are not many."""
    return {
        name: [value(each) for each in split(values)] if several else value(values)
        for name, values in _texts(given, flag).items()
    }


def _texts(given: list[str] | None, flag: str) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or not all(split(values)):
            such = "trials=50" if flag == "--search" else "beta=1,2,4"
            raise VaekitError(f"{flag} takes name=value, such as {flag} {such}; got {text!r}")
        name = name.strip().replace("-", "_")
        if name in pairs:
            raise VaekitError(f"{flag} names {name} twice: write all of it at once, {name}=…")
        pairs[name] = values
    return pairs


def _folder(options: Any) -> Path:
    if options.out is None:
        raise VaekitError(
            "say where the study goes, --out DIR: the same command then goes on there"
        )
    return files.place(options.out, "the folder of a study")


def _engine(spec: Mapping[str, Any], options: Any) -> Engine:
    if options.workers is not None and options.workers < 1:
        raise VaekitError(f"--workers must be ≥ 1, got {options.workers}")
    if options.worker_threads is not None and options.worker_threads < 1:
        raise VaekitError(f"--worker-threads must be ≥ 1, got {options.worker_threads}")
    if options.scheduler is not None or spec.get("cluster"):
        if options.workers is not None:
            raise VaekitError("--workers is for this machine: leave it out where Dask has workers")
        from vaekit.study.engines.cluster import Dask

        return Dask(options.scheduler, spec.get("cluster"))
    if options.workers == 1 and options.worker_threads is None:
        return Here()
    return Processes(options.workers, options.worker_threads)


def _slots(spec: Mapping[str, Any], options: Any) -> int:
    """Return how many runs will go on at once; a cluster is not started to ask."""
    if options.scheduler is None and spec.get("cluster"):
        return spec["cluster"].get("jobs", 1)
    with _engine(spec, options) as engine:
        return engine.slots


def _plan(words: list[str]) -> None:
    spec, options = _read_study(words, "study plan")
    plan = planned(spec)
    print(forecast.listed_runs(plan))
    for line in forecast.cost(plan, _slots(spec, options), options.out):
        print(line)
