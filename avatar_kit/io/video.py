"""Reading videos as people have them, at a constant frame rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.calibration import Calibration, for_pictures
from avatar_kit.io.calibration_file import read_calibration
from avatar_kit.io.distortion import Undistortion
from avatar_kit.io.mask_folder import MaskFolder
from avatar_kit.io.picture_sequence import PictureSequence, is_sequence
from avatar_kit.io.read_options import ReadOptions
from avatar_kit.io.timeline import frame_rate, is_constant
from avatar_kit.io.video_file import SourceFrame, VideoFile
from avatar_kit.io.video_writer import VideoWriter

__all__ = ["VideoReader", "VideoWriter", "play", "read_frames", "read_video"]

#: Grey level behind a person whose background is transparent: unlike most hair, skin and clothes.
BEHIND_ALPHA = 180


def read_video(path: str | Path, options: ReadOptions | None = None) -> VideoReader:
    """Open a video, or pictures in a folder.

    Args:
        path: A video, a folder of pictures, or a name such as ``frames/%05d.png``.
        options: What of it is read; None: all.

    Raises:
        UserError: It is missing, is no video (says what it is), its first frames cannot be decoded,
            or ``options`` do not fit it.
    """
    return VideoReader(path, options)


class VideoReader:
    """The pictures of a video at a constant frame rate; can be iterated again and again.

    A damaged packet loses only its own frames. They leave a gap: the frames after it follow, and
    ``gaps`` says where. A video of varying frame rate is brought to its usual rate by taking the
    nearest frame in time. Pictures are upright, of square pixels and of one field; their colours
    are those of BT.709 SDR. Behind a person whose background is transparent they are grey. With
    ``options.camera`` they are those of a pinhole: the distortion of the lens is taken out.

    Args:
        path: A video, a folder of pictures, or a name such as ``frames/%05d.png``.
        options: What of it is read; None: all.

    Attributes:
        path: The file.
        files: All files that are read.
        options: What of it is read.
        fps: Frames per second of what is yielded.
        width: Width in pixels.
        height: Height in pixels.
        full_size: Width and height before ``options.crop``.
        crop: Left, top, width and height of what is yielded of that.
        focal_35mm: Focal length in terms of 35 mm film (its diagonal is 43.27 mm), as the camera
            wrote it; None if it did not.
        calibration: Of the pictures before ``options.crop``, if ``options.camera`` is given.
        masked: Whether the video says who is the person, by its alpha or by ``options.masks``.
        start: Seconds on the clock of the file at which the first picture is shown.
        corrupt: Frames that were lost to damage; complete after an iteration.
        gaps: Numbers of the yielded frames that do not follow the one before them in time;
            complete after an iteration.
        suspect: Numbers of the yielded frames that were predicted from lost ones: between a loss
            and the next key frame; complete after an iteration. They may show smears.
        constant: Whether the file had a constant frame rate.
        notes: What was done to the pictures and what was left out, a line each.
    """

    def __init__(self, path: str | Path, options: ReadOptions | None = None):
        self.path, self.options = Path(path), options or ReadOptions()
        self.corrupt = 0
        self.gaps: list[int] = []
        self.suspect: list[int] = []
        source: VideoFile | PictureSequence
        if is_sequence(self.path):
            source = PictureSequence(self.path, self.options.fps)
        else:
            source = VideoFile(self.path)
        self._source, self.files, self.notes = source, list(source.files), list(source.notes)
        self._times = source.times
        own = self._rate(source.tick)
        self.constant = is_constant(self._times, own, source.tick)
        self._slots = self.options.slots(self._times, own, self.constant, self.path)
        self.fps = self.options.rate(own)
        if not self.constant:
            self.notes.append(f"varying frame rate, brought to {own:.5g} fps")
        size = (source.width, source.height)
        self.full_size = size[::-1] if self.options.rotate % 180 else size
        self.crop = self.options.rectangle(*self.full_size, self.path)
        self.width, self.height = self.crop[2:]
        self.start = float(self._times[self._slots[0]])
        self.focal_35mm = self._focal_35mm()
        self._masks: MaskFolder | None = None
        if self.options.masks is not None:
            self._masks = MaskFolder(self.options.masks, len(self._times), size)
            self.files += self._masks.files
            self.notes.append(f"masks of {self.options.masks.name}")
        self.masked = source.alpha or self._masks is not None
        self.calibration: Calibration | None = None
        self._lens: Undistortion | None = None
        if self.options.camera is not None:
            self._calibrate(self.options.camera, size)

    def _calibrate(self, file: Path, size: tuple[int, int]) -> None:
        """Take the camera of a file for that of the pictures, which are of a size when upright."""
        found, rotate = read_calibration(file), self.options.rotate
        camera, notes = for_pictures(found, size, self._source.turns, rotate, self.path)
        if self.focal_35mm is not None:
            notes[0] += f", in place of the {self.focal_35mm:g} mm that the video says"
        self.calibration = camera
        self.files.append(file)
        self.notes += notes
        if any(camera.distortion):
            self._lens = Undistortion(camera.matrix(), camera.distortion, *self.full_size)

    def _focal_35mm(self) -> float | None:
        for key, value in self._source.metadata.items():
            if not key.endswith("focal_length.35mm_equivalent"):
                continue
            try:
                focal = float(value)
            except ValueError:
                focal = 0.0
            if 8 <= focal <= 400:
                return focal
            self.notes.append(f"the focal length in the file, {value} mm, is not believed")
        return None

    def __len__(self) -> int:
        """How many frames an undamaged file gives."""
        return len(self._slots)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Pictures [H, W, 3] uint8 RGB.

        Raises:
            UserError: The size of the picture changes, or nothing can be decoded.
        """
        return (picture for picture, _ in self.with_masks())

    def with_masks(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Pictures [H, W, 3] uint8 RGB and, where the video brings them, masks [H, W] uint8.

        Raises:
            UserError: The size of the picture changes, or nothing can be decoded.
        """
        for frame, times in self._wanted():
            picture, mask = split_alpha(frame.picture())
            if self._masks is not None:
                mask = self._masks.read(frame.number)
            picture = self._kept(picture)
            mask = None if mask is None else self._kept(mask, outside="zeros")
            for _ in range(times):
                yield picture, mask

    def in_file(self, points: np.ndarray) -> np.ndarray:
        """Where pixels [..., 2] of what is yielded are in the upright pictures of the file."""
        found = np.asarray(points, dtype=np.float64) + self.crop[:2]
        if self._lens is not None and self.calibration is not None:
            found = self.calibration.through_lens(found)
        width, height = self.full_size
        for _ in range(self.options.rotate // 90):
            found = np.stack([found[..., 1], width - found[..., 0]], -1)
            width, height = height, width
        return found

    def _kept(self, image: np.ndarray, outside: str = "border") -> np.ndarray:
        """A picture or a mask, turned, through no lens, and cropped."""
        x, y, width, height = self.crop
        turned = np.rot90(image, -(self.options.rotate // 90))
        if self._lens is not None:
            turned = self._lens(turned, outside=outside)
        return np.ascontiguousarray(turned[y : y + height, x : x + width])

    def _wanted(self) -> Iterator[tuple[SourceFrame, int]]:
        """Frames and how often each is given; keeps account of those that are lost."""
        self.corrupt, self.gaps, self.suspect = 0, [], []
        repeats = np.bincount(self._slots, minlength=len(self._times))
        wanted = np.flatnonzero(repeats)
        given, expected, damaged = 0, 0, False
        for frame in self._source.frames():
            if frame.number < expected:
                continue  # after damage a decoder may give a frame out of turn
            lost = int((repeats[expected : frame.number] > 0).sum())
            if lost:
                self.corrupt += lost
                self.gaps.append(given)
            damaged = (damaged or frame.number > expected) and not frame.is_key
            expected, times = frame.number + 1, int(repeats[frame.number])
            if damaged:
                self.suspect += range(given, given + times)
            given += times
            if times:
                yield frame, times
            if expected > wanted[-1]:
                break
        self.corrupt += int((repeats[expected:] > 0).sum())

    def _rate(self, tick: float) -> float:
        nominal = self._source.rate
        if len(self._times) < 2:
            return nominal
        found = frame_rate(self._times, tick)
        return nominal if abs(found - nominal) < 1e-3 * nominal else found


def split_alpha(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The picture of a frame before ``BEHIND_ALPHA``, and its alpha.

    Args:
        picture: [H, W, 3] or, with straight alpha, [H, W, 4] uint8.
    """
    if picture.shape[2] == 3:
        return picture, None
    alpha = np.ascontiguousarray(picture[..., 3])
    share = alpha[..., None].astype(np.uint16)
    over = picture[..., :3] * share + (255 - share) * BEHIND_ALPHA
    return ((over + 127) // 255).astype(np.uint8), alpha


def play(path: str | Path) -> Iterator[tuple[float, Callable[[], np.ndarray]]]:
    """The frames of a video as they follow each other, to be shown at their times.

    Args:
        path: The video.

    Yields:
        When a frame is shown, seconds from the first one; and what makes a picture [H, W, 3] uint8
        RGB of it, upright: who leaves a frame out is spared that.

    Raises:
        UserError: The file is missing, or holds no video.
    """
    source = VideoFile(Path(path))
    for frame in source.frames():
        at = float(source.times[frame.number] - source.times[0])
        yield at, lambda frame=frame: split_alpha(frame.picture())[0]  # type: ignore[misc]


def read_frames(path: Path, wanted: Iterable[int]) -> Iterator[np.ndarray]:
    """Chosen frames of a constant-rate video; rising numbers need one pass.

    Args:
        path: The video.
        wanted: Frame numbers, in the order they are to come.

    Raises:
        UserError: A frame is lost to damage or beyond the end.
    """
    source = VideoFile(path)
    frames: Iterator[SourceFrame] = source.frames()
    last: tuple[int, np.ndarray] = (-1, np.empty(0))
    for number in wanted:
        if number < last[0]:
            frames, last = source.frames(), (-1, np.empty(0))
        if number > last[0]:
            found = next((frame for frame in frames if frame.number >= number), None)
            if found is None or found.number != number:
                raise UserError(f"{path}: frame {number} cannot be decoded; restore the file")
            last = (number, split_alpha(found.picture())[0])
        yield last[1]
