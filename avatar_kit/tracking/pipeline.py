"""From videos to a capture, and from a video to a motion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.io.atomic import check_folder
from avatar_kit.io.video import VideoReader
from avatar_kit.registry import Component, catalog
from avatar_kit.scene import Camera, Motion
from avatar_kit.tracking.export import CaptureContent, Prepared, write_capture
from avatar_kit.tracking.fitted import fit_observed
from avatar_kit.tracking.given_motion import GivenMotion, read_given, seen_by_camera
from avatar_kit.tracking.matting import built_matting
from avatar_kit.tracking.observe import Observed, observe
from avatar_kit.tracking.options import Options
from avatar_kit.tracking.place import static_camera
from avatar_kit.tracking.scene import find_scene, steadied
from avatar_kit.tracking.stages import Named, Progress, Silent, Stages, digest
from avatar_kit.tracking.videos import camera_names, open_videos
from avatar_kit.tracking.watch import check_whole, cut_parts


def prepare_video(
    videos: str | Path | Sequence[str | Path],
    out: str | Path,
    options: Options | None = None,
    progress: Progress = Silent(),
) -> Prepared:
    """Turn one video of one person, or several of the same person, into a capture.

    Args:
        videos: The video, or several: each becomes a camera of the capture with clips of its own.
        out: Folder of the capture; must not exist or be empty.
        options: What is known.
        progress: Told of the stages.

    Returns:
        The capture on disk with its figures and its verdict.

    Raises:
        UserError: Bad input; nothing is left at ``out``.
        Unavailable: The tracker's package or model files are not here.
    """
    options, out = options or Options(), Path(out)
    paths = [Path(v) for v in ([videos] if isinstance(videos, str | Path) else videos)]
    check_folder(out)
    if not 0 <= options.held_out <= 0.5:
        raise UserError(f"--held-out {options.held_out:g}: expected a share between 0 and 0.5")
    boxes = options.rectangles()
    tracker, body = _component("tracker", options.tracker), _component("body", options.body)
    names, files = camera_names(paths), options.motions(len(paths))
    told = [Named(progress, name) for name in names] if len(names) > 1 else [progress]
    readers = _readers(paths, options, told)
    cameras, camera_notes = zip(*(_camera(reader, options) for reader in readers), strict=True)
    matting = built_matting(options.matting, readers) if options.matting else None
    tracker.load()  # refuse what is missing before the work
    model = _built(body)
    model.shape_vector(options.shape)  # refuse a wrong shape before the work
    poses = [
        read_given(file, reader, options.motion_options) if file else None
        for file, reader in zip(files, readers, strict=True)
    ]
    stages = [
        Stages(_digest(reader), to, options.fresh) for reader, to in zip(readers, told, strict=True)
    ]
    observed = observe(readers, tracker, stages, options.person, boxes)
    cut = _cut(observed, allowed=options.allow_cut)
    scenes = [find_scene(seen, s) for seen, s in zip(observed, stages, strict=True)]
    observed = [steadied(seen, scene) for seen, scene in zip(observed, scenes, strict=True)]
    given = _given(poses, files, observed, model)
    last = Stages.after(stages, progress)
    fitted = fit_observed(observed, model, cameras, options.shape, last, given)
    content = CaptureContent(
        name=options.name or out.name,
        body_name=body.name,
        videos=dict(zip(names, fitted, strict=True)),
        scenes=dict(zip(names, scenes, strict=True)),
        held_out=options.held_out,
        matting=matting,
        cut=cut,
        notes=_notes(names, observed),
        provenance={"tracker": tracker.name, "matting": options.matting}
        | _about(names, observed, camera_notes, given),
    )
    return write_capture(out, content, progress)


def _readers(
    paths: Sequence[Path], options: Options, told: Sequence[Progress]
) -> list[VideoReader]:
    readers = open_videos(paths, options.reads(len(paths)), told)
    if options.focal is not None and len({reader.full_size for reader in readers}) > 1:
        raise UserError(
            "--focal is in pixels, but the videos have different sizes: give --fov or --camera"
        )
    return readers


def track_motion(
    video: str | Path, options: Options | None = None, progress: Progress = Silent()
) -> Motion:
    """The motion of the person in a video, to drive an avatar with; clips joined one by one.

    Args:
        video: The video.
        options: What is known.
        progress: Told of the stages.

    Raises:
        UserError: Bad input.
        Unavailable: The tracker's package or model files are not here.
    """
    options, video = options or Options(), Path(video)
    observed, stages = _observed(video, options, progress)
    observed = steadied(observed, find_scene(observed, stages))
    body = _built(_component("body", options.body))
    camera, _ = _camera(observed.reader, options)
    (fitted,) = fit_observed([observed], body, [camera], options.shape, stages)
    return fitted.fit.motion


def tracked_spans(
    video: str | Path, options: Options | None = None, progress: Progress = Silent()
) -> list[tuple[float, float]] | None:
    """When in a video the frames of :func:`track_motion` are, of which it keeps the landmarks.

    Args:
        video: The video.
        options: Those of :func:`track_motion`.
        progress: Told of the stages.

    Returns:
        Start and end in seconds on the clock of the file, of each stretch of frames that follow one
        another; None where frames were lost to damage, after which numbers tell no time.

    Raises:
        UserError: Bad input.
    """
    observed, _ = _observed(Path(video), options or Options(), progress)
    reader, frames = observed.reader, observed.frames
    if reader.corrupt:
        return None
    stretches = np.split(frames, np.flatnonzero(np.diff(frames) != 1) + 1)
    return [
        (reader.start + s[0] / reader.fps, reader.start + (s[-1] + 1) / reader.fps)
        for s in stretches
    ]


def _observed(video: Path, options: Options, progress: Progress) -> tuple[Observed, Stages]:
    tracker = _component("tracker", options.tracker)
    (reader,) = open_videos([video], options.reads(1), [progress])
    stages = Stages(_digest(reader), progress, options.fresh)
    (observed,) = observe([reader], tracker, [stages], options.person, options.rectangles())
    return observed, stages


def _digest(reader: VideoReader) -> str:
    return digest(reader.files, reader.options.record())


def _cut(observed: Sequence[Observed], *, allowed: bool) -> dict[str, float]:
    """Parts of the body outside the picture -> part of the frames of all videos.

    Raises:
        UserError: It is not allowed, and one of the videos mostly shows no head or no feet.
    """
    parts: dict[str, float] = {}
    frames = sum(len(seen.frames) for seen in observed)
    for seen in observed:
        cut = cut_parts(seen.tracks, seen.reader.width, seen.reader.height)
        if not allowed:
            check_whole(cut, seen.reader.path)
        for part, share in cut.items():
            parts[part] = parts.get(part, 0.0) + share * len(seen.frames) / frames
    return parts


def _given(
    poses: Sequence[Motion | None],
    files: Sequence[Path | None],
    observed: Sequence[Observed],
    body: Body,
) -> list[GivenMotion | None]:
    """The given motions as the cameras see them; what was found out about them is noted."""
    found: list[GivenMotion | None] = []
    for motion, file, seen in zip(poses, files, observed, strict=True):
        own = seen_by_camera(motion, file, seen, body) if motion and file else None
        if own is not None:
            seen.notes.append(own.note)
        found.append(own)
    return found


def _notes(names: Sequence[str], observed: Sequence[Observed]) -> list[str]:
    """The notes on each video; of several with the names of their cameras."""
    if len(names) == 1:
        return observed[0].notes
    return [f"{n}: {note}" for n, seen in zip(names, observed, strict=True) for note in seen.notes]


def _about(
    names: Sequence[str],
    observed: Sequence[Observed],
    cameras: Sequence[str],
    given: Sequence[GivenMotion | None],
) -> dict[str, Any]:
    """What the record says of the videos; of several by the names of their cameras."""
    found: dict[str, dict[str, Any]] = {
        key: {} for key in ("video", "motion", "camera", "source_frames")
    }
    for name, seen, camera, motion in zip(names, observed, cameras, given, strict=True):
        reader = seen.reader
        found["video"][name] = {
            "file": reader.path.name,
            "frames": len(reader),
            "corrupt": reader.corrupt,
            "read": reader.options.record(),
        }
        found["motion"][name] = None if motion is None else motion.note
        found["camera"][name] = camera
        found["source_frames"][name] = seen.frames.tolist()
    return found if len(names) > 1 else {key: value[names[0]] for key, value in found.items()}


def _camera(reader: VideoReader, options: Options) -> tuple[Camera, str]:
    return static_camera(
        *reader.full_size,
        fov=options.fov,
        focal=options.focal,
        focal_35mm=reader.focal_35mm,
        calibration=reader.calibration,
        crop=reader.crop,
    )


def _component(kind: str, name: str | None) -> Component:
    """The component of that name, or the default of its kind."""
    return catalog().get(kind, name or catalog().default(kind))


def _built(body: Component) -> Body:
    return body.load()(body.config(type=body.name)).eval()
