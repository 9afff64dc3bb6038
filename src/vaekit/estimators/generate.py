"""Make an estimator class from a recipe: its name, its constructor, its docstring.

A recipe's signature is the configuration, here as on the command line: a parameter that is added
to a recipe, or a setting that is added to `Training`, is a parameter of the estimator.
"""

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from inspect import Parameter
from typing import Any, get_type_hints

from vaekit.estimators.base import Estimator
from vaekit.recipes import Recipe, find
from vaekit.training import Training

# What the data tell (the shape, the width of a condition), and what an estimator has another way
# to say (random_state, early_stopping) or none: several processes would each run the caller's
# script.
OF_THE_DATA = {"shape", "width"}
OF_THE_RUN = {"seed", "processes", "patience", "keep", "validate_every"}
OWN_TEXT = {
    "image_shape": "(H, W) or (C, H, W), to read the rows of a 2-D X as images; None: as vectors",
    "laws": "of a data frame: the laws of some columns by name, {'income': 'student_t'}; it is one "
    "of mixed columns then. None: laws as its columns are",
    "random_state": "seed of weights, noise and data order: an int, a RandomState to draw one "
    "from, or None for another one every time",
    "early_stopping": "hold a share of X out in `fit`, end when it has had no new best for "
    "n_iter_no_change epochs, and keep the weights that were best",
    "validation_fraction": "the share held out with early_stopping",
    "n_iter_no_change": "epochs without a new best after which early_stopping ends",
    "verbose": "print a line after every epoch",
}
ATTRIBUTES = """\
Fitted estimators have:

- `model_`: the trained `vaekit.model.Model`
- `history_`: a dict for each epoch with `epoch`, `step`, `objective` and the terms, in nats, with
  early_stopping also `validation_objective` and so on
- `n_iter_`: passes over the data so far
- `n_features_in_`: entries of one example
- `feature_names_in_`: names of the columns, where X had names
- `classes_`: the labels that y had, for models conditioned on labels

Raises `ValueError` where parameters or data do not fit, `NotFittedError` before `fit`."""


_ROMAN = {"i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"}


def class_name(recipe: str) -> str:
    """Return the name of a recipe's estimator, `beta_vae` → `BetaVAE`."""
    short = {word for word in recipe.split("_") if word.endswith("ae") or word in ("mmd", "gan")}
    short |= {recipe.rsplit("_", maxsplit=1)[-1]} & _ROMAN
    return "".join(w.upper() if w in short else w[:1].upper() + w[1:] for w in recipe.split("_"))


@cache
def estimator(recipe: str) -> type[Estimator]:
    """Make the estimator class of the recipe of that name.

    Raises `VaekitError` with the nearest name for an unknown one.
    """
    found = find(recipe)
    parameters = _parameters(found)
    namespace = {
        "__init__": _constructor(parameters),
        "__doc__": _class_docstring(found, [p.name for p in parameters]),
        "__module__": __package__,  # where pickle looks it up
        "_recipe": found,
    }
    return type(class_name(recipe), (Estimator,), namespace)


def _parameters(recipe: Recipe) -> list[Parameter]:
    """List the recipe's own parameters, then those that every estimator has."""
    hints, training = get_type_hints(recipe.make), recipe.defaults()
    own = [
        _parameter(p.name, hints.get(p.name, Any), p.default)
        for p in inspect.signature(recipe.make).parameters.values()
        if p.name not in OF_THE_DATA
    ]
    settings = [
        _parameter(f.name, get_type_hints(Training)[f.name], getattr(training, f.name))
        for f in fields(Training)
        if f.name not in OF_THE_RUN
    ]
    return [
        *own,
        _parameter("image_shape", tuple[int, ...] | None, None),
        _parameter("laws", Mapping[str, str] | None, None),
        *settings,
        _parameter("early_stopping", bool, False),
        _parameter("validation_fraction", float, 0.1),
        _parameter("n_iter_no_change", int, 10),
        _parameter("random_state", Any, training.seed),
        _parameter("verbose", bool | int, False),
    ]


def _parameter(name: str, kind: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _constructor(parameters: list[Parameter]) -> Any:
    """Return an `__init__` that shows these parameters and stores them as they are."""
    signature = inspect.Signature(parameters)

    def __init__(self: Estimator, **given: Any) -> None:
        try:
            bound = signature.bind(**given)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__} {error}") from None
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            setattr(self, name, value)

    me = Parameter("self", Parameter.POSITIONAL_ONLY)
    __init__.__signature__ = inspect.Signature([me, *parameters])  # pyright: ignore[reportFunctionMemberAccess]
    return __init__


def _class_docstring(recipe: Recipe, names: list[str]) -> str:
    """Write the docstring from those of the recipe and of the training settings."""
    known = {**_argument_texts(Training), **_argument_texts(recipe.make), **OWN_TEXT}
    known["batch"] = "examples in one step, all of them where X has fewer"
    arguments = "\n".join(f"    {name}: {known.get(name, 'see the recipe')}" for name in names)
    body = inspect.cleandoc(recipe.make.__doc__ or "").split("\nArgs:")[0].strip()
    return f"{body}\n\nPaper: {recipe.paper}\n\nArgs:\n{arguments}\n\n{ATTRIBUTES}\n"


def _argument_texts(thing: Any) -> Mapping[str, str]:
    """Read what a docstring says of each argument, in one line each."""
    _, _, after = inspect.cleandoc(thing.__doc__ or "").partition("Args:\n")
    block = re.split(r"\n(?=\S)", after, maxsplit=1)[0]
    joined = re.sub(r"\n {5,}", " ", block)
    return dict(re.findall(r"^ {4}(\w+): (.*)$", joined, re.MULTILINE))
