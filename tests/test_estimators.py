"""The scikit-learn face of the recipes: its contract, and that it trains as the loop does."""

import copy
import inspect
import json
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from parts import LEAST, same, weights
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _num_samples

import vaekit
from vaekit import data, estimators, information, recipes
from vaekit.corruptions import Masking
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.estimators import ESTIMATORS, load
from vaekit.runs import Run
from vaekit.schedules import Linear
from vaekit.training import Training, fit

RNG = np.random.default_rng(0)
X = RNG.random((90, 12)).astype(np.float32)
Y = np.array(["owl", "ant", "fox"])[RNG.integers(0, 3, 90)]
IMAGES = RNG.integers(0, 256, (40, 8, 8)).astype(np.uint8)
SMALL = {"latent": 2, "network": "mlp(8)", "epochs": 2, "batch": 30, "device": "cpu"} | LEAST
ONE_LAYER = {"ContractiveAE": "mlp()", "SparseAE": "mlp(4, activation=sigmoid)"}
NAMES = list(ESTIMATORS)
VAE, CVAE, AE = ESTIMATORS["VAE"], ESTIMATORS["CVAE"], ESTIMATORS["AE"]


def small(name, **changed):
    """Make an estimator that trains in no time."""
    kind = ESTIMATORS[name] if isinstance(name, str) else name
    known = inspect.signature(kind).parameters
    wanted = {**SMALL, "network": ONE_LAYER.get(kind.__name__, "mlp(8)"), **changed}
    return kind(**{k: v for k, v in wanted.items() if k in known})


def y_for(name):
    return Y if name == "CVAE" else None


# ---- scikit-learn's own checks

NEEDS_Y = "transform and score of a conditional model need y, which the check does not give"
ROUNDS = "float32 sigmoids differ in the last bit by place in the batch; the check demands 1e-9"
CONDITIONAL = [
    "check_estimators_dtypes",
    "check_dtype_object",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_transformer_data_not_an_array",
    "check_transformer_general",
    "check_transformer_preserve_dtypes",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_dict_unchanged",
    "check_fit_idempotent",
]


def expected(estimator):
    if type(estimator).__name__ == "CVAE":
        return dict.fromkeys(CONDITIONAL, NEEDS_Y)
    if type(estimator).__name__ in ONE_LAYER:
        return dict.fromkeys(CONDITIONAL[7:9], ROUNDS)
    return {}


class Untold(CVAE):
    """A conditional model that needs no y in use: for the checks that give none."""

    def transform(self, X, y=None):
        return super().transform(X, self._zeros(X))

    def score_samples(self, X, y=None):
        return super().score_samples(X, self._zeros(X))

    def _zeros(self, X):
        return np.zeros((_num_samples(X), self.model_.condition.width))


def checked(name):
    told = {} if name == "Compose" else {"condition": "attributes"}
    return small(name, likelihood="squared_error", batch=100, **told)


@parametrize_with_checks([*map(checked, NAMES), checked(Untold)], expected_failed_checks=expected)
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
def test_a_code_depends_on_its_example_alone(name):
    made, y = small(name).fit(X, y_for(name)), y_for(name)
    codes, order = made.transform(X, y), RNG.permutation(90)
    mixed = made.transform(X[order], None if y is None else y[order])
    assert np.allclose(mixed, codes[order], atol=1e-6)


# ---- made from the recipes


def test_every_recipe_has_an_estimator_named_by_the_rule():
    assert len(ESTIMATORS) == len(recipes.RECIPES)
    rule = {"vae": "VAE", "beta_vae": "BetaVAE", "k_sparse_ae": "KSparseAE", "iwae": "IWAE"}
    rule |= {"dip_vae_i": "DipVAEI", "dip_vae_ii": "DipVAEII"}
    assert {r: estimators.class_name(r) for r in rule} == rule
    assert estimators.BetaVAE is ESTIMATORS["BetaVAE"] is estimators.estimator("beta_vae")
    assert set(NAMES) <= set(dir(estimators))
    with pytest.raises(AttributeError, match="VEA"):
        _ = estimators.VEA
    with pytest.raises(VaekitError, match="Did you mean 'beta_vae'"):
        estimators.estimator("beta_va")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_the_recipe_and_the_training(name):
    recipe = ESTIMATORS[name]._recipe
    shown = inspect.signature(ESTIMATORS[name]).parameters
    own = inspect.signature(recipe.make).parameters.keys() - {"shape", "width"}
    assert own <= shown.keys()
    assert shown.keys() - own == {
        *vars(Training()).keys() - {"seed", "processes", "patience", "keep", "validate_every"},
        "early_stopping",
        "validation_fraction",
        "n_iter_no_change",
        "image_shape",
        "laws",
        "random_state",
        "verbose",
    }
    defaults = vars(recipe.defaults())
    assert all(shown[k].default == defaults[k] for k in shown.keys() & defaults.keys())
    text = ESTIMATORS[name].__doc__
    assert recipe.paper in text
    assert all(f"\n    {parameter}: " in text for parameter in shown)
    assert "see the recipe" not in text


