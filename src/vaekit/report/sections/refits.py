"""Other noise models on a run's networks, where `vaekit refit` has fitted them."""

from collections.abc import Iterator
from dataclasses import replace

from vaekit import pictures
from vaekit.information import with_noise
from vaekit.report.codes import spread
from vaekit.report.refits import fullest, line_of, membership_rows, refits_table
from vaekit.report.section import Section, View
from vaekit.report.sections.noise import ITEMS, decode_items
from vaekit.runs import results


def sections(view: View) -> Iterator[Section]:
    """Yield refits.json of a run's folder, and the components of the best mixture."""
    saved = None if view.run is None else results.read_results(view.run.folder / results.REFITS)
    if view.run is not None and saved:
        yield _refits_section(view, saved)


def _refits_section(view: View, saved: results.Results) -> Section:
    assert view.run is not None
    lines = [line_of("", name, row) for name, row in saved.items()]
    caption = (
        "The networks are the run's own, the noise was fitted to the residuals of the training "
        "data. A gain is the bound less that of the noise as trained, with the error of the "
        "difference at common codes; σ² stand with their π. Chosen are the fewest components "
        "within a standard error of the best."
    )
    own = next(iter(saved.values()))
    others = results.of_others(own[lines[0].key], view.run.stamp)
    if others:
        caption += f" Mind that they are {others}: `vaekit refit` makes them anew."
    figures, name = [refits_table(lines)], fullest(saved)
    if view.image and name is not None and not others:
        model = with_noise(view.model, saved[name]["noise"])
        x, p = decode_items(replace(view, model=model), spread(view.codes, ITEMS))
        original = ("original", pictures.grid(view.tiles(x.cpu()), len(x)))
        figures.append(view.strips("refit", [original, *membership_rows(x, p)]))
        caption += (
            f" Below, which pixels of {len(x)} items belong to which component of {name}, white "
            "where it is certain; the rest belongs to the most frequent one."
        )
    return Section("refits", "Other noise models", caption, figures)
