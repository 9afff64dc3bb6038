"""Encode, decode, reconstruct and sample: the Python twins and the commands, good input and bad."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
import yaml
from PIL import Image, ImageOps
from torch.utils.data import DataLoader

import vaekit
from vaekit import cli, data, information
from vaekit.data import Dataset
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.estimators import CVAE
from vaekit.runs import Config, Run, train
from vaekit.training import Training

QUICK = {"network": "mlp(8)", "latent": 2}


def fit(folder: Path, what: str, recipe: str = "vae", epochs: int = 1, **arguments) -> Run:
    settings = Training(epochs=epochs, batch=10, device="cpu")
    train(Config(recipe, {**QUICK, **arguments}, what, settings), folder)
    return Run(folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("apply")


@pytest.fixture(scope="module")
def digits(place) -> Run:
    return fit(place / "digits", "digits", latent=3)


@pytest.fixture(scope="module")
def cvae(place) -> Run:
    return fit(place / "cvae", "digits", "cvae")


@pytest.fixture(scope="module")
def numbers(place) -> Run:
    """A run on a table of columns in very different units, one of them constant."""
    own = np.random.default_rng(0).normal(size=(60, 3)) * [1, 100, 0] + [0, 5000, 7.3]
    pl.DataFrame(own, schema=["a", "b", "k"]).write_csv(place / "t.csv")
    return fit(place / "table", str(place / "t.csv"), likelihood="squared_error")


@pytest.fixture(scope="module")
def coloured(place) -> Run:
    """A run on colour floats from −1 to 1, channels first."""
    x = np.random.default_rng(0).uniform(-1, 1, (40, 3, 4, 5)).astype(np.float32)
    x[0, 0, 0, :2] = -1, 1
    np.save(place / "x.npy", x)
    return fit(place / "colour", str(place / "x.npy"), likelihood="squared_error")


@pytest.fixture
def there(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ok(capsys, *words) -> str:
    cli.main([str(word) for word in words])
    return capsys.readouterr().out


def fails(capsys, *words) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(word) for word in words])
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert said.startswith("vaekit: ")
    assert len(said.strip().splitlines()) <= 2
    return said


def images(n: int = 6) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 1, 8, 8), dtype=np.uint8)


def pictures(folder: Path, n: int = 4, size: tuple[int, int] = (8, 8), mode: str = "L") -> Path:
    folder.mkdir(parents=True)
    for k in range(n):
        shape = size if mode == "L" else (*size, 3)
        pixels = np.random.default_rng(k).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{'dcba'[k]}.png")
    return folder


def shown(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


# ---- in Python


def test_twins_agree_with_the_model(digits):
    x = images()
    z = digits.encode(x)
    floats = torch.from_numpy(x).float() / 255
    with torch.no_grad():
        q = digits.model.posterior(floats)
        p = digits.model.likelihood(q.mean[None]).mean[0]
    assert z.dtype == np.float32 and z.shape == (6, 3)
    np.testing.assert_allclose(z, q.mean, atol=1e-6)
    np.testing.assert_allclose(digits.encode(floats), z, atol=1e-6)
    np.testing.assert_allclose(digits.encode(x[:, 0]), z, atol=1e-6)
    np.testing.assert_allclose(digits.decode(z), p, atol=1e-6)
    np.testing.assert_allclose(digits.reconstruct(x), p, atol=1e-6)
    codes = digits.codes(x)
    np.testing.assert_allclose(codes.std, q.variance.sqrt(), atol=1e-6)
    assert not digits.model.training


def test_draws_are_those_of_q_and_the_same_for_a_seed(digits):
    x = np.repeat(images(1), 3000, axis=0)
    codes = digits.codes(x, draw=True, seed=3)
    z = ((codes.code - codes.mean) / codes.std).numpy()
    assert abs(z.mean()) < 5 / 9000**0.5
    assert abs(z.std() - 1) < 0.05
    state = torch.get_rng_state()
    assert np.array_equal(digits.encode(x, draw=True, seed=3), codes.code)
    assert not np.array_equal(digits.encode(x, draw=True, seed=4), codes.code)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_set_is_encoded_as_its_arrays(digits):
    test = digits.data.test
    x = test.batch(torch.arange(len(test)))
    np.testing.assert_allclose(digits.encode(test), digits.encode(x), atol=1e-6)


def test_samples(digits, cvae):
    x = digits.sample(5, seed=1)
    assert x.shape == (5, 1, 8, 8) and 0 <= x.min() <= x.max() <= 1
    assert np.array_equal(x, digits.sample(5, seed=1))
    assert not np.array_equal(x, digits.sample(5, seed=2))
    seven = cvae.sample(3, condition=7)
    assert np.array_equal(seven, cvae.sample(3, condition="7"))
    assert np.array_equal(seven, cvae.sample(3, condition=np.full(3, 7)))
    assert np.array_equal(seven, cvae.sample(3, condition=np.eye(10)[[7, 7, 7]]))
    assert not np.array_equal(seven, cvae.sample(3, condition=1))
    mixed = cvae.sample(3, condition=[1, 7, 1])
    np.testing.assert_allclose(mixed[1], seven[1], atol=1e-6)


def test_a_set_brings_its_own_condition(cvae):
    test = cvae.data.test
    x, labels = test.batch(torch.arange(len(test))), test.batch_labels(torch.arange(len(test)))
    np.testing.assert_allclose(cvae.encode(test), cvae.encode(x, condition=labels), atol=1e-6)
    with pytest.raises(VaekitError, match=r"conditioned on labels, which .* does not have"):
        cvae.encode(x)


def test_classes_go_by_name(place, tmp_path):
    """New data may number the same classes otherwise: an ant is no cat."""
    for name in ("ant", "bee", "cat"):
        pictures(tmp_path / "old" / name)
    run = fit(tmp_path / "run", str(tmp_path / "old"), "cvae")
    pictures(tmp_path / "new" / "cat")
    found = data.load(tmp_path / "new", holdout=0).train
    assert found.label_names == ("cat",)
    assert np.array_equal(run.encode(found), run.encode(found, condition="cat"))
    assert not np.array_equal(run.encode(found), run.encode(found, condition="ant"))
    pictures(tmp_path / "other" / "dog")
    with pytest.raises(VaekitError, match=r"'dog' was seen.*0 \(ant\), 1 \(bee\), 2 \(cat\)"):
        run.encode(data.load(tmp_path / "other", holdout=0).train)


def test_attributes_and_factors(tmp_path):
    from vaekit.data import Schema
    from vaekit.model import Condition
    from vaekit.runs.use.conditions import vectors

    schema = Schema((1, 4, 4), (0.0, 1.0), factors={"shape": 3, "scale": 2})
    real, grid = Condition("attributes", 2), Condition("factors", 5)
    assert vectors("0.5, -1", 3, real, schema).tolist() == [[0.5, -1.0]] * 3
    assert vectors([[1, 2], [3, 4]], 2, real, schema).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    want = [[0.0, 1.0, 0.0, 1.0, 0.0]]
    for said in ("shape=1,scale=0", {"scale": 0, "shape": 1}, [1, 0], [[1, 0]], want):
        assert vectors(said, 1, grid, schema).tolist() == want
    for kind, said, why in (
        (real, "1,2,3", "expected 2 attributes, as in training, got 3"),
        (real, "red,1", "should be numbers"),
        (real, [np.nan, 1], "NaN"),
        (real, [[1, 2]] * 2, "2 conditions for 3 examples"),
        (grid, "shape=1", "lacks the factor 'scale'"),
        (grid, "shape=1,size=0", "unknown factor 'size'"),
        (grid, "shape=3,scale=0", "levels 0 to 2, got 3"),
        (grid, "shape=x,scale=0", "should be numbers"),
        (grid, "1,0", "say factor=level"),
        (grid, "shape=1,shape=2,scale=0", "names a factor twice"),
        (grid, [1], r"a level for each of shape \(0 to 2\), scale"),
    ):
        with pytest.raises(VaekitError, match=why):
            vectors(said, 3, kind, schema)


def test_factors_from_the_shell(tmp_path, capsys):
    what = "sprites(scales=2, rotations=2, positions=2, size=16)"
    run = fit(tmp_path / "run", what, "cvae", condition="factors")
    said = "shape=2,scale=1,rotation=0,x=0,y=1"
    ok(capsys, "sample", run.folder, "--n", "2", "--condition", said, "--out", tmp_path / "s.npy")
    rows = torch.from_numpy(run.data.train.factors.index([[2, 1, 0, 0, 1]]))
    whole = data.load(what, holdout=0).train
    one_hots = whole.condition(rows, "factors", run.model.condition.width)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), run.sample(2, one_hots))
    (tmp_path / "c.csv").write_text("y,shape,scale,rotation,x,row\n1,2,1,0,0,0\n")
    c = tmp_path / "c.csv"
    ok(capsys, "sample", run.folder, "--n", "2", "--condition", c, "--out", tmp_path / "t.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), np.load(tmp_path / "s.npy"))
    ok(capsys, "encode", run.folder)


def test_classes_of_a_table(tmp_path, capsys):
    """Classes 3, 5, 7 go by their names, not by their places, whether said by text or number."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    frame = pl.DataFrame(x, schema=["a", "b"]).with_columns(kind=pl.Series([3, 5, 7] * 20))
    frame.write_csv(tmp_path / "t.csv")
    what = f"table('{tmp_path}/t.csv', label=kind)"
    run = fit(tmp_path / "run", what, "cvae", likelihood="squared_error")
    frame[[2, 1]].write_csv(tmp_path / "new.csv")
    new, out = f"table('{tmp_path}/new.csv', label=kind)", tmp_path / "z.npy"
    ok(capsys, "encode", run.folder, new, "--out", out)
    want = run.encode(x[[2, 1]], condition=["7", "5"])
    np.testing.assert_allclose(np.load(out), want, atol=1e-5)
    np.testing.assert_allclose(want, run.encode(x[[2, 1]], condition=[7, 5]), atol=1e-6)
    with pytest.raises(VaekitError, match="no class 2 was seen in training; seen were 3, 5, 7"):
        run.encode(x[[2, 1]], condition=[2, 1])
    (tmp_path / "c.csv").write_text("kind\n7\n5\n")
    words = "--condition", tmp_path / "c.csv", "--out", out, "--force"
    ok(capsys, "encode", run.folder, tmp_path / "new.csv", *words)
    np.testing.assert_allclose(np.load(out), want, atol=1e-5)


