"""How good a run is: what an example costs, and how much of the data its reconstructions keep."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vaekit.data import Dataset
from vaekit.runs.summary.codes import MeanCodes, squared_spread
from vaekit.runs.summary.sentences import Sentence, amount, percent
from vaekit.text.shell import quoted

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

NumbersByName = Mapping[str, Mapping[str, Any]]
LOST = 0.02  # share of the variance kept, below which reconstructions are no better than the mean


def value_of(numbers: NumbersByName, name: str) -> float | None:
    """Return the value of a number of metrics.json, None where there is none."""
    return numbers.get(name, {}).get("value")


def quality(run: "Run", numbers: NumbersByName, codes: MeanCodes | None) -> Iterator[Sentence]:
    """Say what an example costs, and what reconstructions keep of it."""
    if not numbers:
        how = f"vaekit evaluate {quoted(run.folder)}, or run.evaluate() in Python"
        yield Sentence("good", f"It was not judged yet: {how}.")
        return
    part = str(numbers.get("distortion", {}).get("split", "test"))
    told = codes is not None and codes.model.condition is not None
    yield from _costs(numbers, part, " whose condition it is told" if told else "")
    judged = None if codes is None else run.data.train if part == "training" else run.data.test
    yield from _kept(numbers, judged, part)


def _costs(numbers: NumbersByName, part: str, told: str) -> Iterator[Sentence]:
    """Say the ELBO and its two parts, or the distortion alone."""
    elbo, rate, distortion = (value_of(numbers, name) for name in ("elbo", "rate", "distortion"))
    if distortion is None:
        return
    below = (
        " Numbers above 0 are no mistake: p(x|z) is a density here, which may exceed 1."
        if distortion < 0
        else ""
    )
    if elbo is not None and rate is not None:
        yield Sentence(
            "good",
            f"It explains a {part} example{told} at {amount(elbo, numbers['elbo'].get('se'))} "
            f"nats (ELBO, a lower bound on ln p(x), higher is better), which is −rate −distortion: "
            f"the code says {amount(rate)} nats of it (rate) and leaves out {amount(distortion)} "
            f"(distortion).{below}",
        )
    else:
        text = f"{amount(-distortion, numbers['distortion'].get('se'))} nats (ln p(x|z), higher is "
        first, kept = (value_of(numbers, f"{name}_first_order") for name in ("rate", "information"))
        if first is not None and kept is not None:
            price = (
                f"by the noise on its input, to first order, a code says {amount(kept)} nats of it "
                f"at most, at a rate of {amount(first)}"
            )
        else:
            price = "its code is deterministic or has no prior, so that it has no price"
        text += f"better); {price}.{below}"
        yield Sentence("good", f"It explains a {part} example{told}, given its code, at {text}")


def _kept(numbers: NumbersByName, judged: Dataset | None, part: str) -> Iterator[Sentence]:
    """Say which share of the data's variance the reconstructions keep.

    Of mixed columns the squares are of several kinds, and their page lists them one by one.
    """
    if judged is not None and judged.fields:
        return
    error = value_of(numbers, "squared_error")
    whole = None if judged is None else squared_spread(judged)
    if error is None or not whole:
        return
    kept = 1 - error / whole
    beside = f"a squared error of {amount(error)} for an example; the mean of all in its place has"
    if kept >= LOST:
        text = f"Reconstructions keep {percent(kept)} of what varies in the {part} set"
        yield Sentence("good", f"{text}: {beside} {amount(whole)}.")
        return
    text = f"Reconstructions are no better than the mean of the {part} set"
    yield Sentence("wrong", f"{text}: {beside} {amount(whole)}.")
