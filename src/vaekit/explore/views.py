"""What is seen as bytes: pictures as PNG and GIF, codes and rows as CSV and NPY."""

import base64
import csv
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vaekit.data import Schema
from vaekit.pictures import tiles, write_moving

SIDE = 256  # pixels at least of the longer side of a picture that is saved
_LARGEST_SHOWN = 512  # pixels of a side; larger pictures are averaged down


def pixels_shown(x: Tensor, levels: tuple[float, float]) -> np.ndarray:
    """Turn images x (n, C, H, W), black and white at `levels`, into bytes (n, H, W, 3)."""
    return tiles(x, *levels, _LARGEST_SHOWN)


def difference(x: Tensor, y: Tensor) -> tuple[np.ndarray, float]:
    """Draw x − y of two images (C, H, W): bytes (H, W, 3), grey where they agree.

    White is the largest difference, and black its negative; it is returned beside.
    """
    apart = x - y
    bound = float(apart.abs().max()) or 1.0
    return pixels_shown(apart[None], (-bound, bound))[0], bound


def png(picture: np.ndarray, side: int = 0) -> bytes:
    """Write bytes (H, W, 3 or 4) as a PNG, its longer side enlarged to `side` pixels or more."""
    buffer = io.BytesIO()
    Image.fromarray(_enlarged_picture(picture, side)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def uri(picture: np.ndarray) -> str:
    """Write bytes (H, W, 3) as a PNG in a data URI."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def gif(frames: np.ndarray, side: int = SIDE) -> bytes:
    """Write bytes (n, H, W, 3) as a GIF that goes there and back without end."""
    buffer = io.BytesIO()
    write_moving([_enlarged_picture(frame, side) for frame in frames], buffer, ".gif")
    return buffer.getvalue()


def _enlarged_picture(picture: np.ndarray, side: int) -> np.ndarray:
    times = max(1, math.ceil(side / max(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def npy(values: Tensor) -> bytes:
    """Write a tensor as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, values.numpy())
    return buffer.getvalue()


def csv_table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Write rows as .csv."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([heads, *rows])
    return buffer.getvalue().encode()


def code_table(z: Tensor, names: Sequence[str]) -> bytes:
    """Write codes (n, H) as the .csv that `vaekit decode` reads: name, z0, z1 and so on."""
    rows = [[name, *map(str, row)] for name, row in zip(names, z.numpy(), strict=True)]
    return csv_table(["name", *(f"z{h}" for h in range(z.shape[1]))], rows)


def row_cells(schema: Schema, own: np.ndarray, count: int) -> list[float | str | None]:
    """Return the first cells of a row (1, D) in its own units; of mixed columns words and dates."""
    if schema.columns is None or not schema.fields:
        return list(json_numbers(own[0, :count]))
    (row,) = schema.columns.typed(own)[:, :count].rows()
    return [cell if cell is None or type(cell) in (int, float) else str(cell) for cell in row]


def json_numbers(values: np.ndarray | Tensor) -> list[float | None]:
    """Return numbers as JSON can hold them: None for what is not finite."""
    each = torch.as_tensor(values).double().flatten().tolist()
    return [value if math.isfinite(value) else None for value in each]