def test_a_file_that_has_the_column_of_the_classes(tmp_path, capsys):
    """The run knows which column it was; classes go by name, however few the file has."""
    rng, kinds = np.random.default_rng(0), ["u", "v", "w"] * 20
    frame = pl.DataFrame(rng.normal(size=(60, 2)), schema=["a", "b"])
    frame.with_columns(kind=pl.Series(kinds)).write_csv(tmp_path / "t.csv")
    what = f"table('{tmp_path}/t.csv', [a, b], kind)"
    run = fit(tmp_path / "run", what, "cvae", likelihood="squared_error")
    new, out = frame[[2, 1]].with_columns(kind=pl.Series(["w", "v"])), tmp_path / "z.npy"
    new.write_csv(tmp_path / "new.csv")
    ok(capsys, "encode", run.folder, tmp_path / "new.csv", "--out", out)
    want = run.encode(frame.to_numpy()[[2, 1]], condition=["w", "v"])
    np.testing.assert_allclose(np.load(out), want, atol=1e-5)
    ok(
        capsys,
        "encode",
        run.folder,
        tmp_path / "new.csv",
        "--condition",
        "u",
        "--out",
        out,
        "--force",
    )
    assert not np.allclose(np.load(out), want)
    new.drop("kind").write_csv(tmp_path / "less.csv")
    said = fails(capsys, "encode", run.folder, tmp_path / "less.csv", "--out", tmp_path / "n.npy")
    assert "labels, which less.csv does not have" in said
    new.with_columns(kind=pl.lit("x")).write_csv(tmp_path / "new.csv")
    said = fails(capsys, "encode", run.folder, tmp_path / "new.csv", "--out", tmp_path / "n.npy")
    assert "no class 'x' was seen in training" in said


def test_the_first_examples_have_the_first_conditions(cvae, capsys, there):
    x, labels = images(70), np.arange(70) % 10
    np.save("x.npy", x), np.save("c.npy", labels)
    want = cvae.reconstruct(x, condition=labels)
    for n, shown in ((10, 10), (None, 70)):
        words = ("x.npy", "--condition", "c.npy", *(("--n", n) if n else ()), "--force")
        said = ok(capsys, "reconstruct", cvae.folder, *words, "--out", "y.npy")
        assert f"y.npy: {shown} examples of x.npy" in said
        np.testing.assert_allclose(np.load("y.npy"), want[:shown], atol=1e-5)
        ok(capsys, "encode", cvae.folder, *words, "--out", "z.npy")
        np.testing.assert_allclose(np.load("z.npy"), cvae.encode(x, labels)[:shown], atol=1e-5)
    said = ok(capsys, "reconstruct", cvae.folder, *words, "--out", "y.png")
    assert "the first 64 of 70" in said
    np.save("c.npy", labels[:30])
    words = "x.npy", "--condition", "c.npy", "--n", "10", "--out", "n.npy"
    assert "30 conditions for 10 examples" in fails(capsys, "encode", cvae.folder, *words)


