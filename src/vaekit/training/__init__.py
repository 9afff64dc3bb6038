"""Training: one loop, its settings, and checkpoints."""

from vaekit.training.loop import Fit, fit
from vaekit.training.means import NotFinite
from vaekit.training.settings import Training

__all__ = ["Fit", "NotFinite", "Training", "fit"]
