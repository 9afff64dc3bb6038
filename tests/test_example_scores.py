"""Scores by example: in the library, of a run, on the command line; and lines between examples."""

import csv
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from parts import small_arguments
from PIL import Image
from sklearn.datasets import load_wine
from test_cli import fails, ok

import vaekit
from vaekit import apply, cli, information
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import score_examples
from vaekit.information.scores.examples import percentile
from vaekit.recipes import RECIPES
from vaekit.runs import Run

QUICK = {"latent": 2, "network": "mlp(8)", "epochs": 2, "device": "cpu"}
NAMES = ["squared_error", "distortion", "rate", "elbo", "log_likelihood"]
RNG = np.random.default_rng(0)
DATA = Dataset(torch.from_numpy(RNG.random((40, 6), np.float32)))


def model_of(recipe="vae", **more):
    torch.manual_seed(0)
    return RECIPES[recipe].make((6,), latent=3, network="mlp(8)", **more)[0].eval()


# ---- in the library


@pytest.mark.parametrize("recipe", ["vae", "ae", "wae_mmd", "mog_vae"])
def test_scores_depend_on_the_example_alone(recipe):
    model = model_of(recipe)
    whole, order = score_examples(model, DATA, samples=7), torch.randperm(40)
    mixed = score_examples(model, DATA.subset(order), samples=7)
    alone = score_examples(model, DATA.subset([11]), samples=7)
    for name, values in whole.values.items():
        assert np.array_equal(mixed.values[name], values[order.numpy()]), name
        assert np.array_equal(alone.values[name], values[11:12]), name


def test_means_agree_with_those_of_the_set():
    model = model_of()
    scores = score_examples(model, DATA, samples=400)
    whole = information.evaluate(model, DATA, samples=400)
    for name in NAMES[:4]:
        mean = scores.values[name].mean()
        assert mean == pytest.approx(whole[name]["value"], rel=2e-3), name
    bound = information.log_likelihood(model, DATA, samples=400).mean
    assert scores.values["log_likelihood"].mean() == pytest.approx(bound, abs=0.02)
    assert (scores.values["log_likelihood"] >= scores.values["elbo"] - 1e-3).all()
    assert list(scores.values) == ["squared_error", "distortion", *NAMES[2:]]


def test_the_bound_of_one_code_is_the_elbo_in_the_mean():
    model = model_of()
    scores = [score_examples(model, DATA, samples=1, seed=s).values for s in range(200)]
    bound, elbo = (np.mean([s[name] for s in scores]) for name in ("log_likelihood", "elbo"))
    assert bound == pytest.approx(elbo, abs=0.02)


def test_a_deterministic_code_is_read_once():
    model = model_of("ae")
    scores = score_examples(model, DATA)
    apart = (apply.reconstruct(model, DATA.images) - DATA.images).square().sum(1).numpy()
    assert np.allclose(scores.values["squared_error"], apart, rtol=1e-5)
    distortion = apart + 3 * math.log(math.pi)  # squared_error is N(G(z), 1/2)
    assert np.allclose(scores.values["distortion"], distortion, rtol=1e-5)
    assert set(scores.absent) == set(NAMES[2:]) and "no prior" in scores.absent["rate"]
    assert "deterministic" in score_examples(model_of("wae_mmd"), DATA).absent["elbo"]


def test_the_seed_and_the_state_of_the_generators():
    model = model_of()
    before = torch.get_rng_state()
    one, again, other = (score_examples(model, DATA, samples=2, seed=s) for s in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(one.values["elbo"], again.values["elbo"])
    assert not np.array_equal(one.values["elbo"], other.values["elbo"])


def test_categories_and_conditions():
    joint = RECIPES["joint_vae"].make((6,), network="mlp(8)", **small_arguments("joint_vae"))[0]
    scores = score_examples(joint, DATA, samples=20)
    assert (scores.values["log_likelihood"] > scores.values["elbo"] - 0.5).all()
    cvae = model_of("cvae", width=2)
    c = torch.eye(2)[torch.arange(40) % 2]
    other = score_examples(cvae, DATA, c.flip(1), samples=3).values["elbo"]
    assert not np.array_equal(score_examples(cvae, DATA, c, samples=3).values["elbo"], other)
    with pytest.raises(VaekitError, match="labels"):
        score_examples(cvae, DATA)
    with pytest.raises(VaekitError, match="as many conditions"):
        score_examples(cvae, DATA, c[:3])


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"samples": 1.5}, {"seed": -1}])
def test_wrong_counts(wrong):
    with pytest.raises(VaekitError):
        score_examples(model_of(), DATA, **wrong)


def test_examples_that_cannot_be_scored():
    far = torch.full((3, 6), 0.5)
    far[2, 1] = 3.0
    with pytest.raises(VaekitError, match="row 2"):
        score_examples(model_of(), Dataset(far))
    far[2, 1] = torch.nan
    with pytest.raises(VaekitError, match="row 2 of data holds NaN"):
        score_examples(model_of("ae"), Dataset(far))
    with pytest.raises(VaekitError, match="shape"):
        score_examples(model_of(), Dataset(torch.zeros(3, 5)))


