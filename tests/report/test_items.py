"""What the page says of single items, and what sliders and the map are made of, by definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vaekit import apply, pictures
from vaekit.data import Dataset, TableColumns
from vaekit.report import codes as coding
from vaekit.report.codes import ItemCodes
from vaekit.report.columns import rounded
from vaekit.report.section import View, short, text_table
from vaekit.report.sections.items import code_map, errors, neighbours
from vaekit.report.touch import explorer, projections
from vaekit.report.touch.frames import GRID_STEPS, SLIDER_STEPS, frames_of

RNG = np.random.default_rng(0)


def view_of(run) -> View:
    model, test = run.model, run.data.test
    return View(model, test, coding.encode_items(model, test), run.folder)


@pytest.fixture(scope="module")
def view(sprites) -> View:
    return view_of(sprites)


@pytest.fixture(scope="module")
def conditional(make) -> View:
    return view_of(make("cvae", "digits", latent=3))


def made_up(means: np.ndarray, **more) -> ItemCodes:
    share = np.full(means.shape[1], 2.0)
    return ItemCodes(torch.arange(len(means)), means, share, True, **more)


# ---- errors


def test_errors_are_those_of_the_reconstructions(view):
    x = view.data.batch(view.codes.rows[view.judged])
    again = apply.reconstruct(view.model, x)
    squares = (x - again).square().flatten(1).sum(1).numpy()
    assert view.errors == pytest.approx(squares, rel=1e-4)


def test_many_or_large_items_are_judged_by_a_sample(view, monkeypatch):
    whole, few = len(view.codes.rows), replace(view)
    assert len(view.judged) == min(whole, 1500)
    monkeypatch.setattr("vaekit.report.section.ENTRIES", 20 * 32 * 32)
    assert len(few.judged) == 20 and len(few.errors) == 20
    assert set(few.judged) <= set(range(whole))


def test_the_best_typical_and_worst(view):
    section = errors.best_and_worst(view)
    html, order = section.figures[0], np.sort(view.errors)
    middle = (len(order) - 8) // 2
    shown = [*order[:8], *order[middle : middle + 8], *order[::-1][:8]]
    captions = [part.split("</figcaption>")[0] for part in html.split("<figcaption>")[1:]]
    assert [text.rpartition(": ")[2] for text in captions] == [short(value) for value in shown]
    best = view.item(int(view.judged[view.errors.argmin()]))
    assert captions[0] == f"{best}: {short(order[0])}" and best.startswith("test ")
    assert "squared error ‖x − x̂‖²" in section.caption and html.count("<h3>") == 3


def test_errors_of_columns_are_in_the_units_of_the_table(make):
    numbers = RNG.normal(size=(100, 2)) @ RNG.normal(size=(2, 4))
    columns = TableColumns.of(("a", "b<", "c", "d"), numbers * [1, 100, 1, 0] + 5, "standard")
    data = Dataset(torch.from_numpy(columns.scaled(numbers * [1, 100, 1, 0] + 5)).float())
    run = make("vae", "digits", latent=2)  # only its shape is asked for
    view = View(
        run.model, replace(data, columns=columns), made_up(RNG.normal(size=(100, 2))), run.folder
    )
    made = data.images + torch.tensor([0.0, 0.1, 1.0, 0.0])
    view.__dict__["reconstructions"] = made
    html = errors.column_errors(view).figures[0]
    rows = [row.split("</tr>")[0] for row in html.split("<tr>")[2:]]
    sd = (numbers * [1, 100, 1, 0]).std(0)
    assert "b&lt;" in rows[1] and errors.explained(0.1, 1.0) in rows[1]
    assert f"{0.1 * sd[1]:.4g}" in rows[1] and "0.990" in rows[1]
    assert "0.000" in rows[2] and ">–<" in rows[3] and "1.000" in rows[0]
    assert errors.explained(2.0, 1.0) == "−3.000"


def test_items_are_named_as_by_explorer_and_traversals(view, conditional):
    data = replace(conditional.data, rows=torch.tensor([7, 1, 2]), names=())
    few = replace(conditional, data=data, codes=made_up(RNG.normal(size=(3, 3))))
    assert few.names([0, 1, 2]) == ["test 0 (row 7)", "test 1", "test 2"]
    assert few.item(0).startswith("test 0 (row 7), ")
    named = replace(
        few, data=replace(data, names=tuple(f"{k}.png" for k in range(len(data.images))))
    )
    assert named.names([0]) == ["7.png"]


# ---- neighbours


def test_the_nearest_codes():
    codes = np.array([[0.0], [1.0], [3.0], [7.0]])
    near, distances = neighbours.nearest_codes(codes, np.array([0, 2]), 2)
    assert near.tolist() == [[1, 2], [1, 0]] and distances.tolist() == [[1, 3], [2, 3]]
    twins = np.zeros((3, 2))
    near, _ = neighbours.nearest_codes(twins, np.array([1]), 2)
    assert near.tolist() == [[0, 2]]  # never itself


def test_codes_are_compared_where_they_tell_something():
    codes = replace(made_up(RNG.normal(size=(9, 5))), information=np.array([0.1, 3, 0.2, 1, 9]))
    assert coding.compared_entries(codes) == [1, 3, 4]
    assert coding.compared_text(codes) == "the 3 informative latents: z1, z3, z4"
    ones = replace(codes, information=None, categories={"class": slice(2, 5)})
    assert coding.compared_entries(ones) == [0, 1, 2, 3, 4]
    assert coding.compared_text(ones).endswith("and the one-hot class")


# ---- the plane


def test_principal_components():
    z = RNG.normal(size=(400, 3)) @ np.diag([5.0, 2.0, 0.1]) + 7
    plane = projections.principal(z)
    assert abs(np.corrcoef(plane.points[:, 0], z[:, 0])[0, 1]) > 0.999
    assert plane.points.mean(0) == pytest.approx([0, 0], abs=1e-9)
    assert plane.points.var(0).sum() == pytest.approx(z.var(0).sum(), rel=0.01)
    assert "86 %" in plane.axes or "87 %" in plane.axes or "88 %" in plane.axes
    assert np.isfinite(projections.principal(np.zeros((5, 3))).points).all()


def test_codes_of_two_entries_are_their_own_plane():
    codes = made_up(RNG.normal(size=(20, 2)))
    (plane,) = projections.projections(codes, np.arange(10), tsne=True)
    assert np.array_equal(plane.points, codes.means[:10]) and plane.axes.startswith("z0 to the")


def test_tsne_is_asked_for_and_the_same_each_time():
    centres = np.repeat([[0.0, 0, 0], [9, 9, 9]], 20, axis=0)
    codes = made_up(centres + RNG.normal(size=(40, 3)))
    assert len(projections.projections(codes, np.arange(40), tsne=False)) == 1
    first, again = (projections.projections(codes, np.arange(40), tsne=True)[1] for _ in "ab")
    assert np.array_equal(first.points, again.points)
    near, _ = neighbours.nearest_codes(first.points, np.arange(40), 1)
    assert ((near[:, 0] < 20) == (np.arange(40) < 20)).all()


def test_points_fill_the_drawing_alike_on_both_axes():
    plane = RNG.normal(size=(500, 2)) * [1, 4]
    plane[0] = [0, 900]
    x, y = code_map.placed(plane).T
    assert x.min() >= 0 and x.max() <= code_map.WIDTH and y.min() == 10 and y.max() <= 630
    steps = np.polyfit(plane[1:, 0], x[1:], 1)[0], np.polyfit(plane[1:, 1], y[1:], 1)[0]
    assert steps[0] == pytest.approx(-steps[1], rel=0.05)


def test_what_items_are_coloured_by(view):
    fields = {field.name: field for field in code_map.colourings_of(view)}
    assert list(fields) == ["class", "scale", "rotation", "x", "y", "squared error"]
    assert fields["class"].labels == ["square", "ellipse", "heart"] and not fields["class"].ordered
    error = fields["squared error"]
    assert error.levels.min() == 0 and error.levels.max() == 9
    assert (np.diff(error.levels[np.argsort(view.errors)]) >= 0).all()
    assert code_map.colour(fields["class"], 2) == "var(--class-2)"
    assert "100%" in code_map.colour(error, 9) and " 0%" in code_map.colour(error, 0)
    many = replace(fields["class"], labels=[str(k) for k in range(38)])
    assert not many.coloured and fields["scale"].coloured


def test_a_code_of_one_entry_has_no_map(view):
    codes = replace(view.codes, information=None, means=view.codes.means[:, :1], share=np.ones(1))
    assert not list(code_map.sections(replace(view, codes=codes)))


# ---- frames


def test_frames_move_one_latent_and_the_grid_two(view):
    frames = frames_of(view)
    start, (a, b) = frames.starts[0], frames.latents[:2]
    z, c = frames.of(start)
    own = torch.from_numpy(view.codes.means[start]).float()
    assert c is None and torch.equal(z[0], own)
    assert len(z) == 1 + SLIDER_STEPS * len(frames.latents)
    moved = z[1 + SLIDER_STEPS : 1 + 2 * SLIDER_STEPS]
    assert moved[:, b].tolist() == pytest.approx(np.linspace(-3, 3, SLIDER_STEPS).tolist())
    others = [h for h in range(7) if h != b]
    assert (moved[:, others] == own[others]).all()
    grid, _ = frames.grid(start)
    rows = grid.reshape(GRID_STEPS, GRID_STEPS, -1)
    assert (rows[0, :, b] == 3).all() and (rows[:, 0, a] == -3).all() and rows[-1, -1, a] == 3
    assert len(set(frames.starts)) == 3 and len(frames.latents) <= 8


def test_classes_keep_the_style_of_the_item(conditional):
    frames = frames_of(conditional)
    start = frames.starts[1]
    z, c = frames.of(start)
    assert c is not None and torch.equal(c[-10:], torch.eye(10))
    own = int(c[0].argmax())
    assert z[-10 + own].tolist() == pytest.approx(z[0].tolist(), abs=1e-4)  # the class it is of
    assert (c[: 1 + SLIDER_STEPS] == c[0]).all()
    model = conditional.model
    with torch.no_grad():
        prior = model.expect(z[-10:], torch.eye(10))
    noise = (z[-10:] - prior.mean) / prior.variance.sqrt()
    assert noise.std(0).max() < 1e-3


def test_an_attribute_is_no_button(view):
    assert frames_of(view).choices == []


def test_buttons_name_their_frames(conditional):
    frames = frames_of(conditional)
    ((name, buttons),) = explorer._buttons(frames)
    first = 1 + len(frames.latents) * SLIDER_STEPS
    assert name == "class c" and buttons[0] == ("0", first) and buttons[9] == ("9", first + 9)


def test_numbers_for_the_script_are_short_and_finite():
    assert rounded(np.array([[1 / 3, np.nan], [12345.678, 0]])) == [
        [0.3333, 0],
        [12350, 0],
    ]


# ---- sheets


def test_sheets_have_no_gaps():
    tiles = np.arange(5 * 2 * 3 * 3, dtype=np.uint8).reshape(5, 2, 3, 3)
    whole = pictures.sheet(tiles, 2)
    assert whole.shape == (6, 6, 3) and (whole[2:4, 3:] == tiles[3]).all()
    assert (whole[4:, 3:] == 0).all()


def test_small_sheets_are_exact_and_large_ones_light():
    small, flat = np.full((9, 9, 3), 7, np.uint8), np.zeros((400, 400, 4), np.uint8)
    assert pictures.data_uri(small).startswith("data:image/png")
    assert pictures.data_uri(flat).startswith("data:image/webp")
    noise = RNG.integers(0, 256, (600, 600, 3)).astype(np.uint8)
    assert len(pictures.data_uri(noise)) < 0.6 * noise.size


def test_short_numbers():
    said = {0.12345: "0.123", -2.0: "−2.00", 20.96: "21.0", 149.2: "149", 12345.6: "12,346"}
    assert {value: short(value) for value in said} == said


def test_tables_are_escaped_and_have_heads():
    html = text_table(["a", "b"], [["<x>", "1"]])
    assert '<th scope="col" class="right">b</th>' in html and "&lt;x&gt;" in html
