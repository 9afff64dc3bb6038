"""Training: one loop, its settings, and checkpoints."""

from vaekit.training.loop import Fit, NotFinite, fit
from vaekit.training.settings import Training

__all__ = ["Fit", "NotFinite", "Training", "fit"]
