"""Arrays in MATLAB's files up to version 7.2, by name."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.data.paths import reading
from vaekit.errors import VaekitError


def mat_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of numbers of a .mat file, by name.

    Raises `VaekitError` as `array` does.
    """
    loaded = _loaded(path.read_bytes(), None, str(path))
    return {k: v for k, v in loaded.items() if isinstance(v, np.ndarray) and v.dtype.kind in "biuf"}


def mat_array(content: bytes, name: str, where: str) -> np.ndarray:
    """Read the numeric array `name` of a .mat file's content; `where` is said in errors.

    Raises `VaekitError` for damaged files, version 7.3, and where there is no such array.
    """
    loaded = _loaded(content, [name], where).get(name)
    if not isinstance(loaded, np.ndarray) or loaded.dtype.kind not in "iuf":
        raise VaekitError(f"{where} has no array of numbers {name!r}: get it again")
    return loaded


def _loaded(content: bytes, names: list[str] | None, where: str) -> dict[str, Any]:
    from scipy.io import loadmat

    with reading(where, "a .mat file"):
        try:
            return loadmat(io.BytesIO(content), variable_names=names)
        except NotImplementedError as error:
            raise VaekitError(
                f"{where} is of MATLAB's version 7.3, which is not read: save it with -v7, or as "
                ".npy"
            ) from error
