"""Train vaekit's VAE in turns, as `train.py` asks for them."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from vaekit.data import Dataset
from vaekit.information import evaluate
from vaekit.model import Model
from vaekit.objectives.base import Objective
from vaekit.recipes import vae
from vaekit.training import Fit, Training


def make(job: str, shape: tuple[int, ...], seed: int) -> tuple[Model, Objective, int]:
    """Return the job's model with the weights of this seed, its objective and its batch."""
    mlp = job == "mlp"
    torch.manual_seed(seed)
    return *vae(shape, 16 if mlp else 10, "mlp(512)" if mlp else "conv()"), 100 if mlp else 64


def attainable(bf16: bool) -> float:
    """Return the best matrix rate of this moment, FLOP/s, over both libraries for 1024³."""
    kind = torch.bfloat16 if bf16 else torch.float32
    a, b, best = torch.randn(1024, 1024, dtype=kind), torch.randn(1024, 1024, dtype=kind), 0.0
    products = [lambda: a @ b]
    if not bf16:
        products.append(lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
    for product in products:
        for _ in range(8):
            begin = time.perf_counter()
            product()
            best = max(best, 2 * 1024**3 / (time.perf_counter() - begin))
    return best


def flops(model: torch.nn.Module, x: torch.Tensor) -> int:
    """Count the floating-point operations of a training step's products."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        run = model(x)
        run.p.log_prob(run.x).sum().backward()
    return counter.get_total_flops()


def parts(fit: Fit, data: Dataset) -> dict[str, float]:
    """Time the parts of a step one by one, milliseconds."""
    times = {"gather": 0.0, "forward": 0.0, "backward": 0.0, "optimiser": 0.0}
    order, rounds = torch.randperm(len(data))[: fit.training.batch], 100
    for _ in range(rounds):
        marks = [time.perf_counter()]
        x = data.batch(order)
        marks.append(time.perf_counter())
        with fit.fabric.autocast():
            loss = fit._step(x).sum()
        marks.append(time.perf_counter())
        fit.optimiser.clear()
        fit.fabric.backward(loss)
        marks.append(time.perf_counter())
        fit.optimiser.advance()
        marks.append(time.perf_counter())
        for key, a, b in zip(times, marks, marks[1:], strict=False):
            times[key] += 1e3 * (b - a) / rounds
    return times


def main(job: str, folder: str, steps: str, turns: str, seed: str, name: str) -> None:
    """Take a turn for every line on the standard input, then judge what was learned."""
    data = Dataset.from_array(np.load(Path(folder) / f"{job}-train.npy"))
    test = Dataset.from_array(np.load(Path(folder) / f"{job}-test.npy"))
    model, objective, batch = make(job, data.shape, int(seed))
    with np.load(Path(folder) / f"{job}-start.npz") as start, torch.no_grad():
        for weights, key in zip(model.parameters(), start.files, strict=True):
            weights.copy_(torch.from_numpy(start[key]))
    training = Training(
        epochs=1 + int(steps) * int(turns) * batch // len(data),
        batch=batch,
        seed=int(seed),
        precision="bf16" if "bf16" in name else "float32",
        compile="compile" in name,
        device="cpu",
    )
    fit = Fit(model, objective, data, training)
    walk = iter(fit)
    if training.compile:  # compiling is paid once and is no part of the rate
        fit._step(data.batch(torch.arange(batch))).sum().backward()
    for turn in range(int(turns)):
        sys.stdin.readline()
        begin = time.perf_counter()
        for step in range(turn * int(steps), (turn + 1) * int(steps)):
            torch.manual_seed(step)
            next(walk)
        seconds = time.perf_counter() - begin
        print(json.dumps({"rate": int(steps) * batch / seconds}), flush=True)
    sys.stdin.readline()
    elbo = evaluate(model, test)["elbo"]["value"]
    where = parts(fit, data)
    work = flops(model, data.batch(torch.arange(batch))) / batch
    print(json.dumps({"elbo": elbo, "parts": where, "share": work / attainable("bf16" in name)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
