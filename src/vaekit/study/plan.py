"""What a study runs: recipes × settings × seeds × data, each an ordinary run with a name.

    recipes: [beta_vae, isa_vae]     one name, or several
    data: sprites                    one set, or several
    seeds: 0:5                       0 to 4; a number, or a list
    settings: {epochs: 20}           of all runs
    grid: {beta: [1, 2, 4]}          every combination of the values
    points: [{beta: 1, latent: 4}]   or settings that go together, each a point
    runs: [{recipes: isa_vae}, ...]  blocks, each with its own of the above in place of them
    evaluate: {metrics: [mig, sap]}  options of `vaekit evaluate`
    checkpoint_minutes: 5

A setting is any argument of a recipe, of training or of data, by the name it has as a flag. One
that a recipe lacks is left out there, so a grid over beta gives one `ae`; one that no recipe of the
study has is an error. Runs that come out equal are one.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any

from vaekit import recipes
from vaekit.arguments import check, check_counts, fits
from vaekit.data import resolved
from vaekit.errors import VaekitError, nearest
from vaekit.information import chosen
from vaekit.runs import Config, Run
from vaekit.runs.recorder import MINUTES, Saving
from vaekit.runs.start import OF_DATA, OF_START, configured
from vaekit.study.names import DIGITS, mark_of, readable_name
from vaekit.study.words import Search, named_texts, seeds_of, several
from vaekit.system import files, forms
from vaekit.system.yaml_file import read_yaml
from vaekit.text import value
from vaekit.training import Training

Settings = Mapping[str, Any]
_BLOCK = {
    "recipes?": forms.ANY,
    "data?": forms.ANY,
    "seeds?": forms.ANY,
    "settings?": forms.Maybe({"*": forms.ANY}),
    "grid?": forms.Maybe({"*": forms.ANY}),
    "points?": forms.Maybe([{"*": forms.ANY}]),
}
FORM = {
    **_BLOCK,
    "runs?": forms.Maybe([_BLOCK]),
    "evaluate?": forms.Maybe({"*": forms.ANY}),
    "checkpoint_minutes?": forms.Least(float),
    "search?": forms.Maybe({"*": forms.ANY}),
    "cluster?": forms.Maybe({"*": forms.ANY}),
    "import?": forms.ANY,
}


@dataclass(frozen=True)
class Planned:
    """Name a run of a study: what decides it, and the settings that the study gave it."""

    name: str
    config: Config
    given: Settings

    @property
    def mark(self) -> str:
        """Return the end of the name, which all that decides the run makes."""
        return self.name[-DIGITS:]


@dataclass(frozen=True)
class Plan:
    """List the runs of a study, each once, in order, and how they are judged and saved.

    With a `search` the one run stands for all that it tries.
    """

    runs: tuple[Planned, ...]
    evaluate: Settings = field(default_factory=dict)
    checkpoint_minutes: float = MINUTES
    search: Search | None = None

    @property
    def count(self) -> int:
        """Return how many runs there will be."""
        return self.search.trials if self.search else len(self.runs)

    @property
    def varied(self) -> list[str]:
        """Name the settings that differ between runs, the seed last."""
        names = dict.fromkeys(name for run in self.runs for name in ("recipe", "data", *run.given))
        values = {name: {repr(setting_of(run, name)) for run in self.runs} for name in names}
        return sorted((n for n in names if len(values[n]) > 1), key=lambda name: name == "seed")


def setting_of(run: Planned, name: str) -> Any:
    """Return a setting of a run, also what it did not have to be given; None for none such."""
    config = run.config
    own = {"recipe": config.recipe, "data": config.data, **vars(config.training)}
    return {**own, **config.arguments, **run.given}.get(name)


def read_study(path: Path) -> dict[str, Any]:
    """Read a file of a study; raise `VaekitError` for what it may not hold, with its place."""
    spec = read_yaml(path, "study file", "repair it")
    check_spec(spec, str(path))
    return spec


def anywhere(spec: Any, name: str = "") -> Any:
    """Return what describes a study with its paths absolute, so that it means the same anywhere."""
    if isinstance(spec, Mapping):
        return {key: anywhere(value, key) for key, value in spec.items()}
    if isinstance(spec, list | tuple):
        return [anywhere(value, name) for value in spec]
    if name == "data" or (name == "validation" and not fits(_number_spelled(spec), float)):
        return resolved(str(spec))
    if name in ("data_dir", "start") and spec:
        return str(files.place(spec, name).resolve())
    return spec


def check_spec(spec: Any, what: str) -> None:
    """Raise `VaekitError` where something is no description of a study."""
    if isinstance(spec, Mapping):
        for block, known in ((spec, FORM), *((b, _BLOCK) for b in spec.get("runs") or [])):
            names = [name.rstrip("?") for name in known]
            for name in block if isinstance(block, Mapping) else ():
                if name not in names:
                    raise VaekitError(f"{what}: {nearest(str(name), names, 'key of a study')}")
    try:
        forms.check_form(spec, FORM)
    except forms.Damaged as error:
        raise VaekitError(f"{what}: {error}") from None


def planned(spec: Settings) -> Plan:
    """Return the runs that a study describes.

    Raises `VaekitError` for names that no recipe of the study has, values that do not fit, options
    that judging does not take, and where no run comes out.
    """
    blocks = [{**_outer(spec), **_merged(spec, block)} for block in spec.get("runs") or [{}]]
    for block in blocks:
        named = named_texts(block.get("recipes"), "recipes")
        block["recipes"] = [recipes.find(name).name for name in named]
    used = sorted({name for block in blocks for name in block["recipes"]})
    if not used:
        raise VaekitError("a study needs recipes: name them, as in vaekit study beta_vae vae ...")
    known = {name: settings_of(name) for name in used}
    if spec.get("recipes") and all(block.get("recipes") for block in spec.get("runs") or [{}]):
        raise VaekitError("recipes stand at the top, and each of runs has its own: leave one out")
    for block in blocks:
        _check_block(block)
        check_known(_settings_said(block), *used)
    runs: dict[str, Planned] = {}
    for block in blocks:
        for run in _runs_of(block, known):
            runs.setdefault(run.mark, run)
    if any(run.config.training.processes > 1 for run in runs.values()):
        raise VaekitError(
            "the runs of a study stand side by side, each in one process: leave processes out"
        )
    evaluate = dict(spec.get("evaluate") or {})
    _check_judging(evaluate)
    minutes = Saving(spec.get("checkpoint_minutes") or MINUTES).minutes
    search = Search.read(spec["search"]) if spec.get("search") else None
    if search and len(runs) != 1:
        raise VaekitError(
            f"a search tries one recipe on one set with one seed, this study has {len(runs)} "
            "runs: put what should vary into the space of search"
        )
    if search:
        check_known(search.space, *used)
    return Plan(tuple(runs.values()), evaluate, minutes, search)


def _check_block(block: Settings) -> None:
    """Raise `VaekitError` where a block says one thing twice, or nothing."""
    grid, points = block.get("grid") or {}, block.get("points") or ()
    for name, values in grid.items():
        if not several(values):
            raise VaekitError(f"grid: {name} has no values, give it one or more: {name}: [1, 2]")
        if any(name in point for point in points):
            raise VaekitError(f"{name} stands in the grid and in points: leave it out of one")
    said = _settings_said(block)
    for beside, name in (("seeds", "seed"), ("data", "data")):
        if block.get(beside) is not None and name in said:
            raise VaekitError(
                f"{name} stands among the settings, and {beside}: at the top: leave one out"
            )


def check_known(names: Iterable[str], *used: str) -> None:
    """Raise `VaekitError`, with the nearest, for a setting that none of the recipes has."""
    known = {name for recipe in used for name in settings_of(recipe)}
    for name in names:
        if name not in known:
            raise _unknown(name, used, known)


def annotation_of(recipe: str, name: str) -> Any:
    """Return what is annotated of a setting of a recipe."""
    own = inspect.signature(recipes.find(recipe).make).parameters
    trained = {each.name: each.type for each in fields(Training)}
    return own[name].annotation if name in own else trained.get(name, Any)


def _outer(spec: Settings) -> dict[str, Any]:
    return {name.rstrip("?"): spec.get(name.rstrip("?")) for name in _BLOCK}


def _merged(spec: Settings, block: Settings) -> dict[str, Any]:
    """Return a block, its settings and grid on top of those of all runs."""
    both = {
        name: {**(spec.get(name) or {}), **(block.get(name) or {})} for name in ("settings", "grid")
    }
    return {**block, **both}


def settings_of(recipe: str) -> set[str]:
    """Name the settings that a run of a recipe has: its own, those of training and of data."""
    own = set(inspect.signature(recipes.find(recipe).make).parameters) - {"shape"}
    return own | {each.name for each in fields(Training)} | {*OF_DATA, *OF_START}


def _settings_said(block: Settings) -> list[str]:
    points = [name for point in block.get("points") or () for name in point]
    return [*(block.get("settings") or ()), *(block.get("grid") or ()), *points]


def _unknown(name: str, used: Sequence[str], known: set[str]) -> VaekitError:
    if name in ("recipe", "recipes"):
        return VaekitError(f"{name} is no setting: write recipes: [{', '.join(used)}, ...]")
    which = used[0] if len(used) == 1 else f"any of {', '.join(used)}"
    return nearest(name, known, f"setting of {which}")


def _runs_of(block: Settings, known: Mapping[str, set[str]]) -> Iterator[Planned]:
    grid = {name: several(values) for name, values in (block.get("grid") or {}).items()}
    seeds = None if block.get("seeds") is None else seeds_of(block["seeds"])
    if seeds is not None:
        grid["seed"] = seeds
    sets = named_texts(block.get("data"), "data") or [None]
    points = block.get("points") or [{}]
    for recipe, each, point in product(block["recipes"], sets, points):
        axes = {name: values for name, values in grid.items() if name in known[recipe]}
        for values in product(*axes.values()):
            given = {**point, **dict(zip(axes, values, strict=True))}
            given = {n: _number_spelled(value) for n, value in given.items() if n in known[recipe]}
            common = {
                name: value
                for name, value in (block.get("settings") or {}).items()
                if name in known[recipe]
            }
            yield plan_run(recipe, {**common, **({} if each is None else {"data": each})}, given)


def plan_run(recipe: str, common: Settings, given: Settings) -> Planned:
    """Return the run of a recipe with settings that all runs have, and those of its own.

    Raises `VaekitError` for values that do not fit, and names the run.
    """
    name = readable_name(recipe, common, given)
    try:
        config = configured(recipe, {**common, **given})
    except VaekitError as error:
        raise VaekitError(f"{name}: {error}") from None
    return Planned(f"{name}-{mark_of(config)}", config, {**common, **given})


def _number_spelled(given: Any) -> Any:
    """Return the number that a text spells, so that it means the same run."""
    read = value(given) if isinstance(given, str) else given
    return read if fits(read, float) else given


def _check_judging(evaluate: Settings) -> None:
    """Raise `VaekitError` for what judging does not take, before anything is trained."""
    known = dict(inspect.signature(Run.evaluate).parameters)
    for name in ("self", "run", "verbose", "data"):
        known.pop(name, None)
    try:
        for name, given in evaluate.items():
            if name not in known:
                raise nearest(name, known, "option of evaluate")
            check(name, given, known[name].annotation, known[name].default)
        counts = ("n", "samples", "bins", "importance_samples")
        check_counts(**{name: evaluate[name] for name in counts if evaluate.get(name) is not None})
        chosen(evaluate.get("metrics") or "")
    except VaekitError as error:
        raise VaekitError(f"evaluate: {error}") from None
