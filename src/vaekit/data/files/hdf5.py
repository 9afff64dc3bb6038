"""HDF5 files, opened so that nothing is read but the file itself.

A file may name others: by an external link, by arrays whose bytes or parts lie elsewhere. Whoever
made it could so have any file of the reader's taken for data. These are refused; links within the
file, hard and soft, are followed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.data.paths import reading
from vaekit.errors import VaekitError, shortened
from vaekit.system.extras import needed

KIND = "an HDF5 file"
_ERRORS = (OSError, RuntimeError, KeyError, ValueError)  # that h5py raises of damaged files
_DEEPEST = 16  # soft links that lead to soft links


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file to read, as h5py does.

    Raises `VaekitError` where h5py is missing, and where the file is damaged, now or while it is
    read.
    """
    h5py = needed("h5py", "hdf5", f"the HDF5 file {path}")
    with reading(path, KIND, errors=_ERRORS), h5py.File(path, "r") as file:
        yield file


def names_in(file: Any) -> list[str]:
    """List the arrays of an open file by name, in all its groups."""
    arrays: list[str] = []
    file.visititems(lambda name, thing: arrays.append(name) if _is_array(thing) else None)
    return arrays


def hdf5_arrays(path: Path, key: str | None = None) -> dict[str, np.ndarray]:
    """Read all arrays of numbers of a file, by their place in it (group/name), and that at `key`.

    Lists of words are read too, for they may be labels. Raises `VaekitError` as `open_hdf5` and
    `hdf5_array` do.
    """
    with open_hdf5(path) as file:
        wanted = [*names_in(file), *([key] if key is not None else [])]
        unread = {name: hdf5_array(file, path, name) for name in wanted}
        read = {name: _numbers_or_words(each) for name, each in unread.items()}
        return {name: array for name, array in read.items() if array is not None}


def _numbers_or_words(array: Any) -> np.ndarray | None:
    import h5py

    if array.dtype.kind in "biuf":
        return array[()]
    if array.ndim == 1 and h5py.check_string_dtype(array.dtype):
        return array.asstr(errors="replace")[()].astype(str)
    return None


def hdf5_array(file: Any, path: Path, name: str) -> Any:
    """Return the array of that name, `group/array`, unread.

    Raises `VaekitError` where there is none, with those that there are, and where it or a link to
    it leads out of the file.
    """
    thing = _followed(file, file, path, name, _DEEPEST)
    if not _is_array(thing):
        listed = shortened(names_in(file)) or "none"
        raise VaekitError(f"{path} has no array {name!r}: its arrays are {listed}")
    if thing.is_virtual or thing.external:
        raise _outward(path, name)
    return thing


def _followed(file: Any, group: Any, path: Path, name: str, deepest: int) -> Any:
    """Go from a group along a name, link by link; None where it leads nowhere."""
    import h5py

    thing = file if name.startswith("/") else group
    for part in filter(None, name.split("/")):
        if part == ".":
            continue
        if not isinstance(thing, h5py.Group):
            return None
        try:
            link = thing.get(part, getlink=True)
        except TypeError:  # a kind of link that is made by other programs
            raise _outward(path, name) from None
        if isinstance(link, h5py.ExternalLink):
            raise _outward(path, name)
        if isinstance(link, h5py.SoftLink):
            if not deepest:
                return None
            thing = _followed(file, thing, path, link.path, deepest - 1)
        else:
            thing = thing.get(part)
    return thing


def _is_array(thing: Any) -> bool:
    import h5py

    return isinstance(thing, h5py.Dataset) and thing.shape is not None  # None of an empty one


def _outward(path: Path, name: str) -> VaekitError:
    return VaekitError(
        f"{path}: {name!r} leads to another file, which is not read: copy the array into this file"
    )
