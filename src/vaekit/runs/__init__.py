"""Runs: train into a folder, read it back."""

from vaekit.runs.config import Config
from vaekit.runs.folder import Run
from vaekit.runs.make import Saving, is_first, train

__all__ = ["Config", "Run", "Saving", "is_first", "train"]