def test_pictures_get_the_size_and_colours_of_the_run(digits, capsys, there):
    pictures(Path("p"), 3, (11, 9), mode="RGB")
    for what, count in (("p", 3), ("p/d.png", 1), ("folder('p', gray=true)", 3)):
        cli.main(["encode", str(digits.folder), what, "--out", "z.csv", "--force"])
        said = capsys.readouterr()
        assert f"{count} of {count} pictures are brought to grey, 8 x 8 (h x w)" in said.err
        assert len(pl.read_csv("z.csv")) == count
    small = [Image.open(f"p/{n}.png").convert("L") for n in "bcd"]
    pixels = np.stack([np.asarray(ImageOps.fit(each, (8, 8))) for each in small])
    want = digits.encode(pixels)
    np.testing.assert_allclose(pl.read_csv("z.csv").select("^z.*$").to_numpy(), want, atol=1e-5)
    for asked in ("size=9", "size=[8, 9]"):
        said = fails(capsys, "encode", digits.folder, f"folder('p', {asked})", "--out", "n.npy")
        assert "grey pictures of 8 x 8" in said


def test_attributes_of_one_column_are_one_for_each(tmp_path):
    from vaekit.data import Schema
    from vaekit.model import Condition
    from vaekit.runs.use.conditions import vectors

    schema = Schema((4,), (0.0, 1.0))
    assert vectors([1, 2, 3], 3, Condition("attributes", 1), schema).tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (
            np.zeros((2, 1, 9, 8), np.float32),
            r"expected examples of 1 × 8 × 8.*got 1 × 9 × 8.*resiz",
        ),
        (np.zeros((2, 3, 8, 8), np.uint8), "these are colour, the run's are grey"),
        (np.zeros((2, 8, 8, 1), np.uint8), "channels come last"),
        (np.zeros((1, 8, 8), np.uint8)[0], r"x\[None\]"),
        (np.zeros((2, 64), np.float32), r"reshape them to \(N, 1, 8, 8\)"),
        (np.zeros((0, 1, 8, 8), np.float32), "got none"),
        (np.full((2, 1, 8, 8), 255.0), "from 255 to 255, but the run was trained on values from 0"),
        (np.full((2, 1, 8, 8), np.nan), "NaN"),
        (np.ones((2, 1, 8, 8), int), "1/255"),
        (np.full((2, 1, 8, 8), "a"), "type <U1"),
        (3.0, "expected examples"),
    ],
    ids=lambda v: "" if isinstance(v, str) else str(getattr(v, "shape", "number")),
)
def test_examples_that_do_not_serve(digits, x, said):
    for method in (digits.encode, digits.reconstruct):
        with pytest.raises(VaekitError, match=said):
            method(x)


@pytest.mark.parametrize(
    ("z", "said"),
    [
        (np.zeros((2, 4)), r"expected codes \(n, 3\).*got shape \(2, 4\)"),
        (np.zeros(3), "expected codes"),
        (np.zeros((0, 3)), "expected codes"),
        (np.full((1, 3), np.inf), "the codes: example 0 holds an infinite value"),
        (np.full((1, 3), "a"), "cannot read numbers of type <U1"),
    ],
)
def test_codes_that_do_not_serve(digits, z, said):
    with pytest.raises(VaekitError, match=said):
        digits.decode(z)


def test_conditions_that_do_not_serve(digits, cvae):
    with pytest.raises(VaekitError, match="takes no condition"):
        digits.sample(2, condition=1)
    for condition, said in (
        (None, "conditioned on labels"),
        (10, "no class 10 was seen in training; seen were 0, 1, 2"),
        (-1, "no class -1"),
        (1.5, "no class 1.5"),
        ("sevn", "no class 'sevn'"),
        ([1, 2, 3], "3 conditions for 2 examples"),
        (np.eye(11)[:2], "one class for each"),
    ):
        with pytest.raises(VaekitError, match=said):
            cvae.sample(2, condition=condition)
    with pytest.raises(VaekitError, match="seed"):
        digits.sample(2, seed=-1)
    with pytest.raises(VaekitError, match="≥ 1"):
        digits.sample(0)


@pytest.mark.parametrize("names", [(1, 2, 3), (1, 6, 11), (-1, 0, 1), (0, 10, 2)])
def test_classes_that_are_named_by_whole_numbers(names, tmp_path):
    """A number is the name then, however it is brought: 1 is no second class."""
    rows = np.random.default_rng(0).normal(size=(30, 2))
    told = np.array(names * 10)
    frame = pl.DataFrame({"a": rows[:, 0], "b": rows[:, 1], "kind": told})
    frame.write_csv(tmp_path / "t.csv")
    what = f"table('{tmp_path}/t.csv', label=kind)"
    run = fit(tmp_path / "run", what, "cvae", likelihood="squared_error")
    want = run.encode(rows, condition=[str(name) for name in told])
    assert not np.allclose(want, run.encode(rows, condition=str(names[0])))
    brought = data.load(tmp_path / "t.csv", holdout=0, label="kind").train
    for condition in (told, told.tolist(), torch.from_numpy(told), told.astype(float)):
        assert np.array_equal(want, run.encode(rows, condition=condition))
    assert np.allclose(want, run.encode(brought), atol=1e-5)
    assert np.allclose(want, run.encode(Dataset.from_array(rows, told)), atol=1e-5)
    other = {0, 1, 2, 5} - set(names)
    with pytest.raises(VaekitError, match="seen were .*" + str(names[1])):
        run.sample(2, condition=other.pop())


def test_a_test_part_that_lacks_the_condition_is_told_before_training(tmp_path, capsys):
    for place in ("train/cat", "train/dog", "test"):
        pictures(tmp_path / "pics" / place)
    words = "train", "cvae", "--data", tmp_path / "pics", "--epochs", "1", "--batch", "4"
    said = fails(capsys, *words, "--out", tmp_path / "run")
    assert "has no labels, which the condition needs" in said
    assert not (tmp_path / "run").exists()


def test_a_set_of_rows_means_what_its_array_means(tmp_path):
    rows = np.random.default_rng(0).normal(5, 3, (40, 2))
    pl.DataFrame(rows, schema=["a", "b"]).write_csv(tmp_path / "t.csv")
    run = fit(tmp_path / "run", str(tmp_path / "t.csv"), likelihood="squared_error")
    want = run.reconstruct(rows)
    for x in (Dataset.from_array(rows), data.load(rows, holdout=0).train, torch.from_numpy(rows)):
        assert np.allclose(run.reconstruct(x), want, rtol=1e-4)


def test_a_class_that_was_never_seen(tmp_path):
    labels = np.array([0, 1, 3] * 20)
    np.savez(tmp_path / "x.npz", images=np.repeat(images(1), 60, 0), labels=labels)
    run = fit(tmp_path / "run", str(tmp_path / "x.npz"), "cvae")
    run.sample(1, condition=3)
    with pytest.raises(VaekitError, match="no class 2 was seen in training; seen were 0, 1, 3"):
        run.sample(1, condition=2)
    with pytest.raises(VaekitError, match="no class 2"):
        run.sample(1, condition=np.eye(4)[[2]])


def test_a_model_without_a_prior(tmp_path):
    run = fit(tmp_path / "run", "digits", "ae")
    assert run.codes(images()).std is None
    with pytest.raises(VaekitError, match="no prior"):
        run.sample(2)


