"""A motion as a film of a skeleton or a body, and one picture with poses, feet and speed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from avatar_kit.api.body_film import body_pictures, film_body
from avatar_kit.api.motion_stage import LEFT, MIDDLE, PAPER, RIGHT, SHADOW, Stage, floor_points
from avatar_kit.io.animation_writer import AnimationWriter
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.motion.contacts import Contacts, find_contacts
from avatar_kit.io.video_writer import VideoWriter
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.scene.skeleton import whole_positions
from avatar_kit.tracking.charts import Chart, draw_chart

#: Pixels of the film.
SIZE = (480, 640)

#: Frames per second of a film at most: of a motion of 120, one frame of four is shown.
_FASTEST = 30.0

_TEXT = (60, 66, 74)

#: Poses in the picture, and pixels of each and of the curves.
_POSES, _POSE_SIZE, _CURVE = 8, (180, 260), 190

#: Joints that are drawn: no jaw, no eyes.
_DRAWN = [i for i in range(1, len(SMPLX_JOINTS)) if i not in (22, 23, 24)]


def write_film(path: Path, motion: Motion, body: str | None = None) -> int:
    """Write a film of a motion.

    Args:
        path: .mp4, .mov, .mkv, .webm, .gif or .webp.
        motion: The motion.
        body: Name of the body that is shown, "default" for the default one; None: the skeleton.

    Returns:
        The number of pictures.

    Raises:
        UserError: The suffix names nothing that we write, or there is no such body.
    """
    if motion.fps > _FASTEST:
        motion = motion.resample(motion.fps / np.ceil(motion.fps / _FASTEST))
    shown = skeleton_pictures(motion, SIZE)
    if body is not None:
        shown = body_pictures(motion, film_body(body), SIZE)
    animated = path.suffix.lower() in (".gif", ".webp")
    writer = (AnimationWriter if animated else VideoWriter)(path, motion.fps, SIZE)
    with writer:
        for picture in shown:
            writer.write(np.asarray(picture))
    return len(motion)


def skeleton_pictures(motion: Motion, size: tuple[int, int]) -> Iterator[Image.Image]:
    """The skeleton in each frame; the camera goes along with the person."""
    places = whole_positions(motion).numpy()
    for frame, at in enumerate(floor_points(motion)):
        stage = Stage(at, size)
        _draw_skeleton(stage, places[frame])
        yield stage.finished()


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
    sheet = Image.new("RGB", (width, 40 + _POSE_SIZE[1] + 3 * _CURVE), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((14, 10), title, _TEXT, ImageFont.load_default(18))
    shown = skeleton_pictures(motion[chosen.tolist()], _POSE_SIZE)
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
    for side, (name, colour) in enumerate((("left", LEFT), ("right", RIGHT))):
        standing = float(contacts.standing[:, side].float().mean())
        title = f"height of the {name} foot, metres; it stands in {standing:.0%} of the frames"
        heights = contacts.heights[:, side].clamp(min=0).numpy()
        found.append(Chart(title, frames, heights, whole, colour, low=0.0))
    speed = motion.transl.diff(dim=0).norm(dim=1) * motion.fps
    speed = torch.cat([speed, speed[-1:]]) if len(speed) else torch.zeros(len(motion))
    title = "speed of the pelvis, metres a second"
    return [*found, Chart(title, frames, speed.numpy(), whole, MIDDLE, low=0.0)]


def _draw_skeleton(stage: Stage, places: np.ndarray) -> None:
    """The shadow of the bones on the floor, then bones from far to near, and the head."""
    draw = ImageDraw.Draw(stage.canvas)
    shadow, _ = stage.seen(places * (1, 0, 1) + stage.at * (0, 1, 0))
    for joint in _DRAWN:
        ends = shadow[[SMPLX_PARENTS[joint], joint]]
        draw.line([tuple(p) for p in ends], SHADOW, max(1, round(8 * stage.scale)))
    pixels, depth = stage.seen(places)
    for joint in sorted(_DRAWN, key=lambda j: -depth[j]):
        a, b = pixels[[SMPLX_PARENTS[joint], joint]]
        wide = (3 if joint >= 25 else 7) * stage.scale
        draw.line([tuple(a), tuple(b)], _colour(joint), max(1, round(wide)))
        r = 0.5 * wide
        draw.ellipse([b[0] - r, b[1] - r, b[0] + r, b[1] + r], _colour(joint))
    _draw_head(draw, stage, places)


def _draw_head(draw: ImageDraw.ImageDraw, stage: Stage, places: np.ndarray) -> None:
    """The head, and a line to where it looks."""
    head, jaw, left, right = (
        places[SMPLX_JOINTS.index(name)] for name in ("head", "jaw", "left_eye", "right_eye")
    )
    look = (jaw - head) / np.linalg.norm(jaw - head)
    up = (left + right) / 2 - head
    middle = head + up - (up @ look) * look
    (x, y), (u, v) = stage.seen(np.stack([middle, middle + 0.11 * look]))[0]
    r = 26 * stage.scale
    draw.ellipse([x - r, y - r, x + r, y + r], MIDDLE)
    draw.line([(x, y), (u, v)], PAPER, max(1, round(4 * stage.scale)))


def _colour(joint: int) -> tuple[int, int, int]:
    name = SMPLX_JOINTS[joint]
    return LEFT if name.startswith("left") else RIGHT if name.startswith("right") else MIDDLE
