"""Whether the search of the built documentation finds every recipe, metric and option by name."""

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import commands

from vaekit import metrics, recipes
from vaekit.training import Training


def names():
    """List what a reader may search for: recipes, numbers, metrics, arguments, options."""
    found = set(recipes.RECIPES) | {each.name for each in fields(Training)}
    for recipe in recipes.RECIPES.values():
        found |= set(inspect.signature(recipe.make).parameters)
    for metric in metrics.METRICS.values():
        found |= {metric.name, *(row.name for row in metric.rows)}
    return found | set(re.findall(r"--([a-z][a-z_-]+)", commands.helps()))


def missing(folder, language):
    """List the names that the search index in a folder lacks.

    The search stems each word of a query; words too common for it ("on", "from") are left out.
    """
    text = (Path(folder) / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("{") : text.rindex("}") + 1])
    known = {*index["terms"], *index["titleterms"]}

    def has(word):
        return word in language.stopwords or language.stem(word.lower()) in known

    return sorted(name for name in names() if not all(map(has, language.split(name))))
