"""The FactorVAE score: which latent varies least when a factor is held.

One vote: choose a factor k and a level, draw L images that share it, encode them, divide each
latent by its deviation over the whole set, and take the latent d of least variance. A table counts
how often d came of k; the answer to d is the k that it came of most often, and the score is the
share of right answers on other votes (Kim & Mnih 2018, §4).

Ideal codes score 1, also twice over, scaled and permuted: the deviation takes the scale away. Dead
latents never vote; where all are dead the score is 1/K, by chance, as of useless codes. Turned by
45° so that all factors move all latents alike, a perfect code is at chance too. It asks whether
each factor stills some latent, not whether that latent is stilled by it alone, and knows nothing of
how many latents move. A rescaling that is not linear changes variances, and may change the least.
"""

import numpy as np

from vaekit.data.dataset import Dataset
from vaekit.errors import VaekitError
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score
from vaekit.metrics.source import Draw, Encode, Source, set_of_codes, source_of, varying_of

_CODES_AT_ONCE = 2**15  # codes in memory at a time


def factor_vae_score(
    encode: Encode,
    data: Dataset | Draw,
    *,
    images: int = 64,
    train: int = 10_000,
    test: int = 5_000,
    shuffles: int = 5,
    seed: int = 0,
    chunk: int = 500,
) -> Score:
    """Score how well the stillest latent tells which factor is held, in [0, 1], 1/K by chance.

    `encode` and `data` as for `beta_vae_score`; an image is encoded once at most, however many
    votes it is drawn for. `train` and `test` votes, rounded up to the same number for each factor,
    of `images` L ≥ 2 each. `parts` holds, for the K factors `names`, `accuracy` (K,), `votes`
    (H, K), the table of the training votes, `answer` (H,), the factor said for each latent;
    `deviation` (H,); and `constant`, the factors left out. `settings` has `se`, the standard error
    that comes of `test`. Raises `VaekitError` as `beta_vae_score` does.
    """
    counts = {"train": train, "test": test, "chunk": chunk}
    if min(counts.values()) < 1 or images < 2 or shuffles < 0:
        raise VaekitError(
            f"train, test and chunk must be ≥ 1, images ≥ 2, shuffles ≥ 0, got {counts}, "
            f"images {images}, shuffles {shuffles}"
        )
    rng, source = np.random.default_rng(seed), source_of(encode, data, chunk)
    factors = varying_of(source, "the FactorVAE score")
    learn, judge = (-(-votes // len(factors)) for votes in (train, test))
    variance = np.stack([_variances(source, k, learn + judge, images, rng) for k in factors])
    deviation = source.spread(rng)
    still = _stillest(variance, deviation)
    truth = np.repeat(np.arange(len(factors))[:, None], learn + judge, axis=1)
    live = bool((deviation > 0).any())
    accuracy, votes, answer = _vote(still, truth, learn, len(deviation), live)
    again = []
    for _ in range(shuffles):
        mixed = truth.copy()
        for part in (slice(None, learn), slice(learn, None)):
            mixed[:, part] = rng.permutation(truth[:, part].ravel()).reshape(len(truth), -1)
        again.append(_vote(still, mixed, learn, len(deviation), live)[0].mean())
    parts = {
        "names": [source.names[k] for k in factors],
        "constant": [name for k, name in enumerate(source.names) if k not in factors],
        "accuracy": accuracy,
        "votes": votes,
        "answer": answer,
        "deviation": deviation,
    }
    n = judge * len(factors)
    settings = {
        "estimator": (
            "held-out accuracy of a majority vote by the latent of least normalised variance"
        ),
        "n": n,
        "se": float(np.sqrt((accuracy * (1 - accuracy)).mean() / n)),
        "chance": 1 / len(factors),
        "images": images,
        "train": learn * len(factors),
        "seed": seed,
        "encoded": source.encoded,
    }
    return Score(accuracy.mean(), parts, settings, float(np.mean(again)) if again else None)


@metric(
    "factor_vae",
    Row(
        "factor_vae_score",
        "does a factor leave a mark of its own?",
        "share of votes",
        title="FactorVAE score",
        chance="1/K",
        mind="nothing else is asked",
    ),
)
def _factor_vae(subject: Subject) -> Score:
    codes = set_of_codes(subject.mean, subject.levels, subject.factors)
    return factor_vae_score(lambda z: z, codes, seed=subject.seed)


def _variances(
    source: Source, k: int, votes: int, images: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw the variance of each latent within votes for factor k, (votes, H)."""
    step, variances = max(1, _CODES_AT_ONCE // images), []
    for start in range(0, votes, step):
        n = min(step, votes - start)
        codes = source.codes(source.sharing(k, n, images, rng)).astype(np.float64)
        variances.append(codes.var(axis=1))
    return np.concatenate(variances)


def _stillest(variance: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the latent of least variance for its deviation, of those that are not dead."""
    scaled = variance / np.where(deviation > 0, deviation, 1.0) ** 2
    return np.where(deviation > 0, scaled, np.inf).argmin(axis=-1)


def _vote(
    still: np.ndarray, truth: np.ndarray, learn: int, latents: int, live: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return accuracy (K,) on held-out votes, the table (H, K), the answers (H,)."""
    factors = len(truth)
    cells = still[:, :learn] * factors + truth[:, :learn]
    votes = np.bincount(cells.ravel(), minlength=latents * factors).reshape(latents, factors)
    if not live:  # nothing has been seen, so any answer is a guess
        return np.full(factors, 1 / factors), np.zeros_like(votes), np.zeros(latents, int)
    answer = votes.argmax(axis=1)
    right, true = answer[still[:, learn:]] == truth[:, learn:], truth[:, learn:]
    hits = np.bincount(true[right], minlength=factors)
    return hits / np.bincount(true.ravel(), minlength=factors), votes, answer