def test_a_recipe_entered_later_has_one_too():
    def own_vae(shape, latent: int = 3):
        """Own model."""
        return recipes.vae(shape, latent, "mlp(8)")

    recipes.recipe(paper="none", epochs=1)(own_vae)
    try:
        made = estimators.OwnVAE()
        assert made.epochs == 1
        assert made.fit(X).transform(X).shape == (90, 3)
        assert pickle.loads(pickle.dumps(made)).transform(X).shape == (90, 3)
    finally:
        del recipes.RECIPES["own_vae"]


def test_clone_get_and_set_parameters():
    one = small("BetaVAE", beta="linear(0, 2)")
    assert clone(one).get_params() == one.get_params()
    assert one.set_params(latent=7).latent == 7
    with pytest.raises(TypeError, match="VAE got an unexpected keyword argument 'latnt'"):
        VAE(latnt=3)


# ---- training


def looped(name, seed, images=X, **settings):
    """Train as `vaekit train` does and return the model."""
    recipe, made = ESTIMATORS[name]._recipe, small(name)
    data = Dataset.from_array(images, np.unique(Y, return_inverse=True)[1])
    own = {
        k: v for k, v in made.get_params().items() if k in inspect.signature(recipe.make).parameters
    }
    torch.manual_seed(seed)
    model, objective = recipe.make(data.shape, **recipe.complete(own, data))
    training = recipe.defaults(epochs=2, batch=30, seed=seed, device="cpu", **settings)
    for _ in fit(model, objective, data, training):
        pass
    return model


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_as_the_loop_does(name):
    made = small(name, random_state=3).fit(X, y_for(name))
    assert same(weights(made.model_), weights(looped(name, 3)))
    assert made.n_iter_ == len(made.history_) == 2
    assert [row["step"] for row in made.history_] == [3, 6]


@pytest.mark.parametrize("name", NAMES)
def test_passes_add_up_to_a_fit_and_go_on(name):
    whole, parts = small(name, epochs=3), small(name, epochs=3)
    y = y_for(name)
    whole.fit(X, y)
    for _ in range(3):
        parts.partial_fit(X, y)
    assert same(weights(whole.model_), weights(parts.model_))
    assert whole.history_ == parts.history_
    before = weights(parts.model_)
    parts.partial_fit(X[:20], None if y is None else y[:20])
    assert parts.n_iter_ == 4
    assert not same(before, weights(parts.model_))


def test_passes_over_parts_of_the_data_count_as_epochs():
    made = small("BetaVAE", beta="linear(0, 4, epochs=3)", epochs=4)
    for _ in range(2):
        made.partial_fit(X).partial_fit(X[:40])
    assert [row["step"] for row in made.history_] == [3, 4, 7, 8]
    weight = [(r["objective"] - r["distortion"]) / r["kl"] for r in made.history_]
    # Means over the steps of each pass, which the KL follows: (0 + 1 + 2) / 3 of 9 steps, 1 of 3, …
    assert weight == pytest.approx([4 / 9, 4 / 3, 28 / 9, 4], rel=0.02)


def test_schedules_stand_alike_after_training_and_loading(tmp_path):
    made = small("KSparseAE", latent=8, k="linear(8, 2, epochs=2)").partial_fit(X)
    made.save(tmp_path / "a")
    found = load(tmp_path / "a")
    assert made.model_.posterior.k == found.model_.posterior.k == 5  # half way
    assert np.array_equal(found.transform(X), made.transform(X))
    assert made.partial_fit(X).model_.posterior.k == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_pass_that_fails_leaves_no_trace(name):
    made, whole, y = small(name), small(name), y_for(name)
    made.partial_fit(X, y), whole.partial_fit(X, y)
    made.set_params(lr=1e30)
    for _ in range(2):
        with pytest.raises(VaekitError, match="training stopped"):
            made.partial_fit(X, y)
        assert same(weights(made.model_), weights(whole.model_))
        assert made.history_ == whole.history_ and made.n_iter_ == 1
    made.set_params(lr=whole.lr).partial_fit(X, y)
    assert same(weights(made.model_), weights(whole.partial_fit(X, y).model_))


def test_a_pass_that_is_stopped_leaves_no_trace(monkeypatch):
    made = small("DenoisingAE", corruption=lambda x: x).fit(X)
    before = weights(made.model_)

    def stopped(x):
        raise KeyboardInterrupt

    made.model_.corruption.function = stopped
    with pytest.raises(KeyboardInterrupt):
        made.partial_fit(X)
    assert same(before, weights(made.model_)) and not made.model_.training


