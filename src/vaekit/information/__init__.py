"""Information: what a trained model keeps and loses."""

from vaekit.information.aggregated import Aggregate, aggregate
from vaekit.information.diagnostics import diagnose
from vaekit.information.importance import LogLikelihood, log_likelihood
from vaekit.information.moments import Indicators, indicators
from vaekit.information.rates import Number, evaluate, passes
from vaekit.information.refit import refit, residuals
from vaekit.information.scores import chosen, score
from vaekit.information.summary import summarise

__all__ = [
    "Aggregate",
    "Indicators",
    "LogLikelihood",
    "Number",
    "aggregate",
    "chosen",
    "diagnose",
    "evaluate",
    "indicators",
    "log_likelihood",
    "passes",
    "refit",
    "residuals",
    "score",
    "summarise",
]
