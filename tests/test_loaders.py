"""A `DataLoader` where a set serves: the same numbers in its order; and loaders that do not."""

import csv
import os
import warnings

import numpy as np
import polars as pl
import pytest
import torch
from parts import vae
from test_apply import ok
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import vaekit
from vaekit import apply, information, recipes
from vaekit.apply import Stream
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import evaluate, score_examples
from vaekit.runs import Run

RNG = np.random.default_rng(0)
ROWS = torch.from_numpy(RNG.random((1203, 6), np.float32))
LABELS = torch.from_numpy(RNG.integers(0, 3, 1203))
FEW, CLASSES = ROWS[:40], LABELS[:40]
QUICK = {"latent": 2, "network": "mlp(8)", "epochs": 1, "device": "cpu", "verbose": False}


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield from FEW


class Short(IterableDataset):
    """Say that there are more than there are."""

    def __len__(self):
        return 60

    def __iter__(self):
        return iter(FEW)


def cvae():
    torch.manual_seed(0)
    return recipes.cvae((6,), latent=2, network="mlp(8)", width=3).model.eval()


def loader(*tensors, **options) -> DataLoader:
    data = tensors[0] if len(tensors) == 1 else TensorDataset(*tensors)
    return DataLoader(data, **{"batch_size": 10, **options})


# ---- the same numbers


@pytest.mark.parametrize("batch", [1, 7, 500, 1000, 1203])
@pytest.mark.parametrize("draw", [False, True])
def test_codes_are_the_same_however_a_loader_cuts(batch, draw):
    model = vae()
    a = apply.encode_set(model, Dataset(ROWS), draw=draw)
    b = apply.encode_set(model, loader(ROWS, batch_size=batch), draw=draw)
    for one, other in zip(a, b, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("batch", [7, 600])
def test_numbers_are_the_same(batch):
    whole = evaluate(vae(), Dataset(ROWS), samples=2)
    assert evaluate(vae(), loader(ROWS, batch_size=batch), samples=2) == whole
    first = evaluate(vae(), Dataset(ROWS[:100]))
    assert evaluate(vae(), loader(ROWS, batch_size=batch), n=100) == first
    assert evaluate(vae(), DataLoader(Endless(), batch_size=16), n=40) == evaluate(
        vae(), Dataset(FEW)
    )


def test_scores_are_the_same():
    a = score_examples(vae(), Dataset(FEW), samples=3)
    b = score_examples(vae(), loader(FEW, batch_size=7), samples=3)
    assert all(np.array_equal(a.values[name], b.values[name]) for name in a.values)


@pytest.mark.parametrize("told", [CLASSES, torch.eye(3)[CLASSES]])
def test_conditions_stand_beside_x(told):
    model, data = cvae(), Dataset(FEW, CLASSES)
    assert evaluate(model, loader(FEW, told)) == evaluate(model, data)
    codes = apply.encode_set(model, loader(FEW, told)).code
    assert torch.equal(codes, apply.encode_set(model, data).code)
    fixed = torch.eye(3)[:1]
    one = apply.encode_set(model, loader(FEW), fixed).code
    assert torch.equal(one, apply.encode_set(model, data, fixed.expand(40, -1)).code)


def test_what_a_loader_draws_moves_no_noise():
    class Noisy(TensorDataset):
        def __getitem__(self, index):
            torch.rand(5)
            return self.tensors[0][index]

    model = vae()
    state = torch.get_rng_state()
    whole = evaluate(model, Dataset(FEW))
    assert evaluate(model, DataLoader(Noisy(FEW), batch_size=10)) == whole
    shuffled = [evaluate(model, loader(FEW, shuffle=True)) for _ in range(2)]
    assert shuffled[0] == shuffled[1]
    assert torch.equal(torch.get_rng_state(), state)


def test_pictures_of_bytes_are_pixels():
    torch.manual_seed(0)
    model = recipes.vae((1, 8, 8), latent=2, network="mlp(8)").model.eval()
    x = torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8)
    assert evaluate(model, loader(x)) == evaluate(model, Dataset(x))
    kept = Stream(loader(x)).collected(None)
    assert kept.images.dtype == torch.uint8
    assert torch.equal(kept.images, x)


# ---- loaders that do not serve

