"""Scores of every example by itself: how well a model explains it, in nats.

    squared_error    E_q ‖x − E[x|z]‖², summed over entries, in squared units of x
    distortion       −E_q log p(x|z)
    rate             KL(q(z|x)‖p(z)), analytic where a closed form exists
    elbo             −distortion − rate ≤ log p(x)
    log_likelihood   ln 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x) ≤ log p(x) in expectation

Means over q are of K codes (Burda, Grosse & Salakhutdinov 2016, eq. 8, for the last line). Each
example goes through the model alone and draws its codes from a seed made of its own values, so that
its scores are the same, bit for bit, whatever other examples stand beside it or before it.

The first three are high, the last two low, for an example that is unlike the training data. One so
far away that floats cannot hold its scores has infinite ones, the worst there are, with a warning.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaekit.apply import CHUNK, Chunk, Stream, batches, reading_of, seeded, set_or_stream
from vaekit.arguments import check_counts
from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.distributions.divergences import kl, log_ratio
from vaekit.errors import VaekitError, warn
from vaekit.faces import face, text
from vaekit.faults import check_finite_values, check_range, is_broken
from vaekit.given import check_model, check_seed
from vaekit.information.encoding import check_subject
from vaekit.model import Model
from vaekit.shapes import log_prob
from vaekit.values import squares

HIGHER = ("elbo", "log_likelihood")  # scores of which low ones are bad
_QUANTILES = (0, 0.25, 0.5, 0.75, 1)  # quantiles in a notebook
CODES = 100  # drawn of each example, by default
NO_PRIOR = "the model has no prior p(z): train a vae"
DETERMINISTIC = "the model's code is deterministic, so that KL(q‖p) is infinite: train a vae"


@dataclass(frozen=True)
class ExampleScores:
    """Hold scores by name, each float64 (n,), by `samples` codes of each example.

    `absent` says of scores that the model has not why it has none; `worst_entry` (n,) is the entry
    of x that has the largest part in the squared error.
    """

    values: dict[str, np.ndarray]
    samples: int
    absent: dict[str, str]
    worst_entry: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["ExampleScores"]) -> "ExampleScores":
        """Join the scores of batches, in their order."""
        first = parts[0]
        values = {name: np.concatenate([p.values[name] for p in parts]) for name in first.values}
        worst = np.concatenate([part.worst_entry for part in parts])
        return cls(values, first.samples, first.absent, worst)

    def percentiles(self, reference: "ExampleScores") -> dict[str, np.ndarray]:
        """Return the percentage of reference examples that score lower, (n,); equals count half."""
        return {
            name: percentile(values, reference.values[name]) for name, values in self.values.items()
        }

    __repr__ = brief_repr

    def _repr_html_(self) -> str:
        rows = [
            [name.replace("_", " "), *map(text, np.quantile(values, _QUANTILES).tolist())]
            for name, values in self.values.items()
        ]
        n = len(next(iter(self.values.values()), ()))
        heads = ["score", "lowest", "quarter", "median", "three quarters", "highest"]
        absent = [f"no {name.replace('_', ' ')}: {why}" for name, why in self.absent.items()]
        return face(f"Scores of {n:,} examples", absent, heads=heads, rows=rows)


def score_examples(
    model: Model,
    data: Dataset | DataLoader | Stream,
    c: Tensor | None = None,
    samples: int = CODES,
    seed: int = 0,
) -> ExampleScores:
    """Score every example of a set by `samples` codes of each, under conditions c (n, width).

    A set is a `Dataset` or what a loader gives, in its order; for this one c is (1, width). Without
    c a conditional model takes the set's own. Deterministic codes are one for each example, and
    have no rate, ELBO and log p(x), as models without a prior. Raises `VaekitError` for samples
    < 1, a condition that is missing or does not fit, examples that the model cannot read, values
    outside the likelihood's support, a model whose weights are not finite, and for a loader whose
    batches do not serve or whose length is not known. Warns of examples so far off that their
    scores are not finite.
    """
    return ExampleScores.joined(list(score_batches(model, data, c, samples, seed)))


@torch.no_grad()
def score_batches(
    model: Model,
    data: Dataset | DataLoader | Stream,
    c: Tensor | None = None,
    samples: int = CODES,
    seed: int = 0,
) -> Iterator[ExampleScores]:
    """Yield what `score_examples` returns batch by batch."""
    check_model(model)
    check_counts(samples=samples)
    check_seed(seed)
    source = set_or_stream(data)
    if isinstance(source, Dataset):
        check_subject(model, source)
    if c is not None:
        model.check(c)
        count = len(source) if isinstance(source, Dataset) else 1
        if len(c) != count:
            raise VaekitError(f"{count} examples need as many conditions, got {len(c)}")
    with seeded(seed):
        for part in batches(model, source, c=c):
            yield _of_chunk(model, part, samples, seed)


def _of_chunk(model: Model, part: Chunk, samples: int, seed: int) -> ExampleScores:
    check_range(model, part.data, part.rows, part.x)
    rows: list[dict[str, Tensor]] = []
    with reading_of(part.data, model):
        for i in range(len(part.x)):
            c = None if part.c is None else part.c[i : i + 1]
            rows.append(_scores_of(model, part.x[i : i + 1], c, samples, seed))
    worst = torch.cat([row.pop("worst_entry") for row in rows]).cpu().numpy()
    values = {name: torch.cat([row[name] for row in rows]).double().cpu() for name in rows[0]}
    _settle_far(model, part, values)
    absent: dict[str, str] = {}
    if "rate" not in values:
        why = NO_PRIOR if model.prior is None else DETERMINISTIC
        absent = dict.fromkeys(("rate", "elbo", "log_likelihood"), why)
    return ExampleScores({k: v.numpy() for k, v in values.items()}, samples, absent, worst)


def _settle_far(model: Model, part: Chunk, values: dict[str, Tensor]) -> None:
    """Give the worst scores to examples that have some which are not finite, and say which.

    Raises `VaekitError` where the model is broken.
    """
    name = next((name for name, each in values.items() if not each.isfinite().all()), None)
    if name is None:
        return
    what = f"the {name.replace('_', ' ')}"
    try:
        check_finite_values(model, part.data, part.rows, what, values[name])
    except VaekitError as error:
        if is_broken(model):
            raise
        warn(f"{error}; its scores are the worst there are (infinite)")
    for name, each in values.items():
        each[~each.isfinite()] = -math.inf if name in HIGHER else math.inf


def percentile(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the percentage of `reference` (m,) below each of `values` (n,); equals count half."""
    ordered = np.sort(reference)
    low, high = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return 50.0 * (low + high) / len(ordered)


