"""The pages of the recipes: made from what each recipe is, and from what was measured of it.

A page holds the objective, when to use it and what goes wrong (`recipes/about.yaml`), the recipe as
a composition, a picture, the row of `measured/mnist.csv`, and the docstring with the arguments.
Lists of recipes stand in other pages too, between marks. All is committed, so that a clone can be
read without a build: `python docs/recipe_pages.py` writes it anew, and the build of the docs and a
test refuse what is stale.
"""

import contextlib
import csv
import functools
import io
import re
from pathlib import Path

import yaml

from vaekit.cli.showing import show_command
from vaekit.errors import VaekitError
from vaekit.recipes import RECIPES

HERE = Path(__file__).parent
LISTED = [HERE / f"{name}.md" for name in ("which", "recipes", "gallery")]
END = "<!-- end -->"
OUT = HERE / "recipes" / "pages"
NUMBERS = {
    "squared_error": ("squared error", 1),
    "rate": ("rate, nats", 1),
    "active_units": ("active units", 1),
    "probe_accuracy": ("accuracy of a linear classifier", 3),
    "step": ("a step costs, in steps of `vae`", 2),
}
MEASURED = (
    "MNIST, three epochs, each recipe with its own defaults and 16 latents where it has no wide "
    "code of its own; one seed, with standard errors over the 10 000 test digits. See "
    "[Which model when](../../which.md)."
)


def about():
    """Return what is written by hand of each recipe, and the groups of pages."""
    read = yaml.safe_load((HERE / "recipes" / "about.yaml").read_text(encoding="utf-8"))
    groups = read.pop("groups")
    grouped = {name for names in groups.values() for name in names}
    if wrong := (set(RECIPES) ^ grouped) | (set(RECIPES) ^ set(read)):
        raise VaekitError(f"recipes/about.yaml lacks or should not have {', '.join(sorted(wrong))}")
    return groups, read


def measured():
    """Return what was measured of each recipe: means with their errors, and what a step costs."""
    rows = {}
    for name in ("cost", "mnist"):
        with (HERE / "measured" / f"{name}.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows[row["recipe"]] = {**rows.get(row["recipe"], {}), **row}
    return rows


def write():
    """Write a page for each recipe into recipes/pages, and the lists into the pages of LISTED."""
    OUT.mkdir(parents=True, exist_ok=True)
    for path, text in _stale().items():
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")


def stale():
    """Name the committed pages that are not what they would be if they were written now."""
    return sorted(path.relative_to(HERE).as_posix() for path in _stale())


def _stale():
    """Return what each stale page would be, None for one of no recipe."""
    (_, known), rows = about(), measured()
    wanted = {OUT / f"{name}.md": _page(name, known[name], rows) for name in RECIPES}
    wanted |= {path: filled(path.read_text(encoding="utf-8")) for path in LISTED}
    wanted |= dict.fromkeys(set(OUT.glob("*.md")) - set(wanted))
    return {
        path: text
        for path, text in wanted.items()
        if text is None or not path.exists() or path.read_text(encoding="utf-8") != text
    }


def filled(text):
    """Put the lists between their marks, `<!-- groups -->` and `<!-- end -->`."""
    for mark, listed in lists().items():
        place = re.compile(re.escape(mark) + f".*?{re.escape(END)}", re.DOTALL)
        text = place.sub(
            lambda _, mark=mark, listed=listed: f"{mark}\n\n{listed.strip()}\n\n{END}", text
        )
    return text


@functools.cache
def lists():
    """Return what stands for each mark in other pages: the recipes by group, pictures, numbers."""
    groups, _ = about()
    return {
        "<!-- groups -->": _links(groups),
        "<!-- gallery -->": _gallery(groups),
        "<!-- measured -->": _table([n for names in groups.values() for n in names], measured()),
    }


def _page(name, said, rows):
    recipe = RECIPES[name]
    parts = [
        f"# {name}",
        recipe.summary,
        f"Paper: {recipe.paper}.",
        f"```text\nminimise  {said['objective']}\n```",
        f"**When.** {said['when'].strip()}",
    ]
    if _picture(name).exists():
        parts += [
            f"![Originals, reconstructions and samples of {name} on MNIST]"
            f"(../../pictures/recipes/{name}.png)",
            "*MNIST test digits, below them their reconstructions, and samples where the model has "
            "a prior. Three epochs: a first look, not its best.*",
        ]
    if command := _command(name):
        parts += ["## As a composition", f"```console\n{command}\n```"]
    settings = [f"`--{key.replace('_', '-')}`: {text}" for key, text in said["settings"].items()]
    parts += ["## Settings that matter", _bullets(settings)]
    parts += ["## What goes wrong, and how one sees it", _bullets(said["wrong"])]
    if name in rows:
        beside = dict.fromkeys([name, "vae", "ae"])  # each once
        parts += ["## What we measured", MEASURED, _table(list(beside), rows)]
    if said.get("published"):
        parts += ["## What was published", _bullets(said["published"])]
    parts += [f"## In Python\n\n```{{eval-rst}}\n.. autofunction:: vaekit.recipes.{name}\n```"]
    return "\n\n".join(parts) + "\n"


def _bullets(lines):
    return "\n".join(f"- {line}" for line in lines)


def _command(name):
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            show_command([name])
    except VaekitError:  # which makes its system itself
        return ""
    return "$ " + printed.getvalue().partition("\n\n")[2].strip()


def _table(names, rows):
    heads = ["recipe", *(title for title, _ in NUMBERS.values())]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in names:
        if name in rows:
            cells = [_cell(rows[name], key, digits) for key, (_, digits) in NUMBERS.items()]
            lines.append("| " + " | ".join([f"`{name}`", *cells]) + " |")
    return "\n".join(lines)


def _cell(row, key, digits):
    mean, error = row.get(f"mean_{key}", row.get(key)), row.get(f"se_{key}")
    if not mean:
        return "–"
    spread = f" ± {float(error):,.{digits}f}" if error else ""
    return f"{float(mean):,.{digits}f}{spread}".replace("-", "−")


def _links(groups):
    lines = []
    for title, names in groups.items():
        links = [f"[`{n}`](recipes/pages/{n}.md): {RECIPES[n].summary}" for n in names]
        lines += [f"**{title}**", "", _bullets(links), ""]
    return "\n".join(lines)


def _gallery(groups):
    lines = []
    for title, names in groups.items():
        lines += [f"## {title}", ""]
        for name in names:
            if _picture(name).exists():
                lines += [f"[`{name}`](recipes/pages/{name}.md)", ""]
                lines += [f"![{name} on MNIST](pictures/recipes/{name}.png)", ""]
    return "\n".join(lines)


def _picture(name):
    return HERE / "pictures" / "recipes" / f"{name}.png"


if __name__ == "__main__":
    write()