BAD = FEW.clone()
BAD[23, 4] = np.nan
WRONG = {
    "nothing": (loader(FEW[:0]), "empty"),
    "fewer than a batch": (loader(FEW[:4], drop_last=True), "empty"),
    "endless": (DataLoader(Endless(), batch_size=10), "needs a length"),
    "fewer than it says": (DataLoader(Short(), batch_size=10), "gave 4 batches, but says it has 6"),
    "other shapes": (
        DataLoader([FEW[:10], FEW[:10, :5]], batch_size=None),
        r"batch 2 of the DataLoader has examples of shape \(5,\), those before of \(6,\)",
    ),
    "another width": (loader(FEW[:, :4]), "shapes do not fit"),
    "NaN": (loader(BAD), "batch 3 of the DataLoader: .*the first in row 3"),
    "text": (DataLoader(["a"] * 10, batch_size=5), "begins with str"),
    "one example": (DataLoader(list(FEW), batch_size=None), "a batch the first"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("use", [apply.encode_set, score_examples, evaluate])
def test_loaders_that_do_not_serve(name, use):
    data, said = WRONG[name]
    more = {"n": 60} if use is evaluate else {}
    if use is evaluate and name == "endless":
        return
    with pytest.raises(VaekitError, match=said), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of PyTorch, for the length that is wrong
        use(vae(), data, **more)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (loader(FEW), "batch 1 of the DataLoader: .*gives x alone"),
        (loader(FEW, CLASSES + 1), "classes from 1 to 3"),
        (loader(FEW, torch.zeros(40, 4)), r"conditions \(10, 3\), got float32 \(10, 4\)"),
        (DataLoader([(FEW, CLASSES[:7])], batch_size=None), r"40 examples need conditions \(40,"),
        (DataLoader([(FEW, ["a"] * 40)], batch_size=None), "expected the labels of a batch"),
    ],
)
def test_conditions_that_do_not_serve(data, said):
    for use in (apply.encode_set, evaluate):
        with pytest.raises(VaekitError, match=said):
            use(cvae(), data)


def test_what_reads_at_random_says_why():
    for judge in (information.ledger, information.indicators, information.log_likelihood):
        with pytest.raises(VaekitError, match="more than once or at random"):
            judge(vae(), loader(FEW))


# ---- of a run


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Run:
    """A run on columns in their own units."""
    place = tmp_path_factory.mktemp("loaders")
    own = ROWS[:700].numpy() * [1, 10, 100, 1, 1, 1] + 5
    pl.DataFrame(own, schema=list("abcdef")).write_parquet(place / "t.parquet")
    return vaekit.train(
        "vae", data=str(place / "t.parquet"), likelihood="squared_error", out=place / "run", **QUICK
    )


@pytest.fixture(scope="module")
def classed(tmp_path_factory) -> Run:
    return vaekit.train("cvae", data="digits", out=tmp_path_factory.mktemp("c") / "r", **QUICK)


OWN = (ROWS[:60].numpy() * [1, 10, 100, 1, 1, 1] + 5).astype(np.float64)


def test_a_run_takes_a_loader(table):
    given = loader(torch.from_numpy(OWN), batch_size=8)
    assert np.array_equal(table.encode(given), table.encode(OWN))
    assert np.array_equal(table.reconstruct(given), table.reconstruct(OWN))
    a, b = table.score(given, samples=3), table.score(OWN, samples=3)
    assert list(a.names) == list(b.names)
    for name in a.values:
        assert np.array_equal(a.values[name], b.values[name])
        assert np.array_equal(a.percentiles[name], b.percentiles[name])


def test_a_run_is_judged_on_a_loader(table):
    before = table.metrics
    given = loader(torch.from_numpy(OWN), batch_size=8)
    a, b = table.evaluate(data=given), table.evaluate(data=OWN)
    assert {k: v["value"] for k, v in a.items()} == {k: v["value"] for k, v in b.items()}
    assert table.evaluate(data=given, n=13)["elbo"]["n"] == 13
    assert {v["split"] for v in a.values()} == {"the DataLoader"}
    assert table.metrics == before
    with pytest.raises(VaekitError, match="train_split is a part of the run's own data"):
        table.evaluate(data=given, train_split=True)
    with pytest.raises(VaekitError, match=r"batch 1 of the DataLoader: expected rows \(N, 6\)"):
        table.evaluate(data=loader(FEW[:, :3]))


def test_conditions_of_a_run(classed):
    test = classed.data.test
    rows = torch.arange(len(test))
    x, labels = test.batch(rows), test.batch_labels(rows)
    assert labels is not None
    want = classed.encode()
    assert np.array_equal(classed.encode(loader(x, labels)), want)
    assert np.array_equal(classed.encode(loader(x), condition=3), classed.encode(x, condition=3))
    numbers = classed.evaluate(data=loader(x, labels), metrics="probe")
    own = classed.evaluate(metrics="probe")
    assert numbers.keys() == own.keys()
    assert all(numbers[name]["value"] == own[name]["value"] for name in own)
    assert len(classed.score(loader(x[:5], labels[:5]), samples=2, reference=20).names) == 5
    with pytest.raises(VaekitError, match="gives x alone"):
        classed.encode(loader(x))
    with pytest.raises(VaekitError, match="a DataLoader takes one for all, or gives pairs"):
        classed.encode(loader(x), condition=labels.numpy())
    with pytest.raises(VaekitError, match="as vectors, which these numbers cannot use"):
        classed.evaluate(data=loader(x, torch.eye(10)[labels]))


