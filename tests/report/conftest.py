from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vaekit.runs import Config, Run, train
from vaekit.training import Training

Make = Callable[..., Run]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Train a small run: a recipe, data and arguments in, a run folder out."""

    def build(recipe: str, data: str, **arguments: object) -> Run:
        folder = tmp_path_factory.mktemp("runs") / recipe
        arguments = {"network": "mlp(16)", **arguments}
        training = Training(epochs=2, batch=50, device="cpu")
        return train(Config(recipe, arguments, data, training, holdout=0.3), folder)

    return build


@pytest.fixture(scope="session")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Save arrays of other kinds than the usual: colour, vectors, an odd name."""
    folder, rng = tmp_path_factory.mktemp("arrays"), np.random.default_rng(0)
    found = {
        "colour": rng.integers(0, 256, (200, 3, 8, 8)).astype(np.uint8),
        "vectors": rng.normal(size=(200, 9)).astype(np.float32),
        "<b>odd": rng.integers(0, 256, (200, 1, 8, 8)).astype(np.uint8),
    }
    for name, array in found.items():
        np.save(folder / f"{name}.npy", array)
    return {name: str(folder / f"{name}.npy") for name in found}


@pytest.fixture(scope="session")
def sprites(make: Make) -> Run:
    data = "sprites(scales=2, rotations=3, positions=5, size=32)"
    return make("beta_vae", data, latent=7)


@pytest.fixture(scope="session")
def page_of() -> Callable[[Run, Path], str]:
    """Write a run's page somewhere and read it."""
    from vaekit.report import write_report

    return lambda run, folder: write_report(run, folder / "page.html").read_text(encoding="utf-8")
