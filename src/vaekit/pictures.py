"""Images of any set as PNG: grids for the page, the same ones as files.

Values are mapped from the range of the data to black and white, so a picture's brightness means
the same in originals and reconstructions; what lies outside is clipped. Gaps are transparent, for a
page may be light or dark. On the page a pixel stays a pixel and the browser enlarges it; files are
enlarged here, because a viewer would blur them.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, features
from torch import Tensor
from torch.nn import functional as F

from vaekit.system import files

GAP = 2
LARGEST = 128  # pixels of one image on a side; larger ones are averaged down to it
READABLE = 56  # pixels of one image in a file
_LETTERS = 12  # pixels of a letter beside pictures
MOVING = {".gif": "GIF", ".webp": "WebP", ".apng": "PNG"}  # endings of moving pictures
EXACT, LIGHT = 120_000, 24_000  # values, and bytes, up to which a sheet on a page is a PNG
PIXEL_BYTES = 0.25  # bytes of a pixel of others
# Of the channels of a signal, as they are drawn.
_INKS = ((0, 0, 0), (31, 99, 176), (200, 84, 20), (38, 128, 86), (150, 60, 150), (130, 110, 20))


def tiles(
    images: Tensor, low: float = 0.0, high: float = 1.0, largest: int = LARGEST
) -> np.ndarray:
    """Turn images (n, C, H, W) with values from `low` to `high` into bytes (n, H, W, 3).

    One channel becomes grey, three or four are read as RGB(A) without A, of others the mean is
    shown. Sides of more than `largest` pixels are averaged down. Signals (n, C, 1, T) become curves
    over a ground from low to high.
    """
    if images.shape[2] == 1:
        return _curves(images, low, high, largest)
    shrink = -(-max(images.shape[-2:]) // largest)
    small = F.avg_pool2d(images, shrink, ceil_mode=True) if shrink > 1 else images
    colours = small[:, :3] if small.shape[1] in (3, 4) else small.mean(1, keepdim=True)
    level = (colours - low) / ((high - low) or 1.0)
    pixels = (level.clamp(0, 1) * 255).round().byte().expand(-1, 3, -1, -1)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())


def _curves(signals: Tensor, low: float, high: float, largest: int) -> np.ndarray:
    """Draw signals (n, C, 1, T) as curves, bytes (n, ⌈W/2⌉, W, 3), of the first six channels.

    A column has all that the samples in it span, and their way to the next one.
    """
    across = F.pad(signals[:, : len(_INKS), 0].float(), (0, 1), mode="replicate")
    each = -(-(across.shape[-1] - 1) // largest)
    spans = [F.max_pool1d(sign * across, each + 1, each, ceil_mode=True) for sign in (-1, 1)]
    height = -(-min(largest, spans[0].shape[-1]) // 2)
    ends = [((v - low) / ((high - low) or 1.0)).clamp(0, 1) for v in (-spans[0], spans[1])]
    bottom, top = (((1 - end) * (height - 1)).round()[:, :, None] for end in ends)
    rows = torch.arange(height)[:, None]
    lit = ((rows >= top) & (rows <= bottom)).numpy()
    pixels = np.full((len(lit), *lit.shape[2:], 3), 255, np.uint8)
    for channel, ink in list(enumerate(_INKS))[lit.shape[1] - 1 :: -1]:
        pixels[lit[:, channel]] = ink
    return pixels


def grid(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Lay pictures (n, H, W, 3) out in rows of `columns` → RGBA bytes, gaps transparent."""
    count, height, width, _ = pictures.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 4), np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        sheet[top : top + height, left : left + width, :3] = picture
        sheet[top : top + height, left : left + width, 3] = 255
    return sheet


def stack_sheets(sheets: Sequence[np.ndarray]) -> np.ndarray:
    """Put RGBA sheets of one width below one another, with the gap between."""
    gap = np.zeros((GAP, sheets[0].shape[1], 4), np.uint8)
    return np.concatenate([part for sheet in sheets for part in (sheet, gap)][:-1])


