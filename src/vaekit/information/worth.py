"""What a code is worth to others: labels from few examples, categories, samples like the data.

    svm, probe    accuracy of an SVM, or of planes, from 1000 labels       ([vimae] §5.3)
    clusters      accuracy of the categories that a one-hot block found    ([vmi] §4.4.2)
    fid           Fréchet distance of samples from held-out data           ([vimae] Table 5)
    parzen        −log-density of held-out data under windows at samples   ([vimae] Table 1)

Codes are means of q(z|x). Classifiers learn from codes of training data and are judged on held-out
ones; where there are no others, on a half of the set that they did not learn from. The FID's and
the windows' samples are the means of p(x|z) at draws of the prior.

Under a **corruption** the encoder is shown corrupted held-out images, and the same classifier, that
learnt from clean codes, reads them. The paper, which runs "the same algorithm on the representation
associated to corrupted data", does not say whether it learnt from such too; that one of its
accuracies falls from 93 to 13 % speaks for clean ones. Categories keep the names of their clean
codes likewise: a corruption that swaps them makes errors, not other names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch

from vaekit import metrics
from vaekit.apply import (
    CHUNK,
    condition_of,
    device_of,
    evaluating,
    reading_of,
    sample,
    sample_rows,
    seeded,
)
from vaekit.corruption import Corruption
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.faults import check_finite, check_range
from vaekit.information.categories import categories
from vaekit.information.features import FeatureNetwork, Features, feature_network, features_of
from vaekit.information.match import unsampled
from vaekit.metrics import Score
from vaekit.metrics.labels import Classifier
from vaekit.model import Model

LABELLED, DRAWS, VALIDATION = 1000, 5, 1000
ACCURACY = "share of examples"
Rows = dict[str, tuple[Score, str]]


@dataclass(frozen=True)
class Subject:
    """Hold a model with the examples to judge it on, `held`, and those to learn from.

    `n` examples of each are read at most; `corruptions` by name act on held ones; `network` maps
    images to features for the FID, or is trained on `learn`.
    """

    model: Model
    held: Dataset
    learn: Dataset
    n: int = 10_000
    seed: int = 0
    corruptions: Mapping[str, Corruption] = field(default_factory=dict)
    network: Features | None = None

    @cached_property
    def places(self) -> dict[str, slice]:
        """Return where the one-hots of the code lie."""
        return categories(self.model, self.held)

    @cached_property
    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """Return codes and labels to learn from."""
        part = self.learn.subset(sample_rows(len(self.learn), self.n))
        return self.codes(part), _labels(part)

    @cached_property
    def chosen(self) -> Dataset:
        """Return the held-out examples that are judged."""
        return self.held.subset(sample_rows(len(self.held), self.n))

    @cached_property
    def seen(self) -> dict[str, np.ndarray]:
        """Return codes of the held-out examples, clean ("") and by corruption."""
        found = {"": self.codes(self.chosen)}
        for name, corruption in self.corruptions.items():
            corruption.check(*self.held.range)
            found[name] = self.codes(self.chosen, corruption)
        return found

    @torch.no_grad()
    def codes(self, data: Dataset, corruption: Corruption | None = None) -> np.ndarray:
        """Return the mean codes of a set, (n, H), of corrupted inputs if asked."""
        found, device = [], device_of(self.model)
        with evaluating(self.model), seeded(self.seed):
            for rows in torch.arange(len(data)).split(CHUNK):
                x, c = data.batch(rows).to(device), condition_of(self.model, data, rows)
                check_range(self.model, data, rows, x)
                with reading_of(data, self.model):
                    q = self.model.encode(x if corruption is None else corruption(x), c)
                check_finite(self.model, data, rows, "the code", q.mean)
                found.append(q.mean.double().cpu().numpy())
        return np.concatenate(found)

    @torch.no_grad()
    def samples(self, count: int) -> torch.Tensor:
        """Return means of p(x|z) at draws of the prior, under conditions of held-out examples."""
        rows = torch.from_numpy(np.resize(np.arange(len(self.chosen)), count))
        told = condition_of(self.model, self.chosen, rows)
        return sample(self.model, count, told, self.seed)


def parted(data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Cut a set that has no other in two: to learn from, and to judge on."""
    if len(data) < 2:
        raise VaekitError("one example cannot be learnt from and judged: give more")
    return data.split(0.5, seed)


# ---- the rows


