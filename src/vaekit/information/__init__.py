"""Information: what a trained model keeps and loses."""

from vaekit.information.diagnostics import diagnose
from vaekit.information.rates import Number, evaluate, passes

__all__ = ["Number", "diagnose", "evaluate", "passes"]
