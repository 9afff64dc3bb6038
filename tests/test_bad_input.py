"""Bad input, in a table: each row is refused in a line or two with its cause, and nothing is lost.

Rows of the shell are run in this process, in a folder that is compared before and after.
"""

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from PIL import Image
from scipy import sparse
from torch import nn

from vaekit import apply, cli, data, information, metrics, recipes
from vaekit.data import Dataset, Factors
from vaekit.errors import VaekitError
from vaekit.estimators import AE, CVAE, VAE
from vaekit.runs import Config, Run, train
from vaekit.training import Training, fit

QUICK = {"network": "mlp(4)", "latent": 2}
NONE = "anything: the row stands for what must not be a traceback"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Make a folder of users' files and runs of several kinds."""
    place = tmp_path_factory.mktemp("bad")
    settings = Training(epochs=1, batch=50, device="cpu")
    rng = np.random.default_rng(0)
    pl.DataFrame(rng.normal(size=(60, 3)), schema=["a", "b", "c"]).with_columns(
        k=pl.Series(["u", "v"] * 30)
    ).write_csv(place / "t.csv")
    for name, recipe, what, more in (
        ("vae", "vae", "digits", {}),
        ("ae", "ae", "digits", {}),
        ("cvae", "cvae", "digits", {}),
        ("rows", "vae", f"table('{place}/t.csv', label=k)", {"likelihood": "squared_error"}),
        ("joint", "joint_vae", "digits", {"latent": None, "style": 2}),
    ):
        arguments = {k: v for k, v in {**QUICK, **more}.items() if v is not None}
        train(Config(recipe, arguments, what, settings), place / name)
    (place / "pics").mkdir()
    for k in range(12):
        pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(place / "pics" / f"{k}.png")
    np.save(place / "x.npy", rng.integers(0, 256, (20, 1, 8, 8), dtype=np.uint8))
    np.save(place / "rows.npy", rng.normal(size=(20, 5)))
    np.save(place / "z.npy", np.zeros((3, 2), np.float32))
    np.save(place / "text.npy", np.array(["a", "b"]))
    np.savez(place / "two.npz", a=np.zeros((3, 4)), b=np.zeros((3, 4)))
    (place / "notes.txt").write_text("precious\n")
    (place / "empty").mkdir()
    (place / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (place / "broken.csv").write_text("a,b\n1,2,3\n")
    (place / "bare.csv").write_text("1,2,3\n2,3,4\n")
    (place / "-dash.csv").write_text("")
    (place / "broken.yaml").write_text("recipe: [vae\n")
    (place / "other.yaml").write_text("recipe: vae\nepochs: 3\n")
    return place


# ---- from the shell: words, and what must be said

TRAIN = ["train", "vae", "--data", "digits", "--epochs", "1", "--network", "mlp(4)", "--out", "new"]


def training(*words: str) -> list[str]:
    return [*TRAIN, *words]


def recipe(name: str, *words: str) -> list[str]:
    return ["train", name, "--data", "digits", "--epochs", "1", "--out", "new", *words]


def on(what: str, *words: str) -> list[str]:
    return ["train", "ae", "--data", what, "--epochs", "1", "--out", "new", *words]


COMMANDS: list[tuple[list[str], str]] = [
    (["trian", "vae"], "Did you mean 'train'"),
    (["--verbose"], "unknown command"),
    (["list", "recipes"], "list takes no arguments"),
    (["train"], ""),
    (["train", "--data", "digits"], "name the recipe before"),
    (["train", "veae", "--data", "digits"], "unknown recipe 'veae'"),
    (["train", "vae"], "say what to train on with --data"),
    (["train", "vae", "--data", ""], "say what to train on"),
    (["train", "broken.yaml"], "is not readable YAML"),
    (["train", "other.yaml"], "unknown keys"),
    (["train", "nowhere.yaml"], "there is no run file"),
    (["train", "empty"], "there is no run file"),
    # settings of a training
    (training("--epochs", "0"), "epochs must be ≥ 1"),
    (training("--epochs", "-1"), "epochs must be ≥ 1"),
    (training("--epochs", "1.5"), "--epochs: expected a whole number"),
    (training("--epochs", "many"), "--epochs: expected a whole number"),
    (training("--batch", "0"), "batch must be ≥ 1"),
    (training("--batch", "100000"), "is larger than the data"),
    (training("--lr", "0"), "lr must be a finite number > 0"),
    (training("--lr=-1e-3"), "lr must be a finite number > 0"),
    (training("--lr", "nan"), "lr must be a finite number > 0"),
    (training("--lr", "inf"), "lr must be a finite number > 0"),
    (training("--lr", "fast"), "lr must be a number or a schedule"),
    (training("--lr", "linear(0, 1e-3, epochs=9)"), "ends after"),
    (training("--lr", "one_cycle(1, 0, peak=0.1)"), "peak ≥ start and end"),
    (training("--lr", "plateau(1e-3)"), "there is none: add --validation 0.1"),
    (training("--patience", "3"), "patience reads a validation set, and there is none"),
    (training("--keep", "best"), "keep reads a validation set"),
    (training("--keep", "first"), "--keep"),
    (training("--watch", "elbow", "--validation", "0.1"), "Did you mean 'elbo'"),
    (training("--validation", "1.5"), "validation must be a share of the training part"),
    (training("--validation=-0.1"), "validation must be a share of the training part"),
    (training("--validation", "nan"), "validation must be a share of the training part"),
    (training("--validation", "nothing-here"), "nothing-here"),
    (training("--validation", "digits"), "digits is what is trained on: set a share of it aside"),
    (training("--validation", "0.0001"), "leaves 1617 to train on and 0"),
    (training("--validation", "mnist(parts=3)"), "parts"),
    (training("--validation", "0.1", "--patience", "0"), "patience must be ≥ 1"),
    (training("--validation", "0.1", "--validate-every", "0"), "validate_every must be ≥ 1"),
    (training("--optimiser", "adm"), "Did you mean 'adam'"),
    (training("--optimiser", "Adam"), "unknown optimiser 'Adam'. Did you mean 'adam'"),
    (training("--optimiser", "sgd(lr=0.1)"), "a setting of its own, --lr"),
    (training("--optimiser", "muon"), "unknown optimiser 'muon'"),
    (training("--clip", "0"), "clip must be a finite number > 0"),
    (training("--clip", "nan"), "--clip"),
    (training("--ema", "1"), "ema must be in [0, 1)"),
    (training("--threads", "0"), "threads must be ≥ 1"),
    (training("--threads", "many"), "--threads"),
    (training("--beta1", "1"), "beta1 must be in [0, 1)"),
    (training("--beta2", "-0.1"), "beta2 must be in [0, 1)"),
    (training("--weight-decay", "-1"), "weight_decay must be"),
    (training("--seed", "-1"), "seed must be finite and ≥ 0"),
    (training("--seed", "1.5"), "--seed: expected a whole number"),
    (training("--seed", str(2**70)), "seed must be below"),
    (training("--precision", "fp8"), "--precision"),
    (training("--compile", "perhaps"), "--compile"),
    (training("--device", "tpu"), "unknown device 'tpu'"),
    (training("--device", "cuda:99"), "no "),
    (training("--processes", "0"), "processes must be ≥ 1"),
    (training("--processes", "3"), "cannot be shared by 3 processes"),
    (training("--holdout", "1"), "holdout must be a share"),
    (training("--holdout", "-0.1"), "holdout must be a share"),
    (training("--holdout", "nan"), "--holdout: expected a finite number"),
    (training("--holdout", "0.00001"), "say a share from"),
    (training("--checkpoint-minutes", "0"), "checkpoints need an interval"),
    (training("--checkpoint-steps", "0"), "checkpoints need an interval"),
    (training("--data-dir", "nowhere"), "nowhere does not exist"),
    (training("--out", "notes.txt"), "is a file"),
    (training("--out", "pics"), "is not empty and no run"),
    (training("--out", "vae"), "holds a run already"),
    (training("--out", "notes.txt/new"), ""),
    (training("--out", "vae", "--resume", "--latent", "9"), "is another run"),
    (training("--epoch", "3", "--nonsense", "1"), "unknown argument"),
    (training("surplus"), ""),
    (["train", "vae", "--data", "digits", "--resume"], "--resume needs --out"),
    # parts by text
    (training("--latent", "0"), "at least one latent, got latent=0"),
    (training("--latent", "-3"), "latent"),
    (training("--latent", "2.5"), "--latent: expected a whole number"),
    (training("--latent", "two"), "--latent: expected a whole number"),
    (training("--latent", "99999999999999"), ""),
    (training("--network", "mpl(4)"), "Did you mean 'mlp'"),
    (training("--network", "mlp(0)"), "whole numbers"),
    (training("--network", "mlp(4"), "cannot read"),
    (training("--network", "mlp(4, activation=rleu)"), "Did you mean 'relu'"),
    (training("--network", "mlp(4, depth=3)"), "it takes mlp"),
    (training("--network", "conv(8, 8, 8, 8)"), "cannot be halved"),
    (training("--network", ""), "cannot read"),
    (training("--network", "tied"), "tied"),
    (training("--likelihood", "bernuli"), "Did you mean 'bernoulli'"),
    (training("--likelihood", "gaussian(sigma=0)"), "finite sigma > 0"),
    (training("--likelihood", "gaussian(sigma=-1)"), "finite sigma > 0"),
    (training("--likelihood", "gaussian(learned=maybe)"), "way to learn sigma"),
    (training("--likelihood", "mixture(0)"), "components from 1 to 100"),
    (training("--likelihood", "mixture(two)"), "whole number"),
    (training("--prior", "norml"), "Did you mean 'normal'"),
    (training("--prior", "isa(size=3)"), "do not fill"),
    (training("--prior", "isa(p=0, size=2)"), "finite number > 0"),
    (training("--prior", "lp_nested([2, 3])"), "over 3 coordinates"),
    (training("--prior", "lp_nested(2)"), "a tree is"),
    (training("--prior", "mixture(0)"), "1 component or more"),
    (training("--prior", "vamp(0)"), "1 pseudo-input or more"),
    (training("--prior", "product(a=[normal])"), "a block is written"),
    (training("--prior", "generalized_normal(p=-1)"), "finite number > 0"),
    (training("--prior", "logistic(scale=0)"), "finite scale > 0"),
    (training("--prior", "categorical"), "one-hots"),
    # what recipes take
    (recipe("beta_vae", "--beta", "linear(0, 4, epochs=99)"), "epochs"),
    (recipe("beta_vae", "--beta", "linear(0)"), "it takes linear"),
    (recipe("beta_vae", "--beta", "wave(0, 1)"), "unknown schedule"),
    (recipe("beta_vae", "--beta", "nan"), ""),
    (recipe("k_sparse_ae", "--latent", "4", "--k", "9"), "k must be a whole number from 1 to"),
    (recipe("k_sparse_ae", "--latent", "4", "--k", "0"), "k must be a whole number"),
    (recipe("sparse_ae", "--rho", "1.5"), "rho"),
    (recipe("sparse_ae", "--rho", "0"), "rho"),
    (recipe("contractive_ae", "--method", "guess"), "unknown method"),
    (recipe("contractive_ae", "--draws", "0"), "draws must be ≥ 1"),
    (recipe("denoising_ae", "--corruption", "gausian"), "Did you mean 'gaussian'"),
    (recipe("denoising_ae", "--corruption", "masking(p=2)"), "masking"),
    (recipe("denoising_ae", "--corruption", "gaussian(sigma=-1)"), "sigma"),
    (recipe("cvae", "--condition", "colour"), "unknown condition"),
    (recipe("cvae", "--condition", "factors"), "digits has no factors"),
    (recipe("cvae", "--width", "3"), "need 10: leave width out"),
    (recipe("cvae", "--prior", "isaa"), "unknown prior"),
    (recipe("beta_tcvae", "--sampling", "some"), "unknown sampling"),
    (recipe("factor_vae", "--critic-lr", "0"), "critic_lr must be"),
    (recipe("factor_vae", "--discriminator", "mlp(0)"), "whole numbers"),
    (recipe("info_vae", "--kernel", "linear"), "kernel"),
    (recipe("wae_mmd", "--match", "a lot"), ""),
    (recipe("isa_vae", "--size", "0"), "size"),
    (recipe("isa_vae", "--p", "-1"), "finite number > 0"),
    (recipe("vmi_vae", "--on", "0"), "on, the coordinates"),
    (recipe("vmi_vae", "--on", "99"), "on, the coordinates"),
    (recipe("vmi_vae", "--share", "0"), "share"),
    (recipe("vmi_vae", "--entropy", "none"), "unknown entropy"),
    (recipe("joint_vae", "--categories", "1"), "2 categories or more"),
    (recipe("joint_vae", "--temperature", "0"), "temperature must be > 0"),
    (recipe("joint_vae", "--temperature", "linear(0.5, 1)"), "a temperature falls"),
    (recipe("capacity_vae", "--capacity", "-1"), ""),
    (recipe("noise_vae", "--sigma", "0"), "sigma"),
    (recipe("mog_vae", "--components", "0"), "components from 1 to 100"),
    # what to train on
    (on("mnits"), "Did you mean 'mnist'"),
    (on("MNIST"), "Did you mean 'mnist'"),
    (on("./nowhere"), "there is no file or folder nowhere"),
    (on("nowhere.npy"), "there is no file or folder"),
    (on("notes.txt"), "cannot tell what"),
    (on("empty"), "no pictures in"),
    (on("broken.csv"), "cannot read the table"),
    (on("pics/1.png"), "single picture"),
    (on("text.npy"), "cannot read numbers of type"),
    (on("two.npz"), "pass key="),
    (on("array('two.npz', key=c)"), "unknown array"),
    (on("array('x.npy', key=c)"), "holds one array"),
    (on("array('x.npy', scale=0)"), "scale must be a positive number"),
    (on("array('x.npy', layout=hwc)"), "layout must be"),
    (on("array('x.npy', mmap=3)"), "mmap must be"),
    (on("t.csv"), "columns that are no numbers: k"),
    (on("table('t.csv', label=x)"), "unknown column"),
    (on("table('t.csv', columns=[b], label=a)"), "should hold classes"),
    (on("table('t.csv', columns=[k])"), "no numbers: k"),
    (on("table('t.csv', label=k, missing=zero)"), "missing must be"),
    (on("table('t.csv', label=k, scale=log)"), "scale must be"),
    (on("table('t.csv', lable=k)"), "it takes table"),
    (on("table()"), "missing a required argument"),
    (on("table('nowhere.csv')"), "there is no file"),
    (on("folder('pics', size=0)"), "size must be"),
    (on("folder('pics', ground=red)"), "ground must be"),
    (on("folder('nowhere')"), "there is no folder"),
    (on("folder"), "missing a required argument"),
    (on("sprites(scales=0)"), ""),
    (on("sprites(size=-1)"), ""),
    (on("sprites(colour=1)"), "it takes sprites"),
    (on("digits(7)"), "it takes digits"),
    (on("sprites(scales="), "cannot read"),
    (on("rows.npy", "--likelihood", "bernoulli"), "needs data in [0, 1]"),
    (on("rows.npy", "--network", "conv(8)"), "need images (C, H, W)"),
    (["train", "cvae", "--data", "pics", "--epochs", "1", "--out", "new"], "has no labels"),
    (["train", "cvae", "--data", "x.npy", "--epochs", "1", "--out", "new"], "has no labels"),
]

for command in (
    "evaluate",
    "ledger",
    "refit",
    "report",
    "encode",
    "decode z.npy",
    "reconstruct",
    "sample",
):
    verb, *rest = command.split()
    COMMANDS += [
        ([verb], "--help"),
        ([verb, "nowhere", *rest], "is not a run folder"),
        ([verb, "pics", *rest], "is not a run folder"),
        ([verb, "notes.txt", *rest], "is not a run folder"),
        ([verb, "vae", *rest, "--nonsense"], "unknown argument --nonsense"),
        ([verb, "vae", *rest, "--data-dir"], "--data-dir"),
    ]
COMMANDS += [
    (["compare"], "--help"),
    (["compare", "nowhere"], "there is no run folder nowhere"),
    (["compare", "vae", "--out", "pics"], ""),
    (
        ["compare", "vae", "vae"],
        "two runs or more that can be read, got 1. vae was given",
    ),
    (["evaluate", "vae", "--n", "0"], "n must be ≥ 1"),
    (["evaluate", "vae", "--n", "some"], "--n: expected a whole number"),
    (["evaluate", "vae", "--samples", "0"], "must be ≥ 1"),
    (["evaluate", "vae", "--metrics", "mgi"], "Did you mean 'mig'"),
    (["evaluate", "vae", "--importance-samples", "5"], "give --information too"),
    (["evaluate", "vae", "--corrupt", "masking"], "give --metrics"),
    (["evaluate", "vae", "--metrics", "svm", "--corrupt", "masqing"], "Did you mean 'masking'"),
    (["evaluate", "vae", "--metrics", "svm", "--features", "f"], "for the score fid"),
    (["evaluate", "vae", "--data-dir", "nowhere"], "does not exist"),
    (["ledger", "vae", "--n", "0"], "must be ≥ 1"),
    (["ledger", "ae"], "prior"),
    (["refit", "vae", "--noise", "laplace"], ""),
    (["refit", "vae", "--noise", "mixture(0)"], "components from 1 to 100"),
    (["report", "vae", "--out", "empty"], ""),
    (["encode", "vae", "nowhere.npy"], "no file or folder"),
    (["encode", "vae", "notes.txt", "--out", "new.npy"], "cannot tell what"),
    (["encode", "vae", "t.csv", "--out", "new.npy"], "trained on images"),
    (["encode", "vae", "rows.npy", "--out", "new.npy"], "expected examples of 1 × 8 × 8"),
    (["encode", "vae", "broken.png", "--out", "new.npy"], "cannot read the picture"),
    (["encode", "vae", "x.npy", "--out", "x.npy", "--force"], "is what is read"),
    (["encode", "vae", "x.npy", "--out", "new.txt"], "does not serve"),
    (["encode", "vae", "x.npy", "--out", "pics"], "pics"),
    (["encode", "vae", "x.npy", "--n", "0", "--out", "new.npy"], "must be ≥ 1"),
    (["encode", "vae", "--split", "val", "--out", "new.npy"], "split must be"),
    (["encode", "vae", "x.npy", "--split", "test", "--out", "new.npy"], "is read whole"),
    (["encode", "vae", "--condition", "3", "--out", "new.npy"], "takes no condition"),
    (["encode", "vae", "--seed", "-1", "--draw", "--out", "new.npy"], "a seed is"),
    (["encode", "cvae", "x.npy", "--out", "new.npy"], "--condition"),
    (["encode", "cvae", "x.npy", "--condition", "eleven", "--out", "new.npy"], "no class 'eleven'"),
    (["encode", "cvae", "x.npy", "--condition", "1,2", "--out", "new.npy"], "2 conditions for 20"),
    (["encode", "cvae", "x.npy", "--condition", "text.npy", "--out", "new.npy"], ""),
    (["encode", "rows", "bare.csv", "--out", "new.npy"], "say header=false"),
    (["encode", "rows", "table('bare.csv', header=false)", "--out", "new.npy"], "them a, b, c"),
    (["encode", "rows", "-dash.csv", "--out", "new.npy"], "write ./-dash.csv"),
    (["encode", "--out", "new.npy", "--", "rows", "-dash.csv"], "cannot read the table -dash.csv"),
    (["encode", "rows", "pics", "--out", "new.npy"], "holds no part files"),
    (["encode", "rows", "x.npy", "--out", "new.npy"], "expected rows"),
    (["encode", "rows", "broken.csv", "--out", "new.npy"], "cannot read the table"),
    (
        ["encode", "rows", "digits", "--out", "new.npy"],
        "expected rows (N, 3) of the columns a, b, c",
    ),
    (["decode", "vae", "x.npy", "--out", "new.npy"], "expected codes (n, 2)"),
    (["decode", "vae", "text.npy", "--out", "new.npy"], "cannot read numbers of type"),
    (["decode", "vae", "notes.txt", "--out", "new.npy"], "holds no codes"),
    (["decode", "vae", "nowhere.npy", "--out", "new.npy"], "no file"),
    (["decode", "cvae", "z.npy", "--out", "new.npy"], "--condition"),
    (["decode", "cvae", "z.npy", "--condition", "77", "--out", "new.npy"], "no class '77'"),
    (["reconstruct", "vae", "--out", "new.csv"], "may be .png"),
    (["reconstruct", "rows", "--out", "new.png"], ""),
    (["sample", "ae", "--out", "new.png"], "no prior"),
    (["sample", "vae", "--n", "0", "--out", "new.png"], "must be ≥ 1"),
    (["sample", "vae", "--n", "-5", "--out", "new.png"], "must be ≥ 1"),
    (["sample", "vae", "--n", "x", "--out", "new.png"], "--n: expected a whole number"),
    (["sample", "vae", "--seed", "x", "--out", "new.png"], "--seed: expected a whole number"),
    (["sample", "cvae", "--out", "new.png"], "--condition"),
    (["sample", "cvae", "--condition", "t.csv", "--out", "new.png"], "one column, of classes"),
    (["sample", "vae", "--condition", "t.csv", "--out", "new.png"], "takes no condition"),
    (["sample", "cvae", "--condition", "nowhere.csv", "--out", "new.png"], "no file"),
    (["sample", "vae", "--out", "notes.txt"], "does not serve"),
    (["traverse", "vae", "--of", "", "--out", "new.png"], "an empty name"),
    (["ledger", "vae", "--reader", "mlp(4)"], "--reader is trained for --bound"),
    (["sample", "vae", "--out", "notes.txt/a.png"], ""),
]


def seals(place: Path) -> dict[str, str]:
    return {
        str(path.relative_to(place)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("words", "said"), COMMANDS, ids=lambda v: " ".join(v) if isinstance(v, list) else ""
)
def test_words_that_do_not_serve(words, said, place, capsys, monkeypatch):
    monkeypatch.chdir(place)
    before = seals(place)
    with pytest.raises(SystemExit) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cli.main(words)
        raise SystemExit(0)  # a command that prints its help ends without an exit of its own
    message = capsys.readouterr()
    if words == ["train"]:
        assert not caught.value.code and "usage" in message.out
        return
    assert caught.value.code == 2, message
    lines = [
        line for line in message.err.strip().splitlines() if not line.startswith("vaekit: note:")
    ]
    assert 1 <= len(lines) <= 2 and lines[0].startswith("vaekit: "), message.err
    assert "Traceback" not in message.err and said in message.err, message.err
    assert seals(place) == before


# ---- from Python: a call, and what must be said

X = np.random.default_rng(0).random((20, 1, 8, 8)).astype(np.float32)
ROWS = np.random.default_rng(0).random((20, 5))
SET = Dataset.from_array(X)
NESTED = torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged)
TORCH_SET = torch.utils.data.TensorDataset(torch.tensor(X))


def model() -> Any:
    torch.manual_seed(0)
    return recipes.vae((1, 8, 8), **QUICK)


def fitted() -> VAE:
    return VAE(latent=2, epochs=1, network="mlp(4)").fit(ROWS)


CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    # data
    "load None": (lambda: data.load(None), "cannot load data from NoneType"),
    "load a number": (lambda: data.load(3), "cannot load data from int"),
    "load a list": (lambda: data.load([[1.0, 2.0]]), "np.array of it"),
    "load a dict": (lambda: data.load({"x": X}), "cannot load data from dict"),
    "load a loader": (lambda: data.load(torch.utils.data.DataLoader([1])), "it to fit or encode"),
    "load a TensorDataset": (lambda: data.load(TORCH_SET), "DataLoader of it"),
    "load sparse": (lambda: data.load(sparse.csr_matrix(ROWS)), "csr_matrix: pass x.toarray()"),
    "load lazy": (lambda: data.load(pl.DataFrame(ROWS).lazy()), "LazyFrame: pass x.collect()"),
    "load a Series": (lambda: data.load(pl.Series([1.0])), "pass x.to_frame()"),
    "nested": (
        lambda: Dataset.from_array(NESTED),
        "a nested tensor: pass tensors of one shape, as x.to_padded_tensor(0.0)",
    ),
    "array of a TensorDataset": (
        lambda: Dataset.from_array(TORCH_SET),
        "pass a DataL",
    ),
    "array of a dict": (lambda: Dataset.from_array({"x": X}), "pandas.DataFrame(x)"),
    "load lists": (lambda: data.load(pl.DataFrame({"a": [[1, 2]] * 3})), "a ('[1, 2]')"),
    "load structs": (lambda: data.load(pl.DataFrame({"a": [{"x": 1}] * 3})), """a ("{'x': 1}")"""),
    "load empty text": (lambda: data.load(""), ""),
    "load holdout text": (lambda: data.load(X, holdout="some"), "holdout must be a number"),
    "load holdout 1": (lambda: data.load(X, holdout=1), "holdout must be a share"),
    "load seed": (lambda: data.load(X, seed=1.5), "seed must be a whole number"),
    "load data_dir": (lambda: data.load("digits", data_dir="nowhere"), "does not exist"),
    "load option": (lambda: data.load(X, colour=1), "it takes load"),
    "load option of a set": (lambda: data.load("digits", size=3), "it takes digits"),
    "load option of a Dataset": (lambda: data.load(SET, scale=3), "takes no options"),
    "object array": (lambda: data.load(np.array([{"a": 1}] * 3)), "cannot read numbers"),
    "ragged list": (lambda: Dataset.from_array([[1, 2], [3]]), "differ in length"),
    "text": (lambda: Dataset.from_array("digits"), "cannot read numbers"),
    "none": (lambda: Dataset.from_array(None), "cannot read numbers"),
    "masked": (lambda: Dataset.from_array(np.ma.array([[1.0, 2]], mask=[[1, 0]])), "masked values"),
    "dates": (lambda: Dataset.from_array(np.zeros((3, 2), "M8[s]")), "cannot read numbers"),
    "complex": (lambda: Dataset.from_array(torch.zeros(3, 2, dtype=torch.complex64)), "complex"),
    "sparse": (lambda: Dataset.from_array(torch.eye(3).to_sparse()), "sparse"),
    "no axis": (lambda: Dataset.from_array(np.zeros(3)), "expected images"),
    "five axes": (lambda: Dataset.from_array(np.zeros((1, 1, 1, 2, 2))), "expected images"),
    "empty": (lambda: Dataset.from_array(np.zeros((0, 3))), "got none"),
    "channels last": (lambda: Dataset.from_array(np.zeros((4, 8, 8, 3))), "channels last"),
    "bits as bytes": (lambda: Dataset.from_array(np.ones((3, 4, 4), int)), "pass bool"),
    "12 bits": (lambda: Dataset.from_array(np.full((3, 4, 4), 4095)), "scale=4095"),
    "negative bytes": (lambda: Dataset.from_array(np.full((3, 4, 4), -1)), "0 to 255"),
    "NaN": (lambda: Dataset.from_array(np.full((3, 2), np.nan)), "NaN"),
    "beyond float32": (lambda: Dataset.from_array(np.full((3, 2), 1e300)), "beyond float32"),
    "scale text": (lambda: Dataset.from_array(X, scale="255"), "scale must be"),
    "scale 0": (lambda: Dataset.from_array(X, scale=0), "scale must be"),
    "layout": (lambda: Dataset.from_array(X, layout="chw"), "layout must be"),
    "labels short": (lambda: Dataset.from_array(X, labels=[1, 2]), "expected 20 whole-number"),
    "labels real": (lambda: Dataset.from_array(X, labels=np.full(20, 0.5)), "whole-number"),
    "labels text": (lambda: Dataset.from_array(X, labels=["a"] * 20), "whole-number"),
    "Dataset of an array": (lambda: Dataset(X), "use Dataset.from_array"),  # type: ignore
    "Dataset of doubles": (lambda: Dataset(torch.zeros(3, 2).double()), "from_array"),
    "Dataset NaN": (lambda: Dataset(torch.full((3, 2), torch.nan)).range, "NaN"),
    "Dataset names": (lambda: Dataset(torch.zeros(3, 2), names=("a",)), "expected 3 names"),
    "subset none": (lambda: SET.subset([]), "rows"),
    "subset outside": (lambda: SET.subset([20]), "rows go from 0 to 19"),
    "split all": (lambda: SET.split(1.0), "from 0.05 to below 1"),
    "split text": (lambda: SET.split("0.1"), "fraction must be a number"),  # type: ignore
    "split nothing": (lambda: SET.split(None), "fraction must be a number"),  # type: ignore
    "split NaN": (lambda: SET.split(float("nan")), "leaves"),
    "one-hot beyond": (lambda: data.one_hot(torch.tensor([3, 11]), 10), "0 to 9, got 11"),
    "one-hot below": (lambda: data.one_hot(torch.tensor([-1]), 10), "0 to 9, got -1"),
    "one-hot between": (lambda: data.one_hot(torch.tensor([1.5]), 10), "0 to 9, got 1.5"),
    "Dataset of real labels": (
        lambda: Dataset(torch.zeros(3, 2), torch.ones(3)),
        "labels are whole numbers",
    ),
    "load a name with a blank": (lambda: data.load("my photos"), "no file or folder of that name"),
    "load ünï": (lambda: data.load("ünï"), "unknown data set 'ünï'"),
    "laws of no column": (lambda: data.load(pl.DataFrame(ROWS), mixed=True, laws={0: "x"}), "'0'"),
    "threads": (lambda: Training(threads=100_000), "threads must be ≤ 4,096"),
    "device": (lambda: VAE(latent=2, device="cpu:0").fit(ROWS), "cpu takes no number"),
    "condition": (lambda: SET.condition_width("colour"), "unknown condition"),
    "no labels": (lambda: SET.condition_width("labels"), "has no labels"),
    "factors": (lambda: Factors(("a",), (2,), (np.arange(3),)), "has size 2 but 3 values"),
    "factors sample": (
        lambda: Factors(("a",), (2,), (np.arange(2),)).sample(0, np.random.default_rng()),
        "at least 1",
    ),
    # recipes and settings
    "find": (lambda: recipes.find("vea"), "unknown recipe"),
    "find a number": (lambda: recipes.find(3), ""),
    "shape text": (lambda: recipes.vae("digits"), ""),
    "shape number": (lambda: recipes.vae(64), ""),
    "shape zero": (lambda: recipes.vae((1, 0, 8)), ""),
    "shape empty": (lambda: recipes.vae(()), ""),
    "latent real": (lambda: recipes.vae((4,), latent=2.5), "latent must be a whole number"),
    "latent text": (lambda: recipes.vae((4,), latent="2"), "latent must be a whole number"),
    "latent bool": (lambda: recipes.vae((4,), latent=True), "latent must be a whole number"),
    "network number": (lambda: recipes.vae((4,), network=400), "network must be text"),
    "likelihood None": (lambda: recipes.vae((4,), likelihood=None), "likelihood must be text"),
    "beta None": (lambda: recipes.beta_vae((4,), beta=None), "beta must be a number or text"),
    "prior list": (lambda: recipes.vae((4,), prior=["normal"]), "prior must be text"),
    "Training epochs": (lambda: Training(epochs=1.5), "epochs must be a whole number"),
    "Training batch": (lambda: Training(batch="100"), "batch must be a whole number"),
    "Training lr": (lambda: Training(lr=0), "lr must be"),
    "Training lr text": (lambda: Training(lr="fast"), "lr must be a number"),
    "Training precision": (lambda: Training(precision="fp8"), "precision must be"),
    "Training compile": (lambda: Training(compile="no"), "compile must be True or False"),
    "Training seed": (lambda: Training(seed=-1), "seed must be"),
    "Training device": (lambda: Training(device=0), "device must be text"),
    # fitting
    "fit an array": (lambda: fit(*model(), X), "from_array"),
    "fit both parts": (lambda: fit(*model(), data.load(X)), ".train"),
    "fit a path": (lambda: fit(*model(), "digits"), "load"),
    "fit None": (lambda: fit(*model(), None), ""),
    "fit a system": (lambda: fit(model(), 1.0, SET), "odel"),
    "fit a module": (lambda: fit(nn.Linear(2, 2), model().objective, SET), "Model"),
    "fit a number": (lambda: fit(model().model, 1.0, SET), "bjective"),
    "fit settings": (lambda: fit(*model(), SET, {"epochs": 1}), "Training"),
    "fit other shape": (lambda: fit(*recipes.vae((2,)), SET, Training(batch=10)), ""),
    "fit small": (lambda: fit(*model(), SET, Training(batch=100)), "larger than the data"),
    "fit range": (lambda: fit(*model(), Dataset.from_array(X * 3), Training(batch=9)), "[0, 1]"),
    # a trained model
    "encode an array": (lambda: apply.encode(model().model, [1, 2]), ""),
    "encode rows": (lambda: apply.encode(model().model, torch.zeros(3, 5)), ""),
    "encode one": (lambda: apply.encode(model().model, torch.zeros(1, 8, 8)), ""),
    "encode a path": (lambda: apply.encode(model().model, "x.npy"), ""),
    "decode width": (lambda: apply.decode(model().model, torch.zeros(3, 5)), "expected codes"),
    "decode text": (lambda: apply.decode(model().model, "z.npy"), ""),
    "sample 0": (lambda: apply.sample(model().model, 0), "≥ 1"),
    "sample real": (lambda: apply.sample(model().model, 2.5), ""),
    "sample text": (lambda: apply.sample(model().model, "many"), ""),
    "sample seed": (lambda: apply.sample(model().model, 2, seed="one"), ""),
    "sample no prior": (lambda: apply.sample(recipes.ae((4,)).model, 2), "no prior"),
    "encode_set array": (lambda: apply.encode_set(model().model, X), "Dataset"),
    # judging
    "evaluate an array": (lambda: information.evaluate(model().model, X), "from_array"),
    "evaluate both": (lambda: information.evaluate(model().model, data.load(X)), "take its .train"),
    "evaluate n": (lambda: information.evaluate(model().model, SET, n=0), "≥ 1"),
    "evaluate samples": (lambda: information.evaluate(model().model, SET, samples=0.5), "≥ 1"),
    "evaluate a system": (lambda: information.evaluate(model(), SET), "odel"),
    "evaluate shape": (
        lambda: information.evaluate(model().model, Dataset.from_array(ROWS)),
        "",
    ),
    "ledger none": (lambda: information.ledger(recipes.ae((1, 8, 8)).model, SET), ""),
    "aggregate array": (lambda: information.aggregate(model().model, X), "from_array"),
    "indicators ae": (lambda: information.indicators(recipes.ae((1, 8, 8)).model, SET), ""),
    "log_likelihood n": (lambda: information.log_likelihood(model().model, SET, n=-1), "≥ 1"),
    "refit": (lambda: information.refit(model().model, SET, "laplace"), ""),
    "bound": (lambda: information.mutual_information_bound(model().model, X), "from_array"),
    "score name": (lambda: information.score(model().model, SET, ("mgi",)), ""),
    "mig shapes": (lambda: metrics.mig(np.zeros((5, 2)), np.zeros((4, 2), int)), ""),
    "mig NaN": (lambda: metrics.mig(np.full((5, 2), np.nan), np.zeros((5, 2), int)), ""),
    "mig text": (lambda: metrics.mig("codes", "levels"), ""),
    "mig bins": (lambda: metrics.mig(ROWS, np.arange(20)[:, None] % 3, bins=0), ""),
    # runs
    "Run nowhere": (lambda: Run("nowhere"), "not a run folder"),
    "Run None": (lambda: Run(None), ""),
    "Run a number": (lambda: Run(3), ""),
    "Config recipe": (lambda: Config("veae", {}, "digits", Training()).build((4,)), "unknown"),
    "Config argument": (
        lambda: Config("vae", {"latnet": 3}, "digits", Training()).build((4,)),
        "",
    ),
    "train no config": (lambda: train("vae", Path("new")), ""),
    # estimators
    "VAE unknown": (lambda: VAE(latnet=3), ""),
    "VAE latent": (lambda: VAE(latent="3").fit(ROWS), "latent must be a whole number"),
    "VAE X text": (lambda: VAE().fit("digits"), ""),
    "VAE X None": (lambda: VAE().fit(None), ""),
    "VAE X lazy": (lambda: VAE().fit(pl.DataFrame(ROWS).lazy()), "pass x.collect()"),
    "VAE X a loader": (lambda: VAE().fit(torch.utils.data.DataLoader(TORCH_SET)), "torch.cat("),
    "VAE X a set": (lambda: VAE().fit(SET), "its examples, x.batch()"),
    "VAE X names": (
        lambda: VAE().fit(pd.DataFrame(ROWS[:, :2], columns=pd.Index([1, "b"]))),
        "X.columns = X.columns.astype(str)",
    ),
    "VAE X 1-D": (lambda: VAE().fit(np.zeros(4)), ""),
    "VAE X NaN": (lambda: VAE().fit(np.full((5, 2), np.nan)), "NaN"),
    "VAE X range": (lambda: VAE(epochs=1).fit(ROWS * 9), "needs data in [0, 1]"),
    "VAE X channels": (lambda: VAE().fit(np.zeros((4, 8, 8, 3))), "channels last"),
    "VAE image_shape": (lambda: VAE(image_shape=(3, 3)).fit(ROWS), "needs rows of 9"),
    "VAE transform": (lambda: fitted().transform(np.zeros((3, 4))), ""),
    "VAE decode": (lambda: fitted().inverse_transform(np.zeros((3, 9))), "expected codes"),
    "VAE sample": (lambda: fitted().sample(0), ""),
    "VAE sample text": (lambda: fitted().sample("3"), "n must be a whole number"),
    "VAE save": (lambda: fitted().save("/"), "is a folder"),
    "VAE load": (lambda: VAE.load("nowhere"), "there is no file"),
    "VAE random_state": (lambda: VAE(random_state=-1).fit(ROWS), "random_state must be"),
    "AE sample": (lambda: AE(epochs=1, latent=2).fit(ROWS).sample(2), "no prior"),
    "CVAE no y": (lambda: CVAE().fit(ROWS), "requires y"),
    "CVAE short y": (lambda: CVAE().fit(ROWS, [1, 2]), ""),
    "CVAE real y": (lambda: CVAE().fit(ROWS, ROWS[:, 0]), "no classes"),
    "CVAE None": (
        lambda: CVAE().fit(ROWS, ["a", None] * 10),
        "y misses 10 of 20 classes, the first",
    ),
    "CVAE NaN": (lambda: CVAE().fit(ROWS, ["a", np.nan] * 10), "misses 10 of 20 classes"),
    "CVAE NA": (
        lambda: CVAE().fit(ROWS, pd.array(["a", None] * 10, dtype="string")),
        "y misses 10 of 20 classes, the first in row 1",
    ),
    "CVAE NaT": (
        lambda: CVAE().fit(ROWS, pd.Series([pd.Timestamp(0), pd.NaT] * 10)),
        "misses 10 of 20 classes",
    ),
    "CVAE condition": (lambda: CVAE(condition="factors").fit(ROWS, ROWS[:, 0]), "'labels' or"),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_that_do_not_serve(name):
    call, said = CALLS[name]
    with pytest.raises((ValueError, TypeError)) as caught:
        found = call()
        if hasattr(found, "__iter__"):
            next(iter(found))
    message = str(caught.value)
    named = "takes" in message  # Python's own error, with what may be given
    ours = isinstance(caught.value, VaekitError) or caught.type.__module__ != "builtins" or named
    from_sklearn = name.startswith(("VAE X", "VAE transform", "CVAE short", "VAE unknown"))
    assert ours or from_sklearn, repr(caught.value)
    assert said in message and len(message) < (1000 if from_sklearn else 600), message


def test_there_are_as_many_as_promised():
    assert len(COMMANDS) + len(CALLS) >= 300
