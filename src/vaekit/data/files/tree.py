"""All that lies in a folder of pictures, and what of it is passed over.

Links are followed, but not in circles; hidden files are passed over. What holds no picture anywhere
below counts as not there. Endings that somebody may expect to be read are named in a note.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vaekit.data.files.pictures import ENDINGS, OTHERS
from vaekit.data.paths import cause
from vaekit.errors import VaekitError, shortened, warn

_TEXTS = frozenset(  # which are not named
    (
        *("readme", "license", "licence", "copying", "notice", "authors", "changelog", "version"),
        *("citation", "makefile", "dockerfile", "md5sums", "sha256sums"),
    )
)
_WAYS = 1000  # by which links may lead to one folder


@dataclass(eq=False)
class Folder:
    """Hold the pictures of a folder, and its folders with pictures somewhere below."""

    path: Path
    pictures: list[Path]
    folders: list["Folder"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Tell the name of the folder itself."""
        return self.path.name

    def walk(self) -> Iterator["Folder"]:
        """Yield this folder and all below."""
        todo = [self]
        while todo:
            yield (here := todo.pop())
            todo += here.folders

    def all(self) -> list[Path]:
        """List all pictures in it, in order."""
        return sorted(path for each in self.walk() for path in each.pictures)

    def count(self) -> int:
        """Count all pictures in it."""
        return sum(len(each.pictures) for each in self.walk())


def picture_tree(root: Path) -> Folder:
    """Read a folder with all below; name what is passed over and may be meant to be read.

    Raises `VaekitError` where there are no pictures, and for names that are no text.
    """
    made, others, ways = dict[str, Folder](), Counter[str](), Counter[str]()
    lines: dict[str, tuple[str, ...]] = {
        str(root): (os.path.realpath(root),)
    }  # a folder and those above, without links
    for here, inner, names in os.walk(root, onerror=_say_closed, followlinks=True):
        line, seen = lines[here], [name for name in inner if not _is_hidden(name)]
        inner[:] = []
        for name in sorted(seen):
            path = os.path.join(here, name)  # noqa: PTH118 (as os.walk makes it)
            real = os.path.realpath(path)
            ways[real] += 1
            if ways[real] > _WAYS:
                raise VaekitError(
                    f"links below {root} lead to {real} in more than {_WAYS} ways: remove them"
                )
            if real not in line:  # else a circle
                lines[path] = (*line, real)
                inner.append(name)
        shown = [Path(here, name) for name in names if not _is_hidden(name)]
        pictures = [path for path in shown if path.suffix.lower() in ENDINGS]
        for name in (*inner, *(path.name for path in pictures)):
            _check_name(here, name)
        made[here] = Folder(Path(here), pictures)
        others.update(filter(None, map(_other, shown)))
    for here, each in reversed(made.items()):
        each.folders.sort(key=lambda one: one.path)
        if here != str(root) and (each.pictures or each.folders):
            made[os.path.dirname(here)].folders.append(each)  # noqa: PTH120
    whole = made.get(str(root), Folder(root, []))
    _say_others(root, others, bool(whole.pictures or whole.folders))
    return whole


def _check_name(place: str, name: str) -> None:
    """Raise `VaekitError` for a name that could be written nowhere, of bytes that are no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise VaekitError(
            f"{os.fsencode(os.path.join(place, name))!r} is a name that is no UTF-8: rename it"  # noqa: PTH118
        ) from None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _other(path: Path) -> str | None:
    """Tell the ending of a file that is passed over and may be meant to be read."""
    ending = path.suffix.lower()
    if ending in OTHERS:
        return ending
    bare = ending in ("", ".") or ending[1:].isdigit()
    return "without an ending" if bare and path.stem.lower() not in _TEXTS else None


def _say_others(root: Path, others: Counter[str], any_pictures: bool) -> None:
    said = shortened([f"{count} {ending}" for ending, count in others.most_common()])
    if not any_pictures:
        besides = f"; there are {said}, which are not read" if others else ""
        raise VaekitError(f"no pictures in {root}: it needs {', '.join(sorted(ENDINGS))}{besides}")
    if others:
        warn(f"{root}: {said} are left out, convert what is meant to be read to .png or .jpg")


def _say_closed(error: OSError) -> None:
    warn(f"cannot look into {error.filename} ({cause(error)}): what it holds is left out")
