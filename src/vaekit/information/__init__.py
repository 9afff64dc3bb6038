"""Information: what a trained model keeps and loses."""

from vaekit.information.aggregated import Aggregate, aggregate
from vaekit.information.bound import Bound, mutual_information_bound
from vaekit.information.diagnostics import diagnose
from vaekit.information.importance import LogLikelihood, log_likelihood
from vaekit.information.indicators import Indicators, indicators
from vaekit.information.ledger import ledger
from vaekit.information.ledger.entries import Check, Ledger, Row
from vaekit.information.rates import Number, evaluate, passes
from vaekit.information.refit import refit, residuals
from vaekit.information.scores import applying, chosen, score
from vaekit.information.scores.examples import ExampleScores, score_batches, score_examples
from vaekit.information.scores.features import FeatureNetwork, feature_network, features_of
from vaekit.information.summary import summarise

__all__ = [
    "Aggregate",
    "Bound",
    "Check",
    "ExampleScores",
    "FeatureNetwork",
    "Indicators",
    "Ledger",
    "LogLikelihood",
    "Number",
    "Row",
    "aggregate",
    "applying",
    "chosen",
    "diagnose",
    "evaluate",
    "feature_network",
    "features_of",
    "indicators",
    "ledger",
    "log_likelihood",
    "mutual_information_bound",
    "passes",
    "refit",
    "residuals",
    "score",
    "score_batches",
    "score_examples",
    "summarise",
]
