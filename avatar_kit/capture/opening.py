"""Opening a capture folder: everything in it is checked."""

from __future__ import annotations

from pathlib import Path

from avatar_kit.capture import layout
from avatar_kit.capture.folder import Capture
from avatar_kit.capture.pictures import FolderPictures
from avatar_kit.capture.record import RECORD, CaptureRecord, read_record
from avatar_kit.errors import UserError
from avatar_kit.io.documents import check_regular
from avatar_kit.io.image import opened_image
from avatar_kit.io.motion.arrays import checked, read_npz
from avatar_kit.io.motion.native import from_native
from avatar_kit.io.video import read_video
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import check_rotations


def open_capture(path: str | Path) -> Capture:
    """Open a capture folder and check it.

    Raises:
        UserError: A file is missing, the record is not as expected (see
            :func:`~avatar_kit.capture.record.read_record`), a pose is not finite (names the
            frame), or sizes or lengths disagree.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{root}: no such capture folder")
    record = read_record(root)
    pictures = FolderPictures(root, record)
    capture = Capture(root, record, _read_motion(root, record), pictures)
    check_cameras(capture)
    _check_pictures(capture, pictures)
    return capture


def check_cameras(capture: Capture) -> None:
    """Refuse cameras that are none.

    Raises:
        UserError: A rotation that is none, a focal length that no lens has, a place far away.
    """
    for name, camera in capture.cameras.items():
        if fault := camera.fault():
            raise UserError(f"{capture.root / RECORD}: cameras.{name}.{fault}")


def _read_motion(root: Path, record: CaptureRecord) -> Motion:
    path = root / layout.MOTION
    check_regular(path, "motion file", "prepare the capture again")
    motion = checked(from_native(read_npz(path), path), path)
    check_rotations(motion, str(path))
    if len(motion) != record.frames:
        raise UserError(
            f"{path}: {len(motion)} frames, but {RECORD} says {record.frames}; "
            "prepare the capture again"
        )
    if abs(motion.fps - record.fps) > 1e-3:
        raise UserError(f"{path}: fps {motion.fps:g}, but {RECORD} says {record.fps:g}")
    return motion


def _check_pictures(capture: Capture, pictures: FolderPictures) -> None:
    """Every picture and mask is there and has the size the record says (headers only)."""
    size_of = {about.name: (about.width, about.height) for about in capture.record.cameras}
    for path in pictures.files():
        kind = path.relative_to(capture.root).parts[0]
        what = "mask" if kind == "masks" else "picture"
        check_regular(path, what, "prepare the capture again or restore it")
        alone = path.parent == capture.root  # a file of schema version 1
        name = path.parent.name if kind in ("images", "masks") else path.stem
        size = next(iter(size_of.values())) if alone else size_of[name]
        if path.suffix == ".mp4":
            main = capture.record.cameras[0].name
            _check_video(path, len(capture.frames_of(main if alone else name)), size)
            continue
        with opened_image(path) as image:
            found = image.size
        if found != size:
            raise UserError(
                f"{path}: {found[0]}x{found[1]} pixels, but {RECORD} says {size[0]}x{size[1]}"
            )


def _check_video(path: Path, frames: int, size: tuple[int, int]) -> None:
    video = read_video(path)
    even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
    if (video.width, video.height) != even or len(video) != frames:
        raise UserError(
            f"{path}: {len(video)} frames of {video.width}x{video.height} pixels, but {RECORD} "
            f"says {frames} of {size[0]}x{size[1]}"
        )
