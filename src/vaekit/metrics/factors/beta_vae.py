"""The β-VAE score: whether a linear classifier can tell which factor pairs of images share.

One vote: choose a factor k, draw L pairs of images that agree in v_k and are independent in all
else, encode them, and keep how far the codes lie apart on average (Higgins et al. 2017, §3):

    z_diff = 1/L Σ_l |z¹_l − z²_l|       (H,)

If a latent holds v_k, its entry is small whenever k is shared. A linear classifier learns k from
z_diff on some votes; the score is its accuracy on others: 1 when every factor leaves its own mark,
1/K by chance. The votes are shared out equally among the K factors that vary, and z_diff is
standardised before the classifier sees it: the scale of a latent changes nothing.

Ideal codes score 1, and so do ideal codes twice over or with dead latents beside them. Constant
codes score exactly 1/K, useless ones about that, as do shuffled factors. Constant factors have no
two levels to tell apart; they are left out and named.

**What it does not see.** Let y ~ N(0, I) be the factors and z = Qy with Q orthogonal, so that z
is as good a code as y: independent, normal, and each is had from the other. With factor k shared,
y¹ − y² ~ N(0, 2(I − e_k e_kᵀ)), therefore z¹ − z² ~ N(0, 2(I − q_k q_kᵀ)) with q_k the k-th column
of Q, and since E|N(0, s²)| = s √(2/π),

    E z_diff_h = 2/√π · √(1 − Q_hk²)

([noise] §7.2; its equation 37 has 2√(2/π) in front, √2 too much: the variance 2 was taken for the
deviation.) More holds than for the mean: signs vanish in |·|, so the law of z_diff hangs on
|q_k| alone. Where all |Q_hk| are equal, as in a Hadamard matrix, every factor gives the same law,
no classifier whatever can do better than chance, and a perfect code scores 1/K. Where the |q_k|
all differ, however little, enough pairs tell them apart, and the score nears 1 though every latent
mixes all factors; two factors turned by any angle but 45° are told apart even at L = 1, because
z_diff then lies on one ray for each factor. So the score measures neither independence nor
alignment with the factors, and grows with L: read it with its L, and beside the MIG.
`examples/rotation.py` shows all this.

On a small grid a pair may be one image twice, the more often the fewer share the level, which marks
the factor too: codes that are noise of each image's own scored .36 to .40 of three factors on 210
images, .46 to .56 on 60. Shuffled factors do not show it, the part `repeats` does.
"""

import numpy as np

from vaekit.data.dataset import Dataset
from vaekit.errors import VaekitError
from vaekit.metrics.checks import standardised
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score
from vaekit.metrics.source import Draw, Encode, Source, set_of_codes, source_of, varying_of

_PAIRS_AT_ONCE = 2**15  # pairs in memory at a time
_CLASSIFIER = "multinomial logistic regression, C = 1, on standardised z_diff"


