"""Score one run of `infomax.py`: accuracies, samples, and how its codes fill the prior."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.spatial import KDTree
from scipy.special import digamma, erf, gammaln
from torch import Tensor

from vaekit.apply import encode_set, evaluating, sample, sample_codes, seeded
from vaekit.corruptions import TruncatedGaussian, corruption
from vaekit.data import Dataset, load
from vaekit.information import FeatureNetwork, evaluate, features_of
from vaekit.metrics import fid, label_accuracy, parzen
from vaekit.model import Model
from vaekit.objectives import jacobian
from vaekit.objectives.aggregate.matching import mmd
from vaekit.runs import Run

Noises = Mapping[str, str | None]
NOISES: Noises = {
    "clean": None,
    "Gauss .2": "gaussian(sigma=0.2)",
    "Gauss .4": "gaussian(sigma=0.4)",
    "mask .2": "masking(p=0.2)",
    "mask .5": "masking(p=0.5)",
}


class Lesson(NamedTuple):
    """Say how a network learns the labels of a set, whose features FID reads."""

    network: str = "conv(32, 64, hidden=[])"
    epochs: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Judging:
    """Say how the runs of a task are judged.

    `data` is the set, `reader` what reads labels off codes under all `noises`, `few` the images it
    reads. FID compares `count` images in the features of each network of `lessons`. `unseen`: all
    is judged on the first part, whose classes were not trained on. `neighbours`: they estimate the
    entropy of codes.
    """

    data: str
    reader: Callable[..., float]
    noises: Noises
    few: int = 2000
    count: int = 5000
    lessons: tuple[Lesson, ...] = ()
    unseen: bool = False
    neighbours: bool = True


def corrupted(data: Dataset, noise: str | None) -> Dataset:
    """Return the examples of a set with noise on them, the same whenever it is asked for."""
    rows = torch.arange(len(data))
    x, labels = data.batch(rows), data.batch_labels(rows)
    assert labels is not None
    with seeded(1):
        return Dataset.from_array(x if noise is None else corruption(noise)(x), labels, data.name)


def codes(model: Model, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return codes drawn from q(z|x), as in the paper, and their means."""
    found = encode_set(model, data, draw=True)
    return found.code.numpy(), found.mean.numpy()


def known(data: Dataset) -> np.ndarray:
    """Return the labels of a set."""
    found = data.batch_labels(torch.arange(len(data)))
    assert found is not None
    return found.numpy()


def accuracies(model: Model, parts: tuple[Dataset, Dataset], how: Judging):
    """Score every noise: codes drawn; their means; the reader, too, learns from noisy codes."""
    found: dict[str, list[float]] = {"drawn": [], "means": [], "noisy reader": []}
    drawn, means = codes(model, parts[0])
    y, truth = known(parts[0]), known(parts[1])
    for noise in how.noises.values():
        noisy, held = (codes(model, corrupted(part, noise)) for part in parts)
        found["drawn"].append(how.reader(drawn, y, held[0], truth))
        found["means"].append(how.reader(means, y, held[1], truth))
        found["noisy reader"].append(how.reader(noisy[0], y, held[0], truth))
    return found


def digits(a: np.ndarray, y: np.ndarray, b: np.ndarray, truth: np.ndarray) -> float:
    """Tables 2 and 3: an SVM on 1000 labels, the mean of three draws of them."""
    return float(label_accuracy(a, y, b, truth, 1000, repeats=3))


def characters(
    a: np.ndarray, y: np.ndarray, b: np.ndarray, truth: np.ndarray, labelled: int = 100
) -> float:
    """Table 4: five unseen characters, 100 labels of 300 codes, 100 to be judged; 20 draws."""
    rng, found = np.random.default_rng(0), []
    for _ in range(20):
        five = rng.choice(np.unique(y), 5, replace=False)
        mine, held = np.isin(y, five), np.isin(truth, five)
        few = label_accuracy(a[mine], y[mine], b[held], truth[held], labelled)
        found.append(float(few))
    return statistics.mean(found)


def entropy(z: np.ndarray, k: int = 5) -> float:
    """Estimate the entropy of codes (n, H) in nats by distances to the k-th neighbour.

    ψ(n) − ψ(k) + ln V_H + H mean ln r (Kozachenko & Leonenko 1987), V_H the volume of a unit ball.
    """
    n, size = z.shape
    radius = KDTree(z).query(z, k + 1)[0][:, -1]
    ball = size / 2 * np.log(np.pi) - gammaln(size / 2 + 1)
    return float(digamma(n) - digamma(k) + ball + size * np.log(radius).mean())