def stacked(
    rows: Sequence[Tensor], columns: int, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Lay rows of images (n, C, H, W) out below one another, black and white at low and high."""
    return stack_sheets([grid(tiles(row.cpu(), low, high), columns) for row in rows])


@dataclass(frozen=True)
class Line:
    """Hold a row of pictures (n, H, W, 3), its name, names above its columns, and a distance.

    After `apart` pictures, where that is not 0, comes a wider gap.
    """

    name: str
    pictures: np.ndarray
    heads: Sequence[str] = ()
    apart: int = 0


def labelled(lines: Sequence[Line]) -> np.ndarray:
    """Draw rows of pictures below one another on white, with their names, as RGBA bytes.

    Small pictures are enlarged until they are readable.
    """
    font = _font()
    sides = [line.pictures.shape[1:3] for line in lines]
    times = max(1, -(-READABLE // min(map(min, sides))))
    left = round(max(_width(font, line.name) for line in lines)) + 4 * GAP
    pad, step = 4 * GAP, 2 * GAP
    places, top, right = list[tuple[int, Line]](), pad, 0
    for line in lines:
        top += (_LETTERS + step) if line.heads else 0
        places.append((top, line))
        count, high, wide = line.pictures.shape[:3]
        top += max(high * times, (_LETTERS + step) * (line.name.count("\n") + 1)) + step
        right = max(right, left + count * (wide * times + step) + (pad if line.apart else 0))
    sheet = Image.new("RGBA", (right + pad, top + pad), "white")
    draw = ImageDraw.Draw(sheet)
    for top, line in places:
        high, wide = (side * times for side in line.pictures.shape[1:3])
        draw.multiline_text((pad, top + high / 2), line.name, "black", font, "lm")
        for k, picture in enumerate(line.pictures):
            x = pad + left + k * (wide + step) + (pad if line.apart and k >= line.apart else 0)
            large = picture.repeat(times, axis=0).repeat(times, axis=1)
            sheet.paste(Image.fromarray(large), (x, top))
            if line.heads:
                head = _fitted(font, line.heads[k], wide + step)
                draw.text((x + wide / 2, top - step), head, "black", font, "ms")
    return np.asarray(sheet)


def _fitted(font: Any, text: str, width: float) -> str:
    """Shorten a line of text to a width, its end left out."""
    line = " ".join(text.split())
    while len(line) > 1 and font.getlength(line) > width:
        line = line.removesuffix("…")[:-1] + "…"
    return line


def _font() -> Any:
    """Return a font that has a minus, Greek and Cyrillic letters, which Pillow's own lacks."""
    import matplotlib

    name = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return (
        ImageFont.truetype(name, _LETTERS) if name.is_file() else ImageFont.load_default(_LETTERS)
    )


def _width(font: Any, text: str) -> float:
    return max(font.getlength(part) for part in text.split("\n"))


def aligned(sheets: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Widen RGBA sheets to the widest, transparent to the right."""
    wide = max(sheet.shape[1] for sheet in sheets)
    return [np.pad(sheet, ((0, 0), (0, wide - sheet.shape[1]), (0, 0))) for sheet in sheets]


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Lay pictures (n, H, W, 3) out in rows of `columns` without gaps → RGB bytes."""
    count, height, width, depth = pictures.shape
    rows = -(-count // columns)
    whole = np.zeros((rows * columns, height, width, depth), np.uint8)
    whole[:count] = pictures
    lines = whole.reshape(rows, columns, height, width, depth).swapaxes(1, 2)
    return lines.reshape(rows * height, columns * width, depth)


def data_uri(pixels: np.ndarray) -> str:
    """Write an RGB or RGBA sheet as a data URI: a PNG, or where that is large a WebP.

    A WebP of photographs has a tenth of the size, and loses little; of noise it keeps less, so that
    a page can be mailed whatever it shows.
    """
    image = Image.fromarray(pixels)
    if (pixels[..., :1] == pixels[..., 1:3]).all():
        image = image.convert("L" if pixels.shape[-1] == 3 else "LA")
    area = image.width * image.height
    if area * len(image.getbands()) <= EXACT or not features.check("webp"):
        png = _written(image, "PNG", optimize=True)
        if len(png) <= LIGHT or not features.check("webp"):
            return "data:image/png;base64," + base64.b64encode(png).decode()
    webp = b""
    for quality in (90, 75, 50, 25):
        webp = _written(image, "WEBP", quality=quality, method=2)
        if len(webp) <= PIXEL_BYTES * area:
            break
    return "data:image/webp;base64," + base64.b64encode(webp).decode()


def _written(image: Image.Image, kind: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def save_picture(sheet: np.ndarray, path: Path, cell: int) -> None:
    """Write an RGBA sheet to a PNG file, enlarged until a cell of `cell` pixels is readable.

    Raises `VaekitError` where the file cannot be written.
    """
    large = _enlarged(sheet, cell)
    files.write_file(path, lambda temporary: Image.fromarray(large).save(temporary, "PNG"))


def save_moving(
    sheets: Sequence[np.ndarray], path: Path, cell: int, milliseconds: int = 80, back: bool = True
) -> None:
    """Write RGBA sheets of one size as frames that run for ever, to a file of a `MOVING` ending.

    With `back` they run to the end and back. Gaps are white, as a GIF knows no half-transparent
    pixels. Raises `VaekitError` where the file cannot be written.
    """
    frames, kind = [_on_white(_enlarged(sheet, cell)) for sheet in sheets], path.suffix.lower()
    files.write_file(path, lambda part: write_moving(frames, part, kind, milliseconds, back))


def write_moving(
    frames: Sequence[np.ndarray],
    target: Path | io.BytesIO,
    ending: str,
    milliseconds: int = 80,
    back: bool = True,
) -> None:
    """Write RGB frames of one size that run for ever, in the form of a `MOVING` ending."""
    turned = [*frames, *frames[-2:0:-1]] if back else frames
    first, *others = map(Image.fromarray, turned)
    how: dict[str, Any] = {"save_all": True, "append_images": others, "loop": 0}
    how |= {"duration": milliseconds, "format": MOVING[ending]}
    how |= {"lossless": True} if ending == ".webp" else {}
    first.save(target, **how)


def _enlarged(sheet: np.ndarray, cell: int) -> np.ndarray:
    times = max(1, -(-READABLE // cell)) if cell > 1 else 1  # a curve stands for a height of 1
    return sheet.repeat(times, axis=0).repeat(times, axis=1)


def _on_white(sheet: np.ndarray) -> np.ndarray:
    return np.where(sheet[..., 3:] > 0, sheet[..., :3], np.uint8(255))
