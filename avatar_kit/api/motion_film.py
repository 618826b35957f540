"""A motion as a skeleton: a film of it, and one picture with poses, feet and speed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from avatar_kit.io.animation_writer import AnimationWriter
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.motion.contacts import Contacts, find_contacts
from avatar_kit.io.video_writer import VideoWriter
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.scene.skeleton import whole_positions
from avatar_kit.tracking.charts import Chart, draw_chart

#: Pixels of the film; drawn so many times larger.
SIZE, _FINE = (480, 640), 2

#: Frames per second of a film at most: of a motion of 120, one frame of four is shown.
_FASTEST = 30.0

#: Where the camera is from the person, metres, and its focal length over the height of the picture.
_EYE, _LOOK, _FOCAL = np.array([1.4, 1.3, 3.6]), np.array([0.0, 0.9, 0.0]), 1.7

_PAPER, _GRID, _TEXT = (250, 250, 248), (214, 218, 222), (60, 66, 74)
_LEFT, _RIGHT, _MIDDLE, _SHADOW = (38, 110, 190), (214, 110, 40), (90, 98, 108), (226, 229, 232)

#: Poses in the picture, and pixels of each and of the curves.
_POSES, _POSE_SIZE, _CURVE = 8, (180, 260), 190

#: Joints that are drawn: no jaw, no eyes.
_DRAWN = [i for i in range(1, len(SMPLX_JOINTS)) if i not in (22, 23, 24)]


def write_film(path: Path, motion: Motion) -> int:
    """Write a film of a motion's skeleton.

    Args:
        path: .mp4, .mov, .mkv, .webm, .gif or .webp.
        motion: The motion.

    Returns:
        The number of pictures.

    Raises:
        UserError: The suffix names nothing that we write.
    """
    if motion.fps > _FASTEST:
        motion = motion.resample(motion.fps / np.ceil(motion.fps / _FASTEST))
    animated = path.suffix.lower() in (".gif", ".webp")
    writer = (AnimationWriter if animated else VideoWriter)(path, motion.fps, SIZE)
    with writer:
        for picture in pictures(motion, SIZE):
            writer.write(np.asarray(picture))
    return len(motion)


def pictures(motion: Motion, size: tuple[int, int]) -> Iterator[Image.Image]:
    """The skeleton in each frame; the camera goes along with the person."""
    places = whole_positions(motion).numpy()
    floor = float(np.quantile(places[:, :22, 1].min(1), 0.05)) - 0.05
    along = _followed(motion)
    for frame in range(len(motion)):
        at = np.array([along[frame, 0], floor, along[frame, 1]])
        yield _picture(places[frame], at, size)


def write_plot(path: Path, motion: Motion, title: str) -> Contacts:
    """Write one picture: poses in their order, the height of the feet, the speed of the pelvis.

    Args:
        path: A picture file, e.g. .png.
        motion: The motion.
        title: Above the poses.

    Returns:
        What the feet do.
    """
    contacts = find_contacts(motion)
    chosen = np.unique(
        np.linspace(0, len(motion) - 1, min(_POSES, len(motion))).round().astype(int)
    )
    width = max(_POSES * _POSE_SIZE[0], 600)
    sheet = Image.new("RGB", (width, 40 + _POSE_SIZE[1] + 3 * _CURVE), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((14, 10), title, _TEXT, ImageFont.load_default(18))
    shown = pictures(motion[chosen.tolist()], _POSE_SIZE)
    for column, (frame, picture) in enumerate(zip(chosen, shown, strict=True)):
        left = column * _POSE_SIZE[0]
        sheet.paste(picture, (left, 40))
        draw.text((left + 8, 46), f"{frame / motion.fps:.2f} s", _TEXT, ImageFont.load_default(14))
    for row, chart in enumerate(_charts(motion, contacts)):
        sheet.paste(draw_chart(chart, width, _CURVE), (0, 40 + _POSE_SIZE[1] + row * _CURVE))
    with atomic_path(path) as partial:
        sheet.save(partial)
    return contacts


def _charts(motion: Motion, contacts: Contacts) -> list[Chart]:
    frames, whole = np.arange(len(motion)), [(0, len(motion))]
    found = []
    for side, (name, colour) in enumerate((("left", _LEFT), ("right", _RIGHT))):
        standing = float(contacts.standing[:, side].float().mean())
        title = f"height of the {name} foot, metres; it stands in {standing:.0%} of the frames"
        heights = contacts.heights[:, side].clamp(min=0).numpy()
        found.append(Chart(title, frames, heights, whole, colour, low=0.0))
    speed = motion.transl.diff(dim=0).norm(dim=1) * motion.fps
    speed = torch.cat([speed, speed[-1:]]) if len(speed) else torch.zeros(len(motion))
    title = "speed of the pelvis, metres a second"
    return [*found, Chart(title, frames, speed.numpy(), whole, _MIDDLE, low=0.0)]


def _followed(motion: Motion) -> np.ndarray:
    """[T, 2] x and z of the camera's point, the person's way averaged over two seconds."""
    places = motion.transl[:, [0, 2]].numpy()
    reach = max(1, round(motion.fps))
    padded = np.pad(places, ((reach, reach), (0, 0)), mode="edge")
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    return np.stack([np.convolve(padded[:, i], kernel, "valid") for i in (0, 1)], 1)


def _picture(places: np.ndarray, at: np.ndarray, size: tuple[int, int]) -> Image.Image:
    width, height = (_FINE * side for side in size)
    canvas = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(canvas)
    view = _View(at, width, height)
    _draw_floor(draw, view, at)
    scale = height / 640
    shadow = places * (1, 0, 1) + at * (0, 1, 0)
    for joint in _DRAWN:
        ends = view.seen(shadow[[SMPLX_PARENTS[joint], joint]])
        draw.line([tuple(p) for p in ends], _SHADOW, max(1, round(8 * scale)))
    depth = view.depth(places)
    for joint in sorted(_DRAWN, key=lambda j: -depth[j]):
        a, b = view.seen(places[[SMPLX_PARENTS[joint], joint]])
        wide = 3 if joint >= 25 else 7
        draw.line([tuple(a), tuple(b)], _colour(joint), max(1, round(wide * scale)))
        r = 0.5 * wide * scale
        draw.ellipse([b[0] - r, b[1] - r, b[0] + r, b[1] + r], _colour(joint))
    _draw_head(draw, view, places, scale)
    return canvas.resize(size, Image.Resampling.LANCZOS)


def _draw_head(draw: ImageDraw.ImageDraw, view: _View, places: np.ndarray, scale: float) -> None:
    """The head, and a line to where it looks."""
    head, jaw, left, right = (
        places[SMPLX_JOINTS.index(name)] for name in ("head", "jaw", "left_eye", "right_eye")
    )
    look = (jaw - head) / np.linalg.norm(jaw - head)
    up = (left + right) / 2 - head
    middle = head + up - (up @ look) * look
    (x, y), (u, v) = view.seen(np.stack([middle, middle + 0.11 * look]))
    r = 26 * scale
    draw.ellipse([x - r, y - r, x + r, y + r], _MIDDLE)
    draw.line([(x, y), (u, v)], _PAPER, max(1, round(4 * scale)))


def _draw_floor(draw: ImageDraw.ImageDraw, view: _View, at: np.ndarray) -> None:
    """Lines half a metre apart, fixed in the world."""
    reach = 2.0
    for axis in (0, 2):
        first = np.ceil((at[axis] - reach) * 2) / 2
        for value in np.arange(first, at[axis] + reach, 0.5):
            ends = np.stack([at, at])
            ends[:, axis] = value
            ends[:, 2 - axis] = at[2 - axis] - reach, at[2 - axis] + reach
            draw.line([tuple(p) for p in view.seen(ends)], _GRID, _FINE)


def _colour(joint: int) -> tuple[int, int, int]:
    name = SMPLX_JOINTS[joint]
    return _LEFT if name.startswith("left") else _RIGHT if name.startswith("right") else _MIDDLE


class _View:
    """A camera that looks at a person from ahead and a little from the left."""

    def __init__(self, at: np.ndarray, width: int, height: int):
        self.eye = at + _EYE
        ahead = at + _LOOK - self.eye
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        self.axes = np.stack([right, -np.cross(right, ahead), ahead])
        self.focal, self.centre = _FOCAL * height, np.array([width / 2, height / 2])

    def depth(self, points: np.ndarray) -> np.ndarray:
        """[N] metres ahead of the camera."""
        return (points - self.eye) @ self.axes[2]

    def seen(self, points: np.ndarray) -> np.ndarray:
        """[N, 2] pixels of points [N, 3]."""
        local = (points - self.eye) @ self.axes.T
        return self.centre + self.focal * local[:, :2] / np.maximum(local[:, 2:], 0.1)
