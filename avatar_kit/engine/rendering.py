"""A driven avatar, written into a video, an animated picture or a folder of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avatar_kit.engine.background import Background
from avatar_kit.engine.checkpoint import load_checkpoint
from avatar_kit.engine.driving import render_motion
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.preview import to_uint8
from avatar_kit.engine.provenance import described_before
from avatar_kit.errors import UserError
from avatar_kit.io.animation_writer import ANIMATED, AnimationWriter, is_animated
from avatar_kit.io.picture_folder import PictureFolder
from avatar_kit.io.signing import Signer
from avatar_kit.io.sound import Sound
from avatar_kit.io.video_writer import CONTAINERS, VideoWriter, encoding_of
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import FIELDS

#: What a rendering is written into.
Recording = PictureFolder | VideoWriter | AnimationWriter


def is_folder(out: Path) -> bool:
    """Whether pictures are to be written there one by one: a name without a suffix, or a folder."""
    return not out.suffix or out.is_dir()


def check_output(out: Path, background: Background | None) -> None:
    """Refuse a file that cannot hold what is rendered.

    Raises:
        UserError: The suffix names nothing we write, or a container without alpha.
    """
    if is_folder(out) or is_animated(out):
        return
    if out.suffix.lower() not in CONTAINERS:
        raise UserError(
            f"{out}: cannot write '{out.suffix}'; use {', '.join(CONTAINERS)} for a video, "
            f"{' or '.join(ANIMATED)} for an animated picture, or a name without a suffix"
        )
    encoding_of(out, alpha=background is not None and background.transparent)


def open_output(
    loaded: LoadedAvatar,
    motion: Motion,
    out: Path,
    cameras: Camera | None = None,
    background: Background | None = None,
    sound: Sound | None = None,
    signer: Signer | None = None,
) -> Recording:
    """Where a rendering goes; a folder of pictures goes on where it stopped.

    A video has a sound, where one is given; every file is signed, where somebody signs.

    Raises:
        UserError: The file cannot hold it, or the folder holds something else.
    """
    camera = loaded.subject.camera if cameras is None else cameras
    said = described_before(loaded, background, signer)
    if is_folder(out):
        facts = about(loaded, motion, cameras, background)
        if signer is not None:
            facts["signed"] = _digest(signer.chain.encode())
        return PictureFolder(out, facts, said)
    alpha = background is not None and background.transparent
    size = camera.width, camera.height
    if is_animated(out):
        return AnimationWriter(out, motion.fps, size, alpha=alpha, synthetic=said)
    return VideoWriter(out, motion.fps, size, alpha=alpha, synthetic=said, sound=sound)


def write_motion(
    loaded: LoadedAvatar,
    motion: Motion,
    output: Recording,
    cameras: Camera | None = None,
    background: Background | None = None,
) -> Iterator[int]:
    """Render a placed motion into what :func:`open_output` gave; yields frames done."""
    first = output.done if isinstance(output, PictureFolder) else 0
    with output:
        pictures = render_motion(loaded, motion, cameras, background, first)
        for done, picture in enumerate(pictures, start=first + 1):
            output.write(to_uint8(picture))
            yield done


def about(
    loaded: LoadedAvatar, motion: Motion, cameras: Camera | None, background: Background | None
) -> dict[str, Any]:
    """What decides how the pictures of a rendering look."""
    checkpoint = load_checkpoint(loaded.run.checkpoints / f"step-{loaded.step:06d}")
    poses = [getattr(motion, name) for name in FIELDS]
    path = [] if cameras is None else [cameras.K, cameras.R, cameras.t]
    camera = loaded.subject.camera if cameras is None else cameras
    behind = "plate" if background is None else background.name
    if background is not None and background.picture is not None:
        behind += f" {_digest(background.picture.tobytes())}"
    return {
        "avatar": checkpoint.state["sha256"]["weights.safetensors"],
        "motion": _digest(*(pose.detach().cpu().numpy().tobytes() for pose in poses)),
        "frames": len(motion),
        "fps": motion.fps,
        "camera": _digest(*(values.cpu().numpy().tobytes() for values in path)),
        "size": [camera.width, camera.height],
        "background": behind,
    }


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]
