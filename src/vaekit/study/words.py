"""What is said of a study in words: several values, seeds, and what is searched for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaekit.arguments import check, fits
from vaekit.errors import VaekitError, nearest
from vaekit.text import value

MOST_SEEDS = 100_000  # seeds
SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler"}
_SEARCH_KEYS = ("trials", "maximise", "minimise", "space", "sampler", "prune", "seed")


def split(text: str, at: str = ",") -> list[str]:
    """Split a text at a letter, but not within brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        quote = ("" if letter == quote else quote) if quote else letter * (letter in "'\"")
        depth += 0 if quote else (letter in "([{") - (letter in ")]}")
        if letter == at and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def named_texts(given: Any, what: str) -> list[str]:
    """Return names that are said as one text or several; raise `VaekitError` for anything else."""
    names = [] if given is None else several(given)
    if other := [name for name in names if not isinstance(name, str | Path)]:
        raise VaekitError(f"{what} are named by a text, or a list of texts; got {other[0]!r}")
    return [str(name) for name in names]


def several(values: Any) -> list[Any]:
    """Return values as a list, one of its own as a list of one."""
    return list(values) if isinstance(values, list | tuple) else [values]


def seeds_of(given: Any) -> list[int]:
    """Return seeds that are said as a number, a list, or a text: `0:5` for 0 to 4, `1,7`.

    Raises `VaekitError` for anything else.
    """
    try:
        if isinstance(given, str):
            parts = [part.partition(":") for part in given.split(",")]
            seeds = [
                seed
                for first, colon, end in parts
                for seed in (_range(int(first or 0), int(end)) if colon else [int(first)])
            ]
        else:
            seeds = [seed for seed in several(given) if fits(seed, int)]
    except ValueError:
        seeds = []
    if len(seeds) > MOST_SEEDS:
        raise VaekitError(f"seeds {given} are more than a study takes, {MOST_SEEDS:,}")
    if not seeds or (isinstance(given, list | tuple) and len(seeds) < len(given)):
        raise VaekitError(f"seeds are whole numbers: 0:5 for 0 to 4, or 0,3,7; got {given!r}")
    return seeds


def _range(first: int, end: int) -> range:
    return range(first, min(end, first + MOST_SEEDS + 1))


@dataclass(frozen=True)
class Search:
    """Say what is searched for: `target` to be made large or small, over a `space` of settings.

    Raises `VaekitError` where that is not said in full, or not so that Optuna could take it.
    """

    target: str
    largest: bool
    trials: int
    space: Mapping[str, Any]
    sampler: str = "tpe"
    prune: bool = True
    seed: int = 0

    @classmethod
    def read(cls, about: Mapping[str, Any]) -> "Search":
        """Read what a study file, or words of the command line, say."""
        for name in about:
            if name not in _SEARCH_KEYS:
                raise nearest(str(name), _SEARCH_KEYS, "key of search")
        targets = [about[name] for name in ("maximise", "minimise") if about.get(name)]
        if len(targets) != 1:
            raise VaekitError("search needs one number to maximise or to minimise: maximise: elbo")
        if not about.get("space") or not isinstance(about["space"], Mapping):
            raise VaekitError(
                "search needs a space of settings, such as {beta: {low: 0.1, high: 10, log: true}}"
            )
        trials = about.get("trials", 50)
        for name, kind, given in (("trials", int, trials), ("seed", int, about.get("seed", 0))):
            check(f"search: {name}", given, kind)
        if trials < 1:
            raise VaekitError(f"search: trials must be ≥ 1, got {trials}")
        sampler = about.get("sampler", "tpe")
        if sampler not in SAMPLERS:
            raise nearest(str(sampler), SAMPLERS, "sampler of search")
        space = {str(name): _axis(str(name), given) for name, given in about["space"].items()}
        prune = about.get("prune", True)
        check("search: prune", prune, bool)
        largest = bool(about.get("maximise"))
        return cls(str(targets[0]), largest, trials, space, sampler, prune, about.get("seed", 0))

    def other_than(self, before: "Search") -> str:
        """Say what a search did otherwise, so that this one cannot go on with it; else nothing."""
        if (self.target, self.largest) != (before.target, before.largest):
            return f"{'maximises' if before.largest else 'minimises'} {before.target}"
        for name in self.space.keys() & before.space.keys():
            ways = [
                axis if isinstance(axis, list) else axis.get("log", False)
                for axis in (self.space[name], before.space[name])
            ]
            if ways[0] != ways[1]:
                return f"tries {name} in {axis_in_words(before.space[name])}"
        return ""


def axis_in_words(axis: Any) -> str:
    """Say what a setting is searched in: `2, 4, 8`, or `0.1 to 10, log`."""
    if isinstance(axis, list):
        return ", ".join(map(str, axis))
    return f"{axis['low']:g} to {axis['high']:g}{', log' if axis.get('log') else ''}"


def _axis(name: str, given: Any) -> Any:
    """Return values to choose from, as a list, or bounds, as a mapping."""
    if isinstance(given, str):
        low, colon, rest = given.partition(":")
        high, more, log = rest.partition(":")
        if not colon:
            given = [value(each) for each in split(given)]
        elif not more or log.strip() == "log":
            given = {"low": value(low), "high": value(high), "log": bool(more)}
    if isinstance(given, list) and given:
        return given
    if isinstance(given, Mapping) and {"low", "high"} <= set(given) <= {"low", "high", "log"}:
        low, high = given["low"], given["high"]
        positive = low > 0 if given.get("log") and fits(low, float) else True
        if fits(low, float) and fits(high, float) and low < high and positive:
            return dict(given)
    raise VaekitError(
        f"search: {name} should be values, [1, 2, 4], or bounds, {{low: 0.1, high: 10, log: true}} "
        f"(0.1:10:log) with low < high, and low > 0 under log; got {given!r}"
    )
