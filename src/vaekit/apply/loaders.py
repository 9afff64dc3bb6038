"""What a `DataLoader` gives, read as sets are: batch by batch, in its own order.

A batch is a tensor x (B, ...) or a tuple that begins with it; what stands second is the condition
of a conditional model, or the classes. Numbers mean what `vaekit.values` says. The batches are
joined and cut anew, so that the same examples in the same order give the same numbers, bit for bit,
however the loader cuts them; what it draws does not move the noise of the model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaekit.brief import brief
from vaekit.data import Dataset, one_hot
from vaekit.errors import VaekitError, warn
from vaekit.given import check_training_data
from vaekit.model import Condition
from vaekit.values import as_floats, tensor_of

_MAY_BE = "a batch from a DataLoader is a tensor x (B, ...) or a tuple that begins with it"
_NAME = "the DataLoader"


def _admitted(x: Tensor) -> Dataset:
    return Dataset.from_array(x, layout="nchw")  # the model knows its own shape


# ---- one batch


Told = tuple[Dataset, Tensor | None]  # examples, and their conditions


def read_item(item: Any, batch: int | None) -> tuple[Tensor, Any]:
    """Return x (B, ...) of what a loader gave, and what stands beside it, or None.

    `batch` is the loader's size. Raises `VaekitError` for what is no batch, with what to do.
    """
    several = isinstance(item, list | tuple)
    first = item[0] if several and item else item
    if not isinstance(first, Tensor | np.ndarray):
        raise VaekitError(f"{_MAY_BE}, got {_no_batch(item)}")
    x = tensor_of(first, "a batch x (B, ...)")
    if several and batch == len(item) and x.shape[:1] != (batch,) and _alike(item):
        raise VaekitError(
            f"{_MAY_BE}, got a list of {len(item)} examples of shape {tuple(x.shape)}: give the "
            "DataLoader collate_fn=torch.stack"
        )
    if x.ndim < 2:
        raise VaekitError(
            f"{_MAY_BE}, got shape {tuple(x.shape)}: an example needs an axis of its own, as "
            "x[:, None], and a batch the first, as batch_size= gives it"
        )
    if not len(x):
        raise VaekitError(f"{_MAY_BE}, got shape {tuple(x.shape)}: leave empty batches out")
    return x, item[1] if several and len(item) > 1 else None


def _alike(items: Sequence[Any]) -> bool:
    return all(isinstance(each, Tensor) and each.shape == items[0].shape for each in items)


def _no_batch(item: Any) -> str:
    """Say what there is in place of a batch, and what to do."""
    if isinstance(item, Mapping):
        keys = [key for key, value in item.items() if isinstance(value, Tensor | np.ndarray)]
        key = repr(keys[0]) if keys else "KEY"
        return (
            f"a {type(item).__name__}: give it collate_fn=lambda rows: "
            f"torch.stack([row[{key}] for row in rows])"
        )
    kind = "nothing (None)" if item is None else f"a {type(item).__name__}"
    if isinstance(item, list | tuple):
        kind += f" that begins with {type(item[0]).__name__}" if item else " of nothing"
    return f"{kind}: give it a collate_fn=lambda rows: torch.stack([...]) that makes tensors"


def beside_each(beside: Any, count: int, wanted: Condition) -> Tensor:
    """Return what stands beside the x of a batch; raise `VaekitError` where it is not one each."""
    if beside is None:
        said = f"the model is conditioned on {wanted.kind}, but the DataLoader gives x alone"
        raise VaekitError(f"{said}: let it give pairs (x, condition)")
    given = tensor_of(beside, f"the {wanted.kind} of a batch")
    if given.shape[:1] != (count,):
        raise VaekitError(
            f"{count} examples need conditions ({count}, width) or classes ({count},), but the "
            f"DataLoader gave shape {tuple(given.shape)}: give one for each"
        )
    return given


def conditions_beside(beside: Any, count: int, wanted: Condition) -> Tensor:
    """Return the conditions (count, width) of a batch of what stands beside its x.

    These are classes (n,), whole numbers, or vectors (n, width). Raises `VaekitError` where they
    are missing or not one for each, and for classes that the model does not know.
    """
    given, width = beside_each(beside, count, wanted), wanted.width
    if given.ndim > 1 or given.is_floating_point():  # (n,) of numbers is a vector of width 1
        vectors = given.float() if given.ndim > 1 else given.float()[:, None]
        if vectors.shape != (count, width):
            got = f"got {brief(vectors)} from the DataLoader"
            raise VaekitError(f"{count} examples need conditions ({count}, {width}), {got}")
        return vectors
    if given.device.type == "cpu" and not 0 <= int(given.min()) <= int(given.max()) < width:
        raise VaekitError(
            f"the DataLoader gave classes from {int(given.min())} to {int(given.max())}, but "
            f"the model knows the classes 0 to {width - 1}: make it with a larger width"
        )
    return one_hot(given, width)


# ---- all of them


@dataclass(frozen=True)
class Stream:
    """Read a loader: `admit` makes a set of a batch x, `told` conditions of what stands beside it.

    `most` is the number of examples to read (None: all, and then the loader needs a length).
    """

    loader: DataLoader
    admit: Callable[[Tensor], Dataset] = _admitted
    told: Callable[[Any, int, Condition], Tensor] = conditions_beside
    most: int | None = None

    name = _NAME

    def first(self, n: int) -> "Stream":
        """Return the stream that ends after n examples."""
        return replace(self, most=n)

    @property
    def total(self) -> int | None:
        """Return how many examples will be read at most, None where the loader does not say."""
        examples = self.loader.dataset
        known = [self.most] if self.most is not None else []
        known += [len(examples)] if isinstance(examples, Sized) else []
        return min(known, default=None)

    def chunks(self, size: int, wanted: Condition | None) -> Iterator[Told]:
        """Yield sets of `size` examples, float32, with the conditions that are wanted.

        The last one has what is left. Raises `VaekitError` for batches that do not serve, by their
        number; for a loader without examples, with fewer than its length says, or without a
        length where all are asked for.
        """
        held, count, start = list[tuple[Tensor, Tensor | None]](), 0, 0
        for data, c, _ in self._batches(wanted):
            held.append((data.batch(), c))
            count += len(data)
            if count >= size:
                x, told = _joined_batches(held)
                whole = count // size * size
                for first in range(0, whole, size):
                    part = slice(first, first + size)
                    yield _chunk(x[part], start + first), None if told is None else told[part]
                held = [(x[whole:], None if told is None else told[whole:])]
                start, count = start + whole, count - whole
        if count:
            x, told = _joined_batches(held)
            yield _chunk(x, start), told

    def collected(self, wanted: Condition | None) -> Dataset:
        """Return all examples as one set in memory, with classes or attributes from beside x.

        Raises `VaekitError` as `chunks` does, and for conditions that a set cannot hold.
        """
        parts, beside, columns = list[Tensor](), list[Tensor](), None
        for data, c, told in self._batches(wanted):
            parts.append(data.images if data.rows is None else data.images[data.rows])
            beside.append(
                _classes_beside(told, len(data)) if c is None else _kept_conditions(told, c, wanted)
            )
            columns = data.columns
        if len({part.dtype for part in parts}) > 1:
            parts = [as_floats(part) for part in parts]
        made = Dataset(torch.cat(parts), name=_NAME, columns=columns)
        if any(not len(each) for each in beside):
            return made
        if wanted is not None and wanted.kind == "attributes":
            return replace(made, attributes=torch.cat(beside))
        return replace(made, labels=torch.cat(beside))

    def _batches(self, wanted: Condition | None) -> Iterator[tuple[Dataset, Tensor | None, Any]]:
        """Yield each batch as a set with its conditions, and what stands beside x."""
        number, done, shape, length = 0, 0, None, self._length()
        for number, item in enumerate(self._items(None if length is None else length + 1), 1):
            if length is not None and number > length:
                warn(f"{_NAME} gives more than the {length} batches that it says: those go unread")
                return
            x, beside = read_item(item, self.loader.batch_size)
            try:
                data = self.admit(x)
                c = None if wanted is None else self.told(beside, len(data), wanted)
            except VaekitError as error:
                raise VaekitError(f"batch {number} of {_NAME}: {error}") from None
            shape = shape or data.shape
            if data.shape != shape:
                raise VaekitError(
                    f"batch {number} of {_NAME} has examples of shape {data.shape}, those before "
                    f"of {shape}: bring them to one shape"
                )
            if self.most is not None and done + len(data) >= self.most:
                left = torch.arange(self.most - done)
                few = None if c is None else c[left]
                yield data.subset(left), few, _beside_first(beside, len(left))
                return
            yield data, c, beside
            done += len(data)
        if not number:
            raise VaekitError(f"{_NAME} is empty: its batch may be larger than its data")
        if length is not None and number < length:
            raise VaekitError(f"{_NAME} gave {number} batches, but says it has {length}")

    def _length(self) -> int | None:
        try:
            return len(self.loader)
        except TypeError:
            if self.most is not None:
                return None
        raise VaekitError(
            f"{_NAME} needs a length, for it might never end: give its data set a __len__"
        )

    def _items(self, length: int | None) -> Iterator[Any]:
        """Yield what the loader gives; it draws from the generator apart from all others."""
        own, items = torch.get_rng_state(), None
        while length is None or length > 0:
            length = None if length is None else length - 1
            others = torch.get_rng_state()
            torch.set_rng_state(own)
            try:
                items = iter(self.loader) if items is None else items
                item = next(items, _END)
            finally:
                own = torch.get_rng_state()
                torch.set_rng_state(others)
            if item is _END:
                return
            yield item


_END = object()


def set_or_stream(data: Any) -> Dataset | Stream:
    """Return a set as it is, a loader as what is read of it; raise `VaekitError` for others."""
    if isinstance(data, Stream):
        return data
    check_training_data(data)
    return Stream(data) if isinstance(data, DataLoader) else data


def _chunk(x: Tensor, start: int) -> Dataset:
    return Dataset(x, name=f"examples {start} to {start + len(x) - 1} of {_NAME}")


def _joined_batches(held: Sequence[tuple[Tensor, Tensor | None]]) -> tuple[Tensor, Tensor | None]:
    told = [c for _, c in held if c is not None]
    return torch.cat([x for x, _ in held]), torch.cat(told) if told else None


def _beside_first(beside: Any, n: int) -> Any:
    return beside[:n] if isinstance(beside, Tensor | np.ndarray) else beside


def _classes_beside(beside: Any, count: int) -> Tensor:
    """Return classes (n,) where whole numbers stand beside x, else none of them."""
    if not isinstance(beside, Tensor | np.ndarray):
        return torch.empty(0)
    given = tensor_of(beside, "classes")
    whole = not given.is_floating_point() and given.dtype != torch.bool
    return given.cpu().long() if whole and given.shape == (count,) else torch.empty(0)


def _kept_conditions(beside: Any, c: Tensor, wanted: Condition | None) -> Tensor:
    """Return the conditions of a batch as a set holds them."""
    kind = "labels" if wanted is None else wanted.kind
    if kind == "attributes":
        return c.cpu()
    classes = _classes_beside(beside, len(c))
    if kind == "factors" or not len(classes):
        cure = "classes (n,), whole numbers" if kind == "labels" else "a Dataset in place of it"
        raise VaekitError(
            f"{_NAME} gives the {kind} of the condition as vectors, which these numbers cannot "
            f"use: give {cure}"
        )
    return classes