def test_weights_that_the_last_step_ruined_are_an_error():
    """The loss of a step is of the weights before it."""
    made = small("VAE", batch=90, epochs=1, lr=1e300)
    with pytest.raises(VaekitError, match="weights are not finite after step 1: try a smaller lr"):
        made.fit(X)
    assert not hasattr(made, "model_")


def test_a_batch_is_no_larger_than_the_data():
    assert small("VAE", batch=1000).fit(X).history_[-1]["step"] == 2


def test_random_states():
    codes = [small("VAE", random_state=s).fit_transform(X) for s in (1, 1, 2, None, None)]
    assert np.array_equal(codes[0], codes[1])
    for a, b in ((0, 2), (3, 4)):
        assert not np.array_equal(codes[a], codes[b])
    drawn = [small("VAE", random_state=np.random.RandomState(5)).fit_transform(X) for _ in "ab"]
    assert np.array_equal(*drawn)
    for wrong in (-1, "0", 1.5):
        with pytest.raises(VaekitError, match="random_state must be"):
            small("VAE", random_state=wrong).fit(X)


@pytest.mark.parametrize("seed", [0, None])
def test_the_callers_generators_are_left_alone(seed):
    torch.manual_seed(1)
    before, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    made = small("VAE", random_state=seed).fit(X).partial_fit(X)
    made.score(X), made.sample(2), pickle.loads(pickle.dumps(made))
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(numbers, np.random.get_state()[1])


def test_verbose_prints_a_line_an_epoch(capsys):
    small("VAE", verbose=True).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["[VAE] epoch 1", "[VAE] epoch 2"]
    small("VAE").fit(X)
    assert not capsys.readouterr().out


# ---- use


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_the_evaluation(name):
    made, y = small(name).fit(X, y_for(name)), y_for(name)
    data = Dataset.from_array(X, np.unique(Y, return_inverse=True)[1])
    draws = 50 if made.model_.prior else 1
    numbers = information.evaluate(made.model_, data, samples=draws)
    wanted = numbers["elbo"]["value"] if "elbo" in numbers else -numbers["squared_error"]["value"]
    assert made.score(X, y) == wanted == made.score(X, y)


def test_chance_hardly_moves_a_score_of_few_examples():
    """Other draws give another number; its spread is far below that over the examples."""
    made = small("VAE", epochs=60, lr=0.01).fit(X)
    data = Dataset.from_array(X[:20])
    each = [information.evaluate(made.model_, data, samples=50, seed=s)["elbo"] for s in range(8)]
    assert made.score(X[:20]) == each[0]["value"]
    assert 0 < np.std([number["value"] for number in each]) < 0.1 * each[0]["se"]


@pytest.mark.parametrize(("n", "draws"), [(1, 50), (100, 50), (400, 13), (5000, 1), (6000, 1)])
def test_a_score_takes_as_many_codes_whatever_n(n, draws, monkeypatch):
    asked = []

    def evaluate(model, data, n, samples):
        asked.append((len(data), n, samples))
        return {"elbo": {"value": 0.0}}

    made = small("VAE").fit(X)
    monkeypatch.setattr("vaekit.estimators.base.evaluate", evaluate)
    made.score(np.resize(X, (n, 12)))
    assert asked == [(n, n, draws)]


def test_training_betters_the_score():
    short, long = small("VAE", epochs=1).fit(X), small("VAE", epochs=60, lr=0.01).fit(X)
    assert long.score(X) > short.score(X) + 0.05


def test_samples_follow_their_random_state():
    made = small("VAE").fit(X)
    assert made.sample(5).shape == (5, 12)
    assert np.array_equal(made.sample(5), made.sample(5))
    assert not np.array_equal(made.sample(5), made.sample(5, random_state=1))
    with pytest.raises(VaekitError, match="no prior"):
        small("AE").fit(X).sample(5)


def test_images_as_arrays_and_as_rows():
    options = {"network": "conv(8)", "batch": 20}
    made = small("VAE", **options).fit(IMAGES)
    assert made.n_features_in_ == 64
    assert made.inverse_transform(made.transform(IMAGES)).shape == IMAGES.shape
    assert made.sample(3).max() <= 1
    rows = IMAGES.reshape(40, 64)
    by_row = small("VAE", image_shape=(8, 8), **options).fit(rows)
    assert np.array_equal(by_row.transform(rows), made.transform(IMAGES))
    assert np.array_equal(by_row.transform(rows / np.float32(255)), made.transform(IMAGES))
    assert by_row.inverse_transform(by_row.transform(rows)).shape == rows.shape
    colour = np.repeat(IMAGES[:, None], 3, 1)
    assert small("VAE", **options).fit(torch.from_numpy(colour)).sample(2).shape == (2, 3, 8, 8)