def _restart(x: Tensor, seed: int) -> None:
    """Let the generator of the device of x go on from a seed that belongs to its values."""
    digest = hashlib.blake2b(x.cpu().numpy().tobytes(), key=seed.to_bytes(8, "big"), digest_size=8)
    own = int.from_bytes(digest.digest(), "big") >> 1
    if x.device.type == "cpu":  # torch.manual_seed would take a millisecond, for its traceback
        torch.default_generator.manual_seed(own)
    else:
        torch.manual_seed(own)


def _scores_of(
    model: Model, x: Tensor, c: Tensor | None, samples: int, seed: int
) -> dict[str, Tensor]:
    """Return the scores of one example x (1, *shape), each (1,), and its worst entry (1,)."""
    q = model.encode(x, c)
    count = samples if bool((q.variance > 0).any()) else 1
    _restart(x, seed)
    z = q.rsample((count,))
    logs, errors, by_entry = [], [], torch.zeros(x[0].numel(), device=x.device)
    for codes in z.split(CHUNK):
        p = model.decode(codes, c, x.shape)
        logs.append(log_prob(p, x, p.batch_shape, "p(x|z)"))
        each = squares(x, p.mean).flatten(2)
        errors.append(each.sum(-1))
        by_entry += each.sum((0, 1))
    log_p = torch.cat(logs).double()
    scores = {"squared_error": torch.cat(errors).mean(0), "distortion": -log_p.mean(0)}
    far = x.flatten().abs()  # what an entry is at, where errors are beyond floats
    scores["worst_entry"] = (by_entry if by_entry.isfinite().all() else far).argmax()[None]
    if model.prior is None or q.deterministic:
        return scores
    prior = model.expect(z, c)
    rate = kl(q, prior, z).double()
    weights = log_p - log_ratio(q, prior, z, exact=True).double()
    return scores | {
        "rate": rate,
        "elbo": -scores["distortion"] - rate,
        "log_likelihood": weights.logsumexp(0) - math.log(count),
    }
