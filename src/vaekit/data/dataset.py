"""Images in memory, with what is known about them: the one shape in which data travel.

A `Dataset` owns one tensor of pixels. A split or subset is a view: the same pixels with a list of
`rows`, so that training and test parts of a 3 GB set cost 3 GB. Batches are gathered first and
scaled after, because a gather of uint8 moves a quarter of the bytes; v/255 then makes 255 exactly
1. Everything that reads all pixels (`range`, `checksum`) goes piece by piece and is safe on a
memory-mapped set.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.data.border import Channels, admit, check_all_finite, class_numbers, pieces
from vaekit.data.factors import Factors, one_hot, one_hots
from vaekit.data.notebook import notebook_face
from vaekit.data.parting import parts_apart, random_parts
from vaekit.data.tables.columns import TableColumns
from vaekit.data.tables.mixed import Field
from vaekit.data.tables.row_names import RowNames
from vaekit.errors import VaekitError, nearest, shortened


@dataclass(frozen=True, eq=False)
class Dataset:
    """Hold images (N, C, H, W) or (N, D), uint8 (v means v/255) or float32, and what they show.

    `labels` (N,) are classes 0, 1, …, `attributes` (N, A) real vectors, `factors` what generated
    each image, `files` the sha256 of each file read, `rows` the images that belong to this view
    (None: all), `columns` how a table was scaled, `names` the name of each image (none: its
    number), `overlap` how many neighbours on each side a window shares samples with. Use
    `from_array` for arrays of other kinds. Raises `VaekitError` where the parts do not fit.
    """

    images: Tensor
    labels: Tensor | None = None
    factors: Factors | None = None
    name: str = "data"
    files: Mapping[str, str] = field(default_factory=dict)
    rows: Tensor | None = None
    label_names: tuple[str, ...] = ()
    attributes: Tensor | None = None
    columns: TableColumns | None = None
    names: "tuple[str, ...] | RowNames" = ()
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.images.ndim not in (2, 4) or self.images.dtype not in (torch.uint8, torch.float32):
            raise VaekitError(
                "expected images (N, C, H, W) or (N, D), uint8 or float32, got shape "
                f"{tuple(self.images.shape)} {self.images.dtype}: use Dataset.from_array"
            )
        n = len(self.images)
        if self.labels is not None and tuple(self.labels.shape) != (n,):
            raise VaekitError(f"expected {n} labels, got shape {tuple(self.labels.shape)}")
        if self.labels is not None and self.labels.is_floating_point():
            raise VaekitError(f"labels are whole numbers, got {self.labels.dtype}: labels.long()")
        if self.factors is not None and len(self.factors) != n:
            raise VaekitError(f"the factors span {len(self.factors)} images, but there are {n}")
        if self.attributes is not None and (self.attributes.ndim != 2 or len(self.attributes) != n):
            raise VaekitError(
                f"expected attributes ({n}, A), got shape {tuple(self.attributes.shape)}"
            )
        if self.names and len(self.names) != n:
            raise VaekitError(f"expected {n} names, got {len(self.names)}")

    @classmethod
    def from_array(
        cls,
        images: Any,
        labels: np.ndarray | Tensor | Sequence[int] | None = None,
        name: str = "data",
        scale: float | None = None,
        layout: Channels = "auto",
    ) -> "Dataset":
        """Build a set from numpy or torch arrays, checked once (see `border.admit`).

        Takes pictures (N, H, W) or (N, C, H, W), whole numbers of which mean v/255, or a table
        (N, D), which is taken as it is, and integer labels (N,); `scale` divides the values in
        place of that. Raises `VaekitError` for other shapes, types, NaN, and labels that are not N
        integers.
        """
        pixels = admit(images, scale, layout)
        return cls(
            pixels, None if labels is None else class_numbers(labels, len(pixels)), name=name
        )

    def __len__(self) -> int:
        return len(self.images) if self.rows is None else len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Tell the shape of one image: (C, H, W) or (D,)."""
        return tuple(self.images.shape[1:])

    @property
    def fields(self) -> tuple[Field, ...]:
        """Tell the columns of a table of mixed columns, none of other data."""
        return () if self.columns is None else self.columns.fields

    @cached_property
    def range(self) -> tuple[float, float]:
        """Bound the scaled values: (0, 1) for uint8, the lowest and highest for float32.

        Raises `VaekitError` for NaN and infinity; missing entries of mixed columns are passed over.
        """
        if self.images.dtype == torch.uint8:
            return 0.0, 1.0
        parts = self.pieces()
        if self.fields:
            parts = (torch.where(piece.isnan(), 0.0, piece) for piece in parts)
        bounds = [torch.aminmax(piece) for piece in parts]
        low, high = (torch.stack(ends).cpu() for ends in zip(*bounds, strict=True))
        if not bool(torch.isfinite(low).all() and torch.isfinite(high).all()):
            check_all_finite(self.pieces())
        return float(low.min()), float(high.max())

    def batch(self, indices: Tensor | Sequence[int] | None = None) -> Tensor:
        """Gather the images at `indices` (n,), None for all, as float32, uint8 scaled to [0, 1].

        All of them are copied only where that is needed.
        """
        images = self._chosen(self.images, indices)
        return images.float().div_(255) if images.dtype == torch.uint8 else images

    def names_of(self, indices: Tensor | Sequence[int]) -> list[str]:
        """Name the images at positions `indices` (n,): their own names, else their numbers."""
        where = self._where(indices).tolist()
        return [self.names[i] for i in where] if self.names else [str(i) for i in where]

    def all_names(self) -> Sequence[str]:
        """Name all images as `names_of` does, rows without a text for each in memory."""
        if self.rows is None:
            return self.names or RowNames(range(len(self.images)))
        rows = self.rows.cpu()
        if isinstance(self.names, RowNames):
            return RowNames(torch.as_tensor(self.names.numbers)[rows])
        return [self.names[i] for i in rows.tolist()] if self.names else RowNames(rows)

    def seen_classes(self) -> tuple[int, ...] | None:
        """List the classes of this view in order, None without labels."""
        if self.labels is None:
            return None
        parts = (torch.arange(len(self))[part] for part in pieces(len(self), 8))
        seen = [self.labels[self._where(part)].unique() for part in parts]
        return tuple(torch.cat(seen).unique().tolist())

    def batch_labels(self, indices: Tensor | Sequence[int] | None = None) -> Tensor | None:
        """Gather the labels at positions `indices` (n,), None for all, or None without any."""
        return None if self.labels is None else self._chosen(self.labels, indices)

    def condition_width(self, kind: str) -> int:
        """Return the width of a condition: classes, levels of all factors, or attributes.

        Raises `VaekitError` where the set does not have what `kind` names.
        """
        if kind not in CONDITIONS:
            raise nearest(kind, CONDITIONS, "condition")
        if kind == "labels" and self.labels is not None:
            return self._classes
        if kind == "factors" and self.factors is not None:
            return sum(self.factors.sizes)
        if kind == "attributes" and self.attributes is not None:
            return self.attributes.shape[1]
        has = [k for k in CONDITIONS if getattr(self, k) is not None]
        cure = f"it has {', '.join(has)}" if has else "use a set that has them"
        if kind == "labels" and self.columns is not None:
            cure = "say which column holds them, \"table('FILE', label=COLUMN)\""
        raise VaekitError(f"{self.name} has no {kind}, which the condition needs: {cure}")

    @cached_property
    def _classes(self) -> int:
        assert self.labels is not None
        if int(self.labels.min()) < 0:
            raise VaekitError(f"labels must be 0, 1, …, got {int(self.labels.min())}")
        return int(self.labels.max()) + 1

    def condition(self, indices: Tensor, kind: str, width: int) -> Tensor:
        """Gather what is known of the images at `indices` (n,) as float32 vectors (n, width).

        `labels` are one-hots of the class, `factors` a one-hot for each factor side by side,
        `attributes` as they are.
        """
        where = self._where(indices)
        if kind == "labels" and self.labels is not None:
            if self._classes > width:
                raise VaekitError(
                    f"{self.name} has the class {self._classes - 1}, which was not seen in "
                    f"training: the model knows the classes 0 to {width - 1}"
                )
            return one_hot(self.labels.index_select(0, where), width)
        if kind == "factors" and self.factors is not None:
            levels = torch.from_numpy(self.factors.codes(where.cpu().numpy()))
            return one_hots(levels, self.factors.sizes).to(where.device)
        self.condition_width(kind)
        assert self.attributes is not None
        return self.attributes.index_select(0, where).float()

    def levels(self, indices: Tensor | None = None) -> np.ndarray | None:
        """Look up the factor levels (n, K) at positions `indices`, or None without factors."""
        if self.factors is None:
            return None
        indices = torch.arange(len(self)) if indices is None else indices
        return self.factors.codes(self._where(indices).cpu().numpy())

    def subset(self, rows: Tensor | np.ndarray | Sequence[int]) -> "Dataset":
        """View the images at positions `rows` (n,), without a copy.

        Raises `VaekitError` for no rows, or rows outside the set.
        """
        chosen = torch.as_tensor(rows, dtype=torch.int64, device=self.images.device)
        if chosen.ndim != 1 or not len(chosen):
            raise VaekitError(f"expected rows (n,) with n > 0, got shape {tuple(chosen.shape)}")
        if int(chosen.min()) < 0 or int(chosen.max()) >= len(self):
            raise VaekitError(
                f"rows go from 0 to {len(self) - 1}, got {int(chosen.min())} to {int(chosen.max())}"
            )
        return replace(self, rows=self._where(chosen))

    def split(self, fraction: float, seed: int = 0) -> "tuple[Dataset, Dataset]":
        """Part the set at random into (train, test), with the share `fraction` in test.

        The same seed gives the same parts. Windows that overlap are parted into stretches, and
        those that share a sample with the test part and are not in it are in neither. Raises
        `VaekitError` where a part would be empty.
        """
        if self.overlap:
            return self._split_apart(fraction, seed)
        train, test = random_parts(len(self), fraction, seed)
        return self.subset(train), self.subset(test)

    def _split_apart(self, fraction: float, seed: int) -> "tuple[Dataset, Dataset]":
        count = len(self)
        if not 0 < round(fraction * count) < count:
            random_parts(count, fraction, seed)  # which says what is wrong
        rows = torch.arange(count) if self.rows is None else self.rows.cpu()
        generator = torch.Generator().manual_seed(seed)
        train, test = parts_apart(rows, fraction, self.overlap, generator)
        if not len(train):
            raise VaekitError(
                f"holding out {fraction} of {count} windows leaves none to train on, as each "
                f"shares samples with {self.overlap} on either side: give a longer step="
            )
        return self.subset(train), self.subset(test)

    def to(self, device: torch.device | str) -> "Dataset":
        """Move pixels, labels and rows to a device; see `Splits.to` for parts that share pixels."""
        moved = {key: getattr(self, key) for key in ("images", "labels", "rows", "attributes")}
        return replace(self, **{k: None if v is None else v.to(device) for k, v in moved.items()})

    def __repr__(self) -> str:
        part = "" if self.rows is None else f" of {len(self.images):,}"
        kind = "a row" if len(self.shape) == 1 else "an image"
        text = f"Dataset {self.name!r}: {len(self):,}{part} examples, {kind} "
        text += f"{self.shape} {str(self.images.dtype).removeprefix('torch.')}"
        if self.columns is not None:
            text += f"\n  columns {self.columns.listed()}"
        if self.labels is not None:
            text += f"\n  labels of {len(self.labels.unique())} classes"
            text += f": {shortened(self.label_names)}" if self.label_names else ""
        if self.attributes is not None:
            text += f"\n  {self.attributes.shape[1]} attributes"
        return text + (f"\n  {self.factors!r}" if self.factors is not None else "")

    def _repr_html_(self) -> str:
        return notebook_face(self)

    def checksum(self) -> str:
        """Compute the sha256 of the pixels (type, shape, bytes) and the rows, as 64 hex digits."""
        digest = hashlib.sha256(f"{self.images.dtype} {tuple(self.images.shape)}".encode())
        for piece in replace(self, rows=None).pieces():
            digest.update(np.ascontiguousarray(piece.cpu().numpy()).data)
        if self.rows is not None:
            digest.update(np.ascontiguousarray(self.rows.cpu().numpy()).data)
        return digest.hexdigest()

    def _where(self, indices: Tensor | Sequence[int]) -> Tensor:
        where = torch.as_tensor(indices, device=self.images.device)
        return where if self.rows is None else self.rows.index_select(0, where)

    def _chosen(self, whole: Tensor, indices: Tensor | Sequence[int] | None) -> Tensor:
        where = self.rows if indices is None else self._where(indices)
        return whole if where is None else whole.index_select(0, where)

    def pieces(self) -> Iterator[Tensor]:
        """Yield all images in order, as they are kept, a few MB at a time."""
        for part in pieces(len(self), self.images[0].nbytes):
            yield self.images[part] if self.rows is None else self.images[self.rows[part]]


CONDITIONS = ("labels", "factors", "attributes")
