"""Traversals: what moves, of which examples and runs; as pictures, moving ones, tables."""

import csv
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_wine
from test_cli import fails, ok

import vaekit
from vaekit import apply
from vaekit.errors import VaekitError
from vaekit.report.codes import encode_items, informative, sweep, typical

QUICK = {"network": "mlp(16)", "epochs": 1, "device": "cpu", "verbose": False}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    at = tmp_path_factory.mktemp("traversals")
    wine = at / "wine.csv"
    table: Any = load_wine(as_frame=True, return_X_y=True)[0]
    table = table.iloc[:, [0, 4, 11]]
    table.to_csv(wine, index=False)

    def made(name, recipe, data="digits", **more):
        return vaekit.train(recipe, data=data, out=at / name, **{**QUICK, **more})

    return {
        "plain": made("plain", "vae", latent=3, epochs=6),
        "other": made("other", "vae", latent=3, seed=1),
        "category": made("category", "vmi_joint_vae", style=3, categories=4),
        "conditional": made("conditional", "cvae", latent=3, prior="normal"),
        "told": made("told", "cvae", latent=3),
        "ae": made("ae", "ae", latent=2),
        "wine": made("wine", "vae", str(wine), latent=2, likelihood="gaussian"),
    }


def z_of(run, *rows):
    return torch.from_numpy(run.encode(run.data.test.subset(list(rows))))


def test_a_row_moves_one_latent_and_keeps_the_rest(runs):
    run = runs["plain"]
    made = run.traverse(of=[3, 17], on=[0, "z2"], low=-2, high=1, steps=4)
    assert [(row.moved, row.example) for row in made.rows] == [
        ("z0", "test 3"),
        ("z0", "test 17"),
        ("z2", "test 3"),
        ("z2", "test 17"),
    ]
    row = made.rows[3]
    assert row.values == [-2, -1, 0, 1]
    z = z_of(run, 17).repeat(4, 1)
    z[:, 2] = torch.tensor([-2.0, -1, 0, 1])
    assert np.allclose(row.x, run.decode(z), atol=1e-6)
    assert np.allclose(row.original, run.data.test.batch([17])[0])


def test_without_more_it_moves_what_the_report_moves(runs):
    run = runs["plain"]
    codes = encode_items(run.model, run.data.test, 2000)
    made = run.traverse()
    assert [row.moved for row in made.rows] == [f"z{h}" for h in informative(codes)]
    assert {row.example for row in made.rows} == {f"test {int(codes.rows[typical(codes)])}"}
    assert made.rows[0].values == np.linspace(-3, 3, 9).tolist()
    assert made.rows[0].label == codes.label(informative(codes)[0])


def test_a_deterministic_code_moves_within_what_was_seen(runs):
    run = runs["ae"]
    codes = encode_items(run.model, run.data.test, 2000)
    row = run.traverse(on=1).rows[0]
    assert np.allclose(row.values, sweep(codes, 1, 9))


def test_a_prior_that_is_told_moves_about_its_mean(runs):
    run = runs["told"]
    row = run.traverse(of=4, on=1, steps=3).rows[0]
    c = apply.condition_of(run.model, run.data.test, torch.tensor([4]))
    p = run.model.expect(z_of(run, 4), c)
    mean, sd = p.mean[0, 1].item(), p.variance[0, 1].sqrt().item()
    assert np.allclose(row.values, [mean - 3 * sd, mean, mean + 3 * sd], atol=1e-5)


def test_categories_are_set_in_turn(runs):
    run = runs["category"]
    (row,) = run.traverse(of=5, on="category").rows
    z = z_of(run, 5).repeat(4, 1)
    z[:, 3:] = torch.eye(4)
    assert (
        row.moved == "class"
        and row.values == [0, 1, 2, 3]
        and np.allclose(row.x, run.decode(z), atol=1e-6)
    )
    with pytest.raises(VaekitError, match=r"z4 is one entry of the one-hot class"):
        run.traverse(on=4)
    assert {row.moved for row in run.traverse().rows} >= {"class"}


def test_the_class_of_a_condition_is_swapped(runs):
    run = runs["conditional"]
    (row,) = run.traverse(of=5, on="condition").rows
    z = z_of(run, 5)
    for k in (0, 7):
        assert np.allclose(row.x[k], run.decode(z, k)[0], atol=1e-6)
    assert row.values == [str(k) for k in range(10)]
    fixed = run.traverse(of=5, on=0, condition=7, steps=2, low=-1, high=1).rows[0]
    z = torch.from_numpy(run.encode(run.data.test.subset([5]).batch([0]), 7)).repeat(2, 1)
    z[:, 0] = torch.tensor([-1.0, 1.0])
    assert np.allclose(fixed.x, run.decode(z, 7), atol=1e-6)


def test_a_plane_has_the_second_latent_upwards(runs):
    run = runs["plain"]
    made = run.traverse(of=0, plane=(2, 0), steps=3)
    assert [row.at for row in made.rows] == ["z0 = 3", "z0 = 0", "z0 = −3"]
    z = z_of(run, 0)
    z[:, 2], z[:, 0] = -3.0, 3.0
    assert np.allclose(made.rows[0].x[0], run.decode(z)[0], atol=1e-6)


def test_runs_show_the_same_example_below_one_another(runs):
    made = runs["plain"].traverse(runs["other"], on=[0, 1])
    assert [(row.moved, row.run) for row in made.rows] == [
        ("z0", "plain"),
        ("z0", "other"),
        ("z1", "plain"),
        ("z1", "other"),
    ]
    assert len({row.example for row in made.rows}) == 1
    with pytest.raises(VaekitError, match="different shapes"):
        runs["plain"].traverse(runs["wine"])


