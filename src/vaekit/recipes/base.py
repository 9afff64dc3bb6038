"""What a recipe is: one typed function for each paper's system.

Its signature *is* the configuration: names, types and defaults become the command line's flags and
the saved run file; its docstring becomes the help. To write one: take `shape` first, give every
other parameter a type and a default, take the parts of the model as `**parts: Unpack[Parts]`,
return a `Composition`, or a `System` of objects, and name the paper in the decorator, beside the
defaults of parts and training that are other than usual.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce, wraps
from operator import or_
from types import NoneType, UnionType
from typing import Any, ParamSpec, Union, cast, get_args, get_origin

from vaekit.arguments import check_call, expect, fits, told
from vaekit.data import Dataset
from vaekit.errors import VaekitError, nearest
from vaekit.posteriors import Posterior
from vaekit.priors import Prior
from vaekit.recipes.making.assembly import TEXTS, Parts, assembled
from vaekit.recipes.making.composition import Composition, System
from vaekit.system import own_code
from vaekit.text import parse
from vaekit.text.writing import written
from vaekit.training import Training


@dataclass(frozen=True)
class Recipe:
    """Carry a recipe's function with its paper and training defaults; call it as the function."""

    make: Callable[..., System]
    paper: str
    training: Mapping[str, Any] = field(default_factory=dict)
    plan: Callable[..., System | Composition] | None = None

    @property
    def name(self) -> str:
        """Return the function's name."""
        return self.make.__name__

    @property
    def summary(self) -> str:
        """Return the first line of the function's docstring."""
        return (self.make.__doc__ or "").strip().partition("\n")[0]

    @property
    def by_text(self) -> Callable[..., System]:
        """Return the function as the command line sees it: parts are named by their text alone."""

        def make(**arguments: Any) -> System:
            return self.make(**arguments)

        about, own = cast(Any, make), inspect.signature(self.make)
        shown = [
            each.replace(annotation=_simple(each.annotation)) for each in own.parameters.values()
        ]
        about.__signature__, about.__doc__ = own.replace(parameters=shown), self.make.__doc__
        about.__name__ = self.name
        return make

    @property
    def arguments(self) -> list[str]:
        """Return the names of the function's arguments, without the shape of the data."""
        return [name for name in inspect.signature(self.make).parameters if name != "shape"]

    def composition(self, **arguments: Any) -> Composition:
        """Return what the recipe is composed of; nothing is built, so no shape is asked for.

        Raises `VaekitError` for a recipe that builds its system itself.
        """
        planned = None if self.plan is None else self.plan((1, 32, 32), **arguments)
        if not isinstance(planned, Composition):
            raise VaekitError(
                f"{self.name} is no composition: its function builds the model and the objective "
                "itself, of objects"
            )
        return planned

    def try_out(self, **arguments: Any) -> None:
        """Raise `VaekitError` for what `compose` cannot join, whatever the data will be.

        Code of a user's own may be made for one shape alone, and the laws of columns are of one
        table, so these are not tried without the data.
        """
        of_columns = {"likelihood": "columns", "corruption": "hidden"}
        if any(str(arguments.get(k, "")).startswith(v) for k, v in of_columns.items()):
            return
        if "objective" in inspect.signature(self.make).parameters and not own_code.IMPORTED:
            self.composition(**arguments).try_out()

    def defaults(self, **changed: Any) -> Training:
        """Return the training settings of the recipe, with some changed."""
        return Training(**{**self.training, **changed})

    def complete(self, arguments: Mapping[str, Any], data: Dataset) -> dict[str, Any]:
        """Return the arguments with what the data tell: laws of columns, the width of a condition.

        Mixed columns take the place of the recipe's own likelihood, and of `columns` without its
        laws; `hidden` gets their sizes. Raises `VaekitError` where the data lack what the recipe is
        conditioned on, or have no columns.
        """
        known = inspect.signature(self.make).parameters
        arguments = self._with_columns(arguments, data)
        if "width" not in known:
            return dict(arguments)
        kind = arguments.get("condition", known["condition"].default)
        if kind is None:
            return dict(arguments)
        needed, width = data.condition_width(kind), arguments.get("width")
        if width is not None and width < needed:
            raise VaekitError(
                f"width={width}, but the {kind} of {data.name} need {needed}: leave width out"
            )
        return {**arguments, "width": needed if width is None else width}

    def _with_columns(self, arguments: Mapping[str, Any], data: Dataset) -> Mapping[str, Any]:
        known = inspect.signature(self.make).parameters
        fields = data.fields
        given, hidden = arguments.get("likelihood"), arguments.get("corruption")
        asked = isinstance(given, str) and given.strip() in ("columns", "columns()")
        if asked and not fields:
            raise VaekitError(
                f"{data.name} has no mixed columns, which likelihood columns takes its laws from: "
                "write data \"table('FILE', mixed=true)\""
            )
        own = "likelihood" in known and given in (None, known["likelihood"].default)
        laws = f"columns({[field.text for field in fields]})"
        found = {"likelihood": laws} if fields and (asked or own) else {}
        if fields and isinstance(hidden, str):
            name, positional, named = parse(hidden)
            if name == "hidden":
                sizes = {"sizes": [field.width for field in fields]}
                found["corruption"] = written(name, positional, named | sizes)
        return {**arguments, **found}


