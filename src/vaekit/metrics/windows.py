"""Parzen windows: the density that a set of samples has when each is blurred by a Gaussian.

With M samples s_i of D entries and a bandwidth σ,

    ln p(x) = logsumexp_i (−‖x − s_i‖² / 2σ²) − ln M − (D/2) ln 2πσ²

(Parzen 1962; Breuleux, Bengio & Vincent 2011; Goodfellow et al. 2014, §5), averaged over held-out
x. For a model of which nothing is known but its samples it stands in for a likelihood, and badly:
in many dimensions it needs more samples than there can be, and then prefers samples at the centres
of clusters to those of the data's own law (Theis, van den Oord & Bethge 2016, §3.1 and 3.2). It
orders models at the same M, on the same scale of x; for models that have one, a bound on log p(x)
is the better number.

**The bandwidth** is the one that gives validation data, which are neither samples nor held out, the
largest log-density. At any maximum σ²D is a mean over x of weighted means of ‖x − s_i‖², so that

    mean_x min_i ‖x − s_i‖² ≤ σ²D ≤ mean_x mean_i ‖x − s_i‖²

which bounds the search: a grid in ln σ, then refined between the neighbours of the best.
"""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vaekit.arguments import check_counts
from vaekit.errors import VaekitError
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score

TUNING_EXAMPLES = 1000  # examples of the training data, for the bandwidth of a model's samples
_LARGEST = 1e150  # whose square can still be added up
_GRID, _BLOCK, _ROUNDING = 12, 2**22, 1e-12  # of σ, entries of a block of distances (32 MB)


def parzen(
    samples: npt.ArrayLike,
    held: npt.ArrayLike,
    bandwidth: float | None = None,
    validation: npt.ArrayLike | None = None,
    *,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Estimate the mean log-density of held-out data in nats under kernels at generated samples.

    Takes samples (M, …), held (n, …) and validation (v, …) of one shape. Without a `bandwidth` σ,
    in units of x, the best for `validation` is taken. `settings` has `bandwidth` and `se` over the
    held examples; `parts` `log_density` (n,) of each and `nearest`, the mean ‖x − s‖² to the
    nearest sample. `shuffled` is the same for samples whose entries are shuffled, each by itself:
    what a generator would get that knows the entries' own distributions only. The negative
    log-likelihood of the tables is minus the value. Raises `VaekitError` for other shapes, values
    that are not finite, σ ≤ 0, neither σ nor validation, validation data that are all among the
    samples, for which no σ is best, and densities that double precision cannot hold.
    """
    check_counts(shuffles=shuffles)
    made, asked = _checked_rows(samples, "samples"), _checked_rows(held, "held examples")
    tuned = None if validation is None else _checked_rows(validation, "validation examples")
    for each, what in ((asked, "held examples"), (tuned, "validation examples")):
        if each is not None and each.shape[1] != made.shape[1]:
            raise VaekitError(
                f"samples have {made.shape[1]} entries but {what} {each.shape[1]}: "
                "give all of one shape"
            )
    if bandwidth is None and tuned is None:
        raise VaekitError(
            "a Parzen window needs a bandwidth: give one, or validation data to choose it by, "
            "which are neither samples nor held"
        )
    if bandwidth is not None and not 0 < bandwidth < np.inf:
        raise VaekitError(f"a bandwidth must be a finite number > 0, got {bandwidth}")

    def judged(made: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        sigma = bandwidth or best_bandwidth(made, cast("np.ndarray", tuned))
        with np.errstate(all="ignore"):
            density, nearest = log_density(made, asked, sigma)
        if not np.isfinite(density).all():
            raise VaekitError(
                f"windows of σ = {sigma:.3g} give no finite density where the nearest sample is "
                f"{np.sqrt(nearest.mean()):.3g} away: give a bandwidth nearer to that distance, or "
                "validation data to choose it by"
            )
        return density, nearest, sigma

    rng = np.random.default_rng(seed)
    density, nearest, sigma = judged(made)
    again = [judged(rng.permuted(made, axis=0))[0].mean() for _ in range(shuffles)]
    # The value that was chosen is a result: in the words it would set equal estimators apart.
    tuning = f"the best for {len(tuned):,} other examples" if tuned is not None else ""
    how = f"{bandwidth:.4g}" if bandwidth else tuning
    settings: dict[str, Any] = {
        "estimator": f"Parzen windows at {len(made):,} samples, σ = {how}",
        "n": len(asked),
        "se": float(density.std(ddof=1) / np.sqrt(len(density))) if len(density) > 1 else None,
        "samples": len(made),
        "bandwidth": sigma,
        "seed": seed,
    }
    parts = {"log_density": density, "nearest": float(nearest.mean())}
    return Score(density.mean(), parts, settings, float(np.mean(again)) if again else None)


@metric(
    "parzen",
    Row(
        "parzen_nll",
        "how likely are held-out data under windows at samples?",
        "nats",
        "lower",
        title="Parzen NLL",
        ideal="small",
        chance="large",
        mind="compare at one number of samples only; prefer a bound on log p(x)",
    ),
    needs="samples",
    cost="takes a minute, name it",
    shuffled="shuffled",
)
def _parzen(subject: Subject) -> Score:
    made, held = subject.samples(subject.n), subject.held_images
    score = parzen(made, held, validation=subject.learn_images(TUNING_EXAMPLES), seed=subject.seed)
    settings = {**score.settings, "estimator": "−log-density of " + score.settings["estimator"]}
    assert score.shuffled is not None
    return Score(-score, {"nearest": score.parts["nearest"]}, settings, -score.shuffled)


def log_density(
    samples: np.ndarray, held: np.ndarray, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return ln p(x) of each held example, (n,), and its ‖x − s‖² to the nearest sample, (n,)."""
    size = samples.shape[1]
    parts = [(_log_density(d, sigma, size), d.min(axis=1)) for d in _distances(held, samples)]
    density, nearest = (np.concatenate(each) for each in zip(*parts, strict=True))
    return density, nearest


def best_bandwidth(samples: np.ndarray, validation: np.ndarray) -> float:
    """Return the σ that gives validation data (v, D) the largest mean log-density.

    All v · M distances are kept. Raises `VaekitError` where all are 0 to the nearest sample.
    """
    from scipy.optimize import minimize_scalar

    size, blocks = samples.shape[1], list(_distances(validation, samples))
    high = sum(d.sum() for d in blocks) / (len(validation) * len(samples) * size)
    low = sum(d.min(axis=1).sum() for d in blocks) / (len(validation) * size)
    if low <= _ROUNDING * high or not high:
        raise VaekitError(
            "all validation examples are among the samples, so that the smaller the bandwidth the "
            "better: give samples that a model made, or a bandwidth"
        )
    if high - low <= _ROUNDING * high:  # one sample, or samples that are all alike
        return float(np.sqrt(low))

    def loss(log_sigma: float) -> float:
        return -sum(float(_log_density(d, np.exp(log_sigma), size).sum()) for d in blocks)

    grid = 0.5 * np.linspace(np.log(low), np.log(high), _GRID)
    best = int(np.argmin([loss(each) for each in grid]))
    ends = grid[max(0, best - 1)], grid[min(_GRID - 1, best + 1)]
    optimum = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-3})
    return float(np.exp(min((optimum.x, grid[best]), key=loss)))


