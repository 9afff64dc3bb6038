"""What a recipe is: one typed function for each paper's system.

Its signature *is* the configuration: names, types and defaults become the command line's flags and
the saved run file; its docstring becomes the help. To write one: take `shape` first, give every
other parameter a type and a default, return a `System`, and name the paper and the training
defaults in the decorator.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

from vaekit.arguments import check_call, expect, fits, told
from vaekit.data import Dataset
from vaekit.errors import VaekitError, nearest
from vaekit.model import Model
from vaekit.objectives import Objective
from vaekit.training import Training


class System(NamedTuple):
    """Join what a recipe makes: the model, and the objective that trains it."""

    model: Model
    objective: Objective


@dataclass(frozen=True)
class Recipe:
    """Carry a recipe's function with its paper and training defaults; call it as the function."""

    make: Callable[..., System]
    paper: str
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the function's name."""
        return self.make.__name__

    @property
    def summary(self) -> str:
        """Return the first line of the function's docstring."""
        return (self.make.__doc__ or "").strip().splitlines()[0]

    def defaults(self, **changed: Any) -> Training:
        """Return the training settings of the recipe, with some changed."""
        return Training(**{**self.training, **changed})

    def complete(self, arguments: Mapping[str, Any], data: Dataset) -> dict[str, Any]:
        """Return the arguments with what only the data can tell: the width of a condition.

        Raises `VaekitError` where the data lack what the recipe is conditioned on.
        """
        known = inspect.signature(self.make).parameters
        if "width" not in known:
            return dict(arguments)
        kind = arguments.get("condition", known["condition"].default)
        needed, width = data.condition_width(kind), arguments.get("width")
        if width is not None and width < needed:
            raise VaekitError(
                f"width={width}, but the {kind} of {data.name} need {needed}: leave width out"
            )
        return {**arguments, "width": needed if width is None else width}


RECIPES: dict[str, Recipe] = {}
Make = TypeVar("Make", bound=Callable[..., System])


def recipe(paper: str, **training: Any) -> Callable[[Make], Make]:
    """Enter a function into the recipes, with its paper and its training defaults.

    Its calls raise `VaekitError` for values that are not of the annotated kind.
    """

    def enter(make: Make) -> Make:
        signature = inspect.signature(make)

        @wraps(make)
        def checked(*positional: Any, **named: Any) -> System:
            try:
                call = signature.bind(*positional, **named)
            except TypeError as error:
                known = ", ".join(signature.parameters)
                raise TypeError(f"{make.__name__}() {error}: it takes {known}") from None
            if "shape" in call.arguments:
                call.arguments["shape"] = shape_of(call.arguments["shape"])
            check_call(call)
            return make(*call.args, **call.kwargs)

        RECIPES[make.__name__] = Recipe(checked, paper, training)
        return cast(Make, checked)

    return enter


def shape_of(shape: Any) -> tuple[int, ...]:
    """Return the shape of one example as a tuple; raise `VaekitError` for what is none."""
    sizes: tuple[Any, ...] = tuple(shape) if isinstance(shape, tuple | list) else ()
    if not sizes or not all(fits(size, int) and size >= 1 for size in sizes):
        raise VaekitError(
            f"shape is that of one example, whole numbers ≥ 1, got {told(shape)}: write "
            f"{_shape_in(shape)}"
        )
    return tuple(int(size) for size in sizes)


def _shape_in(found: Any) -> str:
    """Say what the shape in something may be."""
    if fits(found, int) and found >= 1:
        return f"({found},)"
    has = getattr(found, "shape", None) is not None
    return "data.shape or x.shape[1:]" if has else "(1, 28, 28) for pictures, (30,) for a table"


def critic_rate(critic_lr: float) -> float:
    """Return a critic's learning rate; raise `VaekitError` for one that is not finite, > 0."""
    if not 0 < critic_lr < float("inf"):
        raise VaekitError(f"critic_lr must be a finite number > 0, got {critic_lr}")
    return critic_lr


def find(name: str) -> Recipe:
    """Return the recipe of that name; raise `VaekitError` with the nearest for an unknown one."""
    expect(name, str, "the name of a recipe, such as 'vae'")
    if name not in RECIPES:
        raise nearest(name, RECIPES, "recipe")
    return RECIPES[name]
