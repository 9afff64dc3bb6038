"""Time what a reader adds to the step of a joint VAE, and MMD to that of a VAE at batch 1000.

    python benchmarks/vmi_cost.py --data-dir DATA [--turns 15]

Expected: a reader as large as the encoder at most 2.2 times a step of `joint_vae`; on the encoder's
trunk, which is passed forwards and back to the image once more, a third of a step more, and half
of that when it sees half of a batch; MMD 10 to 15 ms, whatever the network.
"""

import argparse
from typing import Any

import torch
from turns import compare

from vaekit import recipes
from vaekit.data import load
from vaekit.training import Training

MLP, CONV = "mlp(512, 512)", "conv(32, 32, 64, 64)"


def main() -> None:
    """Print ratios to the step without reader, and without MMD."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--turns", type=int, default=15)
    asked = parser.parse_args()
    images = load("mnist", asked.data_dir).train.subset(torch.arange(5000))
    readers: dict[str, dict[str, Any]] = {
        "Q as large as the encoder": {},
        "Q on the encoder's trunk": {"reader": "shared"},
        "on the trunk, half of a batch": {"reader": "shared", "share": 0.5},
    }
    for network, batch in ((MLP, 100), (MLP, 500), (CONV, 100)):
        how = Training(epochs=10**6, batch=batch, device="cpu")
        made = {"joint_vae": recipes.joint_vae(images.shape, network=network)}
        for name, more in readers.items():
            own: dict[str, Any] = {"network": network, "reader": network} | more
            made[name] = recipes.vmi_joint_vae(images.shape, **own)
        compare(
            f"16 + 10 latents, {network}, batch {batch}",
            {name: (system, images, how) for name, system in made.items()},
            asked.turns,
        )
    for network in (MLP, "conv(16, 32, 64)", CONV):
        how = Training(epochs=10**6, batch=1000, device="cpu")
        own = {"latent": 8, "network": network}
        made = {"vae": recipes.vae(images.shape, **own)}
        own |= {"alpha": 1.0, "match": 11.0}
        for kernel in ("imq", "rbf"):
            system = recipes.info_vae(images.shape, kernel=kernel, **own)
            made[f"info_vae, MMD by {kernel}"] = system
        compare(
            f"8 latents, {network}, batch 1000",
            {name: (system, images, how) for name, system in made.items()},
            asked.turns,
            steps=2,
        )


if __name__ == "__main__":
    main()
