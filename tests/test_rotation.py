"""What `examples/rotation.py` shows is so."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[1] / "examples" / "rotation.py"


@pytest.fixture(scope="module")
def rotation():
    spec = importlib.util.spec_from_file_location("rotation", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rotation"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["rotation"]


@pytest.mark.parametrize("latents", [2, 4, 8])
def test_a_perfect_code_falls_to_chance(rotation, latents):
    chance = 1 / latents
    whole = rotation.look(np.eye(latents))
    turned = rotation.look(rotation.equal(latents))
    assert whole.score == pytest.approx(1, abs=0.01)
    n = turned.score.settings["n"]
    assert abs(turned.score - chance) < 4 * np.sqrt(chance * (1 - chance) / n)
    assert whole.mig > 0.99 and turned.mig < 0.05
    for name, value in whole.information.items():
        assert turned.information[name] == pytest.approx(value, abs=1e-10), name


@pytest.mark.parametrize("latents", [2, 3, 6])
def test_indicators_do_not_move_for_any_rotation(rotation, latents):
    rng = np.random.default_rng(latents)
    whole = rotation.information(0.9 * np.eye(latents), 0.4)
    for _ in range(5):
        turned = rotation.information(0.9 * rotation.random(latents, rng), 0.4)
        assert turned == pytest.approx(whole, abs=1e-10)
    # Where q(z) is not round, its total correlation moves and the others do not.
    scales = np.diag(np.linspace(0.5, 1.5, latents))
    whole = rotation.information(scales, 0.4)
    turned = rotation.information(rotation.random(latents, rng) @ scales, 0.4)
    assert whole.pop("TC") == pytest.approx(0, abs=1e-12) and turned.pop("TC") > 0.01
    assert turned == pytest.approx(whole, abs=1e-10)


def test_indicators_are_what_they_say(rotation):
    found = rotation.information(np.sqrt(1 - 0.3**2) * np.eye(3), 0.3)
    assert found["I(x;z)"] == pytest.approx(-3 * np.log(0.3)) == found["rate"]
    assert found["KL(q‖p)"] == pytest.approx(0) == found["TC"]
    # Two numbers correlated by ρ = .9 have a total correlation of −½ ln(1 − ρ²).
    joint = np.array([[1.0, 0.9], [0.9, 1.0]]) - 0.05 * np.eye(2)
    found = rotation.information(np.linalg.cholesky(joint), np.sqrt(0.05))
    assert found["TC"] == pytest.approx(0.8304, abs=1e-4) and found["KL(q‖p)"] > 0
    assert found["rate"] == pytest.approx(found["I(x;z)"] + found["KL(q‖p)"], abs=1e-12)


@pytest.mark.parametrize("latents", [2, 5])
def test_predicted_and_measured_differences_agree(rotation, latents):
    q = rotation.random(latents, np.random.default_rng(1))
    seen = rotation.look(q, seed=2)
    terms = 3000 / latents * 64  # |N(0, s²)| has mean s√(2/π) and deviation s√(1 − 2/π)
    error = seen.predicted * np.sqrt((np.pi / 2 - 1) / terms)
    assert (abs(seen.score.parts["z_diff"] - seen.predicted) < 4.5 * error).all()
    exact = 2 / np.sqrt(np.pi) * np.sqrt(1 - 0.3**2) * np.sqrt(1 - q.T**2)
    assert seen.predicted == pytest.approx(exact, abs=1e-12)


def test_equal_rotation(rotation):
    for latents in (2, 4, 8):
        q = rotation.equal(latents)
        assert q @ q.T == pytest.approx(np.eye(latents), abs=1e-12)
        assert abs(q) == pytest.approx(latents**-0.5)
        assert np.ptp(rotation.expected_difference(q)) < 1e-12
    with pytest.raises(ValueError, match="2, 4, 8"):
        rotation.equal(6)


def test_random_rotation_mixes_and_still_scores(rotation):
    q = rotation.random(4, np.random.default_rng(0))
    assert q @ q.T == pytest.approx(np.eye(4), abs=1e-12)
    few, many = rotation.look(q, pairs=2), rotation.look(q)
    assert 0.3 < few.score < 0.8 and many.score > 0.9 and many.mig < 0.3
    almost = rotation.look(rotation.turn(44), pairs=1)
    assert almost.score > 0.97 and almost.mig < 0.05


def test_the_command_prints_its_tables(rotation, capsys):
    rotation.main(["--latents", "2", "--random", "1", "--votes", "300", "--pairs", "16"])
    shown = capsys.readouterr().out
    for word in (
        "β-VAE score",
        "chance",
        "MIG",
        "I(x;z)",
        "rate",
        "TC",
        "Hadamard",
        "by 44°",
        "random 1",
    ):
        assert word in shown
    assert "predicted" in shown and "y_2" in shown and "nan" not in shown and "-0.0" not in shown


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--latents", "3", "latents must be 2, 4, 8"),
        ("--std", "1", "--std lies between 0 and 1, got 1.0"),
        ("--pairs", "0", "--pairs must be 1 or more, got 0"),
        ("--votes", "1", "--votes must be 30 or more, got 1"),
        ("--seed", "-1", "--seed must be 0 or more, got -1"),
        ("--random", "-1", "--random must be 0 or more, got -1"),
    ],
)
def test_bad_arguments_are_named(rotation, capsys, flag, value, said):
    with pytest.raises(SystemExit):
        rotation.main([flag, value])
    assert said in capsys.readouterr().err


def test_few_votes_are_enough(rotation, capsys):
    rotation.main(["--latents", "8", "--random", "0", "--votes", "30", "--pairs", "1"])
    assert "Hadamard" in capsys.readouterr().out
