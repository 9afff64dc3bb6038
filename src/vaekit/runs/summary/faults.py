"""What is wrong beside the course of training: unused latents, floors of the noise, no end."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from vaekit.apply import condition_of, device_of, evaluating, seeded
from vaekit.likelihoods import NetworkGaussian
from vaekit.likelihoods.network_gaussian import MANY
from vaekit.runs.summary import advice
from vaekit.runs.summary.codes import MeanCodes
from vaekit.runs.summary.course import EMPTY
from vaekit.runs.summary.learned import units_of
from vaekit.runs.summary.quality import NumbersByName, value_of
from vaekit.runs.summary.sentences import Sentence, amount, percent

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

UNUSED, SOME = 0.5, 4  # share of latents; latents of which that is said
_LOOKED_AT = 500  # examples whose noise is looked at


def faults(run: "Run", numbers: NumbersByName, codes: MeanCodes | None) -> Iterator[Sentence]:
    """Say what is wrong with a model, whatever its training was like."""
    yield from _unused_latents(run, numbers)
    yield from _unused_blocks(run, numbers)
    yield from _unused_share(numbers)
    if codes is not None:
        yield from _floors(codes)
    yield from _not_finite(numbers)
    if numbers.get("distortion", {}).get("split") == "training" and not run.config.holdout:
        n = numbers["distortion"].get("n", 0)
        text = f"Nothing was held out: the numbers are of {n:,} examples that it was trained on"
        yield Sentence("wrong", f"{text}, where overfitting cannot be seen.")
        yield Sentence("try", "Hold a part out: --holdout 0.1.")


def _unused_latents(run: "Run", numbers: NumbersByName) -> Iterator[Sentence]:
    """Say where most of the latents are not in use, though some are."""
    units = units_of(numbers)
    if units is None or not units[0] or units[1] < SOME:
        return
    active, size = units
    if active >= UNUSED * size:
        return
    yield Sentence("wrong", f"{size - active} of {size} latents are not used.")
    less = f"A shorter code does the same, --latent {active}"
    weaker = advice.weaker_rate(run.config).removeprefix("Try ")
    priced = value_of(numbers, "rate") is not None
    yield Sentence("try", f"{less}; to wake more of them: {weaker}" if priced else f"{less}.")


def _unused_blocks(run: "Run", numbers: NumbersByName) -> Iterator[Sentence]:
    """Name the blocks of a code that carry nothing beside others that do."""
    rate = value_of(numbers, "rate") or 0.0
    for name in (name for name in numbers if name.startswith("rate_")):
        own, block = value_of(numbers, name), name.removeprefix("rate_")
        if own is None or own > EMPTY or rate <= EMPTY:
            continue
        said = f"carries {own:.2f} of {amount(rate)} nats of the rate: it is not used"
        yield Sentence("wrong", f"The block {block} {said}.")
        option = f"{block}_beta"
        lower = f", --{option.replace('_', '-')} 0.1" if option in run.config.completed() else ""
        yield Sentence("try", f"Give it a smaller weight of its rate{lower}, or another --seed.")


def _unused_share(numbers: NumbersByName) -> Iterator[Sentence]:
    """Say where most units of a sparse code, or vectors of a codebook, are never used."""
    for name in ("unused_units", "dead_units"):
        share = value_of(numbers, name)
        if share is not None and share > UNUSED:
            yield Sentence("wrong", f"{percent(share)} of the units of the code are never used.")
            yield Sentence(
                "try", "A shorter code, --latent, or tied networks, --network tied, which use more."
            )
    share, found = value_of(numbers, "unused_codes"), numbers.get("perplexity", {})
    most = re.fullmatch(r"in \[1, ([\d,]+)\]", str(found.get("unit")))
    if share is None or most is None or not isinstance(n := found.get("n"), int):
        return
    by_chance = (1 - 1 / int(most[1].replace(",", ""))) ** n  # of vectors that are used alike
    if share - by_chance > UNUSED:
        yield Sentence("wrong", f"{percent(share)} of the vectors of the codebook are never used.")
        yield Sentence(
            "try", "Fewer vectors, --codes, or more groups, --groups; or train longer, --epochs."
        )


@torch.no_grad()
def _floors(codes: MeanCodes) -> Iterator[Sentence]:
    """Say where a learned noise cannot become smaller, or a part of it has died."""
    model, rows = codes.model, torch.arange(min(_LOOKED_AT, len(codes.data)))
    said = model.likelihood.warning()
    if isinstance(model.likelihood, NetworkGaussian) and model.likelihood.floor:
        with evaluating(model), seeded(0):
            x = codes.data.batch(rows).to(device_of(model))
            p = model(x, condition_of(model, codes.data, rows)).p
        share = float(model.likelihood.share_at_floor(p))
        floor = f"the floor of {model.likelihood.floor:g}, which limits the likelihood"
        cure = "lower floor, or scale the data up"
        said = f"σ² of {share:.0%} of the entries is at {floor}: {cure}" if share > MANY else ""
    for each in filter(None, said.split("; ")):
        what, _, cure = each.partition(": ")
        yield Sentence("wrong", f"{_capitalised(what)}.")
        yield Sentence("try", f"{_capitalised(cure)}.")


def _capitalised(text: str) -> str:
    """Begin a text with a capital, but σ², which means another thing in capitals."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def _not_finite(numbers: NumbersByName) -> Iterator[Sentence]:
    names = [name.replace("_", " ") for name, each in numbers.items() if each.get("value") is None]
    if names:
        yield Sentence("wrong", f"{len(names)} of its numbers are not finite: {', '.join(names)}.")