def beta_vae_score(
    encode: Encode,
    data: Dataset | Draw,
    *,
    pairs: int = 64,
    train: int = 2000,
    test: int = 1000,
    shuffles: int = 5,
    seed: int = 0,
    chunk: int = 500,
) -> Score:
    """Score how well z_diff tells which factor is shared, in [0, 1], 1/K by chance.

    `encode` maps images (n, …), as `data.batch` gives them, to codes (n, H), array or tensor.
    `data` is a set with factors, whole or a random part of it; each image is encoded once at most.
    For continuous factors `data` draws them instead, (n, generator) → values (n, K), the columns
    independent, and `encode` maps such values to codes. `encode` gets `chunk` items at a time.

    `train` and `test` votes, rounded up to the same number for each factor, of `pairs` pairs each.
    `parts` holds, for the K factors `names`, `z_diff` (K, H), its mean in units of the code;
    `accuracy` (K,); `confusion` (K, K), the shares of answers by true factor; `weights` (K, H) and
    `intercept` (K,) of the classifier; `repeats` (K,), how often a pair is one image twice; and
    `constant`, the factors left out. `settings` has `se`, the standard error that comes of `test`,
    and `shuffled` is the mean over `shuffles` fits to shuffled factors. Raises `VaekitError` for a
    set without factors, fewer than two factors that vary, codes that are not finite or not (n, H),
    and counts below 1.
    """
    counts = {"pairs": pairs, "train": train, "test": test, "chunk": chunk}
    if min(counts.values()) < 1 or shuffles < 0:
        raise VaekitError(f"pairs, train, test and chunk must be ≥ 1, shuffles ≥ 0, got {counts}")
    rng, source = np.random.default_rng(seed), source_of(encode, data, chunk)
    varying = varying_of(source, "the β-VAE score")
    learn, judge = (-(-votes // len(varying)) for votes in (train, test))
    z_diff = np.stack([_votes(source, k, learn + judge, pairs, rng) for k in varying])
    inputs, truth, learnt = _classifier_inputs(z_diff, learn)
    confusion, weights, intercept = _classify(inputs, truth, learnt)
    accuracy = confusion.diagonal()
    parts = {
        "names": [source.names[k] for k in varying],
        "constant": [name for k, name in enumerate(source.names) if k not in varying],
        "z_diff": z_diff.mean(axis=1),
        "repeats": source.repeats[varying],
        "accuracy": accuracy,
        "confusion": confusion,
        "weights": weights,
        "intercept": intercept,
    }
    settings = {
        "estimator": "held-out accuracy of a linear classifier of the shared factor",
        "n": judge * len(varying),
        "se": float(np.sqrt((accuracy * (1 - accuracy)).mean() / (judge * len(varying)))),
        "chance": 1 / len(varying),
        "pairs": pairs,
        "train": learn * len(varying),
        "seed": seed,
        "classifier": _CLASSIFIER,
        "encoded": source.encoded,
    }
    mixed = [_shuffled(truth, learnt, rng) for _ in range(shuffles)]
    again = [_classify(inputs, each, learnt)[0].diagonal().mean() for each in mixed]
    return Score(accuracy.mean(), parts, settings, float(np.mean(again)) if again else None)


@metric(
    "beta_vae",
    Row(
        "beta_vae_score",
        "does a factor leave a mark of its own?",
        "share of votes",
        title="β-VAE score",
        chance="1/K",
        mind="nothing else is asked",
    ),
)
def _beta_vae(subject: Subject) -> Score:
    codes = set_of_codes(subject.mean, subject.levels, subject.factors)
    return beta_vae_score(lambda z: z, codes, seed=subject.seed)


def _votes(source: Source, k: int, votes: int, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Draw z_diff of votes for factor k, (votes, H)."""
    step, z_diff = max(1, _PAIRS_AT_ONCE // pairs), []
    for start in range(0, votes, step):
        n = min(step, votes - start)
        codes = source.codes(source.sharing(k, n * pairs, 2, rng)).astype(np.float64)
        apart = np.abs(codes[:, 0] - codes[:, 1])
        z_diff.append(apart.reshape(n, pairs, -1).mean(axis=1))
    return np.concatenate(z_diff)


def _classifier_inputs(z_diff: np.ndarray, learn: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn z_diff (K, votes, H) into inputs, true factors, and which votes are learnt from.

    These are the first `learn` of each factor.
    """
    factors, votes, latents = z_diff.shape
    learnt = np.tile(np.arange(votes) < learn, factors)
    inputs = standardised(z_diff.reshape(-1, latents), learnt)
    return inputs, np.arange(factors).repeat(votes), learnt


def _classify(
    inputs: np.ndarray, truth: np.ndarray, learnt: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit to the votes in `learnt`; return the confusion (K, K) on others, weights, intercept.

    A row of the confusion holds the shares of what was answered where that factor was shared.
    """
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(max_iter=1000).fit(inputs[learnt], truth[learnt])
    weights, intercept = fit.coef_, fit.intercept_
    if len(weights) == 1:  # of two classes scikit-learn gives the difference
        weights = np.concatenate([-weights, weights]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    answer, true = (inputs[~learnt] @ weights.T + intercept).argmax(axis=1), truth[~learnt]
    size = len(weights)
    table = np.bincount(true * size + answer, minlength=size**2).reshape(size, size)
    return table / table.sum(axis=1, keepdims=True), weights, intercept


def _shuffled(truth: np.ndarray, learnt: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle the factors among the votes that are learnt from, and among those that judge."""
    mixed = truth.copy()
    for part in (learnt, ~learnt):
        mixed[part] = rng.permutation(truth[part])
    return mixed
