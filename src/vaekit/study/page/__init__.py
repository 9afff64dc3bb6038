"""One page for a study: what its table of results says, from the table alone.

The page asks no network for anything, and the same table gives the same page.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.errors import shortened
from vaekit.report import tables
from vaekit.report.rendering import check_page, data_name, render, save_page
from vaekit.report.section import Section
from vaekit.study.analysis.layout import check_table, repeats, unplanned, varied
from vaekit.study.page.agreement import agreement_section
from vaekit.study.page.choosing import choice_section
from vaekit.study.page.comparison import Comparison, compared
from vaekit.study.page.markup import Cell, html_table, span
from vaekit.study.page.numbers import numbers_by_setting
from vaekit.study.page.strengths import strength_section
from vaekit.study.page.text import lines
from vaekit.study.page.tradeoffs import tradeoff_section
from vaekit.study.page.variance import variance_section
from vaekit.study.store import results
from vaekit.study.udr import Tell, compute_udr, read_udr
from vaekit.system import files

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Comparison", "compare_study", "compared", "lines", "write_comparison"]
_FEW_SEEDS = 10
_EMPTY = (None, "")  # of settings that were not given
_HIDDEN = ("run", "state", "reason", "seed", "folder", "evaluate", "notes")
_HIDDEN += ("setting", "series", "strength", "strength_name")  # made for the page


def compare_study(
    folder: Path | str,
    path: Path | str | None = None,
    force: bool = False,
    *,
    strengths: Sequence[str] = (),
    tradeoff: tuple[str, str] | None = None,
    with_udr: bool = False,
    progress: Tell | None = None,
) -> Comparison:
    """Write one page that says what came out of a study, and return what it says as tables.

    Args:
        folder: the folder of the study
        path: the page, by default compare.html in that folder
        force: overwrite what is no page
        strengths: settings that are the strength of a recipe, before β, γ and other weights
        tradeoff: two numbers to trade, (y, x); by default a score of labels and the distortion,
            else the squared error and the rate
        with_udr: compute UDR where it is not known yet, from weights and data of the runs; it is
            kept in udr.json
        progress: is told what is computed

    Raises `VaekitError` for what is no study, no finished run, names of nothing in the table, what
    is no page at `path` (unless `force`), and where the disk refuses.
    """
    folder = files.place(folder, "a study")
    path = check_page(
        folder / "compare.html" if path is None else files.place(path, "a page"), force
    )
    table = results(folder)
    check_table(table)
    known = compute_udr(folder, table, progress=progress) if with_udr else read_udr(folder)
    comparison = compared(table, known, strengths, tradeoff)
    write_comparison(comparison, path, force)
    return comparison


def write_comparison(known: Comparison, path: Path | str, force: bool = False) -> Path:
    """Write the page of a comparison, and return its path.

    Raises `VaekitError` where something that is no page stands at `path` (unless `force`), or the
    disk refuses.
    """
    path = check_page(files.place(path, "a page"), force)
    of_runs = known.table
    sections = [
        strength_section(of_runs, known.numbers),
        None
        if known.front is None or known.pair is None
        else tradeoff_section(of_runs, known.front, *known.pair),
        variance_section(known.shares),
        agreement_section(known.over_all, known.within, known.numbers),
        choice_section(known.choices, known.udr),
        _failed_runs(of_runs),
    ]
    text = render(
        "study.html.jinja",
        title=_study_title(of_runs),
        facts=_study_facts(known),
        notes=_limits(known),
        figures=numbers_by_setting(known.summary),
        methods=_methods(known),
        sections=[section for section in sections if section is not None],
        settings=_settings_by_recipe(of_runs),
    )
    return save_page(path, text)


def _study_title(results: "pl.DataFrame") -> str:
    recipes, sets = (results[name].unique(maintain_order=True) for name in ("recipe", "data"))
    what = ", ".join(recipes) if len(recipes) <= 4 else f"{len(recipes)} recipes"
    where = ", ".join(map(data_name, sets)) if len(sets) <= 3 else f"{len(sets)} data sets"
    return f"{what} on {where}"


def _study_facts(known: Comparison) -> str:
    groups = repeats(known.table)
    sets = len({group.data for group in groups})
    settings = f"{len({(g.recipe, g.setting) for g in groups})} settings"
    return " · ".join(
        [
            f"{len(known.table):,} runs",
            settings + (f" on each of {sets} data sets" if sets > 1 else ""),
            f"{span([len(g.rows) + g.failed for g in groups])} seeds each",
        ]
    )


def _limits(known: Comparison) -> list[str]:
    """Say what limits all that the page says."""
    groups = repeats(known.table)
    counts = [len(group.rows) for group in groups]
    failed = sum(group.failed for group in groups)
    notes = []
    if others := unplanned(known.table):
        listed = "; ".join(
            f"{name.replace('_', ' ')} ({_by_recipe(own)})" for name, own in others.items()
        )
        notes.append(
            f"Recipes differ in settings that the study does not vary: {listed}. What the "
            "objective decides includes these; to compare objectives alone give all recipes the "
            "same."
        )
    if failed:
        empty = sum(not count for count in counts)
        none = f"; {empty} settings have no finished run at all" if empty else ""
        notes.append(
            f"{failed:,} of {len(known.table):,} runs have not finished and are in no mean{none}. "
            "Where failing has to do with the setting, what is left is the luckier part."
        )
    if max(counts) < 2:
        notes.append(
            "Each setting has one run: errors are over the examples of that run and say nothing of "
            "another seed, and nothing can be said of seeds."
        )
    elif min(count for count in counts if count) < _FEW_SEEDS:
        notes.append(
            f"Settings have {span([c for c in counts if c])} finished runs. Bootstrap intervals "
            "of few seeds are too narrow: 95 % ones hold the truth in 72 % of cases for 3 seeds, "
            "83 % for 5, 90 % for 10."
        )
    return notes


def _by_recipe(values: Mapping[str, Any]) -> str:
    return shortened([f"{recipe} {tables.text(value)}" for recipe, value in values.items()], 4)


def _methods(known: Comparison) -> Any:
    """Say how each number was got, and why it is not ranked."""
    heads = ["number", "better", Cell("n", "right"), "estimator", "not ranked"]
    rows = []
    for name in known.numbers:
        own = known.summary.filter(number=name)
        whys = own.filter(own["why"] != "").select("data", "why").unique(maintain_order=True)
        reasons = whys["why"].unique(maintain_order=True).to_list()
        part = len(whys) < own["data"].n_unique() and reasons
        where = f" (on {', '.join(map(data_name, whys['data']))})" if part else ""
        cells = [Cell(tables.title(name), "label"), Cell(tables.better(name), "quiet")]
        cells += [Cell(_distinct(known.table, f"{name}.n"), "quiet count")]
        cells += [Cell(_distinct(known.table, f"{name}.estimator"), "quiet text")]
        rows.append([*cells, Cell("; ".join(reasons) + where, "quiet")])
    return html_table(heads, rows, "many")


def _distinct(results: "pl.DataFrame", column: str) -> str:
    if column not in results.columns:
        return ""
    values = results[column].drop_nulls().unique(maintain_order=True)
    more = f"; and {len(values) - 3} more" if len(values) > 3 else ""
    return "; ".join(map(tables.text, values[:3])) + more


def _failed_runs(results: "pl.DataFrame") -> Section | None:
    """Count the runs that have not finished, by reason."""
    import polars as pl

    failed = results.filter(pl.col("state") != "finished")
    if not len(failed):
        return None
    groups = failed.group_by("state", "reason", maintain_order=True)
    counted = groups.agg(
        pl.len(), pl.col("setting").unique(maintain_order=True), pl.col("run").first()
    )
    rows = [
        [
            Cell(tables.text(row["len"]), "count"),
            Cell(row["state"], "label"),
            row["reason"] or "",
            Cell(_first_three(row["setting"]), "quiet"),
            Cell(row["run"], "quiet run"),
        ]
        for row in counted.sort("len", descending=True).iter_rows(named=True)
    ]
    heads = [Cell("runs", "right"), "state", "reason", "settings", "one of them"]
    caption = (
        "Runs that have ended without being finished; `vaekit study DIR --retry` makes them anew."
    )
    return Section("failed", "Runs that failed", caption, [html_table(heads, rows, "many")])


def _first_three(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _settings_by_recipe(results: "pl.DataFrame") -> list[tuple[str, list[tuple[str, str]]]]:
    """List what all runs share, and by recipe what only some have."""
    names = [
        name
        for name in results.columns
        if name not in _HIDDEN and "." not in name and f"{name}.n" not in results.columns
    ]
    common = {n: results[n][0] for n in names if results[n].n_unique() == 1}
    listed = [("In common", _setting_texts(common))]
    moving = varied(results)
    for recipe, own in results.group_by("recipe", maintain_order=True):
        given = {
            name: own[name].unique(maintain_order=True).to_list()
            for name in names
            if name not in common
            and name != "recipe"
            and (name in moving[str(recipe[0])] or own[name].n_unique() == 1)
        }
        rows = _setting_texts(
            {name: values for name, values in given.items() if values not in ([None], [""])}
        )
        listed.append((f"Of {recipe[0]}", rows))
    return listed


def _setting_texts(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(n.replace("_", " "), tables.text(v)) for n, v in values.items() if v not in _EMPTY]