ROWS = IMAGES.reshape(40, 64)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS.astype(np.int64),
        ROWS.tolist(),
        torch.from_numpy(ROWS),
        pl.DataFrame(ROWS, schema=[f"c{i}" for i in range(64)]),
        pl.DataFrame(ROWS.astype(np.int32), schema=[f"c{i}" for i in range(64)]),
        ROWS / 255,
        ROWS.astype(np.float32) / np.float32(255),
    ],
    ids=["int64", "list", "tensor", "frame", "frame of int32", "float64", "float32"],
)
def test_whole_numbers_in_rows_of_images_mean_255ths(rows):
    made = small("AE", image_shape=(8, 8)).fit(rows)
    assert made.range_[1] <= 1
    wanted = small("AE", image_shape=(8, 8)).fit(ROWS)
    np.testing.assert_allclose(made.transform(rows), wanted.transform(ROWS), atol=1e-5)


def test_black_and_white_rows():
    made = small("AE", image_shape=(8, 8)).fit(ROWS > 99)
    assert np.array_equal(made.transform(ROWS > 99), made.transform((ROWS > 99) * 1.0))


@pytest.mark.parametrize("method", ["transform", "score", "partial_fit"])
@pytest.mark.parametrize(
    ("fitted", "given", "says"),
    [
        (IMAGES, IMAGES * 1.0, "from 0 to 255, but AE was trained on values from 0 to 1"),
        (IMAGES / 255, IMAGES * 1.0, "trained on values from 0 to 1"),
        (IMAGES, IMAGES / 127.5 - 1, "values lie from -1 to 1"),
        (IMAGES * 1.0, IMAGES, "trained on numbers from 0 to 255, but these are whole"),
        (ROWS, ROWS * 1.0, "values lie from 0 to 255"),
        (ROWS * 1.0, ROWS, "these are whole"),
    ],
)
def test_images_on_another_scale_are_refused(method, fitted, given, says):
    made = small("AE", image_shape=(8, 8), batch=20).fit(fitted)
    with pytest.raises(VaekitError, match=says):
        getattr(made, method)(given)


def test_images_on_nearly_the_same_scale_are_not(tmp_path):
    made = small("AE", batch=20).fit(IMAGES)
    made.transform(IMAGES / 250)
    made = small("AE", batch=20).fit(IMAGES / 64 - 2)
    made.transform(IMAGES / 50 - 2)
    made.partial_fit(IMAGES / 32 - 2)  # which widens the range that is known
    made.save(tmp_path / "a")
    assert load(tmp_path / "a").transform(IMAGES / 16 - 2).shape == (40, 2)


def test_rows_of_floats_may_lie_anywhere():
    """Scaled column by column on another part of the data, they are what they are."""
    low = ROWS[:20] * 0.05
    pipe = make_pipeline(MinMaxScaler(), small("AE", image_shape=(8, 8), batch=10)).fit(low)
    assert np.isfinite(pipe.transform(ROWS)).all()


def test_conditions_are_labels_of_any_kind_or_attributes():
    made = small("CVAE").fit(X, Y)
    assert made.classes_.tolist() == ["ant", "fox", "owl"]
    codes = made.transform(X, Y)
    assert made.inverse_transform(codes, Y).shape == X.shape
    assert np.array_equal(made.sample(4, "owl"), made.sample(4, ["owl"] * 4))
    assert not np.array_equal(made.sample(4, "owl"), made.sample(4, "ant"))
    real = small("CVAE", condition="attributes").fit(X, X[:, :3])
    assert real.sample(2, X[:2, :3]).shape == (2, 12)
    assert not hasattr(real, "classes_")


def test_one_condition_serves_for_all():
    real = small("CVAE", condition="attributes").fit(X, X[:, :3])
    one = [0.1, 0.2, 0.3]
    assert np.array_equal(real.sample(5, one), real.sample(5, [one] * 5))
    assert np.array_equal(real.sample(5, [one]), real.sample(5, [one] * 5))
    codes = real.transform(X, X[:, :3])
    assert np.array_equal(
        real.inverse_transform(codes, one), real.inverse_transform(codes, [one] * 90)
    )
    single = small("CVAE", condition="attributes").fit(X, X[:, 0])
    assert np.array_equal(single.sample(3, 0.5), single.sample(3, [0.5] * 3))
    assert not np.array_equal(single.sample(3, 0.5), single.sample(3, [0.5, 0.1, 0.2]))
    made = small("CVAE").fit(X, Y)
    assert np.array_equal(made.sample(4, ["owl"]), made.sample(4, "owl"))
    for wrong in ([0.1, 0.2], [[0.1, 0.2]] * 5, [[0.1, 0.2, 0.3]] * 4):
        with pytest.raises(ValueError):
            real.sample(5, wrong)