def _log_density(squares: np.ndarray, sigma: float, size: int) -> np.ndarray:
    """Return ln p of examples from their ‖x − s‖² to M samples, (n, M) → (n,)."""
    least, sigma = squares.min(axis=1, keepdims=True), np.float64(sigma)
    sums = np.exp((least - squares) / (2 * sigma**2)).sum(axis=1)
    constant = np.log(squares.shape[1]) + 0.5 * size * np.log(2 * np.pi * sigma**2)
    return np.log(sums) - least[:, 0] / (2 * sigma**2) - constant


def _distances(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """Yield ‖a_i − b_j‖², (rows, M), for blocks of rows of a, in double precision by products."""
    centre = b.mean(axis=0)  # products lose what is small beside the distance from 0
    b = b - centre
    own, step = (b**2).sum(axis=1), max(1, _BLOCK // len(b))
    for start in range(0, len(a), step):
        part = a[start : start + step] - centre
        squares = part @ (-2 * b.T)
        squares += (part**2).sum(axis=1)[:, None]
        squares += own
        yield np.maximum(squares, 0.0, out=squares)


def _checked_rows(values: npt.ArrayLike, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim < 2 or not array.size or array.dtype.kind not in "fiub":
        raise VaekitError(
            f"expected {what} (N, …) of numbers, got shape {array.shape} of type {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise VaekitError(f"{what} hold NaN or infinite values: give sound ones")
    values = array.reshape(len(array), -1).astype(np.float64)
    if (most := np.abs(values).max()) > _LARGEST:
        raise VaekitError(
            f"{what} reach {most:.3g}, whose squares are beyond double precision: divide all by "
            "one number"
        )
    return values