# ---- scales


def test_new_rows_get_the_scaling_of_the_training(numbers, place, there):
    """By itself a table of two rows would be scaled to ±1, whatever they hold."""
    own = pl.read_csv(place / "t.csv").to_numpy()
    assert numbers.config.notes["known"]["columns"]["names"] == ["a", "b", "k"]
    whole = numbers.encode(own)
    rows = own[[3, 7]]
    np.testing.assert_allclose(numbers.encode(rows), whole[[3, 7]], atol=1e-5)
    scaled = data.load(place / "t.csv", holdout=0).train
    np.testing.assert_allclose(numbers.encode(scaled), whole, atol=1e-5)
    back = numbers.reconstruct(own)
    assert np.all(back[:, 2] == 7.3)
    assert 4000 < back[:, 1].mean() < 6000
    np.testing.assert_allclose(numbers.decode(whole), back, rtol=1e-5)


def test_a_table_from_the_shell(numbers, place, capsys, there):
    frame = pl.read_csv(place / "t.csv")
    some = frame[[3, 7]].select("k", "b", "a").with_columns(note=pl.lit("text"))
    some.write_csv("new.csv")
    ok(capsys, "encode", numbers.folder, "new.csv", "--out", "z.csv")
    z = pl.read_csv("z.csv")
    assert z.columns == ["row", "z0", "z1"]
    want = numbers.encode(frame.to_numpy()[[3, 7]])
    np.testing.assert_allclose(z.select("z0", "z1").to_numpy(), want, atol=1e-5)
    ok(
        capsys,
        "encode",
        numbers.folder,
        f"table('{there}/new.csv', columns=[b,k,a])",
        "--out",
        "2.npy",
    )
    np.testing.assert_allclose(np.load("2.npy"), want, atol=1e-4)
    ok(capsys, "decode", numbers.folder, "z.csv", "--out", "x.csv")
    assert pl.read_csv("x.csv").columns == ["a", "b", "k"]
    ok(capsys, "reconstruct", numbers.folder, "new.csv", "--out", "y.csv")
    assert pl.read_csv("y.csv").shape == (2, 3)
    assert "samples.csv" in ok(capsys, "sample", numbers.folder, "--force")
    pl.DataFrame({"a": [1.0], "b": [2.0]}).write_csv("short.csv")
    assert "'k'" in fails(capsys, "encode", numbers.folder, "short.csv", "--out", "no.npy")
    assert "a folder" not in fails(capsys, "sample", numbers.folder, "--out", "x.png")
    frame.with_columns(a=pl.lit(1e6)).write_csv("far.csv")
    cli.main(["encode", str(numbers.folder), "far.csv", "--out", "far.npy"])
    said = "60 of 60 rows lie far outside the training data, in a: 0, 1, 2, 3, 4, 5, 6, 7, … (60"
    assert said in capsys.readouterr().err
    far = pl.read_csv("far.csv")
    for given in ("far.csv", far, pd.DataFrame(far.to_dict(as_series=False)), far.to_numpy()):
        for use in (numbers.encode, numbers.reconstruct, numbers.score):
            with pytest.warns(VaekitWarning) as noted:
                use(given)
            assert sum("in a: 0, 1" in str(note.message) for note in noted) == 1, use


def test_values_off_a_constant_column_are_named(numbers, place, capsys, there):
    """Column k was 7.3 in training, so that the codes cannot show what it is now."""
    frame = pl.read_csv(place / "t.csv")[:3]
    frame.with_columns(k=pl.Series([500.0, 7.3, -1e6])).write_csv("new.csv")
    cli.main(["encode", str(numbers.folder), "new.csv", "--out", "z.npy"])
    said = "2 of 3 rows hold other values in columns that were constant in training (k = 7.3)"
    assert (noted := capsys.readouterr().err).count(said) == 1 and "rows 0, 2" in noted
    np.testing.assert_allclose(np.load("z.npy"), numbers.encode(frame.to_numpy()), atol=1e-5)
    frame.with_columns(k=pl.Series([None, 7.3, 1.0]).cast(pl.Float64)).write_csv("new.csv")
    what = f"table('{there}/new.csv', missing=drop)"
    cli.main(["encode", str(numbers.folder), what, "--out", "y.npy"])
    assert "(k = 7.3), which the model does not see: rows 2" in capsys.readouterr().err
    with pytest.warns(VaekitWarning, match="1 of 2 rows hold other values .*rows 1"):
        numbers.encode(np.array([[0, 5000, 7.3], [0, 5000, 8]]))


def test_missing_values_in_later_rows(numbers, place, capsys, there):
    frame = pl.read_csv(place / "t.csv")[:3]
    frame.with_columns(a=pl.Series([0.5, None, 1.0])).write_csv("new.csv")
    for what in ("new.csv", f"table('{there}/new.csv', missing=mean)"):
        said = fails(capsys, "encode", numbers.folder, what, "--out", "z.npy")
        assert "row 1" in said and "'a'" in said and "train with missing=mean" in said
        assert "Say missing=" not in said
    what = f"table('{place}/t.csv', missing=mean)"
    run = fit(there / "filled", what, likelihood="squared_error")
    ok(capsys, "encode", run.folder, "new.csv", "--out", "z.npy")
    frame.with_columns(a=pl.lit(None, pl.Float64)).write_csv("none.csv")
    cli.main(["encode", str(run.folder), "none.csv", "--out", "y.npy"])
    assert "no row has a value of a: the training's mean" in capsys.readouterr().err


def test_codes_are_taken_by_their_names(numbers, capsys, there):
    z = np.array([[0.1, 0.2], [0.3, -0.4]])
    want = numbers.decode(z)
    for content in (
        "z0,z1\n0.1,0.2\n0.3,-0.4\n",
        "z1,z0\n0.2,0.1\n-0.4,0.3\n",
        "kind,z1,row,z0\nu,0.2,0,0.1\nv,-0.4,1,0.3\n",
        "z1;z0\n0,2;0,1\n-0,4;0,3\n",
        "b,a\n0.1,0.2\n0.3,-0.4\n",
        "0.1,0.2\n0.3,-0.4\n",
    ):
        Path("z.csv").write_text(content)
        ok(capsys, "decode", numbers.folder, "z.csv", "--out", "x.npy", "--force")
        np.testing.assert_allclose(np.load("x.npy"), want, rtol=1e-6)
    for names, said in (
        ("z1,z2", "has the columns z1, z2, but 2 codes are named z0, z1"),
        ("z0,z01", "named z0, z1"),
        ("z0,b", "expected codes (n, 2)"),
    ):
        Path("z.csv").write_text(f"{names}\n0.1,0.2\n")
        assert said in fails(capsys, "decode", numbers.folder, "z.csv", "--out", "y.npy")
    Path("z.csv").write_text("z0,z1\n0.1,\n")
    said = fails(capsys, "decode", numbers.folder, "z.csv", "--out", "y.npy")
    assert "'z1', row 0" in said and "Repair those codes" in said and "missing=" not in said


