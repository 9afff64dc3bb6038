"""The Fréchet distance of two sets of features, each taken for a Gaussian.

    FID = ‖m₁ − m₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½)

the squared Wasserstein distance of N(m₁, Σ₁) and N(m₂, Σ₂) (Dowson & Landau 1982; Heusel et al.
2017, eq. 6). It sees means and covariances of the features and nothing else, and it is in units of
the features: **numbers of two networks are not comparable**, nor is any with those that were
published for Inception's features. The products under the root are taken in their symmetric form,
whose eigenvalues are real; the root of Σ₁Σ₂ itself, which is not symmetric, comes out complex where
rounding has its way.

**Bias.** Estimated from n examples each it is too large by about c/n, also between two sets of one
kind, and c grows with the number of features D. So n must be the same wherever two numbers are
compared, and above D, where a covariance becomes singular. `shuffled` is the floor that this bias
makes: the distance between two random halves of the first set, of n/2 examples each, so that it is
about twice the floor at n.
"""

import numpy as np
import numpy.typing as npt

from vaekit.arguments import check_counts
from vaekit.errors import VaekitError
from vaekit.metrics.checks import checked_codes
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score


def fid(
    features: npt.ArrayLike, other: npt.ArrayLike, *, shuffles: int = 1, seed: int = 0
) -> Score:
    """Estimate the Fréchet distance of features (n, D) and others (m, D), 0 for equal Gaussians.

    `features` are of real examples, `other` of generated ones, by one network. `parts` holds
    `means` = ‖m₁ − m₂‖² and `covariances`, the rest. `shuffled` is the distance between halves of
    `features`, the mean over `shuffles` cuts, None where half of them are no more than D. Raises
    `VaekitError` for features that are not finite or of other widths, n or m ≤ D, and a distance
    that is beyond double precision.
    """
    check_counts(shuffles=shuffles)
    real, made = checked_codes(features), checked_codes(other)
    if real.shape[1] != made.shape[1]:
        raise VaekitError(
            f"features have {real.shape[1]} entries but others {made.shape[1]}: "
            "take both from one network"
        )
    for count in (len(real), len(made)):
        if count <= real.shape[1]:
            raise VaekitError(
                f"{count} examples of {real.shape[1]} features have a singular covariance, and "
                f"their distance is mostly bias: give more than {real.shape[1]}, better ten times "
                "as many, or a network of fewer features"
            )
    means, covariances = distance(real, made)
    if not np.isfinite(means + covariances):
        most = max(np.abs(real).max(), np.abs(made).max())
        raise VaekitError(
            f"features reach {most:.3g}, and the squares of their distances are beyond double "
            "precision: divide both by one number"
        )
    rng, half = np.random.default_rng(seed), len(real) // 2
    cuts = [rng.permutation(len(real)) for _ in range(shuffles if half > real.shape[1] else 0)]
    halves = [sum(distance(real[cut[:half]], real[cut[half:]])) for cut in cuts]
    settings = {
        "estimator": f"Fréchet distance of Gaussian fits to {real.shape[1]} features",
        "n": min(len(real), len(made)),
        "features": real.shape[1],
        "seed": seed,
    }
    parts = {"means": means, "covariances": covariances}
    return Score(means + covariances, parts, settings, float(np.mean(halves)) if halves else None)


@metric(
    "fid",
    Row(
        "fid",
        "do samples look like the data?",
        "squared units of the features",
        "lower",
        title="FID",
        ideal="0",
        chance="large",
        mind="compare within one feature network and one n only",
    ),
    needs="features",
    cost="takes a minute, name it",
    takes=("features",),
    shuffled="shuffled",
)
def _fid(subject: Subject) -> Score:
    return _of_features(subject, *subject.features())


@metric(
    "fid_codes",
    Row(
        "fid_codes",
        "… samples from a mixture of Gaussians fitted to the codes?",
        "squared units of the features",
        "lower",
        title="FID from codes",
        ideal="0",
        chance="large",
        mind="beside the FID: what lies between prior and codes",
    ),
    needs="codes",
    cost="takes a minute, name it",
    takes=("features",),
    shuffled="shuffled",
)
def _fid_codes(subject: Subject) -> Score:
    return _of_features(subject, *subject.features_from_codes("mixture"))


@metric(
    "fid_flow",
    Row(
        "fid_flow",
        "… samples from a flow fitted to the codes?",
        "squared units of the features",
        "lower",
        title="FID from a flow of the codes",
        ideal="0",
        chance="large",
        mind="beside the FID from codes; wants thousands of codes",
    ),
    needs="codes",
    cost="takes a minute, name it",
    takes=("features",),
    shuffled="shuffled",
)
def _fid_flow(subject: Subject) -> Score:
    return _of_features(subject, *subject.features_from_codes("flow"))


def _of_features(subject: Subject, real: np.ndarray, made: np.ndarray, network: str) -> Score:
    score = fid(real, made, seed=subject.seed)
    score.settings["estimator"] += (
        f" of {network}; not to be compared with distances by another network, such as Inception; "
        "shuffled: halves of the held-out set"
    )
    return score


def distance(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    """Return ‖m₁ − m₂‖² and what the covariances add, for examples (n, D) and (m, D)."""
    # Products of fourth order stand below: in a unit near the largest, a power of 2, which rounds
    # nothing, they neither overflow nor vanish.
    unit = float(np.ldexp(1.0, np.frexp(max(np.abs(one).max(), np.abs(two).max()))[1] - 1))
    one, two = one / unit, two / unit
    apart = one.mean(axis=0) - two.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (one, two))
    root = _root(first)
    values = np.linalg.eigvalsh(root @ second @ root)
    both = np.sqrt(np.maximum(values, 0.0)).sum()
    rest = max(0.0, float(np.trace(first) + np.trace(second) - 2 * both))
    return float(apart @ apart) * unit * unit, rest * unit * unit


def _root(matrix: np.ndarray) -> np.ndarray:
    """Return the symmetric square root of a covariance; eigenvalues below 0 are rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
