"""What metrics read of a model on a set, as arrays: codes, labels, images, samples, features.

Codes are means of q(z|x), or draws of it where that is asked: a latent that has collapsed has a
posterior as wide as the prior, of which a draw tells nothing, while its mean still moves a little
with x, and whoever standardises it reads what no draw of the code holds.

What learns from labels, a bandwidth or features does so on training data and is judged on held-out
ones; where there are no others, on a half of the set that it did not learn from. Where no class of
the set was trained on, labels are learnt from three quarters of it ([vimae] §5.3: of five unseen
characters 300 pictures, and 100 to be judged on). Samples are the means of p(x|z) at draws of the
prior.

Under a **corruption** the encoder is shown corrupted held-out images, and the same classifier, that
learnt from clean codes, reads them. [vimae] §5.3, which runs "the same algorithm on the
representation associated to corrupted data", does not say whether it learnt from such too; that one
of its accuracies falls from 93 to 13 % speaks for clean ones. Categories keep the names of their
clean codes likewise: a corruption that swaps them makes errors, not other names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from vaekit.apply import (
    condition_of,
    encode_set,
    sample,
    sample_rows,
    seeded,
)
from vaekit.corruptions import Corruption
from vaekit.data import Dataset
from vaekit.information.aggregated.categories import categories_of, other_entries
from vaekit.information.encoding import encodings, posterior_of
from vaekit.information.fitted.code_prior import unfit_for_code_priors, with_code_prior
from vaekit.information.scores.features import (
    FeatureNetwork,
    Features,
    feature_network,
    features_of,
)
from vaekit.information.scores.match import unmatched, unsampled
from vaekit.information.scores.mig_posterior import unfit_for_gaps
from vaekit.metrics.checks import BINS
from vaekit.metrics.record import Fitted, Need
from vaekit.model import Model

_JUDGED = 0.25  # share of a set of new classes that is judged on


@dataclass(frozen=True)
class ModelOnSet:
    """Give metrics what they ask of a model on a set: a `vaekit.metrics.Subject`.

    `n` examples are read at most. What learns does so on `train`, or on a half of `data` where
    there is none. `corruptions` by name act on held-out inputs; `network` maps images to features,
    or is trained. `draws` gives draws of q(z|x) as codes in place of means.
    """

    model: Model
    data: Dataset
    train: Dataset | None = None
    n: int = 10_000
    seed: int = 0
    corruptions: Mapping[str, Corruption] = field(default_factory=dict)
    network: Features | None = None
    bins: int = BINS
    draws: bool = False

    # ---- the set and its factors

    @cached_property
    def rows(self) -> torch.Tensor:
        """Rows of the set whose codes are compared with factors."""
        return sample_rows(len(self.data), self.n)

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean codes (n, H), or draws where these are asked for."""
        return self.drawn if self.draws and self.drawn is not None else self._encoded[0]

    @cached_property
    def drawn(self) -> np.ndarray | None:
        """Codes drawn from q(z|x), (n, H); None of a deterministic code."""
        return self._encoded[1]

    @cached_property
    def _encoded(self) -> tuple[np.ndarray, np.ndarray | None]:
        c = condition_of(self.model, self.data, self.rows)
        codes = encode_set(self.model, self.data.subset(self.rows), c, draw=True, seed=self.seed)
        return codes.mean.numpy(), None if codes.std is None else codes.code.numpy()

    @cached_property
    def levels(self) -> np.ndarray:
        """Levels of the factors, (n, K)."""
        levels = self.data.levels(self.rows)
        return np.zeros((len(self.rows), 0), int) if levels is None else levels

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the factors, K."""
        return () if self.data.factors is None else self.data.factors.names

    @cached_property
    def one_hots(self) -> dict[str, slice]:
        """Entries of each one-hot of the code, by the name of its block."""
        return categories_of(posterior_of(self.model, self.data))

    @property
    def free(self) -> list[int]:
        """Entries of the code that are no one-hots'."""
        return other_entries(self.model.posterior.latent, self.one_hots)

    # ---- examples to learn from, and held-out ones

    @cached_property
    def parts(self) -> tuple[Dataset, Dataset]:
        """The set to learn from, and up to n examples to judge on."""
        learn, held = self.train, self.data
        if learn is None:
            learn, held = self.data.split(0.5, self.seed)
        return learn, held.subset(sample_rows(len(held), self.n))

    @cached_property
    def label_parts(self) -> tuple[Dataset, Dataset]:
        """The same two for labels, of which both are of the set where its classes are all new."""
        learn, held = self.parts
        if np.isin(_labels_of(held), _labels_of(learn)).any():
            return learn, held
        learn, held = self.data.split(_JUDGED, self.seed)
        return learn, held.subset(sample_rows(len(held), self.n))

    @cached_property
    def labelled(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes (N, H) and labels (N,) to learn from."""
        learn = self.label_parts[0]
        learn = learn.subset(sample_rows(len(learn), self.n))
        return self.codes(learn), _labels_of(learn)

    @cached_property
    def held_codes(self) -> dict[str, np.ndarray]:
        """Held-out codes (n, H), of clean inputs ("") and by corruption."""
        held = self.label_parts[1]
        codes = {"": self.codes(held)}
        for name, corruption in self.corruptions.items():
            corruption.check(*self.data.range)
            codes[name] = self.codes(held, corruption)
        return codes

    @cached_property
    def held_labels(self) -> np.ndarray:
        """Labels (n,) of the held-out examples."""
        return _labels_of(self.label_parts[1])

    @property
    def held_images(self) -> np.ndarray:
        """Held-out examples (n, *shape)."""
        return _images_of(self.parts[1])

    def learn_images(self, count: int) -> np.ndarray:
        """Return up to `count` of the examples to learn from, (count, *shape)."""
        learn = self.parts[0]
        return _images_of(learn.subset(sample_rows(len(learn), count)))

    @torch.no_grad()
    def codes(self, data: Dataset, corruption: Corruption | None = None) -> np.ndarray:
        """Return codes of a set, means or draws, (n, H), of corrupted inputs if asked."""
        codes = []
        with seeded(self.seed):
            for each in encodings(self.model, data, corruption=corruption):
                z = each.q.rsample() if self.draws else each.q.mean
                codes.append(z.double().cpu().numpy())
        return np.concatenate(codes)

    # ---- samples

    @torch.no_grad()
    def samples(self, count: int) -> np.ndarray:
        """Return means of p(x|z) at draws of the prior, (count, *shape).

        Where the model has a condition, they are under those of held-out examples.
        """
        held = self.parts[1]
        rows = torch.from_numpy(np.resize(np.arange(len(held)), count))
        c = condition_of(self.model, held, rows)
        return sample(self.model, count, c, self.seed).numpy()

    @cached_property
    def _taught(self) -> Features:
        """The network that maps images to features: the given one, or one trained on labels."""
        learn, held = self.parts
        return self.network or feature_network(learn, seed=self.seed, held=held)

    def features(self) -> tuple[np.ndarray, np.ndarray, str]:
        """Return features (n, D) of held-out examples and of samples, and the network's name."""
        network, held = self._taught, self.parts[1]
        name = network.title if isinstance(network, FeatureNetwork) else "your own network"
        real = features_of(network, held)
        return real, features_of(network, torch.from_numpy(self.samples(len(real)))), name

    def features_from_codes(self, kind: Fitted) -> tuple[np.ndarray, np.ndarray, str]:
        """Return the same of samples from a mixture, or a flow, fitted to the codes."""
        model = with_code_prior(self.model, self.parts[0], n=self.n, seed=self.seed, kind=kind)
        return replace(self, model=model, network=self._taught).features()

    # ---- what it lacks

    def _untaught(self, no_labels: str) -> str:
        """Say that there is no network of features, and nothing to train one by."""
        return f"{no_labels} to learn features by" if self.network is None and no_labels else ""

    def lacks(self, need: Need) -> str:
        """Say what a metric needs that the model or the set has not, or nothing."""
        model, data = self.model, self.data
        unlabelled = data.labels is None or (self.train or data).labels is None
        no_labels = f"{data.name} has no labels" if unlabelled else ""
        lack = ""
        match need:
            case "factors" if data.factors is None:
                lack = f"{data.name} has no factors"
            case "posterior":
                lack = unfit_for_gaps(model, data)
            case "latents" if not self.free:
                lack = "this model's code is one category and has no latents to correlate"
            case "labels":
                lack = no_labels
            case "categories" if no_labels or not self.one_hots:
                lack = no_labels or "this model's code has no categories, no one-hot block"
            case "samples" | "features" if model.prior is None:
                lack = "this model has no prior to draw from"
            case "codes":
                lack = unfit_for_code_priors(model, data) or self._untaught(no_labels)
            case "samples" | "features":
                lack = unsampled(model, data)
                lack = lack or (self._untaught(no_labels) if need == "features" else "")
            case "prior":
                lack = unmatched(model, data)
        return lack


def _labels_of(data: Dataset) -> np.ndarray:
    labels = data.batch_labels()
    assert labels is not None
    return labels.cpu().numpy()


def _images_of(data: Dataset) -> np.ndarray:
    return data.batch().numpy()
