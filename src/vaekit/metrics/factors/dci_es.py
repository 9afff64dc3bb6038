"""Explicitness and size: how simple a reader suffices for a code, and how long the code is.

Readers of rising capacity κ_1 < … < κ_T predict a factor from the code; ℓ_t is the least held-out
loss up to κ_t. Let ℓ* = ℓ_T be the least of all, and ℓ_b that of the mean of v without any code.
The area between the curve and its least, for the area of a loss that falls in a straight line from
ℓ_b at κ_1 to ℓ* at κ_T (Eastwood et al. 2023, §4),

    explicitness  E = 1 − Σ_t (½ (ℓ_{t−1} + ℓ_t) − ℓ*) (κ_t − κ_{t−1}) / ½ (κ_T − κ_1)(ℓ_b − ℓ*)
    size          S = K / H

E = 1 when the simplest reader is as good as any, 0 for the straight line, below where only the last
reader sees anything, but above −1: ℓ_t is never above ℓ_b, since the simplest reader of all is the
mean, and so one that does worse on new rows, as codes with outliers make it do, is not asked.
S = 1 when there is a latent for each factor, ½ when each comes twice.

Readers here are linear in the standardised code, then with 16, 64 and 256 random Fourier features
cos(ωz + b), ω ~ N(0, 1/H), beside it, and κ is the logarithm of the number of inputs. The loss is
1 − R² of the level taken as a number, so for categories without an order their numbering counts.

Turning a code costs a linear reader nothing: a turned code has E = 1 and a poor disentanglement.
Permuting latents changes the random features only; a rescaling that is not linear lowers E, which
is its purpose. A factor of which the best reader tells less than a twentieth has E = 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vaekit.metrics.checks import checked, held_out, mean_of, standardised, varying
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score, scored

FEATURES = (0, 16, 64, 256)
_LEAST_R2 = 0.05  # R² below which a factor counts as not told
_RIDGE = 1e-6  # of the features' mean square


def dci_es(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    *,
    holdout: float = 0.25,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score explicitness E in (−1, 1], its mean over factors; `parts["size"]` is K / H.

    Takes codes (N, H) and factors (N, K), of which those that vary count. Other `parts`: `loss`
    (T, K) by capacity, `capacity` (T,), `by_factor` (K,), and `constant`, the factors left out.
    Raises `VaekitError` as `mig` does, and for too few examples to hold any out.
    """
    values, levels = checked(codes, factors)
    rng = np.random.default_rng(seed)
    learnt = held_out(len(values), holdout, rng)
    inputs = standardised(values, learnt)
    readers = [_reader(inputs[:, np.ptp(inputs, axis=0) > 0], m, learnt, rng) for m in FEATURES]
    capacity = np.log(values.shape[1] + np.array(FEATURES))

    def measure(levels: np.ndarray) -> dict[str, Any]:
        used, loss = varying(levels), _losses(readers, levels, learnt)
        each = np.array([explicitness(capacity, curve) for curve in loss.T])
        return {
            "explicitness": mean_of(each, used),
            "size": len(used) / values.shape[1],
            "loss": loss,
            "capacity": capacity,
            "by_factor": each,
        }

    how = f"held-out 1 − R² of ridge on codes and {FEATURES[1:]} random Fourier features"
    settings = {"estimator": how, "n": len(values), "seed": seed}
    return scored(measure, levels, ("explicitness",), settings, shuffles, seed)


@metric(
    "dci_es",
    Row(
        "dci_explicitness",
        "how simple a reader will do?",
        "at most 1",
        mind="a turned code is simple",
    ),
    Row(
        "dci_size",
        "how long is the code?",
        "factors by latents",
        "",
        part="size",
        chance="any",
        mind="latents that are constant count",
    ),
)
def _dci_es(subject: Subject) -> Score:
    return dci_es(subject.mean, subject.levels, seed=subject.seed)


def explicitness(capacity: np.ndarray, loss: np.ndarray) -> float:
    """Return E of a curve: losses (T,) in units of ℓ_b at rising capacities (T,)."""
    least = np.minimum(np.minimum.accumulate(loss), 1.0)
    gain = 1 - least[-1]
    if gain < _LEAST_R2:
        return 0.0
    area = ((least[1:] + least[:-1]) / 2 - least[-1]) @ np.diff(capacity)
    return float(1 - area / (0.5 * (capacity[-1] - capacity[0]) * gain))


Solver = tuple[np.ndarray, np.ndarray]


def _reader(inputs: np.ndarray, m: int, learnt: np.ndarray, rng: np.random.Generator) -> Solver:
    """Return the features (N, F) and the map (F, learnt) from targets to weights."""
    turn = rng.normal(size=(inputs.shape[1], m)) / np.sqrt(max(inputs.shape[1], 1))
    waves = np.cos(inputs @ turn + rng.uniform(0, 2 * np.pi, m))
    features = np.hstack([np.ones((len(inputs), 1)), inputs, waves])
    known = features[learnt]
    gram = known.T @ known
    gram[np.diag_indices_from(gram)] += _RIDGE * np.trace(gram) / len(gram)
    return features[~learnt], np.linalg.solve(gram, known.T)


def _losses(readers: list[Solver], levels: np.ndarray, learnt: np.ndarray) -> np.ndarray:
    """Return the held-out squared error by reader and factor in units of the mean's, (T, K)."""
    known, wanted = levels[learnt].astype(float), levels[~learnt].astype(float)
    middle = known.mean(axis=0)
    base = ((wanted - middle) ** 2).mean(axis=0)
    losses = []
    for features, solve in readers:
        error = ((wanted - middle - features @ (solve @ (known - middle))) ** 2).mean(axis=0)
        losses.append(np.where(base > 0, error / np.where(base > 0, base, 1.0), 1.0))
    return np.stack(losses)