def test_pictures_of_a_run_on_other_numbers(coloured, capsys, there):
    """Black and white are −1 and 1 here, in and out."""
    x = coloured.data.train.images[:2].numpy()
    np.testing.assert_allclose(coloured.schema.levels, (-1, 1))
    pictures(Path("p"), 2, (4, 5), "RGB")
    ok(capsys, "encode", coloured.folder, "p", "--out", "z.npy")
    pixels = np.stack([shown(p) for p in sorted(Path("p").iterdir())])
    floats = np.moveaxis(pixels, -1, 1).astype(np.float32) / 255 * 2 - 1
    np.testing.assert_allclose(np.load("z.npy"), coloured.encode(floats), atol=1e-5)
    ok(capsys, "decode", coloured.folder, "z.npy", "--out", "out")
    pixels = np.stack([shown(p) for p in sorted(Path("out").iterdir())])
    want = (np.moveaxis(coloured.reconstruct(floats), 1, -1).clip(-1, 1) + 1) / 2 * 255
    assert abs(pixels - want).max() <= 1
    with pytest.raises(VaekitError, match="from -1 to 1, but these are whole"):
        coloured.encode((x * 100 + 120).astype(np.uint8))
    with pytest.raises(VaekitError, match="values lie from"):
        coloured.encode(x * 255)
    Image.fromarray(np.full((4, 5), 255, np.uint8)).save("grey.png")
    ok(capsys, "encode", coloured.folder, "grey.png", "--out", "n.npy")
    want = coloured.encode(np.ones((1, 3, 4, 5), np.float32))
    np.testing.assert_allclose(np.load("n.npy"), want, atol=1e-5)


def test_an_older_run_asks_its_data(digits, there):
    import shutil

    shutil.copytree(digits.folder, "old")
    config = yaml.safe_load(Path("old/run.yaml").read_text())
    del config["notes"]["known"]
    Path("old/run.yaml").write_text(yaml.safe_dump(config))
    assert np.array_equal(Run("old").encode(images()), digits.encode(images()))


# ---- from the shell


def test_encode_keeps_order_and_names(digits, capsys, there):
    pictures(Path("p"))
    said = ok(capsys, "encode", digits.folder, "p", "--out", "z.npz")
    assert said == "z.npz: codes (4, 3) of p, the mean of q(z|x)\n"
    held = np.load("z.npz")
    assert held["name"].tolist() == ["a.png", "b.png", "c.png", "d.png"]
    pixels = np.stack([shown(f"p/{n}") for n in held["name"]])[:, None]
    np.testing.assert_allclose(held["mean"], digits.encode(pixels), atol=1e-6)
    assert held["std"].shape == (4, 3)
    ok(capsys, "encode", digits.folder, "p", "--out", "z.csv")
    assert pl.read_csv("z.csv")["name"].to_list() == held["name"].tolist()
    ok(capsys, "encode", digits.folder, "p/c.png", "--out", "one.npy")
    np.testing.assert_allclose(np.load("one.npy"), held["mean"][2:3], atol=1e-6)
    for codes in ("z.npz", "z.csv"):
        ok(capsys, "decode", digits.folder, codes, "--out", "back", "--force")
        assert sorted(p.name for p in Path("back").iterdir()) == held["name"].tolist()
    ok(capsys, "encode", digits.folder, "p", "--out", "d.npz", "--draw", "--seed", "5")
    drawn = np.load("d.npz")
    assert np.array_equal(drawn["mean"], held["mean"])
    np.testing.assert_allclose(drawn["code"], digits.encode(pixels, draw=True, seed=5), atol=1e-6)


def test_encode_of_the_runs_own_data(digits, capsys, there):
    ok(capsys, "encode", digits.folder)
    held = np.load(digits.folder / "codes.npz")
    assert held["row"].tolist() == digits.data.test.rows.tolist()
    assert np.array_equal(held["code"], digits.encode(digits.data.test))
    assert "exists" in fails(capsys, "encode", digits.folder)
    ok(capsys, "encode", digits.folder, "--force", "--split", "train", "--n", "7")
    again = np.load(digits.folder / "codes.npz")
    assert again["row"].tolist() == digits.data.train.rows[:7].tolist()
    ok(capsys, "encode", digits.folder, "digits", "--out", "named.npz")
    assert np.array_equal(np.load("named.npz")["code"], held["code"])


def test_own_pictures_keep_their_names(capsys, there):
    for part in "xyz":
        pictures(Path("p") / part)
    run = fit(there / "run", str(there / "p"))
    ok(capsys, "reconstruct", run.folder, "--split", "train", "--out", "out")
    ok(capsys, "reconstruct", run.folder, "--out", "out", "--force")
    want = sorted(p.relative_to("p") for p in Path("p").rglob("*.png"))
    assert sorted(p.relative_to("out") for p in Path("out").rglob("*.png")) == want
    ok(capsys, "encode", run.folder)
    held = np.load("run/codes.npz")
    ok(capsys, "encode", run.folder, f"p/{held['name'][0]}", "--out", "one.npy")
    np.testing.assert_allclose(np.load("one.npy"), held["code"][:1], atol=1e-6)


def test_chunks_change_nothing(digits, monkeypatch):
    from vaekit import apply

    whole = digits.encode(images(20)), digits.reconstruct(images(20))
    monkeypatch.setattr(apply, "CHUNK", 7)
    np.testing.assert_allclose(digits.encode(images(20)), whole[0], atol=1e-6)
    np.testing.assert_allclose(digits.reconstruct(images(20)), whole[1], atol=1e-6)


def test_reconstruct_in_all_forms(digits, capsys, there):
    pictures(Path("p/one"), 2)
    pictures(Path("p/two"), 3)
    ok(capsys, "reconstruct", digits.folder, "p", "--out", "out")
    assert sorted(p.relative_to("out").as_posix() for p in Path("out").rglob("*.png")) == [
        "one/c.png",
        "one/d.png",
        "two/b.png",
        "two/c.png",
        "two/d.png",
    ]
    assert shown("out/one/c.png").shape == (8, 8)
    np.save("x.npy", images(20))
    ok(capsys, "reconstruct", digits.folder, "x.npy", "--out", "y.npy")
    np.testing.assert_allclose(np.load("y.npy"), digits.reconstruct(images(20)), atol=1e-6)
    ok(capsys, "reconstruct", digits.folder, "x.npy", "--out", "y.png")
    sheet = shown("y.png")
    assert sheet.shape == (7 * (2 * (8 + 2 + 8) + 4), 7 * (16 * 10 - 2), 4)
    assert "the first 64 of 180" in ok(capsys, "reconstruct", digits.folder)


