"""Names of rows by their numbers, made when they are asked for."""

from collections.abc import Sequence
from typing import overload

from torch import Tensor


class RowNames(Sequence[str]):
    """Name rows by their numbers (N,), which may be mapped: as texts they would fill the memory."""

    def __init__(self, numbers: Tensor | range):
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "RowNames": ...
    def __getitem__(self, index: int | slice) -> "str | RowNames":
        if isinstance(index, slice):
            return RowNames(self.numbers[index])
        return str(int(self.numbers[index]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))
