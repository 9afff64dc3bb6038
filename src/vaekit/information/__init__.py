"""Information: what a trained model keeps and loses."""

from vaekit.information.rates import Number, evaluate, passes

__all__ = ["Number", "evaluate", "passes"]