def test_a_run_reads_what_its_commands_read(digits, capsys, there):
    np.save("x.npy", images(4))
    np.testing.assert_array_equal(digits.encode("x.npy"), digits.encode(images(4)))
    np.testing.assert_array_equal(digits.encode(Path("x.npy")), digits.encode(images(4)))
    np.testing.assert_array_equal(digits.encode(), digits.encode(digits.data.test))
    np.testing.assert_array_equal(digits.encode("digits"), digits.encode())
    np.testing.assert_array_equal(digits.reconstruct("x.npy"), digits.reconstruct(images(4)))


def test_a_run_judges_and_reports_itself(digits, capsys, there):
    numbers = digits.evaluate(n=50, metrics=["correlation"], samples=2)
    assert numbers["elbo"]["n"] == 50 and "gaussian_tc_mean" in numbers and digits.judged()
    alone = information.evaluate(digits.model, digits.data.test, 50, 2)
    assert numbers["elbo"]["value"] == alone["elbo"]["value"]
    assert digits.metrics.keys() == numbers.keys() and capsys.readouterr().out == ""
    ledger = digits.ledger(n=50, samples=2)
    assert ledger.rows[0].number.n == 50 and (digits.folder / "ledger.json").exists()
    rows = digits.refit("gaussian", n=50)  # one by its text, or several in a list
    assert list(rows) == ["bernoulli (as trained)", "gaussian"]
    page = digits.report("page.html").read_text()
    assert "ELBO" in page and "50" in page


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["a.jpg", "b/a.png"], ["a.png", "b/a.png"]),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"]),
        (["../a.png", "b.png"], ["000000.png", "000001.png"]),
        (["/tmp/a.png", "b.png"], ["000000.png", "000001.png"]),
        (["a.png", "a.png"], ["000000.png", "000001.png"]),
        ([".", "b.png"], ["..png", "b.png.png"]),
        (["7", "3"], ["000007.png", "000003.png"]),
        (["3", "3"], ["000000.png", "000001.png"]),
        (None, ["000000.png", "000001.png"]),
    ],
)
def test_names_of_pictures(names, files):
    from vaekit.cli.examples.writing import _png_names

    assert _png_names(names or 2) == files


def test_originals_stand_above(digits, capsys, there):
    np.save("x.npy", images(3))
    ok(capsys, "reconstruct", digits.folder, "x.npy", "--out", "y.png")
    sheet = shown("y.png")[::7, ::7]
    assert np.array_equal(sheet[:8, 10:18, 0], images(3)[1, 0])
    after = digits.reconstruct(images(3))[1, 0] * 255
    assert abs(sheet[10:18, 10:18, 0] - after).max() <= 1
    assert not sheet[8:10, :, 3].any()


def test_samples_as_files(cvae, capsys, there):
    said = ok(capsys, "sample", cvae.folder, "--n", "8", "--condition", "7", "--out", "sevens.png")
    assert said == "sevens.png: 8 examples drawn from the prior, seed 0, condition 7\n"
    assert shown("sevens.png").shape == (7 * 8, 7 * (8 * 10 - 2), 4)
    ok(capsys, "sample", cvae.folder, "--n", "3", "--condition", "7", "--out", "s")
    assert sorted(p.name for p in Path("s").iterdir()) == ["000000.png", "000001.png", "000002.png"]
    Path("c.csv").write_text("row,class\n0,1\n1,7\n")
    ok(capsys, "sample", cvae.folder, "--n", "2", "--condition", "c.csv", "--out", "s.npy")
    np.testing.assert_allclose(np.load("s.npy"), cvae.sample(2, [1, 7]), atol=1e-6)
    assert "the first 256 of 300" in ok(
        capsys, "sample", cvae.folder, "--n", "300", "--condition", "7", "--out", "all.png"
    )