def test_classes_that_the_first_part_lacks():
    made = small("CVAE").partial_fit(X[Y != "owl"], Y[Y != "owl"], classes=["ant", "fox", "owl"])
    assert made.partial_fit(X, Y).transform(X, Y).shape == (90, 2)


def test_what_made_the_model_does_not_change_on_the_way(tmp_path):
    """What training reads anew may change; what the weights belong to, the objective too, not."""
    made = small("BetaVAE", beta=1.0).fit(X)
    for asked in ({"beta": 500.0}, {"latent": 5}, {"prior": "logistic"}, {"network": "mlp(3)"}):
        (name,) = asked
        before = made.get_params()[name]
        with pytest.raises(ValueError, match=rf"{name} was .* when the model was made, and is"):
            made.set_params(**asked).partial_fit(X)
        made.set_params(**{name: before})
    made.save(tmp_path / "file")
    for each in (made, load(tmp_path / "file")):
        each.set_params(lr=1e-4, beta=1).partial_fit(X)
    told = small("CVAE").partial_fit(X, Y, classes=np.unique(Y))
    told.partial_fit(X, Y, classes=np.unique(Y))
    with pytest.raises(ValueError, match="other classes before"):
        told.partial_fit(X, Y, classes=[*np.unique(Y), "zebra"])


def test_a_device_of_torch_serves_everywhere():
    made = small("VAE", device=torch.device("cpu")).fit(X)
    assert np.isfinite(made.transform(X)).all() and math.isfinite(made.score(X))
    with pytest.raises(ValueError, match="cpu takes no number"):
        small("VAE", device="cpu:0").fit(X)


CODES = ["0150", "0151", "0152"] * 30


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (CODES, pl.String),
        (pd.Categorical(CODES), pl.String),
        (pd.Categorical([3, 7, 9] * 30), pl.Int64),
        (pd.Categorical(["3", "7", "9"] * 30), pl.Int64),
    ],
    ids=["codes", "classes of codes", "classes of numbers", "classes of digits"],
)
def test_text_and_classes_of_digits_are_classes(column, kind):
    """By every door: the frame of an estimator means what a file and a frame of data mean."""
    frame = pd.DataFrame({"x": X[:90, 0], "c": column})
    made = VAE(latent=2, network="mlp(4)", epochs=1, device="cpu").fit(frame)
    drawn = made.sample(40)["c"]
    assert drawn.dtype == kind and set(map(str, drawn)) <= set(map(str, frame["c"]))
    mixed = data.load(frame, mixed=True).train
    assert made.columns_.fields[1].levels == mixed.columns.fields[1].levels
    assert np.isfinite(made.transform(frame)).all()


def test_text_of_numbers_alone_is_numbers_of_either_library():
    rows = {"x": [f"{v:.4f}" for v in X[:, 0]], "n": [str(k % 7) for k in range(len(X))]}
    both = [pd.DataFrame(rows), pl.DataFrame(rows), pl.DataFrame(rows).cast(pl.Float64)]
    codes = [small("VAE", likelihood="squared_error").fit_transform(frame) for frame in both]
    np.testing.assert_array_equal(codes[0], codes[2])
    np.testing.assert_array_equal(codes[1], codes[2])


def test_data_frames_in_and_out():
    table = pl.DataFrame(X, schema=[f"c{i}" for i in range(12)])
    made = small("VAE").fit(table)
    assert made.feature_names_in_.tolist() == table.columns
    out = made.set_output(transform="polars").transform(table)
    assert out.columns == ["vae0", "vae1"] == made.get_feature_names_out().tolist()
    with pytest.raises(ValueError, match="feature names"):
        made.transform(table.rename({"c0": "other"}))


def test_salt_and_pepper_concern_the_training_alone():
    made = small("DenoisingAE", corruption="salt_and_pepper(p=0.3)").fit(X)
    assert np.isfinite(made.transform(3 * X)).all()


# ---- in company


def test_in_a_pipeline():
    pipe = make_pipeline(MinMaxScaler(), small("VAE", network="conv(8)", image_shape=(8, 8)))
    codes = pipe.fit_transform(IMAGES.reshape(40, 64))
    assert pipe.inverse_transform(codes).shape == (40, 64)
    guess = make_pipeline(StandardScaler(), small("AE"), LogisticRegression())
    assert guess.fit(X, Y).predict(X).shape == (90,)


def test_in_a_grid_search_of_two_processes():
    search = GridSearchCV(small("BetaVAE"), {"latent": np.array([1, 3])}, cv=2, n_jobs=2)
    search.fit(X)
    alone = GridSearchCV(small("BetaVAE"), {"latent": [1, 3]}, cv=2).fit(X)
    found = "mean_test_score"
    assert np.array_equal(search.cv_results_[found], alone.cv_results_[found])
    assert search.best_estimator_.transform(X).shape == (90, search.best_params_["latent"])


