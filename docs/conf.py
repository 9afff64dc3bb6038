"""Sphinx settings."""

import vaekit

project = "vaekit"
author = "the vaekit authors"
copyright = "2026, the vaekit authors"
release = vaekit.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "vaekit"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
default_role = "code"
nitpicky = False


def _escape(app, what, name, obj, options, lines):
    """Take * and | in docstrings as the mathematics they are, not as markup."""
    lines[:] = [line.replace("*", r"\*").replace("|", r"\|") for line in lines]


def setup(app):
    app.connect("autodoc-process-docstring", _escape)
