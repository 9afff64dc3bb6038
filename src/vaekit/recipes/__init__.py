"""Recipes: the papers' systems as typed functions, shape and numbers → model and objective."""

from vaekit.recipes.ae import ae, contractive_ae, denoising_ae
from vaekit.recipes.base import RECIPES, Recipe, find, recipe
from vaekit.recipes.compose import compose
from vaekit.recipes.disentangling import beta_tcvae, capacity_vae, dip_vae_i, dip_vae_ii, factor_vae
from vaekit.recipes.infomax import aae, info_vae, rate_target_vae, wae_gan, wae_mmd
from vaekit.recipes.isa import ica_vae, isa_tcvae, isa_vae
from vaekit.recipes.making.composition import Composition, System
from vaekit.recipes.noise import mog_vae, network_noise_vae, noise_vae
from vaekit.recipes.quantised import vq_vae
from vaekit.recipes.sparse import k_sparse_ae, sparse_ae
from vaekit.recipes.vae import beta_vae, constrained_vae, cvae, iwae, vae
from vaekit.recipes.vimae import vimae_l, vimae_n
from vaekit.recipes.vmi import joint_vae, vmi_joint_vae, vmi_vae
from vaekit.system.own_code import take_plugins

__all__ = [
    "RECIPES",
    "Composition",
    "Recipe",
    "System",
    "aae",
    "ae",
    "beta_tcvae",
    "beta_vae",
    "capacity_vae",
    "compose",
    "constrained_vae",
    "contractive_ae",
    "cvae",
    "denoising_ae",
    "dip_vae_i",
    "dip_vae_ii",
    "factor_vae",
    "find",
    "ica_vae",
    "info_vae",
    "iwae",
    "isa_tcvae",
    "isa_vae",
    "joint_vae",
    "k_sparse_ae",
    "mog_vae",
    "network_noise_vae",
    "noise_vae",
    "rate_target_vae",
    "recipe",
    "sparse_ae",
    "vae",
    "vimae_l",
    "vimae_n",
    "vmi_joint_vae",
    "vmi_vae",
    "vq_vae",
    "wae_gan",
    "wae_mmd",
]

take_plugins()  # last, for they build on these
