"""Runs that the tests of the explorer share, each trained once."""

import pytest
from asking import SPRITES
from sklearn.datasets import load_wine

from vaekit.explore import Explorer, Server
from vaekit.runs import Config, Run, train
from vaekit.training import Training


@pytest.fixture(scope="session")
def run_of(tmp_path_factory):
    """Train a small run, each only once."""
    made: dict[str, Run] = {}

    def build(recipe: str, data: str = SPRITES, **arguments: object) -> Run:
        key = f"{recipe} {data} {arguments}"
        if key not in made:
            folder = tmp_path_factory.mktemp("runs") / recipe
            training = Training(epochs=1, batch=32, device="cpu")
            size = {} if "style" in arguments else {"latent": 4}
            arguments = {"network": "mlp(8)", **size, **arguments}
            made[key] = train(Config(recipe, arguments, data, training), folder)
        return made[key]

    return build


@pytest.fixture(scope="session")
def wine(tmp_path_factory) -> str:
    table = load_wine(as_frame=True).frame.drop(columns="target")
    path = tmp_path_factory.mktemp("tables") / "wine.csv"
    table.to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="session")
def sprites(run_of) -> Explorer:
    return Explorer(run_of("beta_vae"))


@pytest.fixture(scope="session")
def table(run_of, wine) -> Explorer:
    return Explorer(run_of("vae", wine, likelihood="gaussian(sigma=0.5)"))


@pytest.fixture(scope="session")
def server(sprites, table):
    with Server([sprites, table]) as made:
        yield made
