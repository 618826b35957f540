"""From a video to a capture, and from a video to a motion."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avatar_kit.capture import Capture
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.io.video import VideoReader, read_video
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import FIELDS
from avatar_kit.tracking.export import write_capture
from avatar_kit.tracking.figures import Figures
from avatar_kit.tracking.fit import Fit, Fitter
from avatar_kit.tracking.initial import smooth
from avatar_kit.tracking.place import stand_on_ground, static_camera
from avatar_kit.tracking.plate import CALM, find_plate, sample
from avatar_kit.tracking.stages import Arrays, Progress, Silent, Stages, digest
from avatar_kit.tracking.takes import Transition, find_transitions, split_takes
from avatar_kit.tracking.tracks import Tracks
from avatar_kit.tracking.watch import check_person, crowd_note, cut_parts, seen, watch

#: Takes with fewer frames are dropped.
SHORTEST = 5


@dataclass(frozen=True)
class Options:
    """What a person may say about a video.

    Attributes:
        fov: Vertical field of view in degrees.
        focal: Focal length in pixels, instead.
        shape: Shape values of the body that are known.
        held_out: Part of each take kept for the test.
        name: Of the capture; empty: the folder's.
        body: Registered body; empty: the default.
        tracker: Registered tracker; empty: the default.
        fresh: Do all stages anew.
    """

    fov: float | None = None
    focal: float | None = None
    shape: dict[str, float] = field(default_factory=dict)
    held_out: float = 0.15
    name: str | None = None
    body: str | None = None
    tracker: str | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Observed:
    """A video after tracking and cutting.

    Attributes:
        reader: The video.
        tracks: Of the frames that are kept.
        frames: [T] their numbers in the video.
        takes: Half-open ranges of kept frames that follow each other; they tile 0..T.
        notes: What a person should know.
    """

    reader: VideoReader
    tracks: Tracks
    frames: np.ndarray
    takes: list[tuple[int, int]]
    notes: list[str]


@dataclass(frozen=True)
class Prepared:
    """What came out of a preparation.

    Attributes:
        capture: The capture on disk.
        figures: What was measured.
        verdict: "fit for training", "usable" or "not fit".
        reasons: For the verdict, each with what to do.
        notes: What else a person should know.
        sheet: The quality sheet.
    """

    capture: Capture
    figures: Figures
    verdict: str
    reasons: list[str]
    notes: list[str]
    sheet: Path


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

    Raises:
        UserError: Bad input; nothing is left at ``out``.
        MissingExtra: The tracker's package is not installed.
    """
    options, out = options or Options(), Path(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UserError(f"{out}: the output folder is not empty; choose another or remove it")
    if not 0 <= options.held_out <= 0.5:
        raise UserError(f"--held-out {options.held_out:g}: expected a part between 0 and 0.5")
    stages, observed = _observe(Path(video), options, progress)
    plates = _plates(stages, observed)
    body_name, body = _body(options)
    fit, camera, note = _fit(stages, observed, body_name, body, options)
    reader = observed.reader
    facts = {
        "video": {"file": Path(video).name, "frames": len(reader), "corrupt": reader.corrupt},
        "tracker": options.tracker or catalog().default("tracker"),
        "camera": note,
        "source_frames": observed.frames.tolist(),
        "notes": observed.notes,
    }
    return Prepared(
        *write_capture(
            out,
            name=options.name or out.name,
            observed=observed,
            fit=fit,
            camera=camera,
            body=(body_name, body),
            plates=plates,
            held_out=options.held_out,
            cut=cut_parts(observed.tracks, reader.width, reader.height),
            provenance=facts,
            progress=progress,
        )
    )


def track_motion(
    video: str | Path, options: Options | None = None, progress: Progress = Silent()
) -> Motion:
    """The motion of the person in a video, to drive an avatar with; takes joined one by one."""
    options = options or Options()
    stages, observed = _observe(Path(video), options, progress)
    body_name, body = _body(options)
    fit, _, _ = _fit(stages, observed, body_name, body, options)
    return fit.motion


def _observe(video: Path, options: Options, progress: Progress) -> tuple[Stages, Observed]:
    """Decode, track, and cut into takes."""
    name = options.tracker or catalog().default("tracker")
    component = catalog().get("tracker", name)
    implementation = component.load()
    progress.start("decode", None)
    reader = read_video(video)
    progress.finish(f"{len(reader)} frames, {reader.width}x{reader.height}, {reader.fps:g} fps")
    stages = Stages(digest(video), progress, fresh=options.fresh)
    config = component.config(type=name)

    def landmarks() -> Arrays:
        found = watch(implementation(config), reader, progress.step)
        return found | {"corrupt": np.array(reader.corrupt), "gaps": np.array(reader.gaps, int)}

    found = stages.run(
        "landmarks", config.model_dump(mode="json"), landmarks, total=len(reader), note=_seen_note
    )
    reader.corrupt, reader.gaps = int(found["corrupt"]), found["gaps"].tolist()
    tracks = _tracks(found)
    check_person(tracks, video)

    def takes() -> Arrays:
        thumbnails = found["thumbnails"].astype(np.float32)
        mattes = _resized(tracks.mattes, (thumbnails.shape[1], thumbnails.shape[2]))
        changes = find_transitions(thumbnails, mattes)
        return {"transitions": np.array([(c.first, c.last) for c in changes], int).reshape(-1, 2)}

    cut = stages.run(
        "takes", {}, takes, note=lambda f: f"{len(f['transitions'])} cuts or dissolves"
    )
    transitions = [Transition(int(a), int(b)) for a, b in cut["transitions"]]
    kept = split_takes(len(tracks), transitions, reader.gaps)
    ranges = _unbroken(kept, seen(tracks))
    frames = np.concatenate([np.arange(a, b) for a, b in ranges]) if ranges else np.array([], int)
    if len(frames) < SHORTEST:
        raise UserError(f"{video}: no {SHORTEST} frames in a row show a person; film longer")
    edges = np.concatenate([[0], np.cumsum([b - a for a, b in ranges])])
    notes = [str(t) for t in transitions] + _notes(tracks, reader)
    starts = [(int(a), int(b)) for a, b in pairwise(edges)]
    return stages, Observed(reader, tracks.at(frames), frames, starts, notes)


def _tracks(found: Arrays) -> Tracks:
    return Tracks(**{name: found[name] for name in Tracks.__dataclass_fields__})


def _seen_note(found: Arrays) -> str:
    tracks = _tracks(found)
    face, hands = tracks.face_confidence > 0, tracks.hands_confidence > 0
    return (
        f"person in {seen(tracks).mean():.0%}, face in {face.mean():.0%}, "
        f"hands in {hands.mean():.0%} of the frames"
    )


def _notes(tracks: Tracks, reader: VideoReader) -> list[str]:
    notes = []
    if reader.corrupt:
        notes.append(f"{reader.corrupt} frames lost to damage in the file")
    if not reader.constant:
        notes.append(f"varying frame rate, brought to {reader.fps:g} fps")
    lost = int((~seen(tracks)).sum())
    if lost:
        notes.append(f"{lost} frames without a person dropped")
    if crowd := crowd_note(tracks):
        notes.append(crowd)
    return notes


def _unbroken(takes: list[tuple[int, int]], good: np.ndarray) -> list[tuple[int, int]]:
    """The takes without frames that are not good; stretches that are too short are dropped."""
    ranges = []
    for a, b in takes:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], good[a:b].astype(int), [0]])))
        ranges += [(a + int(i), a + int(j)) for i, j in edges.reshape(-1, 2)]
    return [(a, b) for a, b in ranges if b - a >= SHORTEST]


