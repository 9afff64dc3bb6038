"""Arrays in HDF5 files, by name; links that lead out of a file are not followed."""

from pathlib import Path
from typing import Any

import numpy as np

from vaekit.data.files import cause
from vaekit.errors import VaekitError


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of numbers of a file, by their place in it (group/name).

    Raises `VaekitError` for damaged files, and where h5py is missing.
    """
    try:
        import h5py
    except ImportError as error:
        raise VaekitError(
            f"{path} is an HDF5 file, which takes h5py to read: pip install 'vaekit[hdf5]'"
        ) from error
    found: dict[str, np.ndarray] = {}

    def take(name: str, each: Any) -> None:
        if isinstance(each, h5py.Dataset) and each.dtype.kind in "biuf":
            found[name] = each[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(take)  # which passes links by
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise VaekitError(f"{path} is damaged or no HDF5 file ({cause(error)})") from error
    return found
