"""Estimators: the scikit-learn face of the recipes, one class for each, made from its signature.

    VAE(latent=10, likelihood="squared_error", epochs=50).fit(X).transform(X)

A class is named by its recipe, each word capitalised and words that end in `ae` in capitals: `vae`
→ `VAE`, `beta_vae` → `BetaVAE`, `k_sparse_ae` → `KSparseAE`. `ESTIMATORS` has them all by name;
`estimator("my_recipe")` makes the class of a recipe that was entered later.
"""

from vaekit.estimators.base import Estimator
from vaekit.estimators.generate import class_name, estimator
from vaekit.estimators.outliers import OutlierDetector
from vaekit.estimators.saved import load
from vaekit.recipes import RECIPES

ESTIMATORS: dict[str, type[Estimator]] = {class_name(name): estimator(name) for name in RECIPES}
globals().update(ESTIMATORS)


def __getattr__(name: str) -> type[Estimator]:
    """Find the class of a recipe that was entered after this module was imported."""
    for recipe in RECIPES:
        if class_name(recipe) == name:
            return estimator(recipe)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *map(class_name, RECIPES)})


__all__ = ["ESTIMATORS", "Estimator", "OutlierDetector", "class_name", "estimator", "load"]
__all__.extend(ESTIMATORS)  # pyright: ignore[reportUnsupportedDunderAll]
