"""The help of every command, for the reference."""

import contextlib
import functools
import io
import os
from unittest import mock

from vaekit import cli


@functools.cache
def helps():
    """Return a heading and the help of each command, `train` with the options of `beta_vae`."""
    lines = []
    for name in cli.COMMANDS:
        words = ["train", "beta_vae", "--help"] if name == "train" else [name, "--help"]
        title = f"vaekit {' '.join(words[:-1])}"
        lines += [f"## {title}", "", "```text", _printed(words), "```", ""]
    return "\n".join(lines)


def _printed(words):
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
        mock.patch.dict(os.environ, {"COLUMNS": "98"}),
    ):
        cli.main(words)
    return printed.getvalue().rstrip()
