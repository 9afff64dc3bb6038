"""What a run learned: which latents are in use, and which of them carries what.

A latent carries a factor or class in so far as it tells its entropy, I(z; v) / H(v), estimated by
20 bins of equal width less what the same estimate gives for shuffled values. It goes with a column
of a table in so far as the two are correlated.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from vaekit.errors import VaekitError
from vaekit.information import Ledger
from vaekit.information.ledger.lines import SATURATED
from vaekit.metrics.factors.mig import entropy, mutual_information
from vaekit.runs import results
from vaekit.runs.summary.codes import MeanCodes
from vaekit.runs.summary.quality import NumbersByName, value_of
from vaekit.runs.summary.sentences import Sentence, amount, percent

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

TELLS, MOST = 0.1, 3  # share of an entropy, or correlation, worth a name; latents named
_FACTORS, _COLUMNS = 8, 4  # named at most


def learned(run: "Run", numbers: NumbersByName, codes: MeanCodes | None) -> Iterator[Sentence]:
    """Say which latents are in use, what they carry, and which noise was learned."""
    texts = [_in_use(numbers, codes)]
    if codes is None or codes.model.condition is None:  # a rate under p(z|c) is not so split
        texts.append(_information(run, numbers))
    if codes is not None:
        texts += [
            _of_categories(codes),
            _carriers(codes),
            _of_columns(codes),
            _learned_noise(codes),
        ]
    yield from (Sentence("learned", text) for text in texts if text)


def units_of(numbers: NumbersByName) -> tuple[int, int] | None:
    """Return how many latents are active, and of how many; None where that is not known."""
    count = value_of(numbers, "active_units")
    size = str(numbers.get("active_units", {}).get("unit", "")).split()
    return (int(count), int(size[-1])) if count is not None and size else None


def _in_use(numbers: NumbersByName, codes: MeanCodes | None) -> str:
    units = units_of(numbers)
    if units is None or not units[0]:
        return ""
    active, size = units
    named = ""
    if codes is not None and active < size:
        named = f": {', '.join(f'z{h}' for h in sorted(codes.latents[:active])[:12])}"
        named += " and others" if active > 12 else ""
    verb = "is" if active == 1 else "are"
    return f"{active} of {size} latents {verb} in use, which move with the example{named}."


def _information(run: "Run", numbers: NumbersByName) -> str:
    """Split the rate into what tells of the example and what does not, where that is known."""
    rate, told = value_of(numbers, "rate"), value_of(numbers, "information")
    whence, n = "metrics.json", numbers.get("information", {}).get("n", 0)
    side = "at least"
    if told is None:
        saved, whence = results.read_results(run.folder / results.LEDGER), "the ledger"
        try:
            if saved and not results.of_others(saved, run.stamp):
                ledger = Ledger.from_dict(saved)
                own = ledger["information"]
                rate, told, n = ledger["rate"].value, own.value, own.n
                side = "at most" if own.direction == "upper bound" else side
        except (VaekitError, KeyError):
            return ""
    if rate is None or told is None or rate <= 0:
        return ""
    rest = "the rest says how far all codes together are from the prior"
    if side == "at least" and math.log(n or 1) - told < SATURATED:
        rest = f"{n:,} examples cannot show more"
    return (
        f"Of {amount(rate)} nats of the rate {side} {amount(told)} tell which example it is "
        f"(I(x; z), {whence}); {rest}."
    )


def _of_categories(codes: MeanCodes) -> str:
    said = []
    for (name, chosen), size in zip(codes.chosen.items(), codes.sizes, strict=True):
        used = len(np.unique(chosen))
        said.append(f"{used} of {size} values of {f'the category {name}'.strip()}")
    return f"In use are {' and '.join(said)}." if said else ""


def _learned_noise(codes: MeanCodes) -> str:
    """Say which noise was learned, where it is the same for all entries."""
    likelihood = codes.model.likelihood
    noise = likelihood.noise() if likelihood.learns else {}
    if not noise:
        return ""
    if "noise_scale" in noise:
        return f"It learned a noise of scale {amount(noise['noise_scale'])} for each entry."
    if "noise_variance" in noise:
        variance = noise["noise_variance"]
        scaled = " in the units of scaled columns" if codes.data.columns is not None else ""
        said = f"σ = {amount(variance**0.5)} (σ² = {amount(variance)})"
        return f"It learned a noise of {said} for each entry{scaled}."
    parts = range(sum(name.startswith("noise_variance_") for name in noise))
    said = [
        f"σ = {amount(noise[f'noise_variance_{k}'] ** 0.5)} for "
        f"{percent(noise[f'noise_share_{k}'])} of the entries"
        for k in parts
    ]
    return f"It learned a noise of {', '.join(said)}."


# ---- what latents carry


def _carriers(codes: MeanCodes) -> str:
    """Say which latent carries which factor, or the class, where there are any."""
    rows, data = torch.arange(len(codes.data)), codes.data
    levels, labels = data.levels(rows), data.batch_labels(rows)
    condition = codes.model.condition
    told = "" if condition is None else condition.kind
    if levels is not None and data.factors is not None:
        beside = " They are told to it, so its code need not carry them." * (told == "factors")
        return _of_factors(codes, levels, data.factors.names) + beside
    if labels is not None:
        return _classes_told(codes, labels.cpu().numpy(), told == "labels")
    return ""


def shares_of(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return I(z; v) / H(v) of values (n, L) and levels (n, K), less that of shuffled ones, (L, K).

    A factor that does not vary has NaN.
    """
    order = np.random.default_rng(0).permutation(len(levels))
    known = mutual_information(values, levels) - mutual_information(values, levels[order])
    total = entropy(levels)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, known.clip(0) / total, np.nan)


