"""Data: sets by name, rendered sprites with known factors, and the user's own files and arrays."""

from vaekit.data.catalogue import CATALOGUE, load, resolved, source
from vaekit.data.dataset import Dataset, RowNames
from vaekit.data.factors import Factors, one_hot, one_hots
from vaekit.data.recordings.arrays import windows
from vaekit.data.schema import Schema
from vaekit.data.splits import Splits
from vaekit.data.tables.columns import TableColumns

__all__ = [
    "CATALOGUE",
    "TableColumns",
    "Dataset",
    "Factors",
    "RowNames",
    "Schema",
    "Splits",
    "load",
    "one_hot",
    "one_hots",
    "resolved",
    "source",
    "windows",
]
