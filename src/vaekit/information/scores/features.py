"""A network whose features say how alike two sets of pictures are: what the Fréchet distance reads.

The customary network is Inception, trained on photographs of a thousand kinds of things. Of digits
or sprites it knows nothing, and it is 90 MB. Here a small one learns to tell the classes of the set
itself, and its features are the last layer before the classes. What it was not asked for it need
not see: a slant, say, or a second style of a class. So a distance is one between these features, to
be compared with others of the same network (its `mark`) and the same n, **never with published
distances**, which are of Inception.

A user's own network is any callable images (n, …) → features (n, D).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.apply import CHUNK, seeded
from vaekit.arguments import check_counts, told
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.networks import networks
from vaekit.system import files, weights
from vaekit.values import bad_entry, tensor_of

Features = Callable[[Tensor], Any]
FEATURES_FORMAT = "vaekit-features-1"
_BATCH, _STEPS, _LR, _HELD = 100, 2000, 1e-3, 0.1


class FeatureNetwork(nn.Module):
    """Map images (n, *shape) to `size` features ≥ 0, from which `logits` tells `classes`.

    `accuracy` is the share of held-out examples whose class it tells, None while untrained;
    `trained` says on what it was trained.
    """

    def __init__(self, network: str, shape: tuple[int, ...], classes: int, size: int = 64):
        super().__init__()
        self.network, self.shape, self.classes, self.size = network, tuple(shape), classes, size
        self.body = networks(network).encoder(self.shape, size)
        self.head = nn.Linear(size, classes)
        self.accuracy: float | None = None
        self.trained = ""

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of images (n, *shape), (n, size); raise `VaekitError` for others."""
        if x.shape[1:] != self.shape:
            raise VaekitError(
                f"this feature network reads images of shape {self.shape}, got "
                f"{tuple(x.shape[1:])}: give the one that was made for this set"
            )
        return F.relu(self.body(x))

    def logits(self, x: Tensor) -> Tensor:
        """Return the log-odds of the classes, (n, classes), up to a constant."""
        return self.head(self(x))

    @property
    def mark(self) -> str:
        """Return eight digits that tell networks apart: of the sha256 of the weights."""
        return weights.mark(self.state_dict())

    @property
    def title(self) -> str:
        """Say in a line what this network is."""
        known = "untrained" if self.accuracy is None else f"held-out accuracy {self.accuracy:.3f}"
        return f"{self.network} {self.mark}, {self.trained or 'no data'}, {known}"

    def save(self, path: Path | str) -> None:
        """Write shape, weights and accuracy to one safetensors file."""
        from safetensors.torch import save_file

        about = {k: getattr(self, k) for k in ("network", "shape", "classes", "size")}
        notes = {"accuracy": self.accuracy, "trained": self.trained}
        header = {"format": FEATURES_FORMAT, "about": json.dumps(about), "notes": json.dumps(notes)}
        own = {name: w.detach().cpu().contiguous() for name, w in self.state_dict().items()}
        files.write_file(Path(path), lambda temporary: save_file(own, temporary, metadata=header))

    @classmethod
    def load(cls, path: Path | str) -> "FeatureNetwork":
        """Read what `save` wrote; raise `VaekitError` for a file that is none."""
        state, header = weights.read_tensors(Path(path))
        if header.get("format") != FEATURES_FORMAT:
            raise VaekitError(f"{path} is no feature network: give a file that .save() wrote")
        try:
            made, notes = cls(**json.loads(header["about"])), json.loads(header["notes"])
            made.accuracy, made.trained = notes["accuracy"], notes["trained"]
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise VaekitError(f"{path} is damaged ({error}): make it anew") from None
        weights.check_weights(state, made.state_dict(), f"{path} is damaged", "make it anew")
        made.load_state_dict(state)
        return made.eval()


