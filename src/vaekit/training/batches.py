"""Batches in an order that depends on the seed and the epoch only, so that it can be resumed.

An in-memory set is shuffled afresh in every epoch by a generator of its own and gathered on the
device; the last batch is dropped where it is ragged (the next shuffle brings its examples back),
so every step weighs alike and a compiled step sees one shape. Any `DataLoader` serves as well: on
resuming, its epoch is started again from the same generator state and the batches seen are skipped.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaekit.apply.loaders import conditions_beside, read_item
from vaekit.data import Dataset
from vaekit.data.parting import shuffled
from vaekit.errors import VaekitError
from vaekit.model import Condition, Model
from vaekit.training.settings import Training
from vaekit.training.shown import Shown, check_support
from vaekit.values import check_values

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Batch = tuple[Tensor, Tensor | None]


class Batches(ABC):
    """Give the batches of one epoch, from the one numbered `skip` on. `per_epoch` counts them.

    `size` is the number of examples in the set, None where a loader's set does not say;
    `batch_of_process` that of a whole batch in this process, None where a loader does not say.
    """

    per_epoch: int
    size: int | None
    batch_of_process: int | None
    images_per_step: int
    generator: torch.Generator | None = None
    shown: Shown | None = None  # what is still to be asked of batches

    @abstractmethod
    def epoch(self, number: int, skip: int) -> Iterator[Batch]:
        """Yield float32 batches with their conditions, on the device.

        What is skipped is drawn before this returns.
        """


class FromDataset(Batches):
    """Shuffle and gather a `Dataset`; `rank` of `world` processes takes its share of each batch."""

    def __init__(
        self,
        data: Dataset,
        batch: int,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        condition: Condition | None = None,
    ):
        if batch > len(data):
            raise VaekitError(
                f"a batch of {batch} is larger than the data ({len(data)} examples): "
                f"set batch to {len(data)} or less"
            )
        self.data = data.to(device) if _fits(data.images, device) else data
        self.batch, self.seed, self.device = batch, seed, device
        self.rank, self.share, self.condition = rank, batch // world, condition
        self.per_epoch, self.images_per_step = len(data) // batch, batch
        self.size, self.batch_of_process = len(data), self.share

    def epoch(self, number: int, skip: int) -> Iterator[Batch]:
        """Yield the batches of one epoch, this process's share of each."""
        seeded = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        order = shuffled(len(self.data), seeded).to(self.data.images.device)
        for i in range(skip, self.per_epoch):
            start = i * self.batch + self.rank * self.share
            rows = order[start : start + self.share]
            yield self._at(self.data.batch(rows)), self._condition(rows)

    def _at(self, x: Tensor) -> Tensor:
        return x.to(self.device, non_blocking=True)

    def _condition(self, rows: Tensor) -> Tensor | None:
        if self.condition is None:
            return None
        return self._at(self.data.condition(rows, self.condition.kind, self.condition.width))


class FromLoader(Batches):
    """Take batches from a `torch.utils.data.DataLoader` of tensors, or tuples that begin with x.

    Numbers mean what `vaekit.values` says. Where the model takes a condition, the second of each
    tuple is it: classes (n,), whole numbers, or vectors (n, width).
    """

    def __init__(self, loader: DataLoader, device: torch.device, model: Model):
        self.condition, self.shown = model.condition, Shown(model, device)
        self._told = False  # conditions that were looked at
        self.loader, self.device, self.generator = loader, device, loader.generator
        try:
            self.per_epoch = len(loader)
        except TypeError:
            raise VaekitError(
                "the DataLoader needs a length, which says how many steps an epoch has: give its "
                "data set a __len__"
            ) from None
        if self.per_epoch < 1:
            raise VaekitError("the DataLoader is empty: its batch may be larger than its data")
        self.images_per_step, self.batch_of_process = loader.batch_size or 1, loader.batch_size
        self.size = len(loader.dataset) if isinstance(loader.dataset, Sized) else None

    def epoch(self, number: int, skip: int) -> Iterator[Batch]:
        """Yield the loader's batches; raise `VaekitError` for one that is none, or mean nothing."""
        items = iter(self.loader)
        for _ in islice(items, skip):
            pass
        return self._rest(items, number, skip)

    def _rest(self, items: Iterator[Any], number: int, done: int) -> Iterator[Batch]:
        assert self.shown is not None
        # Never past the last one: samplers draw once more there, which a resumed run would not.
        for item in islice(items, self.per_epoch - done):
            done += 1
            x, beside = read_item(item, self.loader.batch_size)
            x = self.shown.look(x, f"batch {done} of epoch {number + 1} of the DataLoader")
            if self.condition is None:
                yield x, None
                continue
            c = conditions_beside(beside, len(x), self.condition)
            if not self._told:
                check_values(c, f"the conditions of batch {done} of epoch {number + 1}")
                self._told = True
            yield x, c.to(self.device, non_blocking=True)
        if done < self.per_epoch:
            raise VaekitError(
                f"the DataLoader gave {done} batches, but says it has {self.per_epoch}"
            )


def batches_of(
    data: Dataset | DataLoader, model: Model, training: Training, fabric: "Fabric"
) -> Batches:
    """Return the batches of a set for training; raise `VaekitError` where it has none that fit."""
    if isinstance(data, DataLoader):
        prepared = (
            fabric.setup_dataloaders(data, move_to_device=False) if fabric.world_size > 1 else data
        )
        return FromLoader(prepared, fabric.device, model)  # pyright: ignore[reportArgumentType]
    check_support(data, model)
    rank, world = fabric.global_rank, fabric.world_size
    where = training.seed, fabric.device, rank, world
    return FromDataset(data, training.batch, *where, model.condition)


def _fits(images: Tensor, device: torch.device) -> bool:
    if device.type != "cuda":
        return device.type == "cpu"
    free, _ = torch.cuda.mem_get_info(device)
    return images.nbytes < free // 2
