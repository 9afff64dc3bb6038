"""Arguments held against their annotations."""

import inspect
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest
from torch import nn

from vaekit import recipes
from vaekit.arguments import check, fits
from vaekit.corruptions import CORRUPTIONS
from vaekit.data import CATALOGUE
from vaekit.errors import VaekitError
from vaekit.likelihoods import LIKELIHOODS
from vaekit.networks import NETWORKS
from vaekit.posteriors import POSTERIORS
from vaekit.priors import PRIORS
from vaekit.schedules import SCHEDULES, Linear
from vaekit.text import build, parse
from vaekit.training import Training


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, [3, -1, np.int32(3)], [3.0, True, "3", None, np.float32(3), [3]]),
        (float, [3, 0.5, float("nan"), np.float32(1)], [False, "1", None, 1j, (1.0,)]),
        (bool, [True, False], [0, 1, "no", None]),
        (str, ["", "mlp(8)", len, Linear(0, 4), nn.Identity()], [3, None, True, [1], b"x", {}]),
        (float | str, [1, 1.5, "linear(0, 1)", Linear(0, 1)], [True, None, [1.0]]),
        (int | None, [None, 3], [0.5, "none"]),
        (bool | int, [True, 2], [1.5]),
        (Literal["a", "b"], ["a"], ["c", None, 1]),
        (Literal["a"] | None, ["a", None], ["b"]),
        (Any, [None, 3, "x"], []),
        (tuple[int, ...] | None, [None, (1, 2)], []),
        (Sequence[int], [[], (1, 2), np.arange(3)], [3, "12", [1, 2.0], {1: 2}, None]),
        (int | Sequence[int] | None, [3, [3], None], [3.0, ["3"], "3"]),
    ],
)
def test_what_fits(kind, good, bad):
    assert all(fits(value, kind) for value in good)
    assert not any(fits(value, kind) for value in bad)


@pytest.mark.parametrize(
    ("value", "kind", "default", "said"),
    [
        (1.5, int, 20, "epochs must be a whole number, as in epochs=20; got 1.5"),
        ("2", int, 20, "epochs must be a whole number, as in epochs=2; got '2'"),
        (2.0, int | None, None, "epochs must be a whole number or None, as in epochs=2; got 2.0"),
        (True, int, None, "epochs must be a whole number; got True"),
        (None, float | str, 4.0, "epochs must be a number or text, as in epochs=4.0; got None"),
        (2.0, int | Sequence[int], 4, "epochs must be a whole number or a list of whole numbers"),
        ("c", Literal["a", "b"] | None, "a", "epochs must be 'a' or 'b' or None, as in epochs='a'"),
    ],
)
def test_errors_name_argument_value_and_cure(value, kind, default, said):
    with pytest.raises(VaekitError) as caught:
        check("epochs", value, kind, default)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 1.5},
        {"batch": "100"},
        {"lr": "fast"},
        {"lr": [0.1]},
        {"compile": "no"},
        {"precision": "fp8"},
        {"seed": 0.0},
        {"seed": 2**44},
        {"device": None},
    ],
)
def test_training_checks_its_settings(wrong):
    ((name, _),) = wrong.items()
    with pytest.raises(VaekitError, match=f"^{name} must be"):
        Training(**wrong)


def test_training_takes_numbers_of_numpy():
    assert Training(epochs=np.int64(3), lr=np.float64(1), beta1=0).epochs == 3


@pytest.mark.parametrize(
    ("catalogue", "text", "said"),
    [
        (PRIORS, "isa(size=2, unit_variance=no)", "unit_variance must be True or False"),
        (PRIORS, "generalized_normal(learned=inner)", "learned must be True or False"),
        (PRIORS, "isa(size=2.0)", "size must be a whole number or a list"),
        (PRIORS, "isa(scale=a)", "scale must be a number, as in scale=1.0; got 'a'"),
        (PRIORS, "isa(p=[2, x])", "p must be a number or a list of numbers"),
        (NETWORKS, "mlp(64, 8.0)", "widths must be a whole number, as in widths=8; got 8.0"),
        (NETWORKS, "conv(8, batch_norm=off)", "batch_norm must be True or False"),
        (POSTERIORS, "relaxed_one_hot(straight_through=maybe)", "straight_through must be True"),
        (LIKELIHOODS, "gaussian(sigma=small)", "sigma must be a number"),
        (CORRUPTIONS, "masking(p=half)", "p must be a number"),
        (SCHEDULES, "linear(0, much)", "end must be a number"),
        (CATALOGUE, "dsprites(check=no)", "check must be True or False"),
    ],
)
def test_every_kind_of_part_checks_what_text_gives_it(catalogue, text, said):
    first = {id(PRIORS): [4], id(POSTERIORS): [nn.Identity(), 4], id(LIKELIHOODS): [nn.Identity()]}
    with pytest.raises(VaekitError, match=re.escape(said)):
        build(text, catalogue, "part", *first.get(id(catalogue), []))


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_recipes_check_their_arguments(name):
    make = recipes.RECIPES[name].make
    for known in list(inspect.signature(make).parameters.values())[1:]:
        with pytest.raises(VaekitError, match=f"^{known.name} must be"):
            make((1, 8, 8), **{known.name: {"no": "kind"}})
    with pytest.raises(TypeError, match=rf"^{name}\(\) .*'no_such'"):
        make((1, 8, 8), no_such=1)


@pytest.mark.parametrize(
    "text, positional, named",
    [
        ("table(wine.csv, label=target)", ["wine.csv"], {"label": "target"}),
        ("table(~/my-data/wine.2.csv)", ["~/my-data/wine.2.csv"], {}),
        ("folder(/a/b, size=[32, 16])", ["/a/b"], {"size": [32, 16]}),
        ("folder('/a/b c, d')", ["/a/b c, d"], {}),
        ("f([a/b.png, c], 2024/x.csv)", [["a/b.png", "c"], "2024/x.csv"], {}),
        ("f(1e-3, -2, .5, 0x10, true, none)", [1e-3, -2, 0.5, 16, True, None], {}),
    ],
)
def test_paths_need_no_quotes(text, positional, named):
    assert parse(text) == (text.partition("(")[0], positional, named)


@pytest.mark.parametrize("text", ["folder(/a/b c/d)", "folder(a b)", "f(1.5.2)", "f(-a/b)"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(VaekitError, match=r"paths, \[lists\]"):
        parse(text)


def test_words_are_no_yes():
    with pytest.raises(VaekitError, match="path must be True or False"):
        recipes.isa_vae((1, 8, 8), path="no")  # pyright: ignore[reportArgumentType]
    with pytest.raises(VaekitError, match="beta must be a number or text"):
        recipes.beta_tcvae((1, 8, 8), beta=None)  # pyright: ignore[reportArgumentType]
