"""Train a VAE in turns, as `train.py` asks for them, by the loop that a good engineer writes.

Stock modules, images kept as bytes, the fused Adam, autocast: what anyone has without a library.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


def networks(job: str) -> tuple[nn.Sequential, nn.Sequential]:
    """Return the encoder (features are mean and ln s² side by side) and the decoder of logits."""
    if job == "mlp":
        encoder = [nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 32)]
        decoder = [nn.Linear(16, 512), nn.ReLU(), nn.Linear(512, 784), nn.Unflatten(1, (1, 28, 28))]
        return nn.Sequential(*encoder), nn.Sequential(*decoder)
    encoder, decoder = [], [nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU()]
    decoder += [nn.Unflatten(1, (64, 4, 4))]
    for a, b in zip((1, 32, 32, 64), (32, 32, 64, 64), strict=True):
        encoder += [nn.Conv2d(a, b, 4, 2, 1), nn.ReLU()]
    for a, b in zip((64, 64, 32), (64, 32, 32), strict=True):
        decoder += [nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU()]
    decoder += [nn.ConvTranspose2d(32, 1, 4, 2, 1)]
    encoder += [nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 20)]
    return nn.Sequential(*encoder), nn.Sequential(*decoder)


def main(job: str, folder: str, steps: str, turns: str, seed: str, name: str) -> None:
    """Take a turn for every line on the standard input, then judge what was learned."""
    images = torch.from_numpy(np.load(Path(folder) / f"{job}-train.npy"))
    test = torch.from_numpy(np.load(Path(folder) / f"{job}-test.npy")).float().div_(255)
    order = torch.from_numpy(np.load(Path(folder) / f"{job}-order.npy"))
    encoder, decoder = networks(job)
    model = nn.ModuleList([encoder, decoder])
    if "last" in name:
        model = model.to(memory_format=torch.channels_last)
    with np.load(Path(folder) / f"{job}-start.npz") as start, torch.no_grad():
        for weights, key in zip(model.parameters(), start.files, strict=True):
            weights.copy_(torch.from_numpy(start[key]))

    def loss(x: torch.Tensor) -> torch.Tensor:
        mean, log_variance = encoder(x).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        logits = decoder(z)
        distortion = binary_cross_entropy_with_logits(logits.float(), x, reduction="sum")
        rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return (distortion + rate) / len(x)

    optimiser = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    if "compile" in name:
        loss = torch.compile(loss)
    rows = iter(order.split(100 if job == "mlp" else 64))
    for turn in range(int(turns)):
        sys.stdin.readline()
        begin = time.perf_counter()
        for step in range(turn * int(steps), (turn + 1) * int(steps)):
            torch.manual_seed(step)
            x = images[next(rows)].float().div_(255)
            with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in name):
                value = loss(x)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
        seconds = time.perf_counter() - begin
        print(json.dumps({"rate": len(x) * int(steps) / seconds}), flush=True)
    sys.stdin.readline()
    with torch.no_grad():
        total = sum(loss(x).item() * len(x) for x in test.split(500))
    print(json.dumps({"elbo": -total / len(test)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
