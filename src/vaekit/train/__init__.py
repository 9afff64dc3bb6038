"""Training: one loop, its settings, and checkpoints."""

from vaekit.train.loop import Fit, NotFinite, fit
from vaekit.train.settings import Training

__all__ = ["Fit", "NotFinite", "Training", "fit"]