def test_rows_go_to_a_file(table, tmp_path):
    whole = table.splits.joined()
    assert len(whole) == 700
    codes = table.encode(whole, out=tmp_path / "z.npy")
    assert isinstance(codes, np.memmap)
    assert np.array_equal(codes, table.encode(whole))
    again = table.reconstruct(whole, out=tmp_path / "x.npy")
    assert np.array_equal(again, table.reconstruct(whole))
    drawn = table.encode(whole, draw=True, seed=3, out=tmp_path / "d.npy")
    assert np.array_equal(drawn, table.encode(whole, draw=True, seed=3))
    for out, said in ((tmp_path / "z.npy", "exists"), (tmp_path / "z.csv", r"ends in \.npy")):
        with pytest.raises(VaekitError, match=said):
            table.encode(whole, out=out)
    with pytest.raises(VaekitError, match="NaN or infinite values"):
        table.encode(np.full((3, 6), np.nan), out=tmp_path / "n.npy")
    broken = loader(torch.from_numpy(np.concatenate([OWN] * 10 + [OWN * np.inf])))
    with pytest.raises(VaekitError, match="batch"):
        table.encode(broken, out=tmp_path / "n.npy")
    assert not os.path.lexists(tmp_path / "n.npy")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("draw", [False, True])
def test_commands_write_batch_by_batch(table, tmp_path, capsys, draw):
    """Of 700 rows, more than one batch, in all forms the same."""
    codes = table.codes(table.splits.joined(), draw=draw)
    for name in ("z.npz", "z.npy", "z.csv"):
        words = ["--draw"] if draw else []
        ok(capsys, "encode", table.folder, "--split", "all", "--out", tmp_path / name, *words)
    with np.load(tmp_path / "z.npz") as packed:
        assert list(packed) == ["code", "mean", "std", "row"]
        assert np.array_equal(packed["code"], codes.code)
        assert np.array_equal(packed["mean"], codes.mean)
        assert codes.std is not None
        assert np.array_equal(packed["std"], codes.std)
        assert np.array_equal(packed["row"], np.arange(700))
    assert np.array_equal(np.load(tmp_path / "z.npy"), codes.code)
    rows = list(csv.reader((tmp_path / "z.csv").read_text().splitlines()))
    assert rows[0] == ["row", "z0", "z1"]
    assert [row[0] for row in rows[1:]] == list(map(str, range(700)))
    assert np.array_equal(np.array([r[1:] for r in rows[1:]], np.float32), codes.code)
    assert not list(tmp_path.glob(".*"))


def test_scores_are_written_batch_by_batch(table, tmp_path, capsys):
    out = tmp_path / "s.csv"
    words = ["--split", "all", "--samples", "2", "--reference", "50", "--out", out]
    said = ok(capsys, "score", table.folder, *words)
    scores = table.score(table.splits.joined(), samples=2, reference=50)
    frame = pl.read_csv(out)
    assert frame["row"].to_list() == list(range(700))
    assert np.allclose(frame["elbo"].to_numpy(), scores.values["elbo"])
    values = scores.values["log_likelihood"]
    assert f"{values.mean():.2f} nats on average, worst {values.min():.2f}" in said
    assert f"(row {values.argmin()})" in said
    assert f"{(scores.percentiles['log_likelihood'] < 5).sum()} worse than" in said


@pytest.mark.parametrize("names", [(3, 5, 7), (1, 2, 3)])
def test_classes_of_a_loader_go_by_names_that_are_whole_numbers(names, tmp_path):
    x = np.random.default_rng(0).random((30, 4), np.float32)
    y = np.array(names)[np.arange(30) % 3]
    table = tmp_path / "t.csv"
    rows = [",".join(map(str, [*row, k])) for row, k in zip(x, y, strict=True)]
    table.write_text("\n".join(["a,b,c,d,y", *rows]) + "\n", encoding="utf-8")
    given = f"table('{table}', label=y, scale=none)"
    asked = {"latent": 2, "network": "mlp(4)", "epochs": 1, "batch": 10, "out": tmp_path / "run"}
    run = vaekit.train("cvae", data=given, likelihood="gaussian", **asked)
    whole = run.encode(table)
    pairs = loader(torch.from_numpy(x), torch.from_numpy(y))
    assert np.allclose(whole, run.encode(pairs), atol=1e-6)
    assert np.allclose(whole, run.encode(x, condition=y), atol=1e-6)
    scores = run.score(table).values["distortion"]
    assert np.allclose(scores, run.score(pairs).values["distortion"], atol=1e-4)
    judged = [run.evaluate(data=each)["elbo"]["value"] for each in (table, pairs)]
    assert judged[0] == pytest.approx(judged[1], abs=1e-4)
    with pytest.raises(VaekitError, match="no class"):
        run.encode(loader(torch.from_numpy(x), torch.from_numpy(y) * 0))