def test_arrays_and_tables(runs, tmp_path):
    run = runs["wine"]
    x = np.array([13.0, 100.0, 3.0])
    row = run.traverse(of=x, on=0, steps=2, low=-1, high=1).rows[0]
    assert np.allclose(row.original, x, rtol=1e-4) and row.x.shape == (2, 3)
    assert row.example == "example 0"
    made = run.traverse(of=[0, 1], on="all", steps=3)
    assert "4 moves of 3 values: z0, z1 of test 0, test 1" in made.said()
    path = made.save(tmp_path / "rows.csv")
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows[0][:4] == ["run", "example", "moved", "value"] and rows[0][4] == "alcohol"
    assert len(rows) == 1 + 2 * 2 * 3 and rows[1][:4] == ["wine", "test 0", "z0", "-3.0"]
    assert np.allclose([float(v) for v in rows[2][4:]], made.rows[0].x[1])
    assert "wine test 0: z0" in made._repr_html_()
    with pytest.raises(VaekitError, match=r"\.csv, \.npy"):
        made.save(tmp_path / "rows.png")


def test_pictures_have_names_and_moving_ones_a_frame_each(runs, tmp_path, capsys):
    folder = str(runs["plain"].folder)
    out = tmp_path / "moves.png"
    said = ok(capsys, "traverse", folder, "--on", "0,2", "--of", "3,17", "--out", str(out))
    assert "4 rows: z0, z2 of test 3, test 17 in plain" in said
    with Image.open(out) as sheet:
        pixels = np.asarray(sheet.convert("L"))
    assert pixels.shape[1] > 10 * 56 and (pixels[:, :8] == 255).all()
    assert (pixels[:, 8:60] < 128).any()  # the names
    moving = tmp_path / "moves.gif"
    ok(capsys, "traverse", folder, "--of", "3,17", "--steps", "5", "--out", str(moving))
    with Image.open(moving) as film:
        assert getattr(film, "n_frames", 1) == 2 * 5 - 2
    array = tmp_path / "moves.npy"
    ok(capsys, "traverse", folder, "--plane", "0,1", "--steps", "5", "--out", str(array))
    assert np.load(array).shape == (5, 5, 1, 8, 8)
    usual = runs["plain"].folder / "traversals.png"
    ok(capsys, "traverse", folder, str(runs["other"].folder), "--on", "1")
    assert usual.is_file()
    assert "exists" in fails(capsys, "traverse", folder)
    usual.unlink()


def test_own_files_are_examples(runs, tmp_path, capsys):
    names, own = ["a, b.png", "c.png"], tmp_path / "own"
    own.mkdir()
    for name in names:
        Image.new("L", (8, 8), 99).save(own / name)
    run, out = str(runs["plain"].folder), str(tmp_path / "out.npy")
    for of, rows in ((own / names[0], 1), (f"{own / names[1]},2", 2), (own, 2)):
        ok(capsys, "traverse", run, "--on", "0", "--of", str(of), "--out", out, "--force")
        assert np.load(out).shape == (rows, 9, 1, 8, 8)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--on", "3"), "has 3 entries, z0 to z2: there is no z3"),
        (("--on", "-1"), "-1"),
        (("--on", "z0,"), "names with commas between"),
        (("--on", "clas"), "latent or one-hot"),
        (("--of", "999"), "has the examples 0 to 179, there is no 999"),
        (("--of", "none.png"), "none.png"),
        (("--plane", "0"), "two latents by number"),
        (("--plane", "0,0"), "two different latents"),
        (("--plane", "0,1", "--on", "2"), "name one"),
        (("--plane", "0,1", "--out", "a.gif"), "a plane is seen at once"),
        (("--from", "-1"), "both are named"),
        (("--from", "1", "--to", "1"), "a greater one"),
        (("--from", "nan", "--to", "1"), "number"),
        (("--steps", "1"), "2 to 1,000 steps"),
        (("--steps", "100000"), "2 to 1,000 steps"),
        (("--out", "a.pdf"), "does not serve here"),
        (("--condition", "3"), "takes no condition"),
        (("--off", "3"), "Did you mean --of?"),
    ],
)
def test_bad_input(runs, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert said in fails(capsys, "traverse", str(runs["plain"].folder), *words)
    assert not list(tmp_path.iterdir())


def test_text_means_what_it_does_on_the_command_line(runs):
    run = runs["plain"]
    for of, on in (("0", "0,1"), ("3", "z1"), ("3", "all")):
        names = "all" if on == "all" else on.split(",")
        one, other = run.traverse(of=of, on=on), run.traverse(of=int(of), on=names)
        assert [row.moved for row in one.rows] == [row.moved for row in other.rows]
    assert len(run.traverse(of=0, plane="0,1", steps=3).rows) == 3
    assert np.array_equal(run.interpolate("0", "1"), run.interpolate(0, 1))


def test_an_array_holds_rows_of_one_length(runs, tmp_path):
    made = runs["category"].traverse(on=[0, "class"])
    with pytest.raises(VaekitError, match="differ in length"):
        made.save(tmp_path / "a.npy")
    with pytest.raises(VaekitError, match="64 examples"):
        runs["plain"].traverse(of=runs["plain"].data.test)
    with pytest.raises(VaekitError, match="name an example"):
        runs["plain"].traverse(of=[])