def test_in_a_cross_validation():
    assert np.isfinite(cross_val_score(small("CVAE"), X, Y, cv=2, error_score="raise")).all()
    images = cross_val_score(small("VAE", network="conv(8)", batch=10), IMAGES, cv=2)
    assert np.isfinite(images).all()


# ---- kept


KEEPERS = {
    "pickle": lambda made, path: pickle.loads(pickle.dumps(made)),
    "copy": lambda made, path: copy.deepcopy(made),
    "file": lambda made, path: (made.save(path), load(path))[1],
}


@pytest.mark.parametrize("way", KEEPERS)
@pytest.mark.parametrize("name", NAMES)
def test_what_was_kept_is_the_same_and_trains_on(name, way, tmp_path):
    made, y = small(name).fit(X, y_for(name)), y_for(name)
    kept = KEEPERS[way](made, tmp_path / "estimator.safetensors")
    assert type(kept) is type(made)
    assert kept.get_params() == made.get_params()
    assert vars(kept).keys() == vars(made).keys()
    assert kept.history_ == made.history_
    assert np.array_equal(kept.transform(X, y), made.transform(X, y))
    made.partial_fit(X, y)
    assert not np.array_equal(kept.transform(X, y), made.transform(X, y))  # no memory is shared
    kept.partial_fit(X, y)
    assert same(weights(kept.model_), weights(made.model_))


@pytest.mark.parametrize("way", KEEPERS)
def test_conv_networks_are_kept_and_train_on(way, tmp_path):
    made = small("VAE", network="conv(8, 8)", image_shape=(8, 8), batch=20).fit(IMAGES)
    kept = KEEPERS[way](made, tmp_path / "a")
    assert kept.image_shape == (8, 8)
    assert np.array_equal(kept.transform(IMAGES), made.transform(IMAGES))
    assert same(weights(kept.partial_fit(IMAGES).model_), weights(made.partial_fit(IMAGES).model_))


def test_an_unfitted_one_is_pickled_too():
    kept = pickle.loads(pickle.dumps(small("VAE")))
    with pytest.raises(NotFittedError):
        kept.transform(X)


def test_numpys_numbers_and_generators_are_saved(tmp_path):
    state = np.random.RandomState(0)
    small("BetaVAE", latent=np.int64(3), beta=np.float32(2), random_state=state).fit(X).save(
        tmp_path / "a"
    )
    found = estimators.BetaVAE.load(tmp_path / "a")
    assert (found.latent, found.beta) == (3, 2.0)
    assert isinstance(found.random_state, int)


@pytest.mark.parametrize(
    ("name", "part", "text"),
    [
        ("DenoisingAE", {"corruption": Masking(0.2)}, r"corruption='gaussian\(sigma=0.4\)'"),
        ("BetaVAE", {"beta": Linear(0, 4)}, r"beta='linear\(start=0, end=4\)'"),
    ],
)
def test_parts_are_fitted_and_their_text_is_saved(name, part, text, tmp_path):
    made = small(name, **part).fit(X)
    with pytest.raises(VaekitError, match=f"cannot save .*the text that names it, such as {text}"):
        made.save(tmp_path / "a")
    assert not list(tmp_path.iterdir())


OLD = {"model.model.": "model.", "model.parts.": "parts.", "optimiser.": "moments."}


@pytest.mark.parametrize("name", ["VAE", "FactorVAE"])
def test_files_of_before_are_read(name, tmp_path):
    made = small(name).fit(X)
    made.save(tmp_path / "new")
    with safe_open(tmp_path / "new", "pt") as file:
        about = file.metadata() | {"format": "vaekit-estimator-1"}
    old = {}
    for key, tensor in load_file(tmp_path / "new").items():
        if key.startswith("random.now."):
            old[key.replace("random.now.", "noise.")] = tensor[0].clone()
            continue
        new = next(prefix for prefix in OLD if key.startswith(prefix))
        old[key.replace(new, OLD[new], 1)] = tensor
    save_file(old, tmp_path / "old", about)
    again = load(tmp_path / "old")
    assert np.array_equal(again.transform(X), made.transform(X))
    assert same(weights(again.partial_fit(X).model_), weights(made.partial_fit(X).model_))


