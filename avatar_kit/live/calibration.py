"""A few seconds of a person before the camera become a :class:`Performer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from avatar_kit.capture import Capture
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body, FrameTrack
from avatar_kit.live.performer import Performer
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.fit import ROOT_VARIABLES, Fit, Fitter, Phase, Report
from avatar_kit.tracking.girth import stature
from avatar_kit.tracking.tracks import Tracks, main_joints
from avatar_kit.tracking.watch import shrink

#: Frames that are fitted, spread over all.
FITTED_FRAMES = 25
#: Shape and size need no fingers.
_PHASES = (
    Phase(50, ROOT_VARIABLES, 0.2),
    Phase(120, (*ROOT_VARIABLES, "pose"), 0.1),
    Phase(110, (*ROOT_VARIABLES, "pose"), 0.04, outline=True, girth=True),
)
#: Fewer frames that show the whole body are refused.
_ENOUGH_FRAMES = 12
#: Confidence from which a point counts as seen, and main joints that make a whole body, of 12.
_SEEN, _WHOLE_JOINTS = 0.5, 11
#: Frames with a face from which its rest is known.
_ENOUGH_FACES = 8


def calibrate(
    body: Body,
    tracks: Sequence[FrameTrack],
    camera: Camera,
    *,
    tracker: str = "",
    known_shape: Mapping[str, float] | None = None,
    report: Report | None = None,
) -> Performer:
    """Measure a performer: shape and size, the floor, the face at rest.

    The frames need not follow each other closely; about three seconds in which the person stands,
    moves the arms and turns a little serve well.

    Args:
        body: Any body.
        tracks: What a tracker saw, in time order.
        camera: Static; the world is y up.
        tracker: Registered name of that tracker.
        known_shape: Shape values that are known and not fitted.
        report: Told of every iteration.

    Raises:
        UserError: Too few frames show the whole body, or the body has no such shape value.
    """
    whole = [track for track in tracks if _shows_whole_body(track)]
    if len(whole) < _ENOUGH_FRAMES:
        raise UserError(_refusal(tracks, len(whole)))
    chosen = [whole[i] for i in _spread(len(whole), FITTED_FRAMES)]
    one_by_one = [(i, i + 1) for i in range(len(chosen))]
    known = dict(known_shape or {})
    fit = Fitter(body, camera, _stacked(chosen), one_by_one, 30.0, known).run(report, _PHASES)
    neutral, notes = _face_at_rest(tracks)
    return Performer(
        body=body.asset.name,
        tracker=tracker,
        shape=_by_name(body, fit.shape),
        height=_height(body, fit.shape),
        pelvis=pelvis_height(body, fit.shape),
        floor=_floor(fit),
        neutral=neutral,
        notes=notes,
    )


def from_capture(capture: Capture, body: Body) -> Performer:
    """The person of a capture, whose shape is known. The floor before another camera is not.

    Args:
        capture: Made with ``body``.
        body: The body that the capture names.
    """
    shape = body.shape_vector(capture.shape)
    return Performer(
        body=body.asset.name,
        shape=_by_name(body, shape),
        height=_height(body, shape),
        pelvis=pelvis_height(body, shape),
        notes=(
            "from a capture: the neutral face is that of the tracker, and the floor is found "
            "while driving",
        ),
    )


@torch.no_grad()
def pelvis_height(body: Body, shape: Tensor) -> float:
    """Height of the pelvis joint over the soles in the T-pose, metres."""
    return -float(body.keypoints(body.from_motion(Motion.rest(1), shape))[0, :, 1].min())


@torch.no_grad()
def _height(body: Body, shape: Tensor) -> float:
    return float(stature(body, shape))


def _by_name(body: Body, shape: Tensor) -> dict[str, float]:
    return dict(zip(body.shape_names, shape.tolist(), strict=True))


def _shows_whole_body(track: FrameTrack) -> bool:
    sure = np.nan_to_num(track.body_confidence[main_joints()]) > _SEEN
    finite = np.isfinite(track.body).all() and np.isfinite(track.body_world).all()
    return bool(finite and sure.sum() >= _WHOLE_JOINTS)


def _refusal(tracks: Sequence[FrameTrack], whole: int) -> str:
    found = f"calibration: {whole} of {len(tracks)} frames show the whole body"
    if len(tracks):
        sure = np.stack([np.nan_to_num(t.body_confidence) > _SEEN for t in tracks]).mean(0)
        worst = min(main_joints(), key=lambda joint: sure[joint])
        part = BODY_KEYPOINTS[worst].replace("_", " ")
        if sure[worst] < 1:
            found += f" (the {part} is visible in {sure[worst]:.0%} of them)"
    return (
        f"{found}, expected at least {_ENOUGH_FRAMES}; stand for three seconds, in even light, "
        "so that head, hands and feet are in the picture"
    )


def _spread(count: int, wanted: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).astype(int))


def _stacked(tracks: Sequence[FrameTrack]) -> Tracks:
    names = [field.name for field in fields(Tracks) if field.name != "masks"]
    values = {n: np.stack([np.asarray(getattr(t, n)) for t in tracks]) for n in names}
    return Tracks(**values, masks=np.stack([shrink(track.mask) for track in tracks]))


def _floor(fit: Fit) -> float:
    """Height below which feet hardly ever are."""
    return float(torch.quantile(fit.keypoints[:, 15:21, 1].min(1).values, 0.05))


def _face_at_rest(tracks: Sequence[FrameTrack]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    sure = [t.expression for t in tracks if t.expression_confidence > _SEEN]
    if len(sure) < _ENOUGH_FACES:
        note = (
            f"the face was visible in only {len(sure)} frames: the neutral face is that of "
            "the tracker"
        )
        return (0.0,) * 52, (note,)
    return tuple(np.median(np.stack(sure), 0).clip(0, 1).tolist()), ()
