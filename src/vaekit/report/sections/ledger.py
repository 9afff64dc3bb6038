"""The ledger of a run on its page, where `vaekit ledger` has written one."""

from collections.abc import Iterator

from markupsafe import Markup

from vaekit.information import Ledger, LedgerRow
from vaekit.report.rendering import scrolled
from vaekit.report.section import Section, View
from vaekit.report.tables import with_error
from vaekit.runs import Run, results

_HEAD = Markup(
    '<thead><tr><th scope="col">what</th><td></td><th scope="col" class="right">nats</th>'
    '<th scope="col">± error</th><th scope="col">check</th><th scope="col">estimator</th></tr>'
    "</thead>"
)


def sections(view: View) -> Iterator[Section]:
    """Yield ledger.json of a run's folder as a table, where there is one that is whole."""
    saved = None if view.run is None else results.read_results(view.run.folder / results.LEDGER)
    if view.run is not None and saved:
        yield _ledger_section(view.run, saved)


def _ledger_section(run: Run, saved: results.Results) -> Section:
    ledger, others = Ledger.from_dict(saved), results.of_others(saved, run.stamp)
    wrong = ledger.check()
    caption = (
        f"Where the nats of {saved['n']:,} {saved['split']} items go, from ledger.json. A value is "
        "within its standard error (=), or a bound on what the row names (≥, ≤). "
        f"{len(ledger.checks) - len(wrong)} of {len(ledger.checks)} checks hold within four "
        "standard errors."
    )
    if others:
        caption += f" Mind that it is {others}: `vaekit ledger` makes it anew."
    notes = [*(str(check) for check in wrong), *ledger.notes]
    listed = Markup("").join(Markup("<li>{}</li>").format(note) for note in notes)
    shown = [Markup('<ul class="notes">{}</ul>').format(listed)] if notes else []
    return Section("ledger", "Ledger", caption, [*shown, _table(ledger)])


def _table(ledger: Ledger) -> Markup:
    body, part = Markup(""), None
    for row in ledger.rows:
        if row.part != part:
            part, size = row.part, ledger.parts.get(row.part)
            name = part + (f", {size:,} entries" if size else "")
            body += Markup('<tr><th scope="rowgroup" colspan="6"><b>{}</b></th></tr>').format(name)
        body += _ledger_line(row)
    table = '<table class="numbers fixed">{}<tbody>{}</tbody></table>'
    return scrolled(Markup(table).format(_HEAD, body), "Ledger")


def _ledger_line(row: LedgerRow) -> Markup:
    value, error = with_error(row.number.value, row.number.se)
    cells = (
        '<tr><th scope="row" style="padding-left:{}em">{}</th><td>{}</td><td class="value">{}</td>'
        '<td class="spread">{}</td><td class="quiet" title="{}">{}</td>'
        '<td class="quiet text">{}; n = {:,}</td></tr>'
    )
    checked = "; ".join(map(str, row.checks))
    indent, how, n = 0.8 * (row.depth + 1), row.number.estimator, row.number.n
    return Markup(cells).format(
        indent, row.name, row.relation, value, error, checked, row.state, how, n
    )
