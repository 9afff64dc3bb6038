"""Pages from templates: one frame, in which each kind of page fills its own middle."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def render(template: str, **given: Any) -> str:
    """Fill the template of that name, beside this file; all text is escaped but `Markup`."""
    loader = FileSystemLoader(Path(__file__).parent)
    escape = select_autoescape(["html.jinja"])
    environment = Environment(loader=loader, autoescape=escape, undefined=StrictUndefined)
    return environment.get_template(template).render(**given)


def data_name(data: str) -> str:
    """Leave the folders out of a path, also where it is an argument: table('wine.csv')."""
    path = Path(data)
    return path.name if path.is_absolute() else re.sub(r"""[^'"(]*/""", "", data)
