"""What can be asked of a run, without a browser."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import SPRITES, picture
from PIL import Image, ImageSequence

from vaekit.errors import VaekitError, VaekitWarning
from vaekit.explore import Explorer, line
from vaekit.explore.api import SAMPLES, Api, SavedFile
from vaekit.explore.controls import FIRST_SLIDERS, Choice
from vaekit.explore.scoring import CODES
from vaekit.report.codes import sweep
from vaekit.runs import Run
from vaekit.runs.use.brought import codes_in


def test_an_example_is_what_the_run_makes_of_it(sprites):
    example = sprites.example("test", 3)
    assert np.array_equal(sprites.run.encode()[3], example.z)
    decoded = sprites.decode(example.z[None])
    assert np.allclose(sprites.run.reconstruct()[3], decoded[0], atol=1e-6)
    assert example.x.shape == sprites.schema.shape and example.c is None and not example.note


def test_the_parts_are_those_of_the_run(sprites):
    data = sprites.run.data
    assert sprites.parts["test"] == len(data.test) and sprites.parts["train"] == len(data.train)
    part, index = sprites.typical_example()
    assert part == "test" and 0 <= index < len(data.test)


@pytest.mark.parametrize(
    ("part", "index", "said"),
    [
        ("test", -1, "there is no -1"),
        ("test", 10**6, "there is no 1000000"),
        ("elsewhere", 0, "no part 'elsewhere'"),
    ],
)
def test_an_example_that_is_not_there_is_named(sprites, part, index, said):
    with pytest.raises(VaekitError, match=said):
        sprites.example(part, index)


def test_sliders_move_as_the_traversals_of_the_report(sprites):
    codes = sprites.codes
    assert [slider.entry for slider in sprites.latents] == codes.order.tolist()
    for slider in sprites.latents:
        values = sweep(codes, slider.entry, 5)
        assert (slider.low, slider.high) == (values[0], values[-1])
        assert slider.label == codes.label(slider.entry)
        moved = sprites.traversal(torch.zeros(4), slider.entry, 5)
        assert np.allclose(moved[:, slider.entry], values)
        assert moved.count_nonzero() == np.count_nonzero(values)
    assert sprites.latents[0].first
    with pytest.raises(VaekitError, match="no latent 9"):
        sprites.traversal(torch.zeros(4), 9, 5)


def test_a_line_has_both_ends():
    a, b = torch.zeros(3), torch.ones(3)
    points = line(a, b, 5)
    assert torch.equal(points[0], a) and torch.equal(points[-1], b)
    assert torch.allclose(points[2], (a + b) / 2)


def test_an_own_picture_is_read_as_by_encode(sprites, tmp_path):
    (tmp_path / "own.png").write_bytes(picture(40))
    with pytest.warns(VaekitWarning, match="^own.png: .* brought to grey, 16 x 16"):
        part = sprites.add("own.png", picture(40))
    assert part == "own.png" and sprites.parts[part] == 1
    with pytest.warns(VaekitWarning):
        code = sprites.run.encode(tmp_path / "own.png")[0]
    assert np.array_equal(code, sprites.example(part, 0).z)
    assert sprites.example(part, 0).name == "own.png"


@pytest.mark.parametrize("name", ["../../etc/own.png", "C:\\own.png", "/own.png", "own.png\0"])
def test_a_name_leads_nowhere(sprites, name):
    assert sprites.add(name, picture()) == "own.png"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own.png", b"no picture"),
        ("own.png", picture()[:45]),
        ("own.png", b""),
        ("", picture()),
        ("own", picture()),
        ("own.txt", b"words"),
        ("own.csv", b"a,b\n1,2\n"),
        ("x" * 300 + ".png", picture()),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name(sprites, name, content):
    with pytest.raises(VaekitError) as caught:
        sprites.add(name, content)
    assert "/tmp" not in str(caught.value).replace("/tmp/x", "")
    assert sprites.example("test", 0).name == "test 0"  # it goes on


def test_scores_are_those_of_the_run(sprites):
    while not sprites.scorer.ready:
        sprites.scorer.advance()
    example = sprites.example("test", 5)
    rows, absent = sprites.scorer.score(example.data, example.c)
    theirs = sprites.run.score(samples=CODES, reference=200)
    assert not absent and sprites.scorer.count == len(sprites.scorer.sample)
    for row in rows:
        assert row.value == theirs.values[row.name][5]
        assert row.percentile == theirs.percentiles[row.name][5]


def test_rows_of_a_table_are_in_its_units(table, wine):
    example = table.example("test", 0)
    own = table.own(example.x[None])[0]
    names = table.schema.columns.names
    with Path(wine).open() as file:
        rows = [[float(row[name]) for name in names] for row in csv.DictReader(file)]
    assert any(np.allclose(row, own, rtol=1e-4) for row in rows)
    part = table.add("rows.csv", Path(wine).read_bytes())
    assert table.parts[part] == len(rows)
    assert np.allclose(table.own(table.example(part, 7).x[None])[0], rows[7], rtol=1e-4)


def test_a_row_far_outside_is_noted(table):
    names = table.schema.columns.names
    content = ",".join(names) + "\n" + ",".join(["1e6"] * len(names)) + "\n"
    part = table.add("far.csv", content.encode())
    assert "far outside" in table.example(part, 0).note
    with pytest.raises(VaekitError, match=names[0]):
        table.add("less.csv", b"a,b\n1,2\n")


def test_a_code_without_prior_goes_from_lowest_to_highest(run_of):
    explorer = Explorer(run_of("ae"))
    for slider in explorer.latents:
        column = explorer.codes.means[:, slider.entry]
        assert column.min() <= slider.low < slider.high <= column.max()
    with pytest.raises(VaekitError, match="no prior"):
        explorer.sample(2)
    rows, absent = explorer.scorer.score(explorer.example("test", 0).data)
    assert [row.name for row in rows] == ["squared_error", "distortion"] and "rate" in absent


def test_a_category_is_one_choice(run_of):
    explorer = Explorer(run_of("joint_vae", style=2, categories=3))
    (choice,) = explorer.categories
    assert choice.stop - choice.start == len(choice.options) == 3
    entries = {slider.entry for slider in explorer.latents}
    assert not entries & set(range(choice.start, choice.stop))
    z = explorer.sample(4)
    assert explorer.decode(z).shape == (4, *explorer.schema.shape)


def test_a_conditional_model_is_told(run_of):
    explorer = Explorer(run_of("cvae", "digits"))
    (choice,) = explorer.conditions
    assert isinstance(choice, Choice) and len(choice.options) == 10
    example = explorer.example("test", 2)
    assert example.c.argmax() == explorer.run.data.test.batch_labels(torch.tensor([2]))[0]
    seven = torch.eye(10)[7]
    part = explorer.add("own.png", picture(8))
    assert torch.equal(explorer.example(part, 0, seven).c, seven)
    assert torch.equal(explorer.example(part, 0).c, explorer.usual_condition())
    assert explorer.sample(3, seven).shape == (3, 4)


def test_factors_of_a_condition_are_choices(run_of):
    explorer = Explorer(run_of("cvae", SPRITES, condition="factors"))
    sizes = explorer.schema.factors
    assert [choice.label for choice in explorer.conditions] == list(sizes)
    assert explorer.usual_condition().sum() == len(sizes)


@pytest.mark.parametrize("latent", [1, 200])
def test_codes_narrow_and_wide(run_of, latent):
    explorer = Explorer(run_of("vae", latent=latent))
    assert len(explorer.latents) == latent
    assert 1 <= sum(slider.first for slider in explorer.latents) <= FIRST_SLIDERS


def test_without_the_data_own_files_serve(run_of, tmp_path):
    data = tmp_path / "x.npy"
    np.save(data, np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8)).astype(np.uint8))
    run = run_of("vae", str(data))
    data.unlink()
    explorer = Explorer(Run(run.folder))
    assert [slider.low for slider in explorer.latents] == [-3.0] * 4
    assert explorer.absent and not explorer.parts and explorer.typical_example() is None
    part = explorer.add("own.png", picture(8))
    example = explorer.example(part, 0)
    explorer.scorer.advance()
    rows, _ = explorer.scorer.score(example.data)
    assert explorer.scorer.ready and explorer.scorer.absent
    assert rows[0].percentile is None


# ---- requests of a page


@pytest.fixture(scope="module")
def api(sprites, table) -> Api:
    return Api([sprites, table])


def code(api: Api, run: int = 0) -> dict:
    shown = {"of": run, "part": "test", "index": 0}
    return {
        "run": run,
        "example": shown,
        "z": api.answer("example", {"run": run, "example": shown})["z"],
    }


def test_the_page_is_told_of_pictures(api):
    about = api.answer("open", {"run": 0})
    assert about["image"] and about["width"] == 4 and len(about["latents"]) == 4
    assert not about["columns"] and about["prior"] and about["start"]["part"] == "test"
    seen = api.answer("decode", code(api))
    assert seen["picture"].startswith("data:image/png;base64,") and seen["error"] > 0
    alone = api.answer("decode", {**code(api), "example": None})
    assert alone == {"picture": seen["picture"]}
    assert json.dumps([about, seen], allow_nan=False)


def test_the_page_is_told_of_rows(api):
    about = api.answer("open", {"run": 1})
    seen = api.answer("decode", code(api, 1))
    assert not about["image"] and len(about["columns"]) == len(seen["values"]) == 13
    assert "difference" not in seen and seen["error"] > 0


def test_a_file_of_the_same_name_is_another(api):
    seen = []
    for level in (50, 200):
        part = api.add({"run": 0, "name": "same.png"}, picture(level=level))["part"]
        shown = {"of": 0, "part": part, "index": 0}
        seen.append(api.answer("example", {"run": 0, "example": shown})["picture"])
    assert seen[0] != seen[1]


def test_scores_of_a_request(api):
    answer = api.answer("score", code(api))
    assert [row["name"] for row in answer["scores"]][:2] == ["squared_error", "distortion"]
    assert all(0 <= row["percentile"] <= 100 for row in answer["scores"]) and answer["count"]


def test_samples_can_be_taken_up(api):
    one = api.answer("samples", {"run": 0, "seed": 3})["samples"]
    assert len(one) == SAMPLES and one == api.answer("samples", {"run": 0, "seed": 3})["samples"]
    assert one != api.answer("samples", {"run": 0, "seed": 4})["samples"]
    seen = api.answer("decode", {"run": 0, "z": one[2]["z"]})
    assert seen["picture"] == one[2]["picture"]


def test_what_is_saved_is_what_was_seen(api, tmp_path):
    asked, other = code(api), code(api)
    other["z"] = [-value for value in other["z"]]
    saved = {
        what: api.answer("save", {**asked, "what": what, "entry": 0, "a": asked, "b": other})
        for what in ("decoded", "codes.csv", "codes.npy", "traversal", "line", "samples")
    }
    assert all(isinstance(file, SavedFile) for file in saved.values())
    image = Image.open(io.BytesIO(saved["decoded"].content))
    assert image.size == (256, 256) and saved["decoded"].name == "decoded.png"
    for what in ("traversal", "line"):
        frames = list(ImageSequence.Iterator(Image.open(io.BytesIO(saved[what].content))))
        assert len(frames) > 2 and frames[0].size == (256, 256), what
    for name in ("codes.csv", "codes.npy"):
        (tmp_path / name).write_bytes(saved[name].content)
    assert np.allclose(np.load(tmp_path / "codes.npy")[0], asked["z"])
    assert np.allclose(codes_in(tmp_path / "codes.csv")[0][0], asked["z"])
    rows = api.answer("save", {**code(api, 1), "what": "decoded"})
    assert rows.name == "decoded.csv" and rows.content.decode().startswith("alcohol,")


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("open", {"run": 7}),
        ("open", {}),
        ("open", {"run": "0"}),
        ("nothing", {"run": 0}),
        ("decode", {"run": 0}),
        ("decode", {"run": 0, "z": [1.0]}),
        ("decode", {"run": 0, "z": ["a", "b", "c", "d"]}),
        ("decode", {"run": 0, "z": [float("nan")] * 4}),
        ("decode", {"run": 0, "z": [0.0] * 4, "example": {"of": 9}}),
        ("example", {"run": 0, "example": {"of": 0, "part": "test", "index": "x"}}),
        ("example", {"run": 0, "example": {"of": 1, "part": "test", "index": 0}}),
        ("samples", {"run": 0, "seed": "x"}),
        ("samples", {"run": 0, "seed": -1}),
        ("save", {"run": 0, "z": [0.0] * 4, "what": "all"}),
        ("save", {"run": 0, "z": [0.0] * 4, "what": "line"}),
        ("save", {"run": 0, "z": [0.0] * 4, "what": "traversal", "entry": "z0"}),
    ],
)
def test_requests_without_sense_are_refused(api, name, query):
    with pytest.raises(VaekitError):
        api.answer(name, query)


def test_another_run_sees_the_same_example(run_of, sprites):
    api = Api([sprites, Explorer(run_of("ae"))])
    shown = {"of": 0, "part": "test", "index": 4}
    one, other = (api.answer("example", {"run": k, "example": shown}) for k in (0, 1))
    assert one["picture"] == other["picture"] and one["z"] != other["z"]


def test_mixed_columns_are_shown_as_in_the_table(run_of, tmp_path):
    days = [f"2020-01-{1 + i % 28:02}" for i in range(60)]
    rows = [f"{i % 7 + 0.5},{'no' if i % 2 else 'yes'},{day}" for i, day in enumerate(days)]
    path = tmp_path / "mixed.csv"
    path.write_text("\n".join(["size,smoker,born", *rows]) + "\n", encoding="utf-8")
    run = run_of("vae", f"table('{path}', mixed=true)", likelihood="columns")
    api = Api([Explorer(run)])
    about = api.answer("open", {"run": 0})
    assert about["columns"] == ["size", "smoker", "born"] and about["left"] == 0
    size, smoker, born = api.answer("decode", code(api))["values"]
    assert isinstance(size, float) and smoker in ("yes", "no") and born.startswith("2020-01-")
    run.traverse(of=0, on=0, steps=4).save(tmp_path / "moved.csv")
    moved = list(csv.DictReader((tmp_path / "moved.csv").read_text().splitlines()))
    assert len(moved) == 4 and all(row["smoker"] in ("yes", "no") for row in moved)
    assert all(row["born"].startswith("2020-01-") and float(row["size"]) for row in moved)