@pytest.mark.parametrize("name", ["vae", "cvae", "factor_vae"])
def test_a_run_is_an_estimator(name, tmp_path):
    own = {"latent": 2, "network": "mlp(8)", "epochs": 2, "batch": 50, "device": "cpu", "seed": 3}
    run = vaekit.train(name, tmp_path / "run", data="digits", verbose=False, **own)
    made, test = load(run.folder), run.data.test
    assert type(made) is estimators.estimator(name) and made.n_iter_ == 2
    assert (made.latent, made.batch, made.random_state) == (2, 50, 3)
    x, y = test.batch(torch.arange(len(test))).numpy(), test.batch_labels(torch.arange(len(test)))
    assert np.array_equal(made.transform(x, y.numpy()), run.encode(test))
    assert made.sample(3, 4 if name == "cvae" else None).shape == (3, 1, 8, 8)
    made.save(tmp_path / "file")
    again = load(tmp_path / "file").partial_fit(x, y.numpy())
    assert again.n_iter_ == 3 and again.history_[-1]["step"] > run.history[-1]["step"]
    with pytest.raises(VaekitError, match=r"with vaekit\.estimators\.load"):
        Run(tmp_path / "file")


def test_a_run_of_a_scaled_table_is_no_estimator(tmp_path):
    pd.DataFrame(X[:, :4], columns=list("abcd")).to_csv(tmp_path / "x.csv", index=False)
    own = {"latent": 2, "network": "mlp(4)", "epochs": 1, "device": "cpu", "batch": 20}
    own |= {"likelihood": "gaussian(1)", "verbose": False}
    run = vaekit.train("vae", tmp_path / "a", data=tmp_path / "x.csv", **own)
    with pytest.raises(VaekitError, match="scales the columns of its table"):
        load(run.folder)
    whole = vaekit.train(
        "vae", tmp_path / "b", data=f"table('{tmp_path}/x.csv', scale=none)", **own
    )
    rows = X[:9, :4]
    np.testing.assert_allclose(load(whole.folder).transform(rows), whole.encode(rows), atol=1e-6)


def test_files_that_are_no_estimator(tmp_path):
    small("VAE").fit(X).save(tmp_path / "a")
    with pytest.raises(VaekitError, match="of the class VAE, not AE"):
        AE.load(tmp_path / "a")
    with pytest.raises(VaekitError, match="no file"):
        load(tmp_path / "none")
    (tmp_path / "torn").write_bytes((tmp_path / "a").read_bytes()[:500])
    with pytest.raises(VaekitError, match="damaged"):
        load(tmp_path / "torn")
    save_file({"a": torch.zeros(1)}, tmp_path / "b")
    with pytest.raises(VaekitError, match="no estimator"):
        load(tmp_path / "b")
    about = {"format": "vaekit-estimator-1", "estimator": json.dumps({"recipe": "vae"})}
    save_file({"a": torch.zeros(1)}, tmp_path / "c", about)
    with pytest.raises(VaekitError, match="another version"):
        load(tmp_path / "c")
    with pytest.raises(VaekitError, match="cannot write"):
        small("VAE").fit(X).save(tmp_path)


# ---- errors

