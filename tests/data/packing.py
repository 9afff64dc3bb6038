"""The same small files in a folder, a zip, and tars."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

KINDS = ("folder", ".zip", ".tar", ".tar.gz", ".tar.xz")


def pack(stem: Path, files: Mapping[str, bytes], kind: str) -> Path:
    """Write files by name as a folder `stem`, or as the archive `stem` + `kind`."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        for name, content in files.items():
            (stem / name).parent.mkdir(parents=True, exist_ok=True)
            (stem / name).write_bytes(content)
        return stem
    path = stem.with_name(stem.name + kind)
    if kind == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:" + kind[5:]) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def pgm(pixels: np.ndarray) -> bytes:
    """Return a grey picture (H, W) uint8 as a binary PGM."""
    return b"P5\n%d %d\n255\n" % pixels.shape[::-1] + pixels.tobytes()


def encoded(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    """Return a picture (H, W, 3) uint8 as PNG or JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()
