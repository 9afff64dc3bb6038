"""Pages from templates: one frame, in which each kind of page fills its own middle."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from vaekit.errors import VaekitError
from vaekit.system import files, writing

MARK = '<p class="kicker">vaekit '  # in the head of every page
HEAD = 1 << 15  # bytes that hold it, the style before it


def check_page(path: Path, force: bool = False) -> Path:
    """Return where a page may be written; raise `VaekitError` where it may not.

    Only a page of ours is overwritten, unless `force`, and never a file that a run consists of.
    """
    files.check_file(path)
    place = path.resolve()
    of_run = any((folder / "run.yaml").exists() for folder in place.parents[:2])
    if of_run and place.suffix.lower() not in (".html", ".htm"):
        raise VaekitError(f"{path} is a place of the run itself: choose another --out, FILE.html")
    if place.exists() and not force and not _is_page(place):
        raise VaekitError(
            f"{path} exists and is no page of vaekit: choose another --out, or overwrite it with "
            "--force (force=True)"
        )
    return path


def _is_page(path: Path) -> bool:
    with writing(path), path.open("rb") as file:
        head = file.read(HEAD)
    return not head or MARK.encode() in head


def render(template: str, **given: Any) -> str:
    """Fill the template of that name, beside this file; all text is escaped but `Markup`."""
    loader = FileSystemLoader(Path(__file__).parent)
    escaped = select_autoescape(["html.jinja"])
    environment = Environment(loader=loader, autoescape=escaped, undefined=StrictUndefined)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters["breakable"] = breakable
    return environment.get_template(template).render(**given)


def breakable(name: str) -> Markup:
    """Let a long name break after a bracket or a comma."""
    return Markup(re.sub(r"([(,])", r"\1<wbr>", str(escape(name))))


def data_name(data: str) -> str:
    """Leave the folders out of a path, also where it is an argument: table('wine.csv')."""
    path = Path(data)
    return path.name if path.is_absolute() else re.sub(r"""[^'"(]*/""", "", data)
