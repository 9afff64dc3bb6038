"""How a picture file becomes numbers: formats, pages, depth, transparency, turning and size.

    8 bits or fewer a channel   v/255, palettes by their colours
    16 bits, grey               v/65535, which makes the whole set float32
    16 bits, else               the higher 8 of them, as Pillow reads them; `Look.cut` tells
    more bits, floats           refused: nothing says which value is white
    transparency                laid on a ground, white unless asked otherwise
    pages, frames               each an example, «stack.tif#3»

Only raster formats are opened, whatever a file's ending says, and Pillow decodes them itself: no
other program is ever started for a file that somebody else made.
"""

import io
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np

from vaekit.data.area import Box
from vaekit.data.paths import cause
from vaekit.errors import VaekitError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
_READ = ".png .jpg .jpeg .jfif .bmp .gif .pgm .ppm .pbm .pnm .tif .tiff .webp"
# What users keep beside these and expect to be read: skipped, and said so.
_UNREAD = (
    ".heic .heif .avif .jp2 .jxl .tga .ico .psd .svg .eps .pdf .raw .cr2 .cr3 .nef .arw .dng .exr "
    ".hdr .dcm .nii .fits .mp4 .avi .mov .webm .npy .npz .mat .h5 .zip"
)
ENDINGS, OTHERS = frozenset(_READ.split()), frozenset(_UNREAD.split())
_GRAY = ("1", "L", "LA", "La", "I")
_DEEP = 65535  # white in 16 bits
Ground = Literal["white", "black"]


class Look(NamedTuple):
    """Say what a file holds: is it grey, has it 16 bits, its height and width, how many pages.

    `cut` says that it has 16 bits, of which only 8 can be read.
    """

    gray: bool
    deep: bool
    size: Box
    pages: int
    cut: bool = False


@dataclass(frozen=True)
class Form:
    """Say what pictures are brought to: 1 or 3 `channels` (None: three if any has colour), a size.

    A `size` of None leaves them as they are; transparent ones are laid on `ground`; `deep` makes
    float32 from 0 to 1 in place of bytes.
    """

    channels: int | None = None
    size: Box | None = None
    ground: Ground = "white"
    deep: bool = False


def inspect_picture(path: Path) -> Look:
    """Read the head of a file; raise `VaekitError` for what is damaged, no picture, or too deep."""
    with open_picture(path) as image:
        gray, deep = _depth(image)
        # The further images of an MPO are a camera's previews.
        pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        cut = not deep and _is_deeper(image)
        return Look(gray, deep, (image.height, image.width), pages, cut)


def _depth(image: "Image") -> tuple[bool, bool]:
    """Tell whether a picture is grey, and whether it has 16 bits; raise where it has more."""
    mode, kind = image.mode, image.mode.split(";")[0]
    # An "I" of PNG and PPM has 16 bits, that of TIFF has 32.
    deep = mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM"))
    if kind in ("I", "F") and not deep:
        raise ValueError("it has more than 16 bits for a channel: save it as .npy, scaled")
    # Grey with transparency of 16 bits is opened as RGBA.
    return kind in _GRAY or _stored(image)[:1] == ("LA;16B",), deep


def _stored(image: "Image") -> tuple[Any, ...]:
    """Tell how the pixels stand in the file, in Pillow's words."""
    tiles = getattr(image, "tile", None)
    stored = tiles[0][3] if tiles else ()
    return stored if isinstance(stored, tuple) else (stored,)


def _is_deeper(image: "Image") -> bool:
    """Tell whether more bits stand in the file than Pillow reads."""
    kind, *rest = _stored(image) or ("",)
    if image.format == "PPM":
        return bool(rest) and isinstance(rest[0], int) and rest[0] > 255
    return ";16" in str(kind)


def decode_page(source: Path | bytes, form: Form, page: int = 0) -> np.ndarray:
    """Decode one page as (C, H, W), uint8 or float32; raise `VaekitError` where it is damaged."""
    from PIL import ImageOps

    with open_picture(source) as image:
        if page:
            image.seek(page)
            _depth(image)
        shown = ImageOps.exif_transpose(image)
        flat = _on_ground(shown, form.ground) if shown.has_transparency_data else shown
        plain = _as_gray_or_rgb(flat, form)
        if form.size is not None:
            height, width = form.size
            plain = plain if plain.size == (width, height) else ImageOps.fit(plain, (width, height))
        return _pixel_array(plain, form)


def pixels(content: bytes, channels: int) -> np.ndarray:
    """Decode the picture in a file's bytes as (channels, H, W) uint8."""
    return decode_page(content, Form(channels))


def differing_sizes(where: Path, shapes: Mapping[str, tuple[int, ...]], cure: str) -> VaekitError:
    """Build the error for pictures of one set, each (C, H, W) by its name, that differ in size."""
    sizes = ", ".join(f"{name} is {w}x{h}" for name, (*_, h, w) in shapes.items())
    return VaekitError(f"pictures in {where} differ in size: {sizes} (width x height): {cure}")


@contextmanager
def open_picture(source: Path | bytes) -> Iterator["Image"]:
    """Open a picture file; what goes wrong inside raises `VaekitError` with its cause."""
    from PIL import Image

    try:
        # By its path an unpacked TIFF would be mapped, and come out scrambled where it is turned.
        with (
            io.BytesIO(source) if isinstance(source, bytes) else _file(source) as file,
            Image.open(file, formats=FORMATS) as image,
        ):
            yield image
    except VaekitError:
        raise
    except Exception as error:  # whatever damaged bytes lead a decoder to
        if isinstance(source, bytes):  # of an archive that was published
            raise VaekitError(
                f"cannot read the picture ({_why_unreadable(error)}): get it again"
            ) from error
        raise VaekitError(f"cannot read the picture {source} ({_why_unreadable(error)})") from error


def _file(path: Path) -> BinaryIO:
    """Open a file; raise `ValueError` for a pipe, which would be waited for without end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no regular file, but a folder, pipe, socket or device")
    return path.open("rb")


def _why_unreadable(error: Exception) -> str:
    from PIL import Image

    if isinstance(error, Image.UnidentifiedImageError):
        return f"it is none of {', '.join(FORMATS)}"
    if isinstance(error, Image.DecompressionBombError):
        return "it has more pixels than a photograph can have: shrink it first"
    return cause(error)


def _on_ground(image: "Image", ground: str) -> "Image":
    from PIL import Image

    whole = Image.new("RGBA", image.size, ground)
    whole.alpha_composite(image.convert("RGBA"))
    return whole.convert("L" if image.mode in _GRAY else "RGB")


def _as_gray_or_rgb(image: "Image", form: Form) -> "Image":
    """Return a picture in mode L or RGB, or F where it has 16 bits."""
    if image.mode.split(";")[0] != "I":
        gray = image.convert("RGB") if image.mode == "LAB" else image
        return gray.convert("L" if form.channels == 1 else "RGB")
    from PIL import Image

    return Image.fromarray(np.asarray(image).astype(np.float32) / _DEEP)


def _pixel_array(image: "Image", form: Form) -> np.ndarray:
    pixels = np.asarray(image)
    planes = np.moveaxis(np.atleast_3d(pixels), -1, 0)
    if form.channels == 3:
        planes = np.broadcast_to(planes, (3, *planes.shape[1:]))
    if planes.dtype == np.uint8:
        return planes.astype(np.float32) / np.float32(255) if form.deep else planes
    return planes if form.deep else np.rint(planes.clip(0, 1) * 255).astype(np.uint8)
