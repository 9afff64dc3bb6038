"""Pages from templates: one frame, in which each kind of page fills its own middle.

A page runs its own scripts and nothing else: its policy names them by their hash, and lets it ask
no network for anything. `page.js`, beside the templates, is on every page; one that has a
template's name, as `compare.js`, on pages of that template.
"""

import base64
import csv
import io
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from vaekit.errors import VaekitError
from vaekit.system import files, writing

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src {}"
)
OPTION = re.compile(r"""(--[a-z][a-z-]*(?: "[^"]*"| [\w.]*\w)?)""")
LONG_LIST = re.compile(r"\[([^\[\]]{60,})\]")
CODE = re.compile(r"`([^`\n]+)`")
MARK = '<p class="kicker">vaekit '  # in the head of every page
HEAD = 1 << 15  # bytes that hold it, the style before it


if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())


class Page(_Path):
    """Name the file of a page, which a notebook shows as the page."""

    def _repr_html_(self) -> str:
        text = escape(self.read_text(encoding="utf-8"))
        style = "width: 100%; height: 45em; border: 0"
        frame = Markup('<iframe srcdoc="{}" title="{}" style="{}"></iframe>')
        return frame.format(text, self.name, style)


def save_page(path: Path, text: str) -> Page:
    """Write a page; raise `VaekitError` where the disk refuses."""
    files.write_text(path, text)
    return Page(path)


def check_page(path: Path, force: bool = False) -> Path:
    """Return where a page may be written; raise `VaekitError` where it may not.

    Only a page of ours is overwritten, unless `force`, and never a file that a run consists of.
    """
    files.check_file(path)
    place = path.resolve()
    of_run = any((folder / "run.yaml").exists() for folder in place.parents[:2])
    if of_run and place.suffix.lower() not in (".html", ".htm"):
        raise VaekitError(f"{path} is a place of the run itself: choose another --out, FILE.html")
    if place.exists() and not _is_page(place):
        named = place.suffix.lower() in (".html", ".htm")
        if not (force and named):
            cure = ", or overwrite it with --force (force=True)" if named else ", FILE.html"
            raise VaekitError(f"{path} exists and is no page of vaekit: choose another --out{cure}")
    return path


def _is_page(path: Path) -> bool:
    with writing(path), path.open("rb") as file:
        head = file.read(HEAD)
    return not head or MARK.encode() in head


def render(template: str, **given: Any) -> str:
    """Fill the template of that name, beside this file; all text is escaped but `Markup`."""
    escaped = select_autoescape(["html.jinja"])
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {
        "breakable": breakable,
        "coded": coded,
        "options": options_as_code,
        "scrolled": scrolled,
    }
    own = dict.fromkeys(("page", template.partition(".")[0]))
    paths = [path for name in own if (path := HERE / f"{name}.js").exists()]
    scripts = [path.read_text(encoding="utf-8") for path in paths]
    given |= {"scripts": map(Markup, scripts), "policy": script_policy(scripts)}
    return environment.get_template(template).render(**given)


def script_policy(scripts: Sequence[str]) -> str:
    """Return the content policy of a page that runs these scripts alone."""
    digests = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in scripts]
    return POLICY.format(" ".join(f"'sha256-{digest}'" for digest in digests) or "'none'")


def scrolled(content: Markup, label: str) -> Markup:
    """Put what may be wider than the page into a box of its own, which keys can scroll too."""
    html = '<div class="wide" role="region" tabindex="0" aria-label="{}">{}</div>'
    return Markup(html).format(label, content)


def csv_link(rows: Iterable[Iterable[Any]], name: str) -> Markup:
    """Link to rows as the file NAME.csv, which the page itself holds."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = base64.b64encode(text.getvalue().encode()).decode()
    html = '<a class="csv" download="{0}.csv" href="data:text/csv;charset=utf-8;base64,{1}">{0}.csv'
    return Markup(f"{html}</a>").format(name, data)


def options_as_code(text: str) -> Markup:
    """Set the options of the command line in a text as code."""
    return coded(text, OPTION)


def coded(text: str, pattern: re.Pattern[str] = CODE) -> Markup:
    """Set what stands between backticks as code; markup stays as it is."""
    if isinstance(text, Markup):
        return text
    code = Markup("<code>{}</code>")
    parts = pattern.split(text)
    return Markup("").join(code.format(p) if i % 2 else escape(p) for i, p in enumerate(parts))


def breakable(name: str) -> Markup:
    """Let a long name break after a bracket or a comma."""
    return Markup(re.sub(r"([(,])", r"\1<wbr>", str(escape(name))))


def data_name(data: str) -> str:
    """Leave the folders out of a path, also where it is an argument: table('wine.csv').

    Long lists, as of columns, are cut to their beginning.
    """
    path = Path(data)
    if path.is_absolute():
        return path.name
    return LONG_LIST.sub(_cut_names, re.sub(r"""[^'"(]*/""", "", data))


def _cut_names(found: re.Match[str]) -> str:
    names = found[1].split(",")
    return f"[{names[0]}, … {len(names)} in all]"
