"""Train Pythae's VAE in turns, as `train.py` asks for them. Runs in Pythae's environment."""

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
model = VAE(config, encoder=Encoder(), decoder=Decoder())
data = BaseDataset(torch.from_numpy(train), torch.ones(len(train)))


class Turn:
    """Stand in for the trainer's loader: one turn's share of an endless walk through it."""

    def __init__(self, loader):
        self.loader, self.dataset = loader, loader.dataset
        self.batches = (batch for _ in itertools.count() for batch in loader)

    def __len__(self):
        return int(steps)

    def __iter__(self):
        return itertools.islice(self.batches, int(steps))


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
