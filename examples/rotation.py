"""Turn a perfect code, and watch which numbers notice.

    python examples/rotation.py [--latents 4] [--std 0.3] [--random 2] [--pairs 64] [--votes 3000]
        [--seed 0]

Factors y ~ N(0, I) make the data, x and y one-to-one, and the code of x is as good as a code of
its noise can be:

    q(z|x) = N(a Q y, s² I),   a² + s² = 1,   Q orthogonal   ⇒   q(z) = N(0, I) = p(z)

Q is the identity (each latent is a factor), a Hadamard matrix over √H (each latent is all factors
in equal shares; it needs H = 2, 4, 8, …), or random. All of them are the same code but for a
rotation of its axes: turned back, each gives the factors as well as the first. Theorem 2 of
"Fitting Data Noise in Variational Autoencoder" says that nothing in the VAE's objective prefers
one.

What is seen:

- I(x; z), the rate, KL(q(z)‖p(z)) and the total correlation of q(z) do not move. The first three
  cannot, under noise that is the same in all directions; the total correlation does not because
  q(z) is round. They judge how good the code is, not what its axes mean.
- The MIG falls with every mixture of the axes, to almost 0 where the shares are equal.
- The β-VAE score falls to chance for the Hadamard matrix, since z_diff then has the same law for
  every factor; the code has lost nothing. For a random Q the columns |q_k| differ a little, which
  the means of enough pairs show: it scores far above chance, and the higher the larger L, though
  each latent mixes all factors. Two factors turned by 44° score 1, by 45° they score 1/2. So the
  score says "poor" of some perfect codes and "perfect" of some mixed ones, by the Q that a training
  happened to find and the L that was chosen.
- With factor k shared, E z_diff_h = 2/√π · a · √(1 − Q_hk²), and the measured means are that, up
  to their sampling error. The paper's equation 37 has 2√(2/π), which is √2 too much.
"""

import argparse
from typing import NamedTuple

import numpy as np

from vaekit.metrics import Score, beta_vae_score, mig


class Seen(NamedTuple):
    """Hold what is measured of one rotation; z_diff (K, H), information in nats."""

    score: Score
    mig: Score
    predicted: np.ndarray
    information: dict[str, float]


