"""Exchange with the user's files: arrays, tables and pictures in, codes and examples out."""

from vaekit.exchange.reading import Examples, codes, condition, examples, first, outside
from vaekit.exchange.writing import (
    CODES,
    MOST,
    PAIRS,
    Target,
    endings,
    write_codes,
    write_examples,
)

__all__ = [
    "CODES",
    "MOST",
    "PAIRS",
    "Examples",
    "Target",
    "codes",
    "condition",
    "endings",
    "examples",
    "first",
    "outside",
    "write_codes",
    "write_examples",
]
