"""PyOD's side of `anomalies.py`, run by a Python that has PyOD: arrays in, scores out."""

import json
import random
import sys
import time

import numpy as np
import torch
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.vae import VAE


def main() -> None:
    kind, seed, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    arrays = np.load(path)
    made = {"ae": AutoEncoder, "vae": VAE}[kind](random_state=seed, verbose=0, device="cpu")
    start = time.perf_counter()
    made.fit(arrays["train"])
    seconds = time.perf_counter() - start
    scores = made.decision_function(arrays["test"])
    print(json.dumps({"seconds": seconds, "scores": scores.tolist()}))


if __name__ == "__main__":
    main()
