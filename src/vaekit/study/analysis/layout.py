"""What is what in a table of results: numbers, settings, and which runs repeat one another.

A **number** is a column that has its estimator or its n beside it (`mig`, `mig.estimator`). A
**setting** of a run is its recipe with all that varies within that recipe on one data set, but the
seed; what only follows from the recipe or from the data tells nothing more. The **strength** is the
one number among these that a recipe is turned by, such as β; what is left is the **series**.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.arguments import expect
from vaekit.errors import VaekitError, nearest
from vaekit.metrics import described
from vaekit.report import tables
from vaekit.report.comparison.axes import as_numbers
from vaekit.report.comparison.differences import as_number, label
from vaekit.report.comparison.groups import FIRST

if TYPE_CHECKING:
    import polars as pl

NEEDED = ("run", "state", "recipe", "data", "seed")
# Columns that are neither settings nor numbers: the run's name, its course, its machine.
_OTHER = {
    *NEEDED,
    *("reason", "folder", "evaluate", "notes", "data_sha256", "step", "steps", "best_step"),
    *("load_seconds", "train_seconds", "judge_seconds", "begun", "seconds", "images_per_second"),
    *("vaekit", "torch", "python", "host", "device", "threads_used"),
    *("setting", "strength", "strength_name", "series"),
}
_OF_RECIPE = {"posterior", "prior", "corruption"}  # parts by which a recipe differs from another
_STRENGTHS = ("beta", "gamma", "off_diagonal", "match", "strength", "information", "alpha")
LABELLED_NEEDS = ("factors", "posterior", "labels", "categories")


@dataclass(frozen=True)
class Repeats:
    """Hold the rows of a table that differ in nothing but the seed.

    `rows` are the finished runs of the setting on the data set, by their places in the table,
    `failed` counts the others. `strength` is None where the recipe has none.
    """

    data: str
    recipe: str
    setting: str
    strength: float | None
    series: str
    rows: np.ndarray
    failed: int


def check_table(table: "pl.DataFrame") -> None:
    """Raise `VaekitError` where a table is none of results, or no run in it has finished."""
    import polars as pl

    wrong = "pass vaekit.study.results(DIR), or rows of it"
    expect(table, pl.DataFrame, "a table of results of polars", [(object, wrong)])
    lacking = [name for name in NEEDED if name not in table.columns]
    if lacking:
        raise VaekitError(
            f"the table of results lacks the column {lacking[0]}: pass vaekit.study.results(DIR)"
        )
    if not len(table):
        raise VaekitError("no run of the study has ended yet: there is nothing to compare")
    states = table["state"].to_list()
    if "finished" not in states:
        raise VaekitError(
            f"no run of the study has finished ({len(states)} have ended, the column `reason` says "
            "why): there is nothing to compare"
        )


def number_names(table: "pl.DataFrame") -> list[str]:
    """Name the numbers that any run has: scores that need labels first, then the usual ones."""
    columns = set(table.columns)
    names = [
        name
        for name in table.columns
        if {f"{name}.estimator", f"{name}.n"} & columns
        and table[name].dtype.is_numeric()
        and np.isfinite(values_of(table, name)).any()
    ]
    labelled = [name for name in names if needs_labels(name)]
    usual = [name for name in FIRST if name in names]
    return [*labelled, *usual, *(n for n in names if n not in labelled and n not in usual)]


def asked_numbers(table: "pl.DataFrame", numbers: Sequence[str] | str | None) -> list[str]:
    """Return numbers that are named, one by its text alone; all that there are for None."""
    if numbers is None:
        return number_names(table)
    return [numbers] if isinstance(numbers, str) else list(numbers)


def needs_labels(name: str) -> bool:
    """Say whether a number is a score that known factors or labels decide."""
    known = described(name)
    return known is not None and known[0].needs in LABELLED_NEEDS and bool(known[1].better)


def values_of(table: "pl.DataFrame", name: str) -> np.ndarray:
    """Return a number of each run, (runs,), NaN where a run has none or has not finished."""
    import polars as pl

    if name not in table.columns:
        raise nearest(name, [n for n in table.columns if f"{n}.n" in table.columns], "number")
    values = table[name].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    finished = (table["state"] == "finished").fill_null(False).to_numpy()
    return np.where(finished & np.isfinite(values), values, np.nan)


def varied(table: "pl.DataFrame") -> dict[str, list[str]]:
    """Name by recipe the settings in which its runs on one data set differ, but the seed."""
    import polars as pl

    names = _setting_names(table)
    varied = {}
    for recipe in table["recipe"].unique(maintain_order=True):
        own = table.filter(pl.col("recipe") == recipe).group_by("data")
        counts = own.agg(pl.col(names).n_unique()).select(pl.col(names).max())
        varied[recipe] = [n for n, most in zip(names, counts.row(0), strict=True) if most > 1]
    return varied


def _setting_names(table: "pl.DataFrame") -> list[str]:
    columns = set(table.columns)
    return [
        name
        for name in table.columns
        if name not in _OTHER
        and "." not in name
        and not {f"{name}.estimator", f"{name}.n"} & columns
    ]


def unplanned(table: "pl.DataFrame") -> dict[str, dict[str, Any]]:
    """Return by setting the values by recipe, where recipes differ in what no recipe varies.

    Such differences come from the defaults of the recipes. The parts that make a recipe what it is
    are none, nor is what one recipe alone has.
    """
    import polars as pl

    moving = {name for own in varied(table).values() for name in own}
    names = [n for n in _setting_names(table) if n not in moving and n not in _OF_RECIPE]
    first = table.group_by("data", "recipe", maintain_order=True).agg(
        pl.col(names).drop_nulls().first()
    )
    by_setting: dict[str, dict[str, Any]] = {}
    for (_,), own in first.group_by("data", maintain_order=True):
        for name in names:
            values = dict(own.select("recipe", name).drop_nulls().iter_rows())
            if len(set(values.values())) > 1:
                by_setting.setdefault(name, values)
    return by_setting


def with_settings(table: "pl.DataFrame", strengths: Sequence[str] = ()) -> "pl.DataFrame":
    """Return a table of results with the setting of each run as columns, its order kept.

    They are `setting` and `series` (text), `strength` and `strength_name` (null of a recipe that
    has none). `strengths` name settings that serve as strength, before the usual ones, which are
    β, γ, other weights, then the number of most values. A table that has the columns stays as it
    is. Raises `VaekitError` for what is no table of results, and a strength that does not vary.
    """
    import polars as pl

    check_table(table)
    if "setting" in table.columns and not strengths:
        return table
    names = varied(table)
    for name in strengths:
        if not any(name in own for own in names.values()):
            raise nearest(name, {n for own in names.values() for n in own}, "setting that varies")
    columns: dict[str, list[Any]] = {
        name: [None] * len(table) for name in ("setting", "series", "strength", "strength_name")
    }
    recipes = np.asarray(table["recipe"].to_list())
    for recipe, keys in names.items():
        places = np.flatnonzero(recipes == recipe)
        given = table[places].select(keys).rows() if keys else [()] * len(places)
        distinct = list(dict.fromkeys(given))
        about = _settings_described(recipe, keys, distinct, strengths)
        for place, values in zip(places, given, strict=True):
            for name, value in about[values].items():
                columns[name][place] = value
    kinds = {"strength": pl.Float64}
    made = [pl.Series(n, v, kinds.get(n, pl.String)) for n, v in columns.items()]
    return table.with_columns(made)


def _settings_described(
    recipe: str, keys: Sequence[str], distinct: Sequence[tuple[Any, ...]], asked: Sequence[str]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return what is said of each of the distinct values that the `keys` of a recipe have."""
    read = {key: as_numbers([values[i] for values in distinct]) for i, key in enumerate(keys)}
    axes = {key: pair[1] for key, pair in read.items() if pair and len(set(pair[1])) > 1}
    order = [*asked, *_STRENGTHS, *sorted(axes, key=lambda key: -len(set(axes[key])))]
    chosen = next((key for key in order if key in axes), None)
    rest = [key for key in keys if key != chosen]
    about = {}
    for place, values in enumerate(distinct):
        given = {"recipe": recipe, **dict(zip(keys, values, strict=True))}
        about[values] = {
            "setting": _words(given, ["recipe", *keys]),
            "series": _words(given, ["recipe", *rest]),
            "strength": None if chosen is None else axes[chosen][place],
            "strength_name": None if chosen is None else chosen.replace("_", " "),
        }
    return about