def _resized(mattes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[T, h, w] mattes in [0, 1] at another size."""
    value = torch.from_numpy(mattes).float()[:, None] / 255
    return torch.nn.functional.interpolate(value, size, mode="area")[:, 0].numpy()


def _plates(stages: Stages, observed: Observed) -> Arrays:
    """The background of every take."""

    def compute() -> Arrays:
        wanted = [sample(take) for take in observed.takes]
        source = set(np.concatenate([observed.frames[w] for w in wanted]).tolist())
        images = {}
        for number, image in enumerate(observed.reader):
            stages.progress.step(number + 1)
            if number in source:
                images[number] = image
        plates, moves = [], []
        for frames in wanted:
            chosen = np.stack([images[int(observed.frames[f])] for f in frames])
            plate, move = find_plate(chosen, observed.tracks.mattes[frames])
            plates.append(plate)
            moves.append(move)
        return {"plates": np.stack(plates), "moves": np.array(moves)}

    def note(found: Arrays) -> str:
        calm = bool((found["moves"] < CALM).all())
        return "found" if calm else "the camera or the background moves: coarse mattes"

    return stages.run("background", {}, compute, total=len(observed.reader), note=note)


def _body(options: Options) -> tuple[str, Body]:
    name = options.body or catalog().default("body")
    component = catalog().get("body", name)
    return name, component.load()(component.config(type=name)).eval()


def _fit(
    stages: Stages, observed: Observed, body_name: str, body: Body, options: Options
) -> tuple[Fit, Camera, str]:
    reader = observed.reader
    camera, note = static_camera(reader.width, reader.height, fov=options.fov, focal=options.focal)
    body.shape_vector(options.shape)

    def compute() -> Arrays:
        tracks = observed.tracks
        fitter = Fitter(body, camera, tracks, observed.takes, reader.fps, options.shape)
        fit = fitter.run(lambda done, total: stages.progress.step(round(100 * done / total)))
        arrays = {f"motion.{k}": getattr(fit.motion, k).numpy() for k in FIELDS}
        return arrays | {
            "shape": fit.shape.numpy(),
            "keypoints": fit.keypoints.numpy(),
            "yaw": fit.yaw.numpy(),
            "height": np.array(fit.height),
        }

    settings: dict[str, Any] = {
        "body": body.asset.sha256,
        "shape": options.shape,
        "focal": float(camera.K[0, 1, 1]),
    }
    found = stages.run("fit", settings, compute, total=100, note=_fit_note)
    fit = _fit_from(found, observed, reader.fps)
    return *stand_on_ground(fit, camera), note


def _fit_note(found: Arrays) -> str:
    yaw = np.degrees(found["yaw"])
    return f"{len(yaw)} frames, yaw from {yaw.min():.0f} to {yaw.max():.0f} degrees"


def _fit_from(found: Arrays, observed: Observed, fps: float) -> Fit:
    values = {k: torch.from_numpy(found[f"motion.{k}"]) for k in FIELDS}
    values["expression"] = torch.from_numpy(_expression(observed)).float()
    sure = observed.tracks.body_confidence[:, :17].mean(1)
    values["confidence"] = torch.from_numpy(sure.clip(0, 1)).float()
    return Fit(
        Motion(fps=fps, **values),
        torch.from_numpy(found["shape"]),
        torch.from_numpy(found["keypoints"]),
        torch.from_numpy(found["yaw"]),
        float(found["height"]),
        {},
    )


def _expression(observed: Observed) -> np.ndarray:
    """Expressions faded out where the face is not well seen, and smoothed a little."""
    tracks = observed.tracks
    parts = []
    for a, b in observed.takes:
        sure = smooth(tracks.expression_confidence[a:b], 2.0)[:, None]
        parts.append(smooth(tracks.expression[a:b] * np.minimum(sure * 1.5, 1), 0.7))
    return np.concatenate(parts).clip(0, 1)
