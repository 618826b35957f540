"""Why a file is no video that can be read, and what to do about it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.mp4_boxes import read_boxes

#: More pixels, or a longer side, than any camera films: a damaged or hostile header.
MAX_PIXELS, MAX_SIDE = 64_000_000, 16_384
#: More frames than any capture needs: a day at 60 a second.
MAX_FRAMES = 24 * 3600 * 60

_URL = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+):/+(.*)$")
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")


def check_file(path: Path) -> None:
    """Refuse what is no video before a decoder is let near it.

    Raises:
        UserError: It is an address, missing, no file, closed to us, empty, text, a picture, was cut
            off before its index, or claims more frames than it can hold.
    """
    if address := _URL.match(str(path)):
        scheme, rest = address.groups()
        raise UserError(f"{scheme}://{rest}: is an address, not a file; download it first")
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise UserError(f"{path}: is no file; expected a video file")
        with open(path, "rb") as file:
            head = file.read(4096)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: no such video") from None
    except PermissionError:
        raise UserError(
            f"{path}: you have no permission to read it; run  chmod u+r  on it, or copy it"
        ) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); copy it anew") from None
    if not head:
        raise UserError(f"{path}: is empty (0 bytes); copy it anew from the camera")
    if _is_text(head):
        raise UserError(f"{path}: is text, not a video")
    _check_boxes(path, about.st_size)


def _is_text(head: bytes) -> bool:
    """Whether a file that begins so is text: a playlist, a web page, a pointer to a large file."""
    if head.startswith(b"YUV4MPEG2") or _CONTROLS & set(head):
        return False
    try:
        head[:-3].decode()  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return True


def _check_boxes(path: Path, size: int) -> None:
    found = read_boxes(path)
    if found is None:
        return
    if found.still:
        raise not_a_video(path)
    if not found.indexed:
        raise UserError(
            f"{path}: the recording was cut off before its index was written (no whole 'moov'); "
            "copy it anew from the camera, or repair it with untrunc or recover_mp4"
        )
    check_size(path, frames=found.frames)
    if found.frames > size:
        raise UserError(
            f"{path}: claims {found.frames} frames in {size} bytes; the file is damaged, copy it "
            "anew from the camera"
        )


def check_size(path: Path, *, width: int = 0, height: int = 0, frames: int = 0) -> None:
    """Refuse what no camera films.

    Raises:
        UserError: It claims too many pixels, or too many frames.
    """
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise UserError(
            f"{path}: claims pictures of {width}x{height} pixels, more than "
            f"{MAX_PIXELS // 1_000_000} megapixels or {MAX_SIDE} on a side; make them smaller, or "
            "copy the file anew if it is damaged"
        )
    if frames > MAX_FRAMES:
        raise UserError(
            f"{path}: claims {frames} frames, more than a day; cut out the part that shows the "
            "person, or copy the file anew if it is damaged"
        )


def not_a_video(path: Path) -> UserError:
    """What to say of a picture."""
    return UserError(
        f"{path}: is a picture, not a video; film the person, or give a folder of pictures"
    )
