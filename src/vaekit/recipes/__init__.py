"""Recipes: the papers' systems as typed functions, shape and numbers → model and objective."""

from vaekit.recipes.ae import ae
from vaekit.recipes.base import RECIPES, Recipe, System, find, recipe
from vaekit.recipes.vae import beta_vae, vae

__all__ = ["RECIPES", "Recipe", "System", "ae", "beta_vae", "find", "recipe", "vae"]