def feature_network(
    data: Dataset,
    epochs: int | None = None,
    seed: int = 0,
    *,
    held: Dataset | None = None,
    network: str | None = None,
    size: int = 64,
    device: torch.device | str = "cpu",
) -> FeatureNetwork:
    """Train a network to tell the labels of a set, and return it in evaluation mode.

    Its accuracy is that on `held`, or on a tenth of the set, which is then not trained on. Adam of
    rate 1e-3, batches of 100, 2000 steps or more where `epochs` is None; the same seed gives the
    same network on one machine. `network` is an encoder by name, `conv(32, 64, hidden=[])` where
    nothing is said, or `mlp(128)` for vectors and images below 8 × 8. Raises `VaekitError` for a
    set without labels or with one class, for epochs and size < 1, and for training that diverges.
    """
    check_counts(size=size, epochs=1 if epochs is None else epochs)
    classes = _class_count(data)
    if held is None:
        data, held = data.split(_HELD, seed)
    _class_count(held, 1)
    epochs = epochs or -(-_STEPS // -(-len(data) // _BATCH))
    with seeded(seed):
        made = FeatureNetwork(network or _fitting(data.shape), data.shape, classes, size)
        _train_classifier(made.to(device), data, epochs)
    made.accuracy = _accuracy(made.eval(), held)
    made.trained = f"{epochs} epoch(s) on {len(data):,} of {data.name}, seed {seed}"
    return made.cpu()


@torch.no_grad()
def features_of(network: Features, images: Tensor | Dataset) -> np.ndarray:
    """Return the features of images (n, …) by any network, (n, D) float64, in chunks.

    Raises `VaekitError` where it returns anything but finite numbers (n, D).
    """
    if not callable(network):
        raise VaekitError(f"a feature network is a callable images → features, got {told(network)}")
    parts, count = [], len(images)
    for rows in torch.arange(count).split(CHUNK):
        x = images.batch(rows) if isinstance(images, Dataset) else images[rows]
        part = tensor_of(network(x.cpu()), "features (n, D)").cpu()
        if part.ndim != 2 or len(part) != len(rows):
            raise VaekitError(
                f"a feature network maps {len(rows)} images to ({len(rows)}, D), got "
                f"{tuple(part.shape)}: flatten what it returns, x → network(x).flatten(1)"
            )
        if parts and part.shape[1] != parts[0].shape[1]:
            raise VaekitError(
                f"the feature network gives {parts[0].shape[1]} features and then {part.shape[1]}: "
                "let it give as many of every image"
            )
        if (bad := bad_entry(part)) is not None:
            raise VaekitError(
                f"the features of image {int(rows[bad[0]])} are not finite: mend the network or "
                "the image"
            )
        parts.append(part.double().numpy())
    return np.concatenate(parts)


def _class_count(data: Dataset, least: int = 2) -> int:
    if data.labels is None:
        raise VaekitError(
            f"{data.name} has no labels to learn features by: give a network of your own, any "
            "callable images → features"
        )
    classes = data.condition_width("labels")
    if classes < least:
        raise VaekitError(f"{data.name} has one class, which teaches no features")
    return classes


def _fitting(shape: tuple[int, ...]) -> str:
    return "conv(32, 64, hidden=[])" if len(shape) == 3 and min(shape[1:]) >= 8 else "mlp(128)"


def _train_classifier(made: FeatureNetwork, data: Dataset, epochs: int) -> None:
    device = made.head.weight.device
    optimiser = torch.optim.Adam(made.parameters(), lr=_LR)
    made.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(data)).split(_BATCH):
            labels = data.batch_labels(rows)
            assert labels is not None
            loss = F.cross_entropy(made.logits(data.batch(rows).to(device)), labels.to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    if not all(bool(torch.isfinite(w).all()) for w in made.parameters()):
        raise VaekitError(f"features of {data.name} diverge: bring the images near [0, 1]")


@torch.no_grad()
def _accuracy(made: FeatureNetwork, held: Dataset) -> float:
    device, right = made.head.weight.device, 0
    for rows in torch.arange(len(held)).split(CHUNK):
        labels = held.batch_labels(rows)
        assert labels is not None
        said = made.logits(held.batch(rows).to(device)).argmax(1).cpu()
        right += int((said == labels.cpu()).sum())
    return right / len(held)
