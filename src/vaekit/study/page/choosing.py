"""Which run each criterion chooses, and what that costs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from vaekit.report import tables
from vaekit.report.section import Section
from vaekit.study.page.markup import Cell, by_set, html_table, span
from vaekit.study.udr import Agreement

if TYPE_CHECKING:
    import polars as pl

NAMES = {"udr": "UDR"}
_Criteria = dict[str, dict[str | None, dict[str, Any]]]


def choice_section(choices: "pl.DataFrame", udr: Mapping[str, Agreement]) -> Section | None:
    """Show the choices, and say how UDR was got or why it is not there."""
    known: dict[str, _Criteria] = {}
    for row in choices.iter_rows(named=True):
        known.setdefault(row["data"], {}).setdefault(row["criterion"], {})[row["score"]] = row
    if not known:
        return None
    judged = any(row["score"] is not None for row in choices.iter_rows(named=True))
    caption = "Of all finished runs of a data set, the one that each criterion puts first. "
    if judged:
        caption += (
            "Cells hold what it has in the scores of labels, and its regret: how far from the best "
            "of all runs that is. A run at random has the mean. Green is the best run itself, "
            "orange a choice that is worse than chance. "
        )
    else:
        caption += "There are no scores with labels that could say whether these choices are good. "
    figures = by_set(
        list(known), lambda data: (_first_choice(known[data]), _choices_of_set(known[data]))
    )
    return Section("choice", "Choosing a model without labels", caption + _about(udr), figures)


def _first_choice(criteria: _Criteria) -> str:
    """Say what the first criterion gets in the first score."""
    name, rows = next(iter(criteria.items()))
    score, row = next(iter(rows.items()))
    if score is None or row["regret"] is None:
        return ""
    by, of = NAMES.get(name) or tables.title(name), tables.title(score)
    return f"by {by}: {of} regret {row['regret']:.2g}, of chance {row['random_regret']:.2g}"


def _about(udr: Mapping[str, Agreement]) -> str:
    if not udr:
        return "UDR was not computed, so the ELBO stands alone; `vaekit compare STUDY --udr` does."
    partners = sorted({each.partners for each in udr.values()})
    counts = sorted({each.n for each in udr.values()})
    return (
        "UDR is the median agreement of a run's latents with those of runs of the same setting and "
        f"other seeds, by rank correlation of mean codes ({span(partners)} partners, n "
        f"{span(counts)}). The ELBO is the bound at weight 1, whatever the strength was."
    )


def _choices_of_set(criteria: _Criteria) -> Markup:
    scores = [score for score in next(iter(criteria.values())) if score is not None]
    heads: list[str | Cell] = [
        "chosen by",
        "run",
        *(Cell(tables.title(n), "right") for n in scores),
    ]
    without = [(n, rows) for n, rows in criteria.items() if not next(iter(rows.values()))["labels"]]
    rows = [_choice_row(name, rows, scores) for name, rows in without]
    if scores:
        rows.append(_chance(criteria, scores))
    rows += [
        _choice_row(n, rows, scores) for n, rows in criteria.items() if (n, rows) not in without
    ]
    return html_table(heads, rows, "many")


def _choice_row(
    name: str, rows: dict[str | None, dict[str, Any]], scores: list[str]
) -> list[str | Cell]:
    about = next(iter(rows.values()))
    chosen = about["run"] or f"none: {about['why']}"
    ties = f" and {about['ties'] - 1} more" if about["ties"] > 1 else ""
    hint = f"{about['setting']}; of {about['candidates']} runs" if about["run"] else ""
    cells: list[str | Cell] = [Cell(NAMES.get(name) or tables.title(name), "label")]
    return [
        *cells,
        Cell(chosen + ties, "quiet run", hint),
        *(_score_cell(rows.get(s)) for s in scores),
    ]


def _chance(criteria: _Criteria, scores: list[str]) -> list[str | Cell]:
    some = [
        next((r[s] for r in criteria.values() if s in r and r[s]["best"] is not None), None)
        for s in scores
    ]
    cells = [
        Cell("")
        if row is None
        else Cell(_with_regret(row["random"], row["random_regret"]), "value")
        for row in some
    ]
    return [Cell("chance", "label"), Cell("a run at random", "quiet run"), *cells]


def _score_cell(row: dict[str, Any] | None) -> Cell:
    if row is None or row["value"] is None:
        return Cell("", "value")
    kind = "best" if not row["regret"] else "worse" if row["regret"] > row["random_regret"] else ""
    hint = f"best {tables.text(row['best'])}, mean {tables.text(row['random'])}"
    return Cell(_with_regret(row["value"], row["regret"]), f"value {kind}", hint)


def _with_regret(value: float, regret: float) -> Markup:
    html = Markup('{} <span class="spread">{}</span>')
    return html.format(f"{value:.3g}".replace("-", "−"), f"regret {regret:.2g}" if regret else "")
