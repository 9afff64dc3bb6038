"""Runs: train into a folder, read it back."""

from vaekit.runs.config import Config
from vaekit.runs.folder import Run
from vaekit.runs.make import is_first
from vaekit.runs.show import Watcher
from vaekit.runs.start import train

__all__ = ["Config", "Run", "Watcher", "is_first", "train"]
