"""Noise as numbers: what was learned of it, and the normalised variance β·σ².

With p(x|z) = N(x; G(z), σ² I) the objective of a β-VAE is, up to terms that no network can change,
‖x − G(z)‖² / 2σ² + β KL: times σ² it depends on β·σ² alone ([noise] footnote 4). So models of fixed
and of learned noise are put on one axis by the β·σ² that they ended with: the end of β's schedule,
and the σ² of the likelihood. A mixture has no one σ²; it stands at its mean variance Σ_k π_k σ_k²,
the mean square of its residuals.
"""

from vaekit.information.rates import Number
from vaekit.likelihoods import Gaussian, GaussianMixture, Likelihood, NetworkGaussian
from vaekit.likelihoods.base import at_floor
from vaekit.model import Model
from vaekit.objectives import KL, Distortion, Objective, Term
from vaekit.schedules import Schedule

_SQUARED = "squared units of x"
_PARAMETERS = {
    "share": ("π", "share of entries"),
    "variance": ("σ², learned", _SQUARED),
    "scale": ("scale of the noise, learned", "units of x"),
}


def noise_numbers(model: Model, objective: Objective) -> dict[str, Number]:
    """Return σ² and π that were learned, each with its floor, and β·σ² of Gaussian noise."""
    likelihood, numbers = model.likelihood, dict[str, Number]()
    if likelihood.learns:
        for name, value in likelihood.noise().items():
            kind = name.split("_")[1]
            how, unit = _PARAMETERS[kind]
            how += f"{_floor(likelihood, value)}" if kind == "variance" else ""
            numbers[name] = Number(value, how, None, None, unit, "exact")
    variance, beta = noise_of(likelihood)[1], rate_weight(objective)
    if variance is not None and beta is not None:
        of = "Σπσ²" if isinstance(likelihood, GaussianMixture) else "σ²"
        how = f"β·{of} with β = {beta:g}"
        numbers["normalised_noise_variance"] = Number(
            beta * variance, how, None, None, _SQUARED, "exact"
        )
    return numbers


def _floor(likelihood: Likelihood, variance: float) -> str:
    floor = getattr(likelihood, "floor", 0.0)
    if not floor:
        return ""
    return f", {'at' if at_floor(variance, floor) else 'above'} its floor of {floor:g}"


def noise_of(likelihood: Likelihood) -> tuple[str | None, float | None]:
    """Return kind and σ² of Gaussian noise; σ² is None where each entry has its own."""
    noise = likelihood.noise()
    if isinstance(likelihood, Gaussian):
        return ("learned noise" if likelihood.learns else "fixed noise"), noise["noise_variance"]
    if isinstance(likelihood, GaussianMixture):
        each = range(likelihood.components)
        mean = sum(noise[f"noise_share_{k}"] * noise[f"noise_variance_{k}"] for k in each)
        return f"mixture of {likelihood.components} at Σπσ²", mean
    if isinstance(likelihood, NetworkGaussian):
        return "noise of each entry", None
    return None, None


def rate_weight(objective: Objective) -> float | None:
    """Return β = the rate's weight by the distortion's, both at the end of training.

    None where the objective has anything besides these two, for then β·σ² decides nothing.
    """
    ends = {type(term): _last_weight(weight) for weight, term in objective.parts}
    wanted: set[type[Term]] = {KL, Distortion}
    if set(ends) != wanted or not ends[Distortion]:
        return None
    return ends[KL] / ends[Distortion]


def _last_weight(weight: float | Schedule) -> float:
    return weight.end if isinstance(weight, Schedule) else weight
