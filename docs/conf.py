"""Sphinx settings."""

import inspect
import pkgutil
import re
import sys
from pathlib import Path

from sphinx.errors import SphinxError

import vaekit
from vaekit import metrics

sys.path.insert(0, str(Path(__file__).parent))
import commands
import recipe_pages
import searchable

project = "vaekit"
author = "the vaekit authors"
copyright = "2026, the vaekit authors"
release = vaekit.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_extra_path = ["extra"]
html_title = "vaekit"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
default_role = "code"
nitpicky = False


METRICS = re.compile(r"\.\. metrics:: (\w) (\w)")


def _escape(app, what, name, obj, options, lines):
    """Take * and | in docstrings as the mathematics they are, not as markup."""
    lines[:] = [line.replace("*", r"\*").replace("|", r"\|") for line in lines]


def metrics_table():
    """Write the records of all metrics as a table, a line a number."""
    from vaekit import information  # noqa: F401  which has metrics too

    lines = ["| question | number | metric | better | ideal | no information | mind |"]
    lines.append("|---" * 7 + "|")
    for metric in metrics.METRICS.values():
        for row in metric.rows:
            name = f"{row.title} `{row.name}`" if row.title else f"`{row.name}`"
            cells = row.asks, name, f"`{metric.name}`", row.better, row.ideal, row.chance, row.mind
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def metrics_reference(first="a", last="z"):
    """Name modules of metrics, by their first letter, with functions and classes, for autodoc."""
    lines = []
    modules = pkgutil.walk_packages(metrics.__path__, "vaekit.metrics.")
    for module in sorted(modules, key=lambda module: module.name.rpartition(".")[2]):
        if not first <= module.name.rpartition(".")[2][0] <= last:
            continue
        public = [(name, getattr(metrics, name)) for name in metrics.__all__]
        named = [(name, it) for name, it in public if getattr(it, "__module__", "") == module.name]
        if named:
            lines += [f".. automodule:: {module.name}", "   :no-index:"]
        for name, it in named:
            kind = "class" if inspect.isclass(it) else "function"
            lines.append(f".. auto{kind}:: vaekit.metrics.{name}")
            lines += ["   :members:"] if kind == "class" else []
    return "\n".join(lines)


def items_table():
    """Write the items of the papers as a table, and what stands elsewhere."""
    from vaekit.reproduce import catalogue
    from vaekit.reproduce.items import elsewhere

    lines = ["| item | what | scales | measured |", "|---|---|---|---|"]
    for item in catalogue().values():
        scales = ", ".join(item.scales)
        also = f" (also {', '.join(item.also)})" if item.also else ""
        lines.append(f"| `{item.key}` | {item.title}{also} | {scales} | {item.measured} |")
    lines += [f"| `{key}` | {where} | | |" for key, where in elsewhere().items()]
    return "\n".join(lines)


def made_pages():
    """List the pages of items that are kept with the documentation."""
    from vaekit.reproduce import catalogue

    folder = Path(__file__).parent / "extra" / "reproduced"
    kept = {path.stem: path for path in sorted(folder.glob("*.html"))}
    lines = []
    for item in catalogue().values():
        for scale in item.scales:
            stem = f"{item.paper}-{item.name}-{scale}"
            if stem in kept:
                link = f'<a href="reproduced/{stem}.html">{item.title}</a>'
                lines.append(f"- {link}: `vaekit reproduce {item.key} --scale {scale}`")
    return "\n".join(lines)


def _fill(app, name, source):
    source[0] = source[0].replace("<!-- metrics -->", metrics_table())
    source[0] = METRICS.sub(lambda found: metrics_reference(*found.groups()), source[0])
    source[0] = source[0].replace("<!-- commands -->", commands.helps())
    source[0] = source[0].replace("<!-- items -->", items_table())
    source[0] = source[0].replace("<!-- made -->", made_pages())


def _check_recipes(app):
    if stale := recipe_pages.stale():
        raise SphinxError(f"{', '.join(stale)}: stale, run python docs/recipe_pages.py")


def _check_search(app, error):
    if error is None and app.builder.name == "html":
        missing = searchable.missing(app.outdir, app.builder.indexer.lang)
        if missing:
            raise SphinxError(f"the search does not find {', '.join(missing)}")


def setup(app):
    app.connect("autodoc-process-docstring", _escape)
    app.connect("source-read", _fill)
    app.connect("builder-inited", _check_recipes)
    app.connect("build-finished", _check_search)
