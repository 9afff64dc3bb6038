"""The sections of a run's page, in its order: a module each, with `sections(view)`.

To add one, write such a module and give it its place in `ORDER`.
"""

from collections.abc import Iterator

from vaekit.report.section import Section, View
from vaekit.report.sections import (
    categories,
    conditions,
    denoising,
    diagnostics,
    factors,
    filters,
    images,
    ledger,
    noise,
    plane,
    priors,
    pulse,
    refits,
    training,
)
from vaekit.report.sections.items import code_map, errors, neighbours
from vaekit.report.sections.rows import mixed, vectors
from vaekit.system.progress import steps

ORDER = (
    ledger,
    training,
    images,
    mixed,
    vectors,
    errors,
    code_map,
    neighbours,
    noise,
    refits,
    priors,
    pulse,
    plane,
    categories,
    diagnostics,
    filters,
    denoising,
    conditions,
    factors,
)


def sections_of(view: View) -> Iterator[Section]:
    """Yield all that a run has to show."""
    for module in steps(ORDER, "sections of the page"):
        yield from module.sections(view)
