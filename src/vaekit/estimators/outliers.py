"""An outlier detector on top of an estimator: what a model explains badly is an outlier.

The score of an example is log p(x) as the model has it. It counts both what the decoder cannot draw
(the distortion, in widths of the noise that the model learned) and codes where the prior has few
(the rate), so that it needs no weight between the two. A reconstruction error alone misses examples
that are drawn well from a code that no other example has.
"""

from numbers import Integral, Real
from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from vaekit.errors import VaekitError
from vaekit.estimators.base import Estimator
from vaekit.estimators.generate import estimator as class_of
from vaekit.estimators.inputs import as_array, is_mixed
from vaekit.information import score_examples

SCORES = ("squared_error", "distortion", "rate", "elbo", "log_likelihood")
HIGH = SCORES[:3]  # for what is unlike the training data
DEFAULT = {"latent": 8, "network": "mlp(128)", "epochs": 100, "batch": 32}
OF_NUMBERS = {"likelihood": "gaussian(learned=average)", "corruption": "gaussian(sigma=0.3)"}
OF_MIXED = {"corruption": "hidden(p=0.1)"}


class OutlierDetector(OutlierMixin, BaseEstimator):
    """Find the examples that a model of the others explains worst.

        OutlierDetector(contamination=0.05).fit(X).predict(new)      1 for inliers, −1 for outliers

    X is what the estimator takes: a table (n, D), a data frame, or images. Fit it to examples that
    are all, or nearly all, as they should be.

    Args:
        estimator: an estimator of vaekit to be fitted, of a model without a condition. None: `VAE`
            with latent=8, network=mlp(128), likelihood=gaussian(learned=average),
            corruption=gaussian(sigma=0.3), epochs=100 and batch=32; for a frame of mixed columns
            without that likelihood, and with corruption=hidden(p=0.1)
        criterion: what tells examples apart: squared_error, distortion, rate, elbo or
            log_likelihood, as `information.score_examples` gives them. auto: `score_samples` of the
            estimator, log p(x) for models with a prior and log p(x|z) for others
        contamination: share of the training examples that are called outliers, from 0 to 0.5; it
            moves `offset_` and no score
        standardize: bring each column of a table to mean 0 and deviation 1 before, as learned in
            training; images are left as they are, and mixed columns to the estimator
        random_state: seed of the default estimator; one that is given has its own

    Fitted detectors have `estimator_`, `offset_` (the score where outliers begin), `n_features_in_`
    and, where X had names, `feature_names_in_`.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [Estimator, None],
        "criterion": [StrOptions({"auto", *SCORES})],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "standardize": ["boolean"],
        "random_state": [Interval(Integral, 0, None, closed="left"), "random_state"],
    }
    estimator_: Estimator
    scaler_: StandardScaler | None
    offset_: float
    n_features_in_: int

    def __init__(
        self,
        estimator: Estimator | None = None,
        *,
        criterion: str = "auto",
        contamination: float = 0.1,
        standardize: bool = True,
        random_state: Any = 0,
    ):
        self.estimator, self.criterion = estimator, criterion
        self.contamination, self.standardize = contamination, standardize
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the estimator on X, and set `offset_` by the scores of X. y is ignored.

        Raises `ValueError` for parameters out of range, an estimator of a conditional model, a
        criterion that the model does not have, and as the estimator's `fit` does.
        """
        self._validate_params()
        made = self._made(X)
        if get_tags(made).target_tags.required:
            raise VaekitError(
                f"{type(made).__name__} is conditioned on y, which an outlier detector is not "
                "given: use VAE, or another estimator without a condition"
            )
        self.scaler_ = None
        scaled = self._scaled(X, reset=True)
        if self.scaler_ is not None:
            made._scale_cure = "; standardize=True has moved it, so write False"
        self.estimator_ = made.fit(scaled)
        self.n_features_in_ = made.n_features_in_
        if made.columns_ is not None:
            self.feature_names_in_ = cast(Any, made).feature_names_in_
        self.offset_ = float(np.percentile(self.score_samples(X), 100 * self.contamination))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the score of each example, (n,) float64, signed so that more is more normal.

        In nats, but for squared_error. Raises as the estimator's `transform` does.
        """
        check_is_fitted(self, "estimator_")
        scaled, made = self._scaled(X), self.estimator_
        if self.criterion == "auto":
            return made.score_samples(scaled)
        scores = score_examples(made._model(), made._data(scaled, None))
        if self.criterion in scores.absent:
            raise VaekitError(
                f"criterion={self.criterion!r}: {scores.absent[self.criterion]}, or use "
                "criterion='distortion'"
            )
        values = scores.values[self.criterion]
        return -values if self.criterion in HIGH else values

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `score_samples` less `offset_`, (n,): below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return 1 for each inlier and −1 for each outlier, (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _made(self, X: Any) -> Estimator:
        """Return the estimator to be fitted: a copy of the one that was given, or the default."""
        if self.estimator is not None:
            return cast(Estimator, clone(self.estimator))
        made: Any = class_of("vae")  # whose parameters are those of the recipe
        return made(
            **DEFAULT,
            **(OF_MIXED if is_mixed(X, {}) else OF_NUMBERS),
            random_state=self.random_state,
        )

    def _scaled(self, X: Any, reset: bool = False) -> Any:
        """Check X and scale the columns of a table; with `reset` learn how."""
        asked = {} if self.estimator is None else self.estimator.get_params()
        if is_mixed(X, asked) if reset else self.estimator_.columns_ is not None:
            return X
        X = as_array(X)
        if getattr(X, "ndim", None) in (3, 4):
            return X
        table = validate_data(self, X, reset=reset, dtype=np.float64)
        if reset and self.standardize:
            self.scaler_ = StandardScaler().fit(table)
        return table if self.scaler_ is None else self.scaler_.transform(table)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
