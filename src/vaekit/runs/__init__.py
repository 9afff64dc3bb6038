"""Runs: train into a folder, read it back."""

from vaekit.runs.config import Config
from vaekit.runs.folder import Run
from vaekit.runs.make import Saving, is_first, train
from vaekit.runs.show import Watcher

__all__ = ["Config", "Run", "Saving", "Watcher", "is_first", "train"]
