"""From a video to a capture, and from a video to a motion."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.io.atomic import check_folder
from avatar_kit.io.read_options import ReadOptions
from avatar_kit.io.video import VideoReader
from avatar_kit.registry import Component, catalog
from avatar_kit.scene import Camera, Motion
from avatar_kit.tracking.export import CaptureContent, Prepared, write_capture
from avatar_kit.tracking.fitted import fit_video
from avatar_kit.tracking.given_motion import read_given, seen_by_camera
from avatar_kit.tracking.observe import Observed, decode, observe
from avatar_kit.tracking.place import static_camera
from avatar_kit.tracking.scene import find_scene, steadied
from avatar_kit.tracking.stages import Progress, Silent, Stages, digest
from avatar_kit.tracking.watch import check_whole, cut_parts


@dataclass(frozen=True)
class Options:
    """What a person may say about a video.

    Attributes:
        fov: Vertical field of view in degrees.
        focal: Focal length in pixels, instead.
        shape: Shape values of the body that are known.
        held_out: Part of each clip kept for the test.
        name: Of the capture; empty: the folder's.
        body: Registered body; empty: the default.
        tracker: Registered tracker; empty: the default.
        allow_cut: Prepare a person who is cut by the frame all the same.
        person: Who is meant where the video shows several people one after another: a number from
            1, or "all" if they are one; None: there is one.
        motion: File with the motion of the person, which another program found, to be refined.
        fresh: Do all stages anew.
        read: What of the video is read.
    """

    fov: float | None = None
    focal: float | None = None
    shape: dict[str, float] = field(default_factory=dict)
    held_out: float = 0.15
    name: str | None = None
    body: str | None = None
    tracker: str | None = None
    allow_cut: bool = False
    person: str | None = None
    motion: Path | None = None
    fresh: bool = False
    read: ReadOptions = field(default_factory=ReadOptions)


def prepare_video(
    video: str | Path,
    out: str | Path,
    options: Options | None = None,
    progress: Progress = Silent(),
) -> Prepared:
    """Turn one video of one person into a capture.

    Args:
        video: The video.
        out: Folder of the capture; must not exist or be empty.
        options: What is known.
        progress: Told of the stages.

    Returns:
        The capture on disk with its figures and its verdict.

    Raises:
        UserError: Bad input; nothing is left at ``out``.
        Unavailable: The tracker's package or model files are not here.
    """
    options, video, out = options or Options(), Path(video), Path(out)
    check_folder(out)
    if not 0 <= options.held_out <= 0.5:
        raise UserError(f"--held-out {options.held_out:g}: expected a part between 0 and 0.5")
    tracker, body = _component("tracker", options.tracker), _component("body", options.body)
    reader = decode(video, options.read, progress)
    camera, camera_note = _camera(reader, options)
    tracker.load()  # refuse what is missing before the work
    model = _built(body)
    model.shape_vector(options.shape)  # refuse a wrong shape before the work
    poses = None if options.motion is None else read_given(options.motion, reader)
    stages = Stages(digest(reader.files, options.read.record()), progress, fresh=options.fresh)
    observed = observe(reader, tracker, stages, options.person)
    cut = cut_parts(observed.tracks, reader.width, reader.height)
    if not options.allow_cut:
        check_whole(cut, video)
    scene = find_scene(observed, stages)
    observed = steadied(observed, scene)
    given = None
    if options.motion is not None and poses is not None:
        given = seen_by_camera(poses, options.motion, observed, model)
    fitted = fit_video(observed, model, camera, options.shape, stages, given)
    if given is not None:
        fitted.observed.notes.append(given.note)
    content = CaptureContent(
        name=options.name or out.name,
        body_name=body.name,
        fitted=fitted,
        scene=scene,
        held_out=options.held_out,
        cut=cut,
        provenance={
            "video": {
                "file": video.name,
                "frames": len(reader),
                "corrupt": reader.corrupt,
                "read": options.read.record(),
            },
            "tracker": tracker.name,
            "motion": None if given is None else given.note,
            "camera": camera_note,
            "source_frames": observed.frames.tolist(),
        },
    )
    return write_capture(out, content, progress)


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
    reader = observed.reader
    body = _built(_component("body", options.body))
    camera, _ = _camera(reader, options)
    return fit_video(observed, body, camera, options.shape, stages).fit.motion


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
    reader = decode(video, options.read, progress)
    stages = Stages(digest(reader.files, options.read.record()), progress, fresh=options.fresh)
    return observe(reader, tracker, stages, options.person), stages


def _camera(reader: VideoReader, options: Options) -> tuple[Camera, str]:
    return static_camera(
        *reader.full_size,
        fov=options.fov,
        focal=options.focal,
        focal_35mm=reader.focal_35mm,
        crop=reader.crop,
    )


def _component(kind: str, name: str | None) -> Component:
    """The component of that name, or the default of its kind."""
    return catalog().get(kind, name or catalog().default(kind))


def _built(body: Component) -> Body:
    return body.load()(body.config(type=body.name)).eval()
