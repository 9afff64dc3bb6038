"""What a trained model keeps and loses, in nats for one example.

    distortion  −E_q log p(x|z)       Monte Carlo over z
    rate        KL(q(z|x)‖p(z))       analytic where a closed form exists, else Monte Carlo
    ELBO        −distortion − rate    a lower bound on log p(x), at weight 1 whatever β trained it

Units of the code (by coordinate h, with μ_h(x), s_h(x) of the posterior):

    active            Var_x(μ_h) > 0.01                  (Burda, Grosse & Salakhutdinov 2016, §5.2)
    normal variance   v_h = mean_x(μ_h² + s_h²) ≥ 0.8    ([noise] §5: as wide as the prior)

The entries of a one-hot are no units, for K of them are one category: they are not counted. Where
the prior has named blocks, each has a row of its own, `rate_style`; they sum up to the rate.

Under another prior than N(0, I), of mean m_h and variance t_h², for a conditional one given c, that
is v_h = mean_x(((μ_h − m_h)² + s_h²) / t_h²): 1 where q(z|x) is the prior.

Every number says how it stands to what it is of: a `lower bound` or an `upper bound` in
expectation, `consistent` (right in the limit of many examples or samples), or `exact` for the
examples used.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaekit.apply import CHUNK, Chunk, Stream, batches, reading_of, seeded, set_or_stream
from vaekit.arguments import check_counts
from vaekit.data import Dataset
from vaekit.data.parting import shuffled
from vaekit.distributions import Density, StandardNormal
from vaekit.distributions.divergences import kl, kl_in_closed_form
from vaekit.distributions.product import Block, blocks
from vaekit.faces import Numbers
from vaekit.faults import check_finite_values, check_range
from vaekit.given import check_model
from vaekit.information.aggregated.categories import categories_of, other_entries
from vaekit.information.encoding import check_subject
from vaekit.metrics import Score, mig
from vaekit.metrics.checks import BINS
from vaekit.model import Model, Pass
from vaekit.values import squares

ACTIVE, WIDE = 0.01, 0.8
Direction = Literal["lower bound", "upper bound", "consistent", "exact"]


@dataclass(frozen=True)
class Number:
    """Carry a number with how it was got: estimator, sample count, standard error over examples.

    `n` is None for what is no mean over examples, as a parameter. `estimator` says in words what a
    bound is a bound on, `direction` which way it errs.
    """

    value: float
    estimator: str
    n: int | None
    se: float | None = None
    unit: str = "nats"
    direction: Direction = "consistent"


@torch.no_grad()
def evaluate(
    model: Model,
    data: Dataset | DataLoader | Stream,
    n: int = 10_000,
    samples: int = 1,
    seed: int = 0,
    bins: int = BINS,
) -> Numbers:
    """Judge a model on up to `n` examples of a set, drawn without replacement where it has more.

    Of a loader they are its first n, with the same numbers as of a set that holds these. `samples`
    codes are drawn for each example. Returns name → value, estimator, n, and so on, in a form that
    JSON can hold. The caller's random state is left as it was. Raises `VaekitError` for n, samples
    or bins < 1, for what is no model or no set of its examples, for a loader whose batches do not
    serve, and for an example with a term that is not finite, by its row.
    """
    check_model(model)
    check_counts(n=n, samples=samples, bins=bins)
    source, rows, sums = set_or_stream(data), None, _PerExample(samples)
    if isinstance(source, Dataset):
        check_subject(model, source)
    with seeded(seed):
        if isinstance(source, Stream):
            source = source.first(n)
        elif len(source) > n:
            rows = shuffled(len(source), torch.default_generator)[:n].long().sort().values
        for part, run in _passes(model, source, rows, samples):
            for name, values in sums.add(run).items():
                if name != "v":  # into which the prior's variance goes, which may be infinite
                    what = f"the {name.replace('_', ' ')}"
                    check_finite_values(model, part.data, part.rows, what, values)
    numbers = Numbers((k, asdict(v)) for k, v in sums.numbers().items())
    if isinstance(source, Dataset) and source.factors is not None:
        levels = source.levels(rows)
        assert levels is not None
        numbers["mig"] = _mig_number(sums.codes(), levels, source.factors.names, bins)
    return numbers


def passes(model: Model, data: Dataset, rows: Tensor, samples: int = 1) -> Iterator[Pass]:
    """Yield the model's passes over `rows` of a set, in chunks, in evaluation mode.

    Raises `VaekitError` for examples that the model cannot read, values outside the likelihood's
    support, and codes and means of p(x|z) that are not finite.
    """
    yield from (run for _, run in _passes(model, data, rows, samples))


def _passes(
    model: Model, source: Dataset | Stream, rows: Tensor | None, samples: int
) -> Iterator[tuple[Chunk, Pass]]:
    for chunk in batches(model, source, rows, max(1, CHUNK // samples)):
        data, part, x, c = chunk
        with reading_of(data, model):
            run = model(x, c, samples)
        check_range(model, data, part, x)
        check_finite_values(model, data, part, "the code", run.q.mean)
        check_finite_values(model, data, part, "what the decoder gives", run.p.mean.transpose(0, 1))
        yield chunk, run


class _PerExample:
    """Gather what every example says; examples count alike, however the chunks were cut."""

    def __init__(self, samples: int):
        self.samples = samples
        self.parts: dict[str, list[Tensor]] = {}
        self.closed: dict[str, bool] = {}
        self.kept, self.standard, self.units = "I(x; z)", True, list[int]()
        self.sphere = False

    def add(self, run: Pass) -> dict[str, Tensor]:
        """Take what a pass says of its examples, and return it by name, each (n, ...)."""
        self._take(run)
        return {name: parts[-1] for name, parts in self.parts.items()}

    def _take(self, run: Pass) -> None:
        self._put("distortion", -run.log_likelihood.mean(0))
        self._put("squared_error", squares(run.x, run.p.mean).flatten(2).sum(-1).mean(0))
        self.units = other_entries(run.q.event_shape[-1], categories_of(run.q))
        self.sphere = run.q.sphere
        self._put("mean", run.q.mean)
        self._put("variance", run.q.variance)
        if run.prior is None or run.q.deterministic:
            return
        if run.prior.batch_shape:  # p(z|c): what c tells is not counted
            self.kept = "I(x; z|c)"
        self._rate("rate", run.q, run.prior, run.z)
        for name, part in zip(run.prior.names, _blocks(run), strict=False):
            self._rate(f"rate_{name}", *part)
        self.standard = isinstance(run.prior, StandardNormal)
        with suppress(NotImplementedError):  # a prior need not know its moments
            spread = (run.q.mean - run.prior.mean) ** 2 + run.q.variance
            self._put("v", spread / run.prior.variance)

    def _rate(self, name: str, q: Density, p: Density, z: Tensor) -> None:
        self.closed[name] = kl_in_closed_form(q, p) is not None
        self._put(name, kl(q, p, z))

    def _put(self, name: str, value: Tensor) -> None:
        self.parts.setdefault(name, []).append(value.double().cpu())

    def codes(self) -> np.ndarray:
        return torch.cat(self.parts["mean"]).numpy()

    def numbers(self) -> dict[str, Number]:
        whole = {name: torch.cat(parts) for name, parts in self.parts.items()}
        drawn = f"Monte Carlo over q(z|x), {self.samples} sample(s) an example"
        numbers: dict[str, Number] = {}
        if "rate" in whole:
            elbo = -whole["distortion"] - whole["rate"]
            how = "lower bound on log p(x); −distortion − rate, weight 1"
            numbers["elbo"] = mean_number(elbo, how, direction="lower bound")
            numbers |= {name: self._rate_number(name, whole[name], drawn) for name in self.closed}
        stochastic = bool((whole["variance"] > 0).any())
        how = drawn if stochastic else "deterministic code"
        numbers["distortion"] = mean_number(whole["distortion"], f"−log p(x|z), {how}")
        numbers["squared_error"] = mean_number(
            whole["squared_error"],
            f"‖x − E[x|z]‖² summed over entries, {how}",
            "squared units of x",
        )
        v = whole["v"][:, self.units] if "v" in whole else None
        return numbers | _active_units(whole["mean"][:, self.units], v, self.standard, self.sphere)

    def _rate_number(self, name: str, values: Tensor, drawn: str) -> Number:
        z = "z" + name.removeprefix("rate")
        what = f"KL(q({z}|x)‖p({z}))"
        exact = f"analytic {what}" if self.closed[name] else f"{what}, {drawn}"
        how = f"{exact}, an upper bound on {self.kept.replace('z', z)}"
        return mean_number(values, how, direction="upper bound")


def mean_number(
    values: Tensor, estimator: str, unit: str = "nats", direction: Direction = "consistent"
) -> Number:
    """Return the mean of what each example gives, values (n,), with its standard error."""
    n = len(values)
    se = float(values.std() / n**0.5) if n > 1 else None
    return Number(float(values.mean()), estimator, n, se, unit, direction)


def _active_units(
    mean: Tensor, v: Tensor | None, standard: bool, sphere: bool
) -> dict[str, Number]:
    n, size = mean.shape
    if not size:
        return {}
    unit = f"units of {size}"
    # Directions have Σ_h Var μ_h ≤ 1, so that in many latents none need reach .01.
    how = f"count of Var_x(μ_h) > {ACTIVE}" + ("/H, codes being directions" if sphere else "")
    least = ACTIVE / size if sphere else ACTIVE
    count = int((mean.var(0, unbiased=False) > least).sum())
    numbers = {"active_units": Number(count, how, n, None, unit, "exact")}
    if v is not None:
        wide = "μ_h² + s_h²" if standard else "((μ_h − m_h)² + s_h²) / t_h²"
        prior = "" if standard else "; m_h, t_h² of the prior"
        how = f"count of v_h = mean({wide}) ≥ {WIDE}{prior}"
        count = int((v.mean(0) >= WIDE).sum())
        numbers["normal_variance_units"] = Number(count, how, n, None, unit, "exact")
    return numbers


def _blocks(run: Pass) -> list[Block]:
    assert run.prior is not None
    return blocks(run.q, run.prior, run.z) or []


def _mig_number(
    codes: np.ndarray, levels: np.ndarray, names: tuple[str, ...], bins: int
) -> dict[str, Any]:
    score = mig(codes, levels, bins=bins)
    return row_of(score, "share of the entropy", len(codes)) | {"factors": list(names)}


def row_of(value: Score | float, unit: str, n: int) -> dict[str, Any]:
    """Return a score as `evaluate` returns numbers; a value that is infinite is None."""
    said = value.as_dict() if isinstance(value, Score) else {"value": value, "n": n}
    said["value"] = said["value"] if math.isfinite(said["value"]) else None
    direction = "consistent" if isinstance(value, Score) else "exact"  # unless the score says it
    return {"estimator": "exact", "se": None, "unit": unit, "direction": direction, **said}
