"""What lies in a folder of pictures: which are to train on, which to test on, and their classes.

Folders `train` and `test` (or `eval`, `val`, …, in any usual spelling: `Training_Set`, `seg_train`
beside `seg_test`) are a set with its own split. Else sub-folders name classes. What holds no
picture anywhere below counts as not there, a folder that only wraps others is looked through, links
are followed, hidden files are passed over. Whatever might mix pictures to test on into those to
train on is refused, or said in a note.
"""

import re
from pathlib import Path
from typing import NamedTuple

from vaekit.data.files.tree import Folder, picture_tree
from vaekit.errors import VaekitError, shortened, warn
from vaekit.system.files import place
from vaekit.text import words

_PART_WORDS = {  # those of a part to test on in the order in which they are taken
    "train": "train training trn trainval",
    "test": "test testing tst",
    "eval": "eval evaluation holdout heldout",
    "val": "val valid validation dev devel development",
}
_PART_OF_WORD = {word: part for part, said in _PART_WORDS.items() for word in said.split()}
# What a name may say besides, and mean nothing by it.
_PLAIN_WORDS = (
    *("set", "sets", "data", "dataset", "image", "images", "img", "imgs", "picture", "pictures"),
    *("photo", "photos", "split", "files", "jpg", "jpeg", "jpegs", "jpegimages", "png"),
)
_JOINED = re.compile(rf"({'|'.join(_PART_OF_WORD)})(?:{'|'.join(_PLAIN_WORDS)})+")  # trainset


class File(NamedTuple):
    """Name a picture file, and the folder below which sub-folders are classes."""

    path: Path
    base: Path


class _Spelling(NamedTuple):
    """Say which part of a set a folder's name means, and what else stands in the name."""

    part: str
    rest: tuple[str, ...]


def existing_folder(path: Path | str) -> Path:
    """Return the folder that a user named; raise `VaekitError` where there is none."""
    root = place(path, "the folder")
    if not root.is_dir():
        raise VaekitError(f"there is no folder {root}: correct the path")
    return root


def list_pictures(root: Path) -> list[File]:
    """List all pictures of a folder, those of its parts too, in the order in which they are loaded.

    Raises `VaekitError` as `arranged` does.
    """
    return [file for part in arranged(root) for file in part]


def arranged(root: Path) -> list[list[File]]:
    """List the pictures of a folder in order: one list, or those to train on and those to test on.

    Raises `VaekitError` where there are none, and where some might be to test on and it is not
    clear which.
    """
    inner = picture_tree(root)
    while (wrapped := _wrapped(inner)) is not None:
        if inner.pictures:
            _say_left_out(root, inner)
        inner = wrapped
    parts = _find_parts(inner, root)
    if parts is not None:
        return [_files_below(part, root) for part in _unwrapped([*parts], root)]
    _check_inside(inner, root)
    _check_class_names(inner, root)
    return [_files_below(inner, root)]


def _wrapped(folder: Folder) -> Folder | None:
    """Return the one folder in this that holds what is meant, as archives leave it, or None.

    It holds further folders, or its name says no class: `images`, `train`.
    """
    if len(folder.folders) != 1 or 2 * len(folder.pictures) >= folder.count():
        return None
    (inner,) = folder.folders
    spelled = _spelling(inner.name)
    if spelled and spelled.part != "train" and folder.pictures:
        return None
    plain = spelled or all(word in _PLAIN_WORDS for word in _folder_words(inner.name) or [""])
    return inner if inner.folders or plain else None


def _unwrapped(parts: list[Folder], root: Path) -> list[Folder]:
    """Look through what wraps both parts or one, unless its name is that of a class."""
    while True:
        names, others = ({each.name for each in part.folders} for part in parts)
        inner = [_wrapped(part) for part in parts]
        if not any(inner) or (names & others and names != others):
            return parts
        for part, wrapped in zip(parts, inner, strict=True):
            if wrapped and part.pictures:
                _say_left_out(root, part)
        parts = [wrapped or part for part, wrapped in zip(parts, inner, strict=True)]


def _folder_words(name: str) -> list[str]:
    """Split a name into words of letters, in lower case: «MNIST_TrainSet2» is mnist, train, set."""
    whole = re.sub(r"(?i)(hold|held)[\W_]out", "holdout", name)
    return [word for word in words(whole) if not word.isdigit()]


