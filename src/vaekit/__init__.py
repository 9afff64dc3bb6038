"""vaekit: autoencoders as one design space.

The names below are what a day's work needs; each is imported when it is used. The rest lies in the
modules, which come the same way: `vaekit.priors.Normal`, `vaekit.metrics.factors.mig`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from vaekit import (
        apply,
        data,
        estimators,
        explore,
        export,
        information,
        likelihoods,
        metrics,
        networks,
        objectives,
        posteriors,
        priors,
        recipes,
        report,
        runs,
        study,
        training,
    )
    from vaekit.data import Dataset, load
    from vaekit.errors import VaekitError, VaekitWarning
    from vaekit.model import Model
    from vaekit.report import compare
    from vaekit.runs import Config, Run, train
    from vaekit.training import Training, fit

__all__ = [
    "Config",
    "Dataset",
    "Model",
    "Run",
    "Training",
    "VaekitError",
    "VaekitWarning",
    "apply",
    "compare",
    "data",
    "estimators",
    "explore",
    "export",
    "fit",
    "information",
    "likelihoods",
    "load",
    "metrics",
    "networks",
    "objectives",
    "posteriors",
    "priors",
    "recipes",
    "report",
    "runs",
    "study",
    "train",
    "training",
]
_HOMES = {
    "Config": "runs",
    "Dataset": "data",
    "Model": "model",
    "Run": "runs",
    "Training": "training",
    "VaekitError": "errors",
    "VaekitWarning": "errors",
    "compare": "report",
    "fit": "training",
    "load": "data",
    "train": "runs",
}  # of what is no module itself


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'vaekit' has no attribute {name!r}")
    module = import_module(f"vaekit.{_HOMES.get(name, name)}")
    return getattr(module, name) if name in _HOMES else module


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
