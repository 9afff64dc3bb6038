"""What a run says of itself in plain words: how good it is, what it learned, what is wrong.

Every sentence carries its number. The numbers are those of metrics.json, ledger.json and the
history; where model and data are at hand also of the codes of up to 10,000 examples.

    good      how well the run explains and reconstructs examples
    learned   which latents are in use, and what each of them carries
    wrong     no end, collapse, overfitting, unused latents, floors, too short a training
    try       what may help against the wrong before it, with the option
"""

from typing import TYPE_CHECKING

from vaekit.runs.summary.codes import look_at_codes
from vaekit.runs.summary.course import course
from vaekit.runs.summary.faults import faults
from vaekit.runs.summary.learned import learned
from vaekit.runs.summary.quality import quality
from vaekit.runs.summary.sentences import Kind, Sentence

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

__all__ = ["Kind", "Sentence", "summary_of"]


def summary_of(run: "Run") -> list[Sentence]:
    """Return sentences on a run, each with its `kind`: good, learned, wrong or try.

    Those of what is good come first, then what was learned, then each wrong with what to try.
    Without metrics.json, weights or data there are fewer of them.
    """
    numbers, codes = run.metrics, look_at_codes(run)
    of_course = course(run)
    sentences = [
        *quality(run, numbers, codes),
        *learned(run, numbers, codes),
        *of_course,
        *faults(run, numbers, codes),
    ]
    first = [s for kind in ("good", "learned") for s in sentences if s.kind == kind]
    return [*first, *(s for s in sentences if s.kind in ("wrong", "try"))]