def accuracy(subject: Subject, name: str, classifier: Classifier) -> Rows:
    """Return the accuracy of a classifier of codes, clean and corrupted."""
    codes, labels = subject.known
    few = len(codes) <= LABELLED
    how = {"labelled": None if few else LABELLED, "repeats": 1 if few else DRAWS}
    truth, found = _labels(subject.chosen), Rows()
    for kind, held in subject.seen.items():
        score = metrics.label_accuracy(
            codes, labels, held, truth, classifier=classifier, seed=subject.seed, **how
        )
        score.settings["estimator"] += _with(kind)
        found[_row(name, kind)] = score, ACCURACY
    return found


def clusters(subject: Subject) -> Rows:
    """Return the accuracy of each one-hot's categories by both rules, clean and corrupted.

    The names that a rule finds on clean codes are those of corrupted ones too.
    """
    labels, found = _labels(subject.chosen), Rows()
    for block, where in subject.places.items():
        told = f"_{block}" if len(subject.places) > 1 else ""
        for rule, name in (("one_to_one", "cluster_accuracy"), ("majority", "cluster_majority")):
            names = None
            for kind, held in subject.seen.items():  # the clean ones first
                said, size = held[:, where].argmax(1), where.stop - where.start
                score = metrics.cluster_accuracy(said, labels, rule, categories=size, names=names)  # pyright: ignore[reportArgumentType]
                score.settings["estimator"] += (", by clean codes" if kind else "") + _with(kind)
                names = score.parts["assignment"]
                found[_row(name + told, kind)] = score, ACCURACY
    return found


def frechet(subject: Subject) -> Rows:
    """Return the FID of as many samples as there are held-out examples."""
    network = subject.network or feature_network(
        subject.learn, seed=subject.seed, held=subject.chosen
    )
    said = network.said if isinstance(network, FeatureNetwork) else "your own network"
    real = features_of(network, subject.chosen)
    score = metrics.fid(real, features_of(network, subject.samples(len(real))), seed=subject.seed)
    score.settings["estimator"] += (
        f" of {said}; not to be compared with distances by another network, such as Inception; "
        "shuffled: halves of the held-out set"
    )
    return {"fid": (score, "squared units of the features")}


def windows(subject: Subject) -> Rows:
    """Return minus the log-density of held-out examples under windows at `n` samples."""
    tune = subject.learn.subset(sample_rows(len(subject.learn), VALIDATION))
    held, tuned = (part.batch(torch.arange(len(part))).numpy() for part in (subject.chosen, tune))
    score = metrics.parzen(
        subject.samples(subject.n).numpy(), held, validation=tuned, seed=subject.seed
    )
    settings = {**score.settings, "estimator": "−log-density of " + score.settings["estimator"]}
    assert score.shuffled is not None
    parts = {"nearest": score.parts["nearest"]}
    return {"parzen_nll": (Score(-score, parts, settings, -score.shuffled), "nats")}


# ---- what a set or a model lacks for them


def no_labels(subject: Subject) -> str:
    """Say why there is nothing to classify, or nothing."""
    if subject.held.labels is None or subject.learn.labels is None:
        return f"{subject.held.name} has no labels"
    return ""


def no_categories(subject: Subject) -> str:
    """Say why there are no categories to judge, or nothing."""
    lacks = "" if subject.places else "this model's code has no categories, no one-hot block"
    return no_labels(subject) or lacks


def no_samples(subject: Subject) -> str:
    """Say why there is nothing to draw from, or nothing."""
    model = subject.model
    if model.prior is None:
        return "this model has no prior to draw from"
    return unsampled(model, subject.held)


def no_features(subject: Subject) -> str:
    """Say why there is no FID, or nothing."""
    lacks = "" if subject.network else no_labels(subject)
    return no_samples(subject) or (f"{lacks} to learn features by" if lacks else "")


JUDGES: dict[str, tuple[Callable[[Subject], Rows], Callable[[Subject], str]]] = {
    "svm": (partial(accuracy, name="svm_accuracy", classifier="svm"), no_labels),
    "probe": (partial(accuracy, name="probe_accuracy", classifier="linear"), no_labels),
    "clusters": (clusters, no_categories),
    "fid": (frechet, no_features),
    "parzen": (windows, no_samples),
}


def _labels(data: Dataset) -> np.ndarray:
    found = data.batch_labels(torch.arange(len(data)))
    assert found is not None
    return found.cpu().numpy()


def _row(name: str, kind: str) -> str:
    return f"{name} [{kind}]" if kind else name


def _with(kind: str) -> str:
    return f"; held-out inputs under {kind}" if kind else ""