def test_percentiles():
    assert percentile(np.array([0, 1, 2.5, 9]), np.array([1, 2, 3, 4])).tolist() == [
        0,
        12.5,
        50,
        100,
    ]


# ---- of a run


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    table, kind = load_wine(return_X_y=True)
    with (folder / "wine.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow([*(f"c{k}" for k in range(13)), "kind"])
        out.writerows([*row, "abc"[k]] for row, k in zip(table.tolist(), kind, strict=True))
    text = f"table('{folder / 'wine.csv'}', label=kind)"
    squared = {"likelihood": "gaussian(learned=average)", "batch": 20}
    return {
        "digits": vaekit.train("vae", data="digits", **QUICK, out=folder / "digits"),
        "ae": vaekit.train("ae", data="digits", **QUICK, out=folder / "ae"),
        "wine": vaekit.train("vae", data=text, **QUICK, **squared, out=folder / "wine"),
        "cvae": vaekit.train("cvae", data=text, **QUICK, **squared, out=folder / "cvae"),
    }


def test_a_run_scores_its_own_test_set(runs):
    run = runs["digits"]
    scores = run.score(samples=5, reference=50)
    assert len(scores.names) == len(run.data.test) and scores.reference == 50
    assert scores.table().columns == [
        "row",
        *scores.values,
        *(f"percentile_{name}" for name in scores.values),
    ]
    some = run.score(run.data.test.subset([5]), samples=5, reference=50)
    for name, values in scores.values.items():
        assert some.values[name][0] == values[5]
        assert some.percentiles[name][0] == scores.percentiles[name][5]
        assert 0 <= scores.percentiles[name].min() <= scores.percentiles[name].max() <= 100
    assert "NamedScores" in repr(scores)


def test_training_examples_have_percentiles_in_even_steps(runs):
    run = runs["ae"]
    train = run.data.train.subset(apply.sample_rows(len(run.data.train), 200))
    ranks = run.score(train, reference=200).percentiles["squared_error"]
    assert np.allclose(np.sort(ranks), (np.arange(200) + 0.5) / 2, atol=0.5)


def test_own_units_and_conditions(runs):
    table = load_wine(return_X_y=True)[0]
    one = runs["wine"].score(table[:4], samples=3, reference=0)
    assert not one.percentiles and one.table().height == 4
    by_name = runs["cvae"].score(table[:3], ["a", "b", "c"], samples=3, reference=20)
    assert by_name.table()["percentile_elbo"].len() == 3
    with pytest.raises(VaekitError, match="condition"):
        runs["cvae"].score(table[:3])


def test_a_run_whose_data_are_gone(runs, tmp_path):
    import shutil

    shutil.copytree(runs["wine"].folder, tmp_path / "run")
    text = (tmp_path / "run" / "run.yaml").read_text()
    (tmp_path / "run" / "run.yaml").write_text(text.replace("wine.csv", "gone.csv"))
    table = load_wine(return_X_y=True)[0][:3]
    with pytest.raises(VaekitError, match="--reference 0"):
        Run(tmp_path / "run").score(table)
    assert Run(tmp_path / "run").score(table, reference=0).table().height == 3


# ---- on the command line


def test_the_command_writes_a_row_for_each_example(runs, tmp_path, capsys):
    run, out = runs["digits"], tmp_path / "scores.csv"
    words = ["score", str(run.folder), "--samples", "4", "--reference", "30", "--out", str(out)]
    said = ok(capsys, *words)
    assert "180 examples of digits (test split)" in said and "log_likelihood" in said
    assert "worse than 95 % of 30 training examples" in said
    table = pl.read_csv(out)
    scores = run.score(samples=4, reference=30)
    assert table["row"].to_list() == [int(name) for name in scores.names]
    assert np.array_equal(table["elbo"].to_numpy(), scores.values["elbo"])
    assert "exists" in fails(capsys, *words)
    assert "left out: rate, elbo" in ok(capsys, "score", str(runs["ae"].folder), "--n", "3")
    assert pl.read_csv(runs["ae"].folder / "scores.csv").columns == [
        "row",
        "squared_error",
        "distortion",
        "percentile_squared_error",
        "percentile_distortion",
    ]


def test_pictures_are_named(runs, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("b.png", "a.png"):
        Image.fromarray(RNG.integers(0, 256, (8, 8)).astype(np.uint8)).save(folder / name)
    out = str(tmp_path / "s.csv")
    ok(capsys, "score", str(runs["digits"].folder), str(folder), "--out", out, "--reference", "5")
    assert pl.read_csv(out)["name"].to_list() == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "not a run folder"),
        (["RUN", "missing.csv"], "missing.csv"),
        (["RUN", "--samples", "0"], "samples must be"),
        (["RUN", "--samples", "many"], "--samples: expected a whole number"),
        (["RUN", "--reference", "-1"], "reference"),
        (["RUN", "--n", "0"], "≥ 1"),
        (["RUN", "--split", "some"], "split"),
        (["RUN", "--seed", "-1"], "seed"),
        (["RUN", "--out", "scores.xlsx"], "--out may be .csv"),
        (["RUN", "--condition", "3"], "takes no condition"),
        (["RUN", "nan.npy"], "NaN"),
        (["RUN", "small.npy"], "expected examples of"),
    ],
)
def test_bad_input_of_score(runs, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    np.save("nan.npy", np.full((2, 1, 8, 8), np.nan, np.float32))
    np.save("small.npy", np.zeros((2, 1, 5, 5), np.float32))
    words = [str(runs["digits"].folder) if word == "RUN" else word for word in words]
    assert said in fails(capsys, "score", *words)
    assert not Path("scores.csv").exists() and not (runs["digits"].folder / "scores.csv").exists()


# ---- between two examples


def test_the_ends_of_a_line_are_reconstructions(runs):
    run = runs["digits"]
    line = run.interpolate(3, 7, steps=5)
    ends = run.reconstruct(run.data.test.subset([3, 7]))
    assert line.shape == (5, 1, 8, 8) and np.allclose(line[[0, -1]], ends, atol=1e-6)
    codes = run.encode(run.data.test.subset([3, 7]))
    middle = run.decode(codes.mean(0, keepdims=True))
    assert np.allclose(line[2], middle[0], atol=1e-6)
    x = run.data.test.batch(torch.tensor([3]))
    assert np.allclose(run.interpolate(x, x[0].numpy(), 2)[1], ends[0], atol=1e-6)


def test_lines_in_own_units_and_under_conditions(runs):
    table = load_wine(return_X_y=True)[0]
    line = runs["wine"].interpolate(table[0], table[70])
    assert line.shape == (8, 13) and line[0, 12] > 10
    run = runs["cvae"]
    free, fixed = run.interpolate(0, 10), run.interpolate(0, 10, condition="a")
    assert free.shape == fixed.shape and not np.allclose(free, fixed)


def test_the_command_draws_a_line(runs, tmp_path, capsys):
    run, out = str(runs["digits"].folder), tmp_path / "line.png"
    said = ok(capsys, "interpolate", run, "3", "17", "--steps", "6", "--out", str(out))
    assert "6 points on the line from 3 to 17" in said
    with Image.open(out) as sheet:
        assert sheet.width > 100
    Image.fromarray(RNG.integers(0, 256, (8, 8)).astype(np.uint8)).save(tmp_path / "a.png")
    ok(capsys, "interpolate", run, str(tmp_path / "a.png"), "0", "--out", str(tmp_path / "l.npy"))
    assert np.load(tmp_path / "l.npy").shape == (8, 1, 8, 8)
    rows = tmp_path / "rows.csv"
    ok(capsys, "interpolate", str(runs["wine"].folder), "0", "1", "--out", str(rows))
    assert pl.read_csv(rows).shape == (8, 13)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["3", "500"], "examples 0 to 179"),
        (["3", "4", "--steps", "1"], "steps must be"),
        (["3", "many.npy"], "holds 2 examples"),
        (["3", "missing.png"], "missing.png"),
        (["3", "4", "--out", "x.csv"], "does not serve"),
        (["3"], "b"),
    ],
)
def test_bad_input_of_interpolate(runs, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    np.save("many.npy", np.zeros((2, 1, 8, 8), np.float32))
    assert said in fails(capsys, "interpolate", str(runs["digits"].folder), *words)
    assert "score" in cli.COMMANDS


def test_a_row_that_is_far_off_scores_worst_and_keeps_the_others(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = load_wine().feature_names
    table = pl.DataFrame(load_wine().data, schema=names)
    table.write_csv("wine.csv")
    settings = {"latent": 4, "network": "mlp(64, 32)", "epochs": 10, "batch": 32}
    run = vaekit.train("noise_vae", "run", data="wine.csv", verbose=False, **settings)
    rows = table.head(6)
    own = run.score(rows).table()
    assert set(own["worst_column"]) <= set(names)
    x = rows.to_numpy().copy()
    back = run.reconstruct(x)
    apart = np.abs(back - x) / run.schema.columns.width
    assert (apart.argmax(1) == [names.index(name) for name in own["worst_column"]]).mean() > 0.6
    rows = rows.with_columns(pl.Series("ash", [*rows["ash"][:2], 1e7, *rows["ash"][3:]]))
    rows.write_csv("far.csv")
    cli.main(["score", "run", "far.csv", "--out", "scores.csv"])
    said = capsys.readouterr()
    assert "of row 2 of far.csv is not finite: its ash is 1e+07" in said.err
    far = pl.read_csv("scores.csv")
    assert far["log_likelihood"][2] == -math.inf and far["percentile_log_likelihood"][2] == 0
    assert far["percentile_squared_error"][2] == 100 and far["worst_column"][2] == "ash"
    kept = [0, 1, 3, 4, 5]
    assert np.allclose(far["elbo"].to_numpy()[kept], own["elbo"].to_numpy()[kept])
