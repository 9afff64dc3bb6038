"""Text in pictures is text, whatever letters a user's names have."""

import re

import numpy as np
import polars as pl
import pytest

from vaekit import report
from vaekit.report import columns, plots
from vaekit.report.plots import Plot

NAMES = [
    "$x_$",
    "$\\frac{1}$",
    "a$b",
    "$$",
    "50 $ to 60 $",
    "_x",
    r"\alpha",
    "{}%",
    "$\\notacommand$",
]


def words(svg: str) -> list[str]:
    import html

    return [html.unescape(word) for word in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_drawn_as_it_is(name):
    with Plot(3, 3) as plot:
        axes = plot.axes[0, 0]
        axes.plot([0, 1], [0, 1], label=columns.plot_name(name))
        axes.set(title=name, xlabel=name, ylabel=name)
        axes.set_xticks([0, 1], [name, "b"])
        axes.annotate(name, (0, 0))
        axes.text(1, 1, name)
        plot.figure.legend(loc="outside upper right")
    found = [word.strip() for word in words(plot.svg)]
    assert found.count(name) == 7
    assert not [word for word in found if word.startswith(("$\\mathdefault", "\\$"))]


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([1e-5, 1e-3, 1.0], {"1e−05", "0.001", "1"}),
        ([1.0, 1e3, 1e7], {"1", "1000", "1e+06"}),
        ([1.0, 2.0, 5.0], {"1", "2"}),
    ],
)
def test_logarithmic_axes_are_marked_without_formulas(values, marks):
    with Plot(4, 4) as plot:
        axes = plot.axes[0, 0]
        axes.plot(values, values)
        axes.set(xscale="log", yscale="log")
    found = words(plot.svg)
    assert marks & set(found), found
    assert not any("$" in word or "math" in word for word in found)


def test_no_picture_of_ours_wants_a_formula(make, arrays, page_of, tmp_path):
    """Every text of pages that have logarithmic axes, minus signs and Greek letters."""
    for recipe, told in (("contractive_ae", {}), ("k_sparse_ae", {"k": 4, "latent": 16})):
        page = page_of(make(recipe, "digits", **told), tmp_path)
        found = [
            word for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL) for word in words(svg)
        ]
        assert len(found) > 20
        assert not [word for word in found if "$" in word or "\\" in word]


def test_classes_and_columns_with_dollars(make, tmp_path):
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=200) for name in ("$x_$", "_y", "a$b$")}
    table["kind"] = np.array(["$\\frac{$", "_b"])[rng.integers(0, 2, 200)]
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    made = f"table('{tmp_path / 't.csv'}', label=kind)"
    given = {"likelihood": "gaussian", "reader": "mlp(8)", "network": "mlp(8)"}
    run = make("vmi_joint_vae", made, **given)
    page = report.write_report(run, tmp_path / "page.html").read_text(encoding="utf-8")
    found = [word for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL) for word in words(svg)]
    assert {"$x_$", " _y", "a$b$", "$\\frac{$"} <= set(found)
    assert plots._STYLE["text.parse_math"] is False