def test_encode_and_decode_on_a_condition(cvae, capsys, there):
    np.save("x.npy", images(4))
    np.save("c.npy", np.array([1, 2, 3, 4]))
    words = "encode", cvae.folder, "x.npy", "--out", "z.npz"
    assert "--condition" in fails(capsys, *words)
    ok(capsys, *words, "--condition", "c.npy")
    z = cvae.encode(images(4), [1, 2, 3, 4])
    np.testing.assert_allclose(np.load("z.npz")["code"], z, atol=1e-6)
    ok(capsys, "decode", cvae.folder, "z.npz", "--condition", "3", "--out", "y.npy")
    np.testing.assert_allclose(np.load("y.npy"), cvae.decode(z, 3), atol=1e-5)
    np.savez("xy.npz", images=images(4), labels=np.array([1, 2, 3, 4]))
    ok(capsys, "encode", cvae.folder, "xy.npz", "--out", "own.npy")
    np.testing.assert_allclose(np.load("own.npy"), z, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["encode", "RUN", "folder('colour', size=4)"], "grey pictures of 8 x 8"),
        (["encode", "RUN", "mine.npy", "--split", "train"], "is read whole: leave --split out"),
        (["encode", "RUN", "nowhere.npy"], "no file or folder"),
        (["encode", "RUN", "folder('nowhere')"], "no folder nowhere"),
        (["encode", "RUN", "folder('colour', sise=8)"], "it takes folder(path, size=None"),
        (["encode", "RUN", "folder"], "missing a required argument"),
        (["encode", "RUN", "digit"], "Did you mean 'digits'"),
        (["encode", "RUN", "mine.txt"], "cannot tell what"),
        (["encode", "RUN", "t.csv"], "is a table, but the run was trained on images"),
        (["encode", "RUN", "broken.png"], "cannot read the picture"),
        (["encode", "RUN", "--out", "z.txt"], "an ending .txt does not serve"),
        (["encode", "RUN", "--out", "mine.npz"], "exists: choose another --out, or overwrite"),
        (["encode", "RUN", "--split", "val", "--out", "z.npy"], "split must be test, train, all"),
        (["encode", "RUN", "--n", "0", "--out", "z.npy"], "must be ≥ 1"),
        (["encode", "RUN", "--seed", "x", "--out", "z.npy"], "--seed: expected a whole number"),
        (["encode", "RUN", "--condition", "3", "--out", "z.npy"], "takes no condition"),
        (["encode", "RUN", "mine.npy", "--out", "mine.npy", "--force"], "is what is read"),
        (["encode"], "--help"),
        (["decode", "RUN"], "--help"),
        (["decode", "RUN", "mine.npy", "--out", "x"], "expected codes (n, 3)"),
        (["decode", "RUN", "mine.txt", "--out", "x"], "holds no codes"),
        (["decode", "RUN", "nowhere.npz", "--out", "x"], "no file nowhere.npz"),
        (["decode", "RUN", "broken.npz", "--out", "x"], "cannot read broken.npz"),
        (["reconstruct", "RUN", "colour", "--out", "colour", "--force"], "is what is read"),
        (["reconstruct", "RUN", "--out", "colour"], "exists"),
        (["reconstruct", "RUN", "--out", "x.csv"], "may be .png, .npy, a folder of pictures"),
        (["sample", "RUN", "--n", "0", "--out", "x.png"], "must be ≥ 1"),
        (["sample", "RUN", "--nn", "0"], "unknown argument --nn"),
        (["sample", "RUN", "--out", "mine.txt/x.png"], "cannot write"),
        (["sample", "nowhere"], "not a run folder"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_a_mistake_leaves_nothing(words, said, digits, capsys, there):
    pictures(Path("colour"), 2, (8, 8), "RGB")
    Path("mine.txt").write_text("precious")
    Path("t.csv").write_text("a,b\n1,2\n")
    for name in ("broken.png", "broken.npz"):
        Path(name).write_bytes(b"PK\x03\x04 no more")
    np.save("mine.npy", images())
    np.savez("mine.npz", x=images())
    before = {p: p.read_bytes() for p in there.rglob("*") if p.is_file()}
    inside = sorted(digits.folder.iterdir())
    if "z.npy" not in words and words[0] == "encode" and "--out" not in words and len(words) > 1:
        words = [*words, "--out", "z.npy"]
    assert said in fails(capsys, *[str(digits.folder) if w == "RUN" else w for w in words])
    assert {p: p.read_bytes() for p in there.rglob("*") if p.is_file()} == before
    assert sorted(digits.folder.iterdir()) == inside


@pytest.mark.parametrize("command", ["encode", "decode", "reconstruct", "sample"])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert not caught.value.code
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(rf"example: vaekit {command} runs/\w+", said)
    assert "--out" in said and "--force" in said


@pytest.fixture(scope="module")
def rows_and_mixed(tmp_path_factory):
    place = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    lines = [f"{a:.3f},{b:.3f},{'uv'[i % 2]}" for i, (a, b) in enumerate(rng.normal(size=(30, 2)))]
    path = place / "t.csv"
    path.write_text("\n".join(["a,b,c", *lines]) + "\n", encoding="utf-8")
    asked = {"likelihood": "gaussian", "latent": 2, "network": "mlp(4)", "epochs": 1, "batch": 10}
    plain = vaekit.train("vae", data=f"table('{path}', without=c)", out=place / "p", **asked)
    mixed = f"table('{path}', mixed=true)"
    return path, plain, vaekit.train("vae", data=mixed, out=place / "m", epochs=1, batch=10)


@pytest.mark.parametrize("option", ["scale=none", "columns=[a]", "without=[b]", "mixed=true"])
def test_what_the_training_settled_is_not_asked_again(rows_and_mixed, option):
    path, plain, _ = rows_and_mixed
    with pytest.raises(VaekitError, match="those of the run's training"):
        plain.encode(f"table('{path}', {option})")


@pytest.mark.parametrize("option", ["mixed=false", "missing=drop", "columns=[a]"])
def test_nor_of_mixed_columns(rows_and_mixed, option):
    path, _, mixed = rows_and_mixed
    with pytest.raises(VaekitError, match="those of the run's training"):
        mixed.encode(f"table('{path}', {option})")


def test_what_agrees_with_the_training_may_be_said(rows_and_mixed):
    path, plain, mixed = rows_and_mixed
    for said in ("scale=standard", "columns=[a, b]", "without=c", "missing=mean", "mixed=false"):
        assert np.array_equal(plain.encode(path), plain.encode(f"table('{path}', {said})"))
    assert np.array_equal(mixed.encode(path), mixed.encode(f"table('{path}', mixed=true)"))


def test_a_frame_brings_the_classes_that_a_file_brings(rows_and_mixed, tmp_path):
    path, _, _ = rows_and_mixed
    asked = {"likelihood": "gaussian", "latent": 2, "network": "mlp(4)", "epochs": 1, "batch": 10}
    run = vaekit.train("cvae", data=f"table('{path}', label=c)", out=tmp_path / "c", **asked)
    frame = pl.read_csv(path)
    for each in (frame, pd.DataFrame(frame.to_dict(as_series=False)), frame.select("c", "b", "a")):
        assert np.array_equal(run.encode(path), run.encode(each))
        assert run.score(each).values["elbo"].shape == (30,)
    with pytest.raises(VaekitError, match="conditioned on labels"):
        run.encode(frame.drop("c"))


def test_part_files_are_encoded_by_their_folder(rows_and_mixed, tmp_path):
    path, plain, _ = rows_and_mixed
    frame = pl.read_csv(path)
    frame[:20].write_csv(tmp_path / "1.csv")
    frame[20:].write_csv(tmp_path / "2.csv")
    assert np.array_equal(plain.encode(path), plain.encode(tmp_path))


def test_given_values_are_kept_to_the_last_digit(rows_and_mixed):
    _, _, mixed = rows_and_mixed
    frame = mixed.frame(mixed.sample(4, given={"a": 0.3, "c": "v"}))
    assert frame["a"].to_list() == [0.3] * 4 and frame["c"].to_list() == ["v"] * 4
    assert frame["b"].n_unique() == 4


def test_no_result_takes_the_place_of_a_history(rows_and_mixed, capsys):
    path, plain, _ = rows_and_mixed
    history = plain.folder / "history.csv"
    before = history.read_bytes()
    for command in ("encode", "score"):
        said = fails(capsys, command, plain.folder, path, "--out", history, "--force")
        assert "is a place of the run itself" in said
    assert history.read_bytes() == before


def test_rows_of_another_width_are_no_rows_of_the_run(rows_and_mixed):
    _, plain, mixed = rows_and_mixed
    for run, width in ((plain, 2), (mixed, 3)):
        for shape in ((2, width + 1), (width,)):
            with pytest.raises(VaekitError, match=rf"rows of this run are \(n, {width}\)"):
                run.frame(np.zeros(shape))


def test_codes_in_a_frame_or_a_file_go_by_their_names(numbers, tmp_path, capsys):
    z = numbers.encode()[:5]
    want = numbers.decode(z)
    names = [f"z{h}" for h in range(z.shape[1])]
    frame = pd.DataFrame(z, columns=names)
    for given in (frame, frame[names[::-1]], pl.DataFrame(z, schema=names)):
        np.testing.assert_allclose(numbers.decode(given), want, rtol=1e-5)
    ok(capsys, "encode", numbers.folder, "--n", 5, "--out", tmp_path / "z.csv")
    np.testing.assert_allclose(numbers.decode(tmp_path / "z.csv"), want, rtol=1e-4)
    np.testing.assert_allclose(numbers.decode(pd.read_csv(tmp_path / "z.csv")), want, rtol=1e-4)
    with pytest.raises(VaekitError, match="expected codes"):
        numbers.decode(frame[names[:1]])


def test_a_loader_that_says_too_few_batches_is_said(numbers):
    class Rows(torch.utils.data.IterableDataset):
        def __len__(self):
            return 10

        def __iter__(self):
            return iter(torch.tensor([[0.0, 5000, 7.3]]).repeat(60, 1))

    with pytest.warns(VaekitWarning, match="gives more than the 2 batches that it says"):
        assert len(numbers.encode(DataLoader(Rows(), 5))) == 10


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run, cvae: run.traverse(on=[]), "names no latent"),
        (lambda run, cvae: run.traverse("runs/ae"), r"expected a run .* open it, Run\(\.\.\.\)"),
        (lambda run, cvae: run.traverse(3), "expected a run"),
        (lambda run, cvae: run.explore(run.folder), "expected a run"),
        (lambda run, cvae: run.traverse(of=1.5), "a whole number names one of the test part"),
        (lambda run, cvae: run.evaluate(metrics=None), "metrics must be a list of texts"),
        (lambda run, cvae: run.evaluate(metrics=["probe", 3]), "metrics must be a list of texts"),
        (lambda run, cvae: run.evaluate(metrics="probe", corrupt=3), "corrupt must be a list"),
        (lambda run, cvae: run.evaluate(metrics="svm", codes=3), "codes must be a list of texts"),
        (lambda run, cvae: run.ledger(reader="mlp(4)"), "--reader is trained for --bound"),
        (lambda run, cvae: vaekit.report.compare(run, "new.html"), "expected runs, two or more"),
        (lambda run, cvae: cvae.sample(2, {"kind": "x"}), "a class goes by its name alone"),
        (lambda run, cvae: cvae.encode(images(2), {"kind": "x"}), "a class goes by its name alone"),
    ],
)
def test_words_of_another_kind_are_said(call, said, numbers, cvae):
    with pytest.raises(VaekitError, match=said):
        call(numbers, cvae)


