"""Scores by example of estimators, and the outlier detector on top of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from vaekit.estimators import ESTIMATORS, OutlierDetector

AE, CVAE, VAE, WAE = (ESTIMATORS[name] for name in ("AE", "CVAE", "VAE", "WAEMMD"))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 6)).astype(np.float32)
SMALL = {"latent": 2, "network": "mlp(8)", "epochs": 3, "batch": 20, "likelihood": "squared_error"}


def vae(**changed):
    return VAE(**{**SMALL, **changed})


def ae(**changed):
    return AE(**{**SMALL, **changed})


@parametrize_with_checks([OutlierDetector(vae()), OutlierDetector(ae(), criterion="squared_error")])
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("make", [vae, ae])
def test_a_score_depends_on_its_example_alone(make):
    made = make().fit(X)
    scores, order = made.score_samples(X), RNG.permutation(len(X))
    assert scores.shape == (80,) and scores.dtype == np.float64
    assert np.array_equal(made.score_samples(X[order]), scores[order])
    assert np.array_equal(made.score_samples(X[7:8]), scores[7:8])


def test_what_is_far_scores_low():
    for detector in (OutlierDetector(), OutlierDetector(ae(epochs=30)), OutlierDetector(vae())):
        found = detector.fit(X).predict(np.concatenate([X[:10], X[:3] + 20]))
        assert (found[-3:] == -1).all() and (found[:10] == 1).sum() >= 7
        assert (detector.fit_predict(X) == -1).mean() == pytest.approx(0.1, abs=0.02)


def test_the_default_finds_another_cultivar():
    table, kind = load_wine(return_X_y=True)
    normal, other = table[kind != 0], table[kind == 0]
    detector = OutlierDetector().fit(normal[::2])
    scores = detector.score_samples(np.concatenate([normal[1::2], other]))
    truth = np.repeat([1, 0], [len(normal[1::2]), len(other)])
    assert roc_auc_score(truth, scores) > 0.85


@pytest.mark.parametrize(
    "criterion", ["squared_error", "distortion", "rate", "elbo", "log_likelihood"]
)
def test_every_score_is_higher_for_what_is_normal(criterion):
    detector = OutlierDetector(vae(epochs=40), criterion=criterion).fit(X)
    far = detector.score_samples(8 * X)
    assert far.mean() < detector.score_samples(X).mean()


def test_units_and_names_of_columns_do_not_matter():
    frame = pd.DataFrame(X * [1, 10, 100, 1e3, 1e-3, 1] + 5, columns=list("abcdef"))
    detector = OutlierDetector(vae()).fit(frame)
    assert list(detector.feature_names_in_) == list("abcdef")
    plain = OutlierDetector(vae()).fit(X)
    assert np.allclose(detector.score_samples(frame), plain.score_samples(X), atol=1e-2)
    with pytest.raises(ValueError, match="feature names"):
        detector.predict(frame.rename(columns={"a": "z"}))


def test_images():
    images = RNG.integers(0, 256, (40, 8, 8)).astype(np.uint8)
    detector = OutlierDetector(vae(likelihood="bernoulli")).fit(images)
    assert detector.predict(images).shape == (40,) and detector.scaler_ is None


def test_in_pipelines_and_searches():
    pipe = make_pipeline(StandardScaler(), OutlierDetector(vae(), standardize=False)).fit(X)
    assert set(pipe.predict(X)) == {1, -1}
    grid = {"estimator__latent": [1, 2]}
    search = GridSearchCV(
        OutlierDetector(vae()), grid, scoring=lambda d, X, y=None: d.score_samples(X).mean(), cv=2
    )
    assert search.fit(X).best_params_["estimator__latent"] in (1, 2)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (OutlierDetector(ae(), criterion="rate"), "no prior"),
        (OutlierDetector(WAE(**SMALL), criterion="elbo"), "deterministic"),
        (OutlierDetector(CVAE(**SMALL)), "conditioned on y"),
        (OutlierDetector(contamination=0.0), "contamination"),
        (OutlierDetector(contamination=0.7), "contamination"),
        (OutlierDetector(criterion="loss"), "criterion"),
        (OutlierDetector(StandardScaler()), "estimator"),  # pyright: ignore[reportArgumentType]
        (OutlierDetector(vae(epochs=0)), "epochs"),
    ],
)
def test_what_does_not_fit_is_said(made, said):
    with pytest.raises(ValueError, match=said):
        made.fit(X)


def test_bad_examples():
    detector = OutlierDetector(vae()).fit(X)
    bad = X.copy()
    bad[3, 2] = np.nan
    for wrong, said in ((bad, "NaN"), (X[:, :4], "features"), (X[0], "2D")):
        with pytest.raises(ValueError, match=said):
            detector.predict(wrong)


def test_frames_of_mixed_columns():
    """Ages of the wrong city are found, which neither column alone tells."""
    rng = np.random.default_rng(0)
    k = rng.integers(2, size=300)
    rows = {"city": np.where(k, "Oslo", "Rome"), "age": 30 + 20 * k + rng.normal(0, 2, 300)}
    people = pd.DataFrame({**rows, "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(k, "D")})
    odd = people.head(20).assign(age=80 - people["age"].head(20))
    detector = OutlierDetector(VAE(latent=2, network="mlp(32)", epochs=40, lr=3e-3)).fit(people)
    assert (detector.predict(odd) == -1).mean() > 0.9
    assert list(detector.feature_names_in_) == ["city", "age", "day"]
    made = OutlierDetector()._made(people).get_params()
    assert made["corruption"] == "hidden(p=0.1)" and made["likelihood"] != "gaussian"
    with pytest.raises(ValueError, match="give such a frame"):
        detector.predict(np.zeros((3, 3)))


def test_data_that_standardising_moves_out_of_range_are_told_of_it():
    with pytest.raises(ValueError, match="standardize=True has moved it, so write False"):
        OutlierDetector(ESTIMATORS["VAE"](epochs=1)).fit(np.random.default_rng(0).random((50, 3)))
