"""Bodies, and what a perfect tracker says of a motion: truth for the solver."""

import functools
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from avatar_kit.interfaces import Body, FrameTrack
from avatar_kit.live import Performer
from avatar_kit.live.calibration import pelvis_height
from avatar_kit.registry import catalog
from avatar_kit.scaffold import new_project
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import concatenate
from avatar_kit.tracking.girth import stature
from avatar_kit.tracking.place import static_camera
from avatar_kit.tracking.tracks import Tracks
from tests.tracking.stick_person import StickBody, observed

CAMERA = static_camera(600, 800)[0]
#: Lines whose directions are compared: upper arms, forearms, thighs, shins, shoulders, hips.
LIMBS = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 6), (11, 12))
SEEN = [field.name for field in fields(Tracks) if field.name != "masks"]


@functools.cache
def body_named(name: str) -> Body:
    """The stick figure of the tests, a new project's mannequin, or the default body."""
    if name == "stick":
        return StickBody()
    if name == "default":
        component = catalog().get("body", catalog().default("body"))
        return component.load()(component.config(type=component.name)).eval()
    with tempfile.TemporaryDirectory() as folder:
        root = str(new_project("live_mannequin", "body", Path(folder)))
        sys.path.insert(0, root)
        try:
            from avatar_kit_live_mannequin.component import LiveMannequin
            from avatar_kit_live_mannequin.config import LiveMannequinConfig
        finally:
            sys.path.remove(root)
    return LiveMannequin(LiveMannequinConfig()).eval()


def performer_of(body: Body) -> Performer:
    """The average person of a body."""
    shape = body.default_shape()
    with torch.no_grad():
        height = float(stature(body, shape))
    values = dict(zip(body.shape_names, shape.tolist(), strict=True))
    return Performer(
        body=body.asset.name, shape=values, height=height, pelvis=pelvis_height(body, shape)
    )


def keypoints(body: Body, motion: Motion) -> torch.Tensor:
    """[T, 65, 3] of the average person."""
    with torch.no_grad():
        return body.keypoints(body.from_motion(motion, body.default_shape()))


def tracked(body: Body, motion: Motion, noise: float = 0.0) -> list[FrameTrack]:
    """What a tracker would say of every frame; ``noise`` in pixels."""
    tracks = observed(keypoints(body, motion), CAMERA, noise)
    return [
        FrameTrack(**{name: getattr(tracks, name)[t] for name in SEEN}, mask=tracks.masks[t])
        for t in range(len(tracks))
    ]


def limb_error(body: Body, found: list[Motion], truth: Motion) -> np.ndarray:
    """[T, 10] angles between the limbs of two motions, degrees."""
    a, b = (directions(keypoints(body, m)) for m in (concatenate(found), truth))
    return torch.rad2deg(torch.acos((a * b).sum(-1).clamp(-1, 1))).numpy()


def directions(points: torch.Tensor) -> torch.Tensor:
    """[T, 10, 3] unit directions of :data:`LIMBS`."""
    start, end = (list(x) for x in zip(*LIMBS, strict=True))
    return normalize(points[:, end] - points[:, start], dim=-1)