RECIPES: dict[str, Recipe] = {}
P = ParamSpec("P")
Enter = Callable[[Callable[P, System | Composition]], Callable[P, System]]


def recipe(paper: str, without: Collection[str] = (), **defaults: Any) -> Enter:
    """Enter a function into the recipes, with its paper and its defaults of parts and training.

    `without` lists parts that it does not take. What its docstring does not say of an argument is
    taken from `assembly.TEXTS`. Its calls raise `VaekitError` for values that are not of the
    annotated kind; where a part is given that is of some size, that is the default of `latent`.
    """
    parts = {name: defaults.pop(name) for name in Parts.__annotations__ if name in defaults}

    def enter(make: Callable[P, System | Composition]) -> Callable[P, System]:
        signature = _full_signature(inspect.signature(make), without, parts)

        def plan(*positional: Any, **named: Any) -> System | Composition:
            try:
                call = signature.bind(*positional, **named)
            except TypeError as error:
                known = ", ".join(signature.parameters)
                raise TypeError(f"{make.__name__}() {error}: it takes {known}") from None
            if "shape" in call.arguments:
                call.arguments["shape"] = check_example_shape(call.arguments["shape"])
            check_call(call)
            if "latent" in signature.parameters and "latent" not in call.arguments:
                call.arguments |= _size_of(call.arguments)
            call.apply_defaults()
            return cast(Any, make)(**call.arguments)

        @wraps(make)
        def checked(*positional: Any, **named: Any) -> System:
            planned = plan(*positional, **named)
            return planned.system() if isinstance(planned, Composition) else planned

        about: Any = checked
        about.__signature__ = signature
        about.__annotations__ = {
            **{name: each.annotation for name, each in signature.parameters.items()},
            "return": System,
        }
        about.__doc__ = _docstring(make.__doc__ or "", list(signature.parameters))
        RECIPES[make.__name__] = Recipe(checked, paper, defaults, plan)
        return cast(Any, checked)

    return enter


def _simple(kind: Any) -> Any:
    """Return what of a union can be written as text or a number."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    plain = [
        k
        for k in get_args(kind)
        if k in (str, int, float, bool, NoneType) or get_origin(k) is Sequence
    ]
    return reduce(or_, plain)


def _full_signature(
    signature: inspect.Signature, without: Collection[str], defaults: Mapping[str, Any]
) -> inspect.Signature:
    """Return a signature with each part in the place of `**parts`."""
    own = list(signature.parameters.values())
    if own[-1].kind is not inspect.Parameter.VAR_KEYWORD:
        return signature
    usual = inspect.signature(assembled).parameters
    parts = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=defaults.get(name, "normal" if name == "prior" else usual[name].default),
            annotation=kind,
        )
        for name, kind in Parts.__annotations__.items()
        if name not in without
    ]
    return signature.replace(parameters=[*own[:-1], *parts])


def _size_of(arguments: Mapping[str, Any]) -> dict[str, int]:
    """Return the latent of a part that is given as an object, nothing without any."""
    for part in (arguments.get("posterior"), arguments.get("prior")):
        if isinstance(part, Posterior | Prior):
            return {"latent": part.latent}
    return {}


def _docstring(text: str, names: Sequence[str]) -> str:
    """Return a docstring that says of every argument what it is."""
    body, _, own = inspect.cleandoc(text).partition("\nArgs:\n")
    lines = [line for name in names for line in _line_of(name, own)]
    return "\n".join([body.rstrip(), "", "Args:", *lines, ""])


def _line_of(name: str, own: str) -> list[str]:
    said = re.search(rf"^ {{4}}{name}: .*(?:\n {{5,}}.*)*", own, re.MULTILINE)
    return [said[0] if said else f"    {name}: {TEXTS.get(name, '')}"]


def check_example_shape(shape: Any) -> tuple[int, ...]:
    """Return the shape of one example as a tuple; raise `VaekitError` for what is none."""
    sizes: tuple[Any, ...] = tuple(shape) if isinstance(shape, tuple | list) else ()
    if not sizes or not all(fits(size, int) and size >= 1 for size in sizes):
        raise VaekitError(
            f"shape is that of one example, whole numbers ≥ 1, got {told(shape)}: write "
            f"{_shape_in(shape)}"
        )
    return tuple(int(size) for size in sizes)


def _shape_in(value: Any) -> str:
    """Say what the shape in something may be."""
    if fits(value, int) and value >= 1:
        return f"({value},)"
    has = getattr(value, "shape", None) is not None
    return "data.shape or x.shape[1:]" if has else "(1, 28, 28) for pictures, (30,) for a table"


def find(name: str) -> Recipe:
    """Return the recipe of that name; raise `VaekitError` with the nearest for an unknown one."""
    expect(name, str, "the name of a recipe, such as 'vae'")
    if name not in RECIPES:
        raise nearest(name, RECIPES, "recipe")
    return RECIPES[name]