def equal(latents: int) -> np.ndarray:
    """Build an orthogonal matrix (H, H) with all |entries| = 1/√H; raises where H is no power of 2.

    Sylvester's construction of a Hadamard matrix. Others exist for multiples of 4 only.
    """
    if latents < 2 or latents & (latents - 1):
        raise ValueError(f"latents must be 2, 4, 8, … for a Hadamard matrix, got {latents}")
    built = np.ones((1, 1))
    while len(built) < latents:
        built = np.kron(built, [[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    return built


def turn(degrees: float) -> np.ndarray:
    """Return the rotation (2, 2) of two latents by an angle."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def random(latents: int, rng: np.random.Generator) -> np.ndarray:
    """Draw an orthogonal matrix (H, H), all directions alike (QR with positive diagonal)."""
    q, r = np.linalg.qr(rng.normal(size=(latents, latents)))
    return q * np.sign(np.diag(r))


def expected_difference(weights: np.ndarray) -> np.ndarray:
    """Return E z_diff (K, H) of z = W y, y ~ N(0, I), for each shared factor: weights W (H, K).

    z¹ − z² ~ N(0, 2(WWᵀ − w_k w_kᵀ)), and E|N(0, s²)| = s √(2/π). Of an orthogonal W that is
    2/√π · √(1 − W_hk²).
    """
    kept = (weights**2).sum(axis=1, keepdims=True) - weights**2
    return 2 / np.sqrt(np.pi) * np.sqrt(np.maximum(kept, 0)).T


def information(weights: np.ndarray, std: float) -> dict[str, float]:
    """Compute what q(z|x) = N(W y, s² I) holds of y ~ N(0, I), in nats, in closed form.

    With Σ = WWᵀ + s² I, the covariance of q(z), and the prior N(0, I).
    """
    latents = len(weights)
    covariance = weights @ weights.T + std**2 * np.eye(latents)
    logdet = np.linalg.slogdet(covariance)[1]
    noise = 2 * latents * np.log(std)
    return {
        "I(x;z)": (logdet - noise) / 2,
        "rate": (np.trace(covariance) - latents - noise) / 2,
        "KL(q‖p)": (np.trace(covariance) - latents - logdet) / 2,
        "TC": (np.log(np.diag(covariance)).sum() - logdet) / 2,
    }


def look(
    q: np.ndarray, std: float = 0.3, pairs: int = 64, votes: int = 3000, seed: int = 0
) -> Seen:
    """Measure the code a Q y with the scores, and beside them what theory says.

    A third of the votes judge. The MIG reads 20 000 codes, and factors cut into 10 equal levels.
    """
    weights = np.sqrt(1 - std**2) * q
    factors = q.shape[1]
    score = beta_vae_score(
        lambda y: y @ weights.T,
        lambda n, rng: rng.normal(size=(n, factors)),
        pairs=pairs,
        train=2 * votes // 3,
        test=votes // 3,
        seed=seed,
        chunk=10_000,
    )
    y = np.random.default_rng(seed).normal(size=(20_000, factors))
    levels = np.argsort(np.argsort(y, axis=0), axis=0) * 10 // len(y)
    gap = mig(y @ weights.T, levels, binning="quantile", seed=seed)
    return Seen(score, gap, expected_difference(weights), information(weights, std))


def scores(seen: dict[str, Seen]) -> str:
    """Write one row for each rotation: β-VAE score, MIG, information."""
    first = next(iter(seen.values()))
    head = f"{'':<12}{'β-VAE score':>16}{'chance':>9}{'MIG':>8}"
    lines = [head + "".join(f"{name:>9}" for name in first.information)]
    for name, one in seen.items():
        said = f"{one.score:.3f} ± {one.score.settings['se']:.3f}"
        row = f"{name:<12}{said:>16}{one.score.settings['chance']:>9.3f}{one.mig:>8.3f}"
        # Rounding may leave −0.
        numbers = (round(value, 3) + 0.0 for value in one.information.values())
        lines.append(row + "".join(f"{value:>9.3f}" for value in numbers))
    return "\n".join(lines)


def differences(one: Seen) -> str:
    """Write E z_diff beside the measured mean, one row for each shared factor."""
    width = 7 * one.predicted.shape[1]
    lines = [f"{'shared':<10}{'predicted':>{width}}{'measured':>{width + 3}}"]
    for k, (theory, found) in enumerate(
        zip(one.predicted, one.score.parts["z_diff"], strict=True), start=1
    ):
        told, saw = ("".join(f"{v:>7.3f}" for v in row) for row in (theory, found))
        lines.append(f"{f'y_{k}':<10}{told}   {saw}")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> None:
    """Read the arguments and print the tables."""
    made = argparse.ArgumentParser(
        description="Turn a perfect code, and watch which numbers notice."
    )
    made.add_argument("--latents", type=int, default=4, help="2, 4, 8, …")
    made.add_argument("--std", type=float, default=0.3, help="s of q(z|x), between 0 and 1")
    made.add_argument("--random", type=int, default=2, help="how many random rotations")
    made.add_argument("--pairs", type=int, default=64, help="L, the pairs in a vote")
    made.add_argument("--votes", type=int, default=3000, help="votes; a third of them judge")
    made.add_argument("--seed", type=int, default=0)
    asked = made.parse_args(words)
    if not 0 < asked.std < 1:
        made.error(f"--std lies between 0 and 1, got {asked.std}")
    for name, least in (("random", 0), ("pairs", 1), ("votes", 30), ("seed", 0)):
        if getattr(asked, name) < least:
            made.error(f"--{name} must be {least} or more, got {getattr(asked, name)}")
    try:
        turns = {"as it is": np.eye(asked.latents), "Hadamard": equal(asked.latents)}
    except ValueError as error:
        made.error(str(error))
    if asked.latents == 2:
        turns["by 44°"] = turn(44)
    rng = np.random.default_rng(asked.seed)
    turns |= {f"random {i + 1}": random(asked.latents, rng) for i in range(asked.random)}
    seen = {
        name: look(q, asked.std, asked.pairs, asked.votes, asked.seed) for name, q in turns.items()
    }
    print(f"{asked.latents} factors, {asked.votes} votes of {asked.pairs} pairs; nats\n")
    print(scores(seen))
    for name, one in seen.items():
        print(f"\nz_diff, {name}\n{differences(one)}")


if __name__ == "__main__":
    main()
