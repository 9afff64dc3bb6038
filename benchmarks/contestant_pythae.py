"""Train Pythae's VAE in turns, as `train.py` asks for them. Runs in Pythae's environment.

Weights and order of the images come from files; before each step the generator of the noise is put
to the number of the step, as in the other contestants.
"""

import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import nn
from torch.utils.data import DataLoader

job, folder, steps, turns, seed, _ = sys.argv[1:]
torch.manual_seed(int(seed))
train = np.load(Path(folder) / f"{job}-train.npy").astype(np.float32) / 255
test = np.load(Path(folder) / f"{job}-test.npy").astype(np.float32) / 255
shape, latent, batch = train.shape[1:], (16 if job == "mlp" else 10), (100 if job == "mlp" else 64)


class Encoder(BaseEncoder):
    def __init__(self):
        super().__init__()
        if job == "mlp":
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU())
        else:
            layers = []
            for a, b in zip((1, 32, 32, 64), (32, 32, 64, 64), strict=True):
                layers += [nn.Conv2d(a, b, 4, 2, 1), nn.ReLU()]
            self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 256), nn.ReLU())
        width = 512 if job == "mlp" else 256
        self.mean, self.log_variance = nn.Linear(width, latent), nn.Linear(width, latent)

    def forward(self, x):
        h = self.body(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class Decoder(BaseDecoder):
    def __init__(self):
        super().__init__()
        if job == "mlp":
            layers = [nn.Linear(latent, 512), nn.ReLU(), nn.Linear(512, 784)]
        else:
            layers = [nn.Linear(latent, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU()]
            layers += [nn.Unflatten(1, (64, 4, 4))]
            for a, b in zip((64, 64, 32), (64, 32, 32), strict=True):
                layers += [nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU()]
            layers += [nn.ConvTranspose2d(32, 1, 4, 2, 1)]
        self.body = nn.Sequential(*layers, nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(reconstruction=self.body(z).reshape(-1, *shape))


config = VAEConfig(input_dim=shape, latent_dim=latent, reconstruction_loss="bce")
encoder, decoder = Encoder(), Decoder()
with np.load(Path(folder) / f"{job}-start.npz") as start:
    weights = [torch.from_numpy(start[key]) for key in start.files]
ours = list(encoder.body.parameters())
inner = weights[: len(ours)]
heads = [half for both in weights[len(ours) : len(ours) + 2] for half in both.chunk(2)]
ours += [encoder.mean.weight, encoder.log_variance.weight]
ours += [encoder.mean.bias, encoder.log_variance.bias, *decoder.parameters()]
for mine, given in zip(ours, inner + heads + weights[len(inner) + 2 :], strict=True):
    mine.data.copy_(given)
model = VAE(config, encoder=encoder, decoder=decoder)
data = BaseDataset(torch.from_numpy(train), torch.ones(len(train)))


class Turn:
    """Stand in for the trainer's loader: one turn's share of one walk through the given order."""

    def __init__(self, loader):
        self.dataset = loader.dataset
        order = np.load(Path(folder) / f"{job}-order.npy").tolist()
        self.batches = iter(
            DataLoader(loader.dataset, batch, sampler=order, collate_fn=loader.collate_fn)
        )
        self.steps = itertools.count()

    def __len__(self):
        return int(steps)

    def __iter__(self):
        for x in itertools.islice(self.batches, int(steps)):
            torch.manual_seed(next(self.steps))
            yield x


with tempfile.TemporaryDirectory() as out:
    settings = BaseTrainerConfig(
        output_dir=out,
        num_epochs=int(turns),
        learning_rate=1e-3,
        optimizer_cls="Adam",
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=batch,
        no_cuda=True,
        seed=int(seed),
    )
    trainer = BaseTrainer(model=model, train_dataset=data, training_config=settings)
    trainer.prepare_training()
    trainer.train_loader = Turn(trainer.train_loader)
    for turn in range(1, int(turns) + 1):
        sys.stdin.readline()
        begin = time.perf_counter()
        trainer.train_step(turn)
        seconds = time.perf_counter() - begin
        print(json.dumps({"rate": int(steps) * batch / seconds}), flush=True)
sys.stdin.readline()
model.eval()
with torch.no_grad():
    parts = torch.from_numpy(test).split(500)
    losses = [model({"data": x}).loss.item() * len(x) for x in parts]
print(json.dumps({"elbo": -sum(losses) / len(test)}))
