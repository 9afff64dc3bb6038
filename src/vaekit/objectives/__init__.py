"""Objectives: weighted sums of named terms, in nats for one example.

A term is named by text like any part, `kl(on=style)`, an objective is a sum of such, each with a
weight or a schedule before it: `distortion + linear(0, 4, epochs=5)*kl + 0.1*mmd`. `TERMS` has what
makes them: the class of a term, or a function that first takes the `model`, and the `shape` of one
example, where the term has a network of its own that must fit these.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from vaekit.model import Model
from vaekit.networks import Shape
from vaekit.objectives.adversarial import AdversarialTC, adversarial_total_correlation
from vaekit.objectives.aggregate.matching import MMD, AdversarialPrior, adversarial_prior
from vaekit.objectives.aggregate.moments import Correlated, Spread
from vaekit.objectives.aggregate.mutual_information import (
    MutualInformation,
    mutual_information_term,
)
from vaekit.objectives.aggregate.total_correlation import (
    DimensionwiseKL,
    IndexCodeMI,
    TotalCorrelation,
)
from vaekit.objectives.base import Adversarial, Objective, Term
from vaekit.objectives.commitment import Commitment
from vaekit.objectives.contractive import Contractive, jacobian
from vaekit.objectives.distortion import Distortion
from vaekit.objectives.features import FeatureDistance
from vaekit.objectives.importance import ImportanceWeighted
from vaekit.objectives.kl import KL, RateConstraint, RateTarget
from vaekit.objectives.regularised import CodeNorm, DecoderNorm, DecoderSlope
from vaekit.objectives.shares import category_shares, codebook_reader
from vaekit.objectives.similarity import StructuralSimilarity
from vaekit.objectives.sparsity import Sparsity, sparsity
from vaekit.schedules import Weight, weight
from vaekit.text import build, parse, summed

TERMS: dict[str, Callable[..., Term]] = {
    "distortion": Distortion,
    "kl": KL,
    "rate_target": RateTarget,
    "rate_constraint": RateConstraint,
    "importance_weighted": ImportanceWeighted,
    "index_code_mi": IndexCodeMI,
    "total_correlation": TotalCorrelation,
    "dimensionwise_kl": DimensionwiseKL,
    "adversarial_total_correlation": adversarial_total_correlation,
    "mmd": MMD,
    "adversarial_prior": adversarial_prior,
    "correlated": Correlated,
    "spread": Spread,
    "mutual_information": mutual_information_term,
    "sparsity": sparsity,
    "contractive": Contractive,
    "commitment": Commitment,
    "code_norm": CodeNorm,
    "decoder_norm": DecoderNorm,
    "decoder_slope": DecoderSlope,
    "ms_ssim": StructuralSimilarity,
}
ObjectiveLike = str | Objective | Term | Mapping[str, Weight]


def term(text: str, model: Model, shape: Shape) -> Term:
    """Build the term that `text` names, such as `kl(on=style)`, for a model of examples of `shape`.

    Raises `VaekitError` for an unknown name, arguments that do not fit, and as the term does.
    """
    make = TERMS.get(parse(text)[0])
    known: dict[str, Any] = {"model": model, "shape": shape}
    asked = () if make is None else inspect.signature(make).parameters
    return build(text, TERMS, "term", *(known[name] for name in asked if name in known))


def objective(what: ObjectiveLike, model: Model, shape: Shape) -> Objective:
    """Build an objective by its text, `distortion + 4*kl`, or of terms with weights by name.

    It also reads how often each category, or vector of a codebook, is used, where there are some.

    An `Objective` is taken as it is, a `Term` with weight 1. Raises `VaekitError` as `term`,
    `weight` and `Objective` do, and for text that is no sum.
    """
    if isinstance(what, Objective | Term):
        return what if isinstance(what, Objective) else 1.0 * what
    pairs = summed(what) if isinstance(what, str) else [(w, text) for text, w in what.items()]
    parts = [(weight(value), term(text, model, shape)) for value, text in pairs]
    read = (make(model.posterior) for make in (category_shares, codebook_reader))
    return Objective(parts, [reader for reader in read if reader is not None])


__all__ = [
    "KL",
    "MMD",
    "TERMS",
    "Adversarial",
    "AdversarialPrior",
    "AdversarialTC",
    "CodeNorm",
    "Commitment",
    "Contractive",
    "Correlated",
    "DecoderNorm",
    "DecoderSlope",
    "DimensionwiseKL",
    "Distortion",
    "FeatureDistance",
    "ImportanceWeighted",
    "IndexCodeMI",
    "MutualInformation",
    "Objective",
    "RateConstraint",
    "RateTarget",
    "Sparsity",
    "Spread",
    "StructuralSimilarity",
    "Term",
    "TotalCorrelation",
    "jacobian",
    "objective",
    "term",
]
