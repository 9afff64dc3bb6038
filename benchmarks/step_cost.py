"""Time a step of one part beside that of another, in turns, on one thread.

    python benchmarks/step_cost.py noise    # learned noise beside a fixed Gaussian
    python benchmarks/step_cost.py priors   # priors and objectives of [isa] beside the β-VAE
    python benchmarks/step_cost.py readers  # readers of [vmi] beside the joint VAE
    python benchmarks/step_cost.py mmd      # MMD at batch 1000 beside the VAE

Images are random bytes. Expected: a mixture ≤ 1.3 times a fixed Gaussian; ISA 1.05, β-TCVAE 1.15
times a β-VAE; a reader as large as the encoder ≤ 2.2 times a joint VAE, on the encoder's trunk,
which is passed forwards and back to the image once more, a third of a step more, and half of that
when it sees half of a batch; MMD 10 to 15 ms, whatever the network.
"""

import argparse
from typing import Any

import torch
from turns import compare

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.training import Training

Made = tuple[str, dict[str, Any]]
MLP, CONV = "mlp(512, 512)", "conv(32, 32, 64, 64)"
DIGIT = (1, 28, 28)
NOISES = (
    "gaussian(sigma=0.1)",
    "gaussian(learned=average)",
    "mixture(2)",
    "mixture(2, learned=gradient)",
    "network_gaussian",
)
PRIORS: dict[str, Made] = {
    "beta_vae": ("beta_vae", {}),
    "isa_vae": ("isa_vae", {}),
    "isa_vae, learned exponents": ("isa_vae", {"learned": "inner"}),
    "isa_vae, path derivative": ("isa_vae", {"path": True}),
    "beta_tcvae, stratified": ("beta_tcvae", {}),
    "beta_tcvae, weighted": ("beta_tcvae", {"sampling": "weighted"}),
    "dip_vae_ii": ("dip_vae_ii", {}),
    "factor_vae, 1000": ("factor_vae", {"discriminator": "mlp(1000)"}),
}
READERS: dict[str, dict[str, Any]] = {
    "Q as large as the encoder": {},
    "Q on the encoder's trunk": {"reader": "shared"},
    "on the trunk, half of a batch": {"reader": "shared", "share": 0.5},
}


def cases(what: str) -> list[tuple[str, tuple[int, ...], int, dict[str, Made]]]:
    """Return network, shape, batch and the recipes that take turns, the first one to compare to."""
    if what == "noise":
        kinds = {n: ("beta_vae", {"latent": 128, "beta": 1.0, "likelihood": n}) for n in NOISES}
        small = [(network, DIGIT, 100, kinds) for network in ("mlp(512)", "noise_small")]
        return [*small, ("noise_large", (1, 192, 168), 20, kinds)]
    if what == "priors":
        kinds = {n: (recipe, {"latent": 20, **own}) for n, (recipe, own) in PRIORS.items()}
        return [(network, (1, 64, 64), 256, kinds) for network in ("isa", "conv()", "mlp(256)")]
    if what == "readers":
        made = []
        for network, batch in ((MLP, 100), (MLP, 500), (CONV, 100)):
            read = {n: ("vmi_joint_vae", {"reader": network, **o}) for n, o in READERS.items()}
            made.append((network, DIGIT, batch, {"joint_vae": ("joint_vae", {}), **read}))
        return made
    kinds = {"vae": ("vae", {"latent": 8})}
    for kernel in ("imq", "rbf"):
        own = {"latent": 8, "alpha": 1.0, "match": 11.0, "kernel": kernel}
        kinds[f"info_vae, MMD by {kernel}"] = ("info_vae", own)
    return [(network, DIGIT, 1000, kinds) for network in (MLP, "conv(16, 32, 64)", CONV)]


def main() -> None:
    """Print the ratios of what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["noise", "priors", "readers", "mmd"])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--steps", type=int, default=4, help="in a turn")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for network, shape, batch, kinds in cases(asked.what):
        torch.manual_seed(0)
        pixels = torch.randint(0, 256, (2 * batch, *shape), dtype=torch.uint8)
        data, how = Dataset.from_array(pixels.numpy()), Training(epochs=10**6, batch=batch)
        trainings = {
            name: (recipes.find(recipe).make(shape, network=network, **own), data, how)
            for name, (recipe, own) in kinds.items()
        }
        compare(f"{network}, {shape}, batch {batch}", trainings, asked.turns, asked.steps)


if __name__ == "__main__":
    main()
