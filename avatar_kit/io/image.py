"""Pictures on disk."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from avatar_kit.errors import UserError
from avatar_kit.io.documents import opened
from avatar_kit.io.signing import finished_path
from avatar_kit.io.synthetic import Synthetic
from avatar_kit.io.unreadable import check_size

#: What is decoded; Pillow knows more, some of it by starting other programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")

#: What Pillow raises at a damaged file.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError, TypeError),
    *(AttributeError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError),
)


@contextmanager
def opened_image(path: str | Path) -> Iterator[Image.Image]:
    """A picture file, open, its header read and not one pixel.

    Raises:
        UserError: The file is missing, cannot be read, is no PNG, JPEG, WebP, BMP or TIFF, claims
            more pixels than any camera gives, or is cut short where the block reads on.
    """
    with opened(path, what="picture") as file, _decoding(file, Path(path)) as image:
        yield image


def decoded_image(data: bytes, what: str, *, mode: str = "RGB") -> np.ndarray:
    """A picture that lies encoded in another file; ``mode`` as of :func:`read_image`.

    Args:
        data: A PNG, JPEG, WebP, BMP or TIFF file.
        what: The file, and where in it, for messages.
        mode: "RGB" for [H, W, 3], "L" for [H, W].

    Raises:
        UserError: As for :func:`opened_image`.
    """
    with _decoding(io.BytesIO(data), Path(what)) as image:
        return np.asarray(image.convert(mode))


@contextmanager
def _decoding(file: IO[bytes], path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we look ourselves
            with Image.open(file, formats=_FORMATS) as image:
                check_size(path, width=image.width, height=image.height)
                yield image
    except UserError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, Image.DecompressionBombError):
            reason = "it claims more pixels than any camera gives"
        if isinstance(error, UnidentifiedImageError):
            reason = f"expected {', '.join(_FORMATS)}"
        raise UserError(f"{path}: cannot be read as a picture ({reason}); write it anew") from None


def read_image(path: str | Path, *, mode: str = "RGB", upright: bool = False) -> np.ndarray:
    """Read a picture.

    Args:
        path: A PNG, JPEG, WebP, BMP or TIFF file.
        mode: "RGB" for [H, W, 3], "L" for [H, W], "RGBA" for [H, W, 4].
        upright: Whether to turn it as the camera that took it says (EXIF).

    Returns:
        uint8 pixels.

    Raises:
        UserError: As for :func:`opened_image`; or its values have more than 8 bits.
    """
    with opened_image(path) as found:
        if found.mode[0] in "IF":
            raise UserError(
                f"{path}: its values have 16 bits or more, whose range is not known; write it with "
                "8 bits (0 to 255)"
            )
        image = ImageOps.exif_transpose(found) if upright else found
        return np.asarray(image if image.mode == mode else image.convert(mode))


def check_frame(image: np.ndarray, size: tuple[int, int], channels: int, name: str) -> None:
    """Refuse a picture that is none of a film.

    Args:
        image: [height, width, channels] uint8.
        size: Width and height of the film in pixels.
        channels: 3 or 4.
        name: Of the file, for the message.

    Raises:
        ValueError: It has another shape or type.
    """
    expected = (size[1], size[0], channels)
    if image.shape != expected or image.dtype != np.uint8:
        raise ValueError(
            f"{name}: expected {list(expected)} uint8, got {list(image.shape)} {image.dtype}"
        )


def encode_image(
    image: np.ndarray, suffix: str, *, quality: int = 95, synthetic: Synthetic | None = None
) -> bytes:
    """The bytes of a picture file.

    Args:
        image: [H, W, 3] RGB, [H, W, 4] RGBA (png only) or [H, W] grey; uint8.
        suffix: ".png" or ".jpg".
        quality: JPEG quality, 1 to 100; colour is not subsampled.
        synthetic: What the picture says of itself; None: it is recorded, or drawn.

    Raises:
        ValueError: The array is no uint8 picture.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"a picture is [H, W(, C)] uint8, got {image.shape} {image.dtype}")
    picture = Image.fromarray(np.ascontiguousarray(image))
    buffer = io.BytesIO()
    if suffix == ".png":
        picture.save(buffer, format="png", compress_level=4, pnginfo=_png_texts(synthetic))
    else:
        said = {} if synthetic is None else {"xmp": synthetic.xmp(), "comment": synthetic.line()}
        picture.save(buffer, format="jpeg", quality=quality, subsampling=0, **said)
    return buffer.getvalue()


def _png_texts(synthetic: Synthetic | None) -> PngImagePlugin.PngInfo | None:
    if synthetic is None:
        return None
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", synthetic.xmp().decode())
    texts.add_itxt("Description", synthetic.line())
    texts.add_text("Software", synthetic.tool)
    return texts


def write_image(
    path: str | Path,
    image: np.ndarray,
    *,
    quality: int = 95,
    synthetic: Synthetic | None = None,
) -> None:
    """Write a picture, whole or not at all.

    Args:
        path: Ends in .png or .jpg.
        image: As for :func:`encode_image`.
        quality: JPEG quality, 1 to 100.
        synthetic: What the picture says of itself; None: it is recorded, or drawn.

    Raises:
        UserError: The suffix names no format we write.
    """
    path = Path(path)
    if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise UserError(f"{path}: cannot write '{path.suffix}'; use .png or .jpg")
    data = encode_image(image, path.suffix.lower(), quality=quality, synthetic=synthetic)
    with finished_path(path, synthetic) as partial:
        partial.write_bytes(data)
