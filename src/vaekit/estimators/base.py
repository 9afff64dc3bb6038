"""What every estimator does. The classes themselves are made by `generate`, one for each recipe."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from vaekit import apply
from vaekit.arguments import check
from vaekit.data import Dataset, TableColumns, one_hot
from vaekit.errors import VaekitError
from vaekit.estimators import conditions, inputs, settings, training
from vaekit.information import evaluate, score_examples
from vaekit.model import Model
from vaekit.recipes import Recipe
from vaekit.schedules import Progress
from vaekit.training.fabric import pick
from vaekit.training.shown import check_ends
from vaekit.values import check_within

DRAWS, MOST = 5000, 50  # of codes for a score: in all, and of one example


class Estimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Fit a recipe's model to X and use it, as scikit-learn's transformers do.

    X is a table (n, D) of numbers, a data frame, also of mixed columns with text, or images
    (n, H, W) or (n, C, H, W), of which whole numbers mean v/255. y is what a conditional model is
    told of each example: labels (n,) of any kind, or with `condition="attributes"` real vectors
    (n, A); other models ignore it.
    """

    _recipe: ClassVar[Recipe]
    _scale_cure = ", as with MinMaxScaler(clip=True)"
    model_: Model
    history_: list[training.TrainedRow]
    n_iter_: int
    n_features_in_: int
    shape_: tuple[int, ...]
    input_shape_: tuple[int, ...]
    range_: tuple[float, float]
    whole_: bool
    columns_: TableColumns | None
    classes_: np.ndarray
    _arguments: dict[str, Any]
    _trained: training.Trained

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a new model on X for `epochs` passes.

        Raises `ValueError` for X with NaN, data outside the likelihood's range, a y that is
        missing or of another length, and parameters that do not fit; `NotFinite` for a loss that
        is no number.
        """
        data, held_out = self._begin(X, y), None
        if self.get_params()["early_stopping"]:
            fraction = settings.checked_parameters(self)["validation_fraction"]
            data, held_out = data.split(fraction, self._trained.seed)
        self._advance(data, settings.of_training(self, data).epochs, held_out)
        return self

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None) -> Self:
        """Train on for one pass over X, with the optimiser as the call before left it.

        The first call makes the model; a model conditioned on labels then needs `classes`, where X
        does not hold them all. `epochs` calls on one X are `fit`. Raises as `fit` does, and where
        what made the model was set to something else; the estimator is then as it was before.
        """
        if self.get_params()["early_stopping"]:
            raise VaekitError(
                "partial_fit cannot stop early, it is one epoch: call fit, or set "
                "early_stopping=False"
            )
        data = self._data(X, y) if hasattr(self, "model_") else self._begin(X, y, classes)
        settings.check_unchanged(self, data, classes)
        self._advance(data, 1)
        return self

    def transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the mean of q(z|x) of each example, (n, latent), float32.

        Raises `ValueError` for X of another width, or images on another scale, than in training,
        and as `fit` does.
        """
        check_is_fitted(self, "model_")
        data = self._data(X, y)
        c = self._vectors(data.labels, data.attributes)
        return apply.encode(self._model(), data.batch(), c).numpy()

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Train on X and return its codes, (n, latent)."""
        return self.fit(X, y, **fit_params).transform(X, y)

    def inverse_transform(self, Z: Any, y: Any = None) -> Any:
        """Return the mean of p(x|z) of codes Z (n, latent), in the form that X had in training.

        Images of whole numbers come back as float32 in [0, 1], mixed columns as a frame of polars
        with the likeliest classes; y is as in `sample`. Columns that are named as `transform` names
        them may stand in any order. Raises `ValueError` for other codes.
        """
        check_is_fitted(self, "model_")
        codes = inputs.read_codes(self, Z)
        return self._restored(apply.decode(self._model(), codes, self._condition(y, len(codes))))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean ELBO of X in nats, at weight 1, for models with a prior: more is better.

        The ELBO is a lower bound on log p(x), by `DRAWS` codes from a fixed seed, as many of each
        example, from 1 to `MOST`. Models without a prior have none: minus the squared error of an
        example, summed over its entries. Raises as `transform` does.
        """
        check_is_fitted(self, "model_")
        data = self._data(X, y)
        draws = min(MOST, -(-DRAWS // len(data))) if self.model_.prior else 1
        numbers = evaluate(self._model(), data, len(data), draws)
        return numbers["elbo"]["value"] if "elbo" in numbers else -numbers["squared_error"]["value"]

    def score_samples(self, X: Any, y: Any = None) -> np.ndarray:
        """Return log p(x) of each example in nats, (n,) float64: more is more like the training.

        Of models with a prior it is the lower bound by importance weights of 100 codes, from a seed
        that is made of the example; of others log p(x|z) at its code. What stands beside an example
        in X changes nothing. Raises as `transform` does.
        """
        check_is_fitted(self, "model_")
        scores = score_examples(self._model(), self._data(X, y)).values
        return scores["log_likelihood"] if "log_likelihood" in scores else -scores["distortion"]

    def sample(self, n: int = 1, y: Any = None, random_state: Any = None) -> Any:
        """Return n examples drawn from the model, E[x|z] at codes z from the prior, as X was.

        Of mixed columns they are draws of p(x|z), a frame of polars. y is a label or attributes for
        each, or one for all. The estimator's `random_state` decides the draw, where none is given
        here. Raises `ValueError` for models without a prior.
        """
        check_is_fitted(self, "model_")
        check("n", settings.plain(n), int, 1)
        chosen = self.get_params()["random_state"] if random_state is None else random_state
        c, seed = self._condition(y, n), inputs.seed_of(chosen)
        return self._restored(apply.sample(self._model(), n, c, seed, self.columns_ is not None))

    def save(self, path: Path | str) -> None:
        """Write parameters, weights and the state of training to one safetensors file.

        Nothing is pickled. Raises `NotFittedError` before `fit`, `VaekitError` where the file
        cannot be written or a parameter is no plain value.
        """
        from vaekit.estimators import saved

        check_is_fitted(self, "model_")
        saved.save(self, Path(path))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote; `partial_fit` goes on where it was.

        Raises `VaekitError` for a file that is missing, damaged, or of another estimator.
        """
        from vaekit.estimators import saved

        made = saved.load(path)
        if not isinstance(made, cls):
            raise VaekitError(
                f"{path} holds an estimator of the class {type(made).__name__}, not {cls.__name__}"
            )
        return made

    # ---- training

    def _begin(self, X: Any, y: Any, classes: Any = None) -> Dataset:
        """Learn the form of X and y and make the model that fits it; return both as a set."""
        for name in ("model_", "classes_"):  # a fit that fails leaves no old model in a new form
            self.__dict__.pop(name, None)
        data = self._data(X, y, reset=True, classes=classes)
        own = settings.of_recipe(self)
        if data.labels is not None:  # the first part of the data may lack the last class
            own["width"] = len(self.classes_)
        seed = inputs.seed_of(self.get_params()["random_state"])
        self._arguments = self._recipe.complete(own, data)
        try:
            self._trained = training.begin_system(self._recipe, self._arguments, self.shape_, seed)
        except TypeError as error:  # a word or a fraction where a whole number belongs
            raise VaekitError(f"a parameter of {self!r} is of the wrong type: {error}") from error
        check_ends(self._trained.system.model, *data.range, "X", self._scale_cure)
        self.history_, self.n_iter_, self.range_ = [], 0, data.range
        self.whole_ = not data.images.is_floating_point()
        return data

    def _advance(self, data: Dataset, epochs: int, held_out: Dataset | None = None) -> None:
        wanted = settings.of_training(self, data)
        before = self.history_[-1]["step"] if self.history_ else 0
        rows = training.advance(self._trained, data, wanted, epochs, self._show, held_out)
        for number, row in enumerate(rows, 1):  # passes over parts of the data differ in steps
            row["step"] = before + number * (len(data) // wanted.batch)
        self.model_, self.history_ = self._trained.system.model, [*self.history_, *rows]
        self.n_iter_ += len(rows)
        low, high = data.range
        self.range_ = min(low, self.range_[0]), max(high, self.range_[1])

    def _show(self, row: training.TrainedRow) -> None:
        if self.get_params()["verbose"]:
            terms = "  ".join(f"{k} {v:.3f}" for k, v in row.items() if k not in ("epoch", "step"))
            print(f"[{type(self).__name__}] epoch {row['epoch']:g}  {terms}")

    # ---- what comes in and goes out

    def _data(self, X: Any, y: Any, reset: bool = False, classes: Any = None) -> Dataset:
        """Check X and y and join them; with `reset` learn their form, else hold them against it."""
        mixed = inputs.read_mixed(self, X, reset)
        pixels = inputs.read_pixels(self, X, reset) if mixed is None else mixed.images
        labels, attributes = self._known(y, len(pixels), reset, classes)
        columns = self.columns_
        data = Dataset(pixels, labels, name="X", attributes=attributes, columns=columns)
        if not reset and columns is None:
            likelihood = self.model_.likelihood
            check_within(likelihood.support, *data.range, "X", self._scale_cure, likelihood.whole)
            inputs.check_scale(self, data)
        return data

    @property
    def _conditional(self) -> bool:
        known = inspect.signature(self._recipe.make).parameters
        return "width" in known and self.get_params()["condition"] is not None

    def _known(
        self, y: Any, n: int, reset: bool = False, classes: Any = None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Read y as labels or attributes, where the model is conditioned on them."""
        if not self._conditional:
            return None, None
        kind = conditions.kind_of(self.get_params()["condition"])
        if y is None:
            raise conditions.missing(type(self).__name__, kind)
        if kind == "attributes":
            return None, conditions.attributes_of(y, n)
        labels = conditions.labels_of(y, n)
        if reset:
            seen = labels if classes is None else np.asarray(classes)
            self.classes_ = conditions.classes_of(seen)
        return conditions.codes_of(labels, self.classes_), None

    def _condition(self, y: Any, n: int) -> Tensor | None:
        """Read y as conditions (n, width): one for each, or one for all."""
        return self._vectors(*self._known(conditions.repeated(y, n, self.model_.condition), n))

    def _vectors(self, labels: Tensor | None, attributes: Tensor | None) -> Tensor | None:
        return attributes if labels is None else one_hot(labels, len(self.classes_))

    def _restored(self, pixels: Tensor) -> Any:
        """Give decoded examples (n, *shape) the form of the X that the model was fitted to."""
        if self.columns_ is not None:
            return self.columns_.typed(self.columns_.own(pixels.double().numpy()))
        return pixels.numpy().reshape(len(pixels), *self.input_shape_)

    # ---- what scikit-learn asks

    def _model(self) -> Model:
        """Return the model on the device that is asked for, to which it may have to come back."""
        return self.model_.to(pick(self.get_params()["device"]))

    @property
    def _n_features_out(self) -> int:
        return self.model_.posterior.latent

    def _rebuild(self, seed: int, progress: Progress, tensors: Mapping[str, Tensor]) -> None:
        """Make the model anew and give it back its weights and the state of its training."""
        self._trained = training.begin_system(self._recipe, self._arguments, self.shape_, seed)
        self._trained.progress = progress
        self._trained.restore(tensors)
        self.model_ = self._trained.system.model

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and copied: numbers, for models may hold hooks and GPU memory."""
        own: Any = super().__getstate__()
        state = dict(own)  # a copy, for it may be this object's own dictionary
        trained = state.pop("_trained", None)
        if state.pop("model_", None) is not None and trained:
            state["_packed"] = trained.seed, trained.progress, trained.tensors()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` returned."""
        packed = state.get("_packed")
        super().__setstate__({k: v for k, v in state.items() if k != "_packed"})
        if packed:
            self._rebuild(*packed)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self._conditional
        tags.input_tags.three_d_array = True
        if tags.transformer_tags:
            tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
