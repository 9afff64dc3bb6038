"""Arguments held against their annotations."""

from typing import Any, Literal

import numpy as np
import pytest
from torch import nn

from vaekit.arguments import check, fits
from vaekit.errors import VaekitError
from vaekit.schedules import Linear
from vaekit.train import Training


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
        {"lr": "1e-3"},
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