def _spelling(name: str) -> _Spelling | None:
    """Tell which part of a set a folder of this name holds, None where it says no part."""
    parts, rest = set[str](), list[str]()
    for word in _folder_words(name):
        joined = _JOINED.fullmatch(word)
        part = _PART_OF_WORD.get(joined.group(1) if joined else word)
        if part:
            parts.add(part)
        elif word not in _PLAIN_WORDS:
            rest.append(word)
    if parts == {"train", "val"}:
        parts.remove("val")
    return _Spelling(parts.pop(), tuple(rest)) if len(parts) == 1 else None


def _rest_of_name(folder: Folder) -> tuple[str, ...]:
    spelled = _spelling(folder.name)
    return spelled.rest if spelled else ()


def _part_pairs(folder: Folder) -> list[tuple[Folder, Folder]]:
    """List the folders to train on, each with that to test on whose name agrees in the rest."""
    sets: dict[tuple[str, ...], dict[str, Folder]] = {}
    for each in folder.folders:
        if spelled := _spelling(each.name):
            sets.setdefault(spelled.rest, {}).setdefault(spelled.part, each)
    pairs = []
    for own in sets.values():
        test = next((own[part] for part in _PART_WORDS if part in own and part != "train"), None)
        if test is not None and "train" in own:
            pairs.append((own["train"], test))
    return pairs


def _find_parts(inner: Folder, root: Path) -> tuple[Folder, Folder] | None:
    """Find the folders to train on and to test on, None where the folder has no such parts."""
    pairs = _part_pairs(inner)
    plain = [pair for pair in pairs if not any(_rest_of_name(each) for each in pair)]
    if len(plain or pairs) > 1:
        said = "; ".join(f"{train.name} and {test.name}" for train, test in pairs)
        raise VaekitError(
            f"{root} holds several sets with parts of their own: {said}: "
            "put those that are meant into a folder of their own, and name that"
        )
    if not pairs:
        return None
    train, test = (plain or pairs)[0]
    if left := inner.count() - train.count() - test.count():
        names = [each.name for each in inner.folders if each not in (train, test)]
        names += [path.name for path in sorted(inner.pictures)]
        warn(
            f"{root}: {left} pictures beside {train.name} and {test.name} are left out: "
            f"{shortened(names)}"
        )
    return train, test


def _check_inside(inner: Folder, root: Path) -> None:
    """Raise `VaekitError` where train and test lie within what would be classes."""
    holding = [each for each in inner.walk() if each is not inner and _part_pairs(each)]
    if holding:
        train, test = (part.name for part in _part_pairs(holding[0])[0])
        said = shortened(sorted(str(each.path.relative_to(root)) for each in holding))
        raise VaekitError(
            f"{root}: {train} and {test} lie within other folders ({said}) and would be mixed: "
            f"name one of these, or move the pictures to {train}/CLASS and {test}/CLASS"
        )


def _check_class_names(inner: Folder, root: Path) -> None:
    """Raise `VaekitError`, or warn, where folders named like parts would be taken as classes."""
    spelled = [each for each in inner.folders if _spelling(each.name)]
    others = [each.name for each in inner.folders if each not in spelled]
    others += [path.name for path in sorted(inner.pictures)]
    if not spelled or len(spelled) + len(others) < 2:
        return
    plain = [each for each in spelled if not _rest_of_name(each)]
    two = len(inner.folders) + bool(inner.pictures) == 2
    tests = any(spelling.part != "train" for each in plain if (spelling := _spelling(each.name)))
    said = shortened([each.name for each in spelled], 3)
    said += f" beside {shortened(others, 3)}" if others else ""
    if plain and (two or tests or len(spelled) > 1 or any(each.folders for each in plain)):
        raise VaekitError(
            f"{root} holds {said}: are these classes, or parts of the set? Call the parts train "
            "and test, or name the one folder to read; call a class by another name"
        )
    warn(f"{root}: taken as classes: {said}; parts of a set are to be called train and test")


def _files_below(base: Folder, root: Path) -> list[File]:
    """List the pictures below a folder in order, without those that lie beside its classes."""
    loose, paths = len(base.pictures), base.all()
    if loose and base.folders:
        if len(base.folders) > 1 and 2 * loose < len(paths):
            _say_left_out(root, base)
            paths = [path for path in paths if path.parent != base.path]
        else:
            names = shortened([each.name for each in base.folders], 3)
            warn(
                f"{root}: the folders {names} are not read as classes, since {loose} pictures "
                "lie beside them"
            )
    return [File(path, base.path) for path in paths]


def _say_left_out(root: Path, base: Folder) -> None:
    names = [path.relative_to(root).as_posix() for path in sorted(base.pictures)]
    folders = shortened([each.name for each in base.folders], 3)
    warn(f"{root}: {len(names)} pictures beside {folders} are left out: {shortened(names, 3)}")