FITTED = {name: small(name).fit(X, y_for(name)) for name in ("VAE", "CVAE")}
TIMED = pd.DataFrame({"took": pd.to_timedelta(np.arange(20), "h"), "x": np.arange(20.0)})
HOLED = np.where(np.arange(90 * 12).reshape(90, 12) == 7, np.nan, X)


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda: small("VAE").fit(HOLED), "contains NaN"),
        (lambda: FITTED["VAE"].transform(HOLED), "contains NaN"),
        (lambda: FITTED["VAE"].transform(X[:, :5]), "X has 5 features, but VAE is expecting 12"),
        (lambda: small("VAE").fit(3 * X), r"needs data in \[0, 1\].*MinMaxScaler"),
        (lambda: FITTED["VAE"].transform(3 * X), r"needs data in \[0, 1\]"),
        (lambda: FITTED["VAE"].score(3 * X), r"needs data in \[0, 1\]"),
        (lambda: FITTED["VAE"].inverse_transform(X), r"expected codes \(n, 2\)"),
        (lambda: FITTED["VAE"].transform(IMAGES), r"fitted to \(12,\)"),
        (lambda: FITTED["VAE"].sample(0), "number of samples"),
        (lambda: small("VAE").transform(X), "not fitted yet"),
        (lambda: small("VAE").save("x"), "not fitted yet"),
        (lambda: small("VAE", network="conv(8)").fit(X), "conv networks need images"),
        (lambda: small("VAE", image_shape=(3, 3)).fit(X), "needs rows of 9 entries, got 12"),
        (lambda: small("VAE", image_shape=(2, 2, 3)).fit(X), r"\(2, 2, 3\) looks like \(H, W, C\)"),
        (lambda: small("VAE").fit(np.ma.masked_less(X, 0.5)), "masked values"),
        (lambda: small("VAE").fit(TIMED), "'took' of the data frame is of type Duration"),
        (lambda: small("VAE", image_shape=4).fit(X), r"must be whole numbers \(H, W\)"),
        (lambda: small("VAE").fit(np.zeros((4, 8, 8, 3))), "moveaxis"),
        (lambda: small("VAE").fit(np.zeros((0, 8, 8))), "got none"),
        (lambda: small("VAE", epochs=0).fit(X), "epochs must be"),
        (lambda: small("VAE", epochs=1.5).fit(X), "epochs must be a whole number.*got 1.5"),
        (lambda: small("VAE", epochs="2").fit(X), "as in epochs=2; got '2'"),
        (lambda: small("VAE", epochs=None).fit(X), "as in epochs=20; got None"),
        (
            lambda: small("VAE", lr="a").fit(X),
            "lr must be a number or a schedule: unknown schedule 'a'",
        ),
        (lambda: small("VAE", latent=True).fit(X), "latent must be a whole number.*got True"),
        (lambda: small("VAE", latent=2.0).fit(X), "as in latent=2; got 2.0"),
        (lambda: small("VAE", compile="no").fit(X), "compile must be True or False"),
        (lambda: small("VAE", precision="half").fit(X), "precision must be 'float32' or 'bf16'"),
        (
            lambda: small("VAE", network=3).fit(X),
            "network must be text or Networks or a tuple, as in network='mlp",
        ),
        (lambda: small("BetaVAE", beta=None).fit(X), "beta must be a number or text"),
        (lambda: small("ContractiveAE", draws=1.5).fit(X), "draws must be a whole number"),
        (lambda: small("DenoisingAE", corruption=3).fit(X), "corruption must be text"),
        (lambda: small("DenoisingAE", corruption=lambda x: None).fit(X), "NoneType of a tensor"),
        (
            lambda: small("DenoisingAE", corruption="salt_and_pepper(p=0.3)").fit(3 * X),
            "write low and high, as in salt_and_pepper",
        ),
        (lambda: small("VAE", random_state=2**70).fit(X), "below 2.32"),
        (lambda: small("VAE", random_state=True).fit(X), "random_state must be"),
        (lambda: small("VAE", image_shape=(3, 4.5)).fit(X), "image_shape must be whole numbers"),
        (lambda: small("VAE", image_shape="ab").fit(X), "image_shape must be whole numbers"),
        (lambda: FITTED["VAE"].sample(2.5), "n must be a whole number, .*got 2.5"),
        (lambda: FITTED["VAE"].sample(True), "n must be a whole number"),
        (lambda: FITTED["VAE"].sample("3"), "as in n=3; got '3'"),
        (lambda: FITTED["VAE"].save("."), "cannot write .: it is a folder"),
        (lambda: small("BetaVAE", beta=-1).fit(X), "finite number ≥ 0"),
        (lambda: small("CVAE").fit(X), "requires y"),
        (lambda: FITTED["CVAE"].transform(X), "requires y"),
        (lambda: FITTED["CVAE"].score(X), "requires y"),
        (lambda: FITTED["CVAE"].sample(3), "requires y"),
        (lambda: FITTED["CVAE"].sample(3, "cat"), "class 'cat', which was not seen.*'ant', 'fox'"),
        (lambda: FITTED["CVAE"].transform(X, np.full(90, "cat")), "was not seen in training"),
        (lambda: FITTED["CVAE"].transform(X, Y[:5]), "inconsistent numbers of samples"),
        (lambda: small("CVAE").fit(X, X[:, 0]), "condition='attributes'"),
        (lambda: small("CVAE").fit(X, HOLED.ravel()[:90]), "contains NaN"),
        (lambda: small("CVAE").fit(X, np.array([1, "a"] * 45, object)), "mixes labels"),
        (lambda: small("CVAE", condition="factors").fit(X, Y), "'labels' or 'attributes'"),
    ],
)
def test_errors_are_value_errors_that_say_why(act, says):
    with pytest.raises(ValueError, match=says):
        act()


def test_codes_in_a_frame_go_by_their_names():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
    fitted = ESTIMATORS["VAE"](
        latent=2, epochs=1, network="mlp(4)", likelihood="gaussian", device="cpu"
    )
    z = fitted.set_output(transform="pandas").fit(table).transform(table)
    given = fitted.inverse_transform(z)
    turned = z[["vae1", "vae0"]]
    other = [
        turned,
        pl.from_pandas(turned),
        turned.assign(more=1.0),
        z.set_axis(["p", "q"], axis=1),
    ]
    for each in other:
        assert np.array_equal(given, fitted.inverse_transform(each))
    for backwards in (z[::-1], z.to_numpy()[::-1]):
        assert np.array_equal(given[::-1], fitted.inverse_transform(backwards))
    with pytest.raises(ValueError, match="lacks the codes vae0"):
        fitted.inverse_transform(z[["vae1"]].assign(more=1.0))
