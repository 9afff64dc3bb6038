"""Pages from templates: one frame, in which each kind of page fills its own middle."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape


def render(template: str, **given: Any) -> str:
    """Fill the template of that name, beside this file; all text is escaped but `Markup`."""
    loader = FileSystemLoader(Path(__file__).parent)
    escaped = select_autoescape(["html.jinja"])
    environment = Environment(loader=loader, autoescape=escaped, undefined=StrictUndefined)
    environment.filters["breakable"] = breakable
    return environment.get_template(template).render(**given)


def breakable(name: str) -> Markup:
    """Let a long name break after a bracket or a comma."""
    return Markup(re.sub(r"([(,])", r"\1<wbr>", str(escape(name))))


def data_name(data: str) -> str:
    """Leave the folders out of a path, also where it is an argument: table('wine.csv')."""
    path = Path(data)
    return path.name if path.is_absolute() else re.sub(r"""[^'"(]*/""", "", data)
