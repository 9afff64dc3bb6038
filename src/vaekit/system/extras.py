"""Packages that only some of vaekit needs, imported when they are used."""

from importlib import import_module
from typing import Any

from vaekit.errors import VaekitError


def needed(module: str, extra: str, what: str) -> Any:
    """Import a module for `what`; raise `VaekitError` where it is missing, with its extra."""
    try:
        return import_module(module)
    except ImportError as error:
        raise VaekitError(
            f"{what} needs a package that is missing ({error}): pip install 'vaekit[{extra}]'"
        ) from None