def _words(given: Mapping[str, Any], keys: Sequence[str]) -> str:
    spaced = {key.replace("_", " "): value for key, value in given.items()}
    return label(spaced, [key.replace("_", " ") for key in keys])


def repeats(table: "pl.DataFrame") -> list[Repeats]:
    """Gather runs that differ in the seed alone, by data set, in the order of recipe and values."""
    table = with_settings(table)
    names = ("data", "recipe", "setting", "strength", "series", "state")
    alike: dict[tuple[Any, ...], tuple[list[int], list[int]]] = {}
    for place, (*key, state) in enumerate(table.select(names).iter_rows()):
        finished, failed = alike.setdefault(tuple(key), ([], []))
        (finished if state == "finished" else failed).append(place)
    recipes, sets = (list(dict.fromkeys(table[name].to_list())) for name in ("recipe", "data"))

    def order(group: Repeats) -> Any:
        parts = [as_number(word) for part in group.setting.split(" · ") for word in part.split(" ")]
        values = [(0, p, "") if isinstance(p, float) else (1, 0.0, str(p)) for p in parts]
        strength = float("inf") if group.strength is None else group.strength
        return sets.index(group.data), recipes.index(group.recipe), strength, values

    every = [
        Repeats(data, recipe, setting, strength, series, np.array(rows, int), len(others))
        for (data, recipe, setting, strength, series), (rows, others) in alike.items()
    ]
    return sorted(every, key=order)


def by_data(groups: Sequence[Repeats]) -> dict[str, list[Repeats]]:
    """Part groups by their data set."""
    parts: dict[str, list[Repeats]] = {}
    for group in groups:
        parts.setdefault(group.data, []).append(group)
    return parts


def obstacle(table: "pl.DataFrame", name: str, rows: np.ndarray) -> str:
    """Say why values of a number have no common scale in these rows, or nothing.

    As in a comparison of runs: another estimator or n, and for log p(x) a probability here and a
    density there, or one of x given what others have to find out.
    """
    from vaekit.report.comparison.ranking import OF_X, UNBIASED

    part = table[rows]
    if name in OF_X and "likelihood" in part.columns:
        kinds = {
            "probability" if str(text).startswith("bernoulli") else "density"
            for text in part["likelihood"].unique()
        }
        if len(kinds) > 1:
            return f"no common scale: {' and '.join(sorted(kinds))} of x"
    if (
        name in OF_X
        and "condition" in part.columns
        and 0 < part["condition"].null_count() < len(part)
    ):
        return "no common scale: of x and of x given c"
    for kind in () if name in UNBIASED else ("estimator", "n"):
        column = f"{name}.{kind}"
        ways = part[column].drop_nulls().unique().sort() if column in part.columns else ()
        if len(ways) > 1:
            return f"judged in different ways: {kind} {', '.join(map(tables.text, ways))}"
    return ""