def test_latents_may_be_an_array(numbers):
    both, one = (numbers.traverse(on=on, of=0).rows for on in (np.array([0, 1]), "0,1"))
    assert [row.moved for row in both] == [row.moved for row in one] and len(one) == 2


def test_a_tensor_that_is_negated_by_a_bit_is_read():
    x = torch.complex(torch.ones(4, 3), torch.arange(12.0).view(4, 3)).conj().imag
    torch.testing.assert_close(Dataset.from_array(x).batch(), -torch.arange(12.0).view(4, 3))


def test_masked_values_are_refused_by_every_door(numbers, tmp_path):
    hidden = np.ma.masked_array(np.arange(6), mask=[1, 0, 0, 0, 0, 0])
    x = np.random.default_rng(0).random((6, 3))
    for door in (
        lambda: Dataset.from_array(x, hidden),
        lambda: data.load(x, labels=hidden),
        lambda: CVAE(latent=2, network="mlp(4)", epochs=1).fit(x, hidden),
        lambda: numbers.decode(np.ma.masked_array(np.zeros((6, 2)), mask=True)),
    ):
        with pytest.raises(VaekitError, match="masked values"):
            door()


@pytest.mark.parametrize("command", ["encode", "score", "reconstruct", "sample", "interpolate"])
def test_nothing_is_written_over_the_data_of_a_run(command, numbers, place, capsys, there):
    kept = (place / "t.csv").read_bytes()
    more = (0, 1) if command == "interpolate" else ()
    said = fails(capsys, command, numbers.folder, *more, "--out", place / "t.csv", "--force")
    assert "of the run's own data" in said and (place / "t.csv").read_bytes() == kept


def test_a_page_takes_the_place_of_pages_alone(numbers, place, capsys, there):
    kept = (place / "t.csv").read_bytes()
    said = fails(capsys, "report", numbers.folder, "--out", place / "t.csv", "--force")
    assert "no page of vaekit" in said and (place / "t.csv").read_bytes() == kept


def test_a_run_made_again_on_changed_data_says_so(tmp_path, recwarn):
    x = np.random.default_rng(0).random((40, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    fit(tmp_path / "run", str(tmp_path / "x.npy"), likelihood="squared_error")
    vaekit.train(tmp_path / "run", out=tmp_path / "same", verbose=False)
    assert not [w for w in recwarn if "made again" in str(w.message)]
    np.save(tmp_path / "x.npy", 1.01 * x)
    with pytest.warns(VaekitWarning, match=r"x\.npy differ from those of the run that is made aga"):
        vaekit.train(tmp_path / "run", out=tmp_path / "other", verbose=False)
    np.save(tmp_path / "y.npy", x)
    recwarn.clear()
    vaekit.train(tmp_path / "run", data=tmp_path / "y.npy", out=tmp_path / "named", verbose=False)
    assert not [w for w in recwarn if "made again" in str(w.message)]


def test_labels_that_changed_since_the_training_are_noted(tmp_path, recwarn):
    """Labels stand in the same table, or are the names of folders; they have a sum of their own."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"a": rng.random(40), "b": rng.random(40), "k": ["x", "y"] * 20})
    table.write_csv(tmp_path / "t.csv")
    for name in "xy":
        (tmp_path / "p" / name).mkdir(parents=True)
        for k in range(20):
            pixels = rng.integers(0, 255, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "p" / name / f"{k}.png")
    sets = {"rows": f"table('{tmp_path / 't.csv'}', label=k)", "pictures": str(tmp_path / "p")}
    for name, what in sets.items():
        fit(tmp_path / name, what, likelihood="squared_error")
        assert len(Run(tmp_path / name).data.train)
    assert not [w for w in recwarn if "have changed since" in str(w.message)]
    table.with_columns(k=pl.col("k").reverse()).write_csv(tmp_path / "t.csv")
    (tmp_path / "p" / "y").rename(tmp_path / "p" / "z")
    for name in sets:
        with pytest.warns(VaekitWarning, match="the classes of the data .* have changed since"):
            assert len(Run(tmp_path / name).data.train)


def test_a_test_part_that_changed_since_the_training_is_refused(tmp_path):
    """Numbers of before would else stand beside new ones, of other examples."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        (tmp_path / "p" / part).mkdir(parents=True)
        for k in range(20):
            pixels = rng.integers(0, 255, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "p" / part / f"{k}.png")
    run = fit(tmp_path / "run", str(tmp_path / "p"))
    run.evaluate(information=True, importance_samples=2)
    kept = (run.folder / "metrics.json").read_bytes()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "p" / "test" / "3.png")
    with pytest.raises(VaekitError, match="differ from those of the run"):
        Run(run.folder).evaluate()
    assert (run.folder / "metrics.json").read_bytes() == kept


def test_rows_of_a_part_keep_their_numbers(numbers, capsys, there):
    ok(capsys, "encode", numbers.folder, "--out", "z.csv")
    ok(capsys, "reconstruct", numbers.folder, "--out", "x.csv")
    codes, rows = pl.read_csv("z.csv"), pl.read_csv("x.csv")
    assert rows.columns == ["row", "a", "b", "k"]
    assert rows["row"].to_list() == codes["row"].to_list() != list(range(len(rows)))
    np.testing.assert_allclose(rows.drop("row").to_numpy(), numbers.reconstruct(), rtol=1e-5)


def test_pictures_of_before_are_said(digits, capsys, there):
    ok(capsys, "sample", digits.folder, "--n", 3, "--out", "made")
    cli.main(["sample", str(digits.folder), "--n", "2", "--out", "made", "--force"])
    assert "made holds pictures of before as well: 000002.png" in capsys.readouterr().err
