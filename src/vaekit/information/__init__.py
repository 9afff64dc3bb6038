"""Information: what a trained model keeps and loses."""

from vaekit.information.aggregated.indicators import Indicators, indicators
from vaekit.information.aggregated.posterior import Aggregate, aggregate
from vaekit.information.bound import Bound, mutual_information_bound
from vaekit.information.diagnostics import diagnose
from vaekit.information.fitted.axes import find_axes, with_axes
from vaekit.information.fitted.code_prior import CodeMixture, with_code_prior
from vaekit.information.fitted.refit import noise_gains, refit, residuals, with_noise
from vaekit.information.importance import LogLikelihood, log_likelihood
from vaekit.information.input_noise import FirstOrder, first_order
from vaekit.information.ledger import ledger
from vaekit.information.ledger.entries import Check, Ledger, LedgerRow
from vaekit.information.rates import Number, evaluate, passes
from vaekit.information.scores import applying, chosen, score
from vaekit.information.scores.examples import ExampleScores, score_batches, score_examples
from vaekit.information.scores.features import FeatureNetwork, feature_network, features_of
from vaekit.information.scores.mig_posterior import mig_by_posterior
from vaekit.information.summary import summarise, uninformed

__all__ = [
    "Aggregate",
    "Bound",
    "Check",
    "CodeMixture",
    "ExampleScores",
    "FeatureNetwork",
    "FirstOrder",
    "Indicators",
    "Ledger",
    "LogLikelihood",
    "Number",
    "LedgerRow",
    "aggregate",
    "applying",
    "chosen",
    "diagnose",
    "evaluate",
    "feature_network",
    "features_of",
    "find_axes",
    "first_order",
    "indicators",
    "ledger",
    "log_likelihood",
    "mig_by_posterior",
    "mutual_information_bound",
    "noise_gains",
    "passes",
    "refit",
    "residuals",
    "score",
    "score_batches",
    "score_examples",
    "summarise",
    "uninformed",
    "with_axes",
    "with_code_prior",
    "with_noise",
]
