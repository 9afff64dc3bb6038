"""The two parts of a set: images to train on, and those held out."""

import hashlib
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaekit.data.dataset import Dataset


class Splits(NamedTuple):
    """Pair the images to train on with those held out."""

    train: Dataset
    test: Dataset

    def __repr__(self) -> str:
        return f"train: {self.train!r}\ntest: {self.test!r}"

    def _repr_html_(self) -> str:
        parts = {"train": self.train, "test": self.test}
        return "".join(f"<div>{name}</div>{part._repr_html_()}" for name, part in parts.items())

    def joined(self) -> Dataset:
        """Return both parts as one set, in the order of the whole where they were split from one.

        Else those to train on come first.
        """
        train, test = self
        if train is test:
            return train
        if train.images is test.images and train.rows is not None and test.rows is not None:
            return replace(train, rows=_all_rows(train.rows, test.rows, len(train.images)))
        return _concatenated(train, test)

    def sums(self) -> dict[str, str]:
        """Compute the sha256 of the test part where it is another one, and of all classes.

        These are the labels, their names and the attributes of both parts.
        """
        digest = hashlib.sha256()
        for part in self:
            digest.update(repr(part.label_names).encode())
            for told in (part.labels, part.attributes):
                if told is not None:
                    own = told if part.rows is None else told[part.rows]
                    digest.update(np.ascontiguousarray(own.cpu().numpy()).data)
        test = {} if self.test is self.train else {"test": self.test.checksum()}
        return {**test, "classes": digest.hexdigest()}

    def to(self, device: torch.device | str) -> "Splits":
        """Move both parts to a device, what they share only once."""
        train = self.train.to(device)
        shared = {
            key: getattr(train, key)
            for key in ("images", "labels", "attributes")
            if getattr(self.test, key) is getattr(self.train, key)
        }
        return Splits(train, replace(self.test, **shared).to(device))


def _all_rows(one: Tensor, other: Tensor, count: int) -> Tensor | None:
    """Return the rows of both parts in order; None, which takes no memory, where they are all."""
    if len(one) + len(other) == count:
        seen = torch.zeros(count, dtype=torch.bool, device=one.device)
        seen[one] = seen[other] = True
        if bool(seen.all()):
            return None
    return torch.cat([one, other]).sort().values


def _concatenated(train: Dataset, test: Dataset) -> Dataset:
    def whole(key: str) -> Any:
        own = [(getattr(part, key), part.rows) for part in (train, test)]
        if any(values is None for values, _ in own):
            return None
        return torch.cat([values if rows is None else values[rows] for values, rows in own])

    parts = {key: whole(key) for key in ("images", "labels", "attributes")}
    names = [n for p in (train, test) for n in p.names_of(torch.arange(len(p)))]
    named = tuple(names) if train.names and test.names else ()
    return replace(train, **parts, factors=None, rows=None, names=named)