def widest(z: np.ndarray) -> float:
    """Return the most entropy that codes (n, H) of their covariance can have: a normal's, in nats.

    Unlike `entropy` it holds in any number of dimensions.
    """
    return float(0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.cov(z, rowvar=False))[1])


def matched(model: Model, data: Dataset, neighbours: bool = True) -> dict[str, float]:
    """Compare codes with draws of the prior: MMD (imq), entropy, and that of as many draws.

    `entropy ≤` is an upper bound and `prior's h` the mean −log p of the draws, in any dimension.
    """
    z = encode_set(model, data, draw=True).code[:5000]
    # Not the seed of the codes: a collapsed code drawn with the same numbers is the prior's draw.
    prior = sample_codes(model, len(z), seed=1)
    apart = [float(mmd(a, b)) for a, b in zip(z.split(1000), prior.split(1000), strict=True)]
    assert model.prior is not None
    surprise = -float(model.prior().log_prob(prior).mean())
    bound = {"entropy ≤": widest(z.numpy()), "prior's h": surprise}
    if neighbours:
        bound |= {"entropy": entropy(z.numpy()), "prior's": entropy(prior.numpy())}
    return {"mmd": statistics.mean(apart)} | bound


def by_noise(model: Model, data: Dataset) -> dict[str, float]:
    """Measure how input noise moves codes, by the Jacobian J of the mean code.

    `slope`: ‖J‖²_F over the codes' total variance. `noise rate`, for an encoder that is random by
    its input's noise alone: of N(f, τ² J Jᵀ), to first order −½ ln det(2πe τ² J Jᵀ) − log p(f).
    """
    x = data.batch(torch.arange(500))
    with evaluating(model):
        found = [jacobian(model, part).double() for part in x.split(50)]
        squares = torch.cat([part @ part.mT for part in found])
        f = model.posterior(x).mean.detach().double()
    slopes = squares.diagonal(dim1=1, dim2=2).sum(1).mean() / f.var(0).sum()
    out = {"slope": float(slopes)}
    if isinstance(model.corruption, TruncatedGaussian) and model.prior is not None:
        b = model.corruption.bound
        density = np.exp(-(b**2) / 2) / np.sqrt(2 * np.pi)
        variance = model.corruption.level**2 * (1 - 2 * b * density / erf(b / np.sqrt(2)))
        spread = 2 * np.pi * np.e * variance * squares
        rate = -0.5 * torch.linalg.slogdet(spread).logabsdet - model.prior().log_prob(f)
        out["noise rate"] = float(rate.mean())
    return out


def score(run: Run, how: Judging, networks: list[FeatureNetwork]) -> dict[str, Any]:
    """Score a run by all that the tables show."""
    model = run.model
    train, test = judged_on(how, run.config.data_dir)
    few = test.subset(range(min(how.few, len(test))))
    found: dict[str, Any] = accuracies(model, (train, few), how)
    found |= like(sample(model, how.count), test, networks)
    if how.unseen:
        sets = codes(model, train)[0], known(train), codes(model, test)[0], known(test)
        found["300 labels"] = 100 * characters(*sets, labelled=300)
    judged = evaluate(model, train if how.unseen else test)
    for name in ("squared_error", "rate", "active_units"):
        found[name] = judged[name]["value"] if name in judged else None
    found |= by_noise(model, train if how.unseen else test)
    found["rate"] = found.pop("noise rate", found["rate"])
    seen = run.data.train
    return found | matched(model, seen.subset(order(len(seen))[:5000]), how.neighbours)


def judged_on(how: Judging, data_dir: str | Path | None) -> tuple[Dataset, Dataset]:
    """Return what is learnt from and what is judged, up to `count` of each in a fixed order."""
    train, test = load(how.data, data_dir)
    return train.subset(order(len(train))[: how.count]), test.subset(order(len(test))[: how.count])


def like(made: Tensor, test: Dataset, networks: list[FeatureNetwork]) -> dict[str, float | None]:
    """Compare images with those of the test: Parzen windows at 5000 of them, FIDs, their floors."""
    held = images(test)
    nll = -float(parzen(made[:5000], held[:1000], validation=held[1000:1180], shuffles=0))
    found: dict[str, float | None] = {"nll": nll}
    for k, network in enumerate(networks):
        theirs = fid(features_of(network, test), features_of(network, made))
        mark = f" {k + 1}" if k else ""
        found |= {f"fid{mark}": float(theirs), f"floor{mark}": theirs.shuffled}
    return found


def order(n: int) -> Tensor:
    """Return the same random order of n rows whenever it is asked for."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


def images(data: Dataset) -> Tensor:
    """Return the images of a set as float32."""
    return data.batch(torch.arange(len(data)))