def _of_factors(codes: MeanCodes, levels: np.ndarray, names: Sequence[str]) -> str:
    shares = shares_of(codes.values, levels)
    said = {
        name: _best_name(codes.names, column)
        for name, column in zip(names, shares.T, strict=True)
        if not np.isnan(column).any()
    }
    first = [f"{name} by {text}" for name, text in list(said.items())[:_FACTORS]]
    if not first:
        return ""
    more = f", and {len(said) - _FACTORS} more factors" if len(said) > _FACTORS else ""
    which = "Factors, with the latent that tells most of each"
    return f"{which}{codes.part}: {', '.join(first)}{more}."


def _best_name(names: Sequence[str], column: np.ndarray) -> str:
    best = int(column.argmax())
    share = float(column[best])
    if share < TELLS:
        return f"none ({_at_most(share)})"
    return f"{names[best]} ({percent(share)})"


def _at_most(share: float) -> str:
    return f"{math.ceil(100 * share)} % at most"


def _classes_told(codes: MeanCodes, labels: np.ndarray, told: bool) -> str:
    column = shares_of(codes.values, labels[:, None].astype(int))[:, 0]
    if np.isnan(column).any():
        return ""
    best, count = _at_most(float(column.max())), len(np.unique(labels))
    if told:
        return f"The class, one of {count}, is told to it; a latent tells {best} of it."
    told_by = [
        f"{percent(float(column[i]))} by {codes.names[i]}"
        for i in np.argsort(-column)[:MOST]
        if column[i] >= TELLS
    ]
    if not told_by:
        return f"No latent alone tells the class, one of {count}{codes.part}: {best} of it."
    said = f"Of the entropy of the class, one of {count}, latents tell {', '.join(told_by)}"
    return f"{said}{codes.part}."


def _of_columns(codes: MeanCodes) -> str:
    """Name for the latents that vary most the column that each goes with."""
    if codes.data.columns is None:
        return ""
    x = codes.data.batch().double().cpu().numpy()
    said = []
    for h in codes.latents[:_COLUMNS]:
        r = column_correlations(codes.means[:, h], x)
        best = int(np.abs(r).argmax())
        if abs(r[best]) >= TELLS:
            sign = f"{r[best]:.2f}".replace("-", "−")
            said.append(f"z{h} {codes.data.columns.names[best]} (correlation {sign})")
    return f"Latents follow columns of the table: {', '.join(said)}." if said else ""


def column_correlations(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the correlation of values z (n,) with each column of x (n, D), 0 of a constant one."""
    z, x = z - z.mean(), x - x.mean(axis=0)
    size = np.sqrt((z**2).sum() * (x**2).sum(axis=0))
    return np.where(size > 0, z @ x / np.where(size > 0, size, 1.0), 0.0)
