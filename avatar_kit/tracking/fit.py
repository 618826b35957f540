"""Fitting a body to the landmarks of a whole video, all frames at once.

The body is known by its contract alone: a motion in the SMPL-X joint convention and a shape go in,
key points come out, with gradients. Nothing here knows which body it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import FIELDS, concatenate
from avatar_kit.tracking.girth import View, fit_girth, stature_of
from avatar_kit.tracking.given_motion import GivenMotion
from avatar_kit.tracking.limits import body_limits, hand_limits
from avatar_kit.tracking.objective import (
    Steps,
    Targets,
    Weights,
    given_term,
    landmark_terms,
    pose_terms,
    profile,
    silhouette_terms,
    smoothness_terms,
    upright_term,
)
from avatar_kit.tracking.silhouette import Outline
from avatar_kit.tracking.tracks import Tracks
from avatar_kit.tracking.variables import ADULT_HEIGHT_METRES, Variables

#: Told of every iteration: how many are done, and how many there are.
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Phase:
    """A stretch of optimisation.

    Attributes:
        iterations: Steps of Adam under a one-cycle schedule.
        moving: Names of the variables that move.
        sigma: Error over height at which a landmark is half believed.
        outline: Whether the limbs are held against the masks.
        girth: Whether the shape is fitted to the silhouettes first.
        rate: Peak learning rate of rotations and shape; the root's place moves at a third of it.
    """

    iterations: int
    moving: tuple[str, ...]
    sigma: float
    outline: bool = False
    girth: bool = False
    rate: float = 0.03


#: Variables that say where the person is and how large.
ROOT_VARIABLES = ("root", "place", "depth", "shape")
#: From where the person is to how each finger bends.
PHASES = (
    Phase(60, ROOT_VARIABLES, 0.2),
    Phase(140, (*ROOT_VARIABLES, "pose"), 0.1),
    Phase(200, (*ROOT_VARIABLES, "pose", "hands"), 0.04, outline=True, girth=True),
)


@dataclass(frozen=True)
class Fit:
    """A fitted video.

    Attributes:
        motion: [T] frames.
        shape: [S] values within the body's limits.
        keypoints: [T, 65, 3] of the fitted body, world metres.
        yaw: [T] of the pelvis in radians, continuous inside a clip.
        height: Of the person in pixels, as it appears.
    """

    motion: Motion
    shape: Tensor
    keypoints: Tensor
    yaw: Tensor
    height: float


class Fitter:
    """Holds what a fit needs; :meth:`run` moves the variables.

    Args:
        body: Any body.
        camera: One static camera.
        tracks: What the tracker saw in the T frames to fit.
        clips: Half-open ranges of frames that follow each other; they tile the T frames.
        fps: Frames per second.
        known_shape: Shape values that are given and not fitted.
        given: Poses of the T frames to start from and to stay near; None: none are known.
    """

    def __init__(
        self,
        body: Body,
        camera: Camera,
        tracks: Tracks,
        clips: list[tuple[int, int]],
        fps: float,
        known_shape: dict[str, float] | None = None,
        given: GivenMotion | None = None,
    ):
        self.body, self.camera, self.fps = body, camera, fps
        self.variables = Variables(tracks, clips, camera, fps, body, known_shape or {}, given)
        self.given = None if given is None else self.variables.pose.detach().clone()
        yaw, height = self.variables.yaw.numpy(), self.variables.height
        scale = camera.width / tracks.masks.shape[2]
        self.targets = Targets.of(tracks, yaw, height, scale)
        self.outline = Outline.of(tracks.masks, scale, height, 0.4 + 0.6 * profile(yaw))
        self.steps = Steps.of(clips, fps)
        self.limits = (body_limits(), hand_limits())
        self.masks = tracks.masks
        self.expression = torch.from_numpy(tracks.expression).float()

    def run(self, report: Report | None = None, phases: tuple[Phase, ...] | None = None) -> Fit:
        """Fit; deterministic. ``phases``: by default :data:`PHASES`."""
        (found,) = fit_together([self], report, phases)
        return found

    def terms(self, weights: Weights, *, outline: bool = True) -> dict[str, Tensor]:
        """The terms of the objective, with or without the agreement with the masks."""
        v = self.variables
        shape = v.shape_vector()
        # the T-pose that tells the stature comes along: a second pass would cost as much again
        motion = concatenate([v.motion(self.fps), Motion.rest(1, self.fps)])
        points = self.body.keypoints(self.body.from_motion(motion, shape))
        keypoints, standing = points[:-1], points[-1]
        orientation = v.orientation()
        rotations = torch.cat([0.7 * orientation, v.pose, 0.5 * v.hands], 1)  # chord to angle
        pixels, _ = self.camera.project(keypoints)
        limbs = silhouette_terms(pixels, self.outline, self.targets, weights) if outline else {}
        tall = stature_of(standing) / ADULT_HEIGHT_METRES
        return {
            **landmark_terms(keypoints, pixels, self.targets, weights),
            **limbs,
            **pose_terms(v.pose, v.hands, self.limits, weights),
            **({} if self.given is None else given_term(v.pose, self.given, weights)),
            **upright_term(orientation, weights),
            **smoothness_terms(rotations, v.transl(), v.depth, self.steps, weights),
            "shape": weights.shape * (v.shape - v.liked_shape).square().sum(),
            "stature": weights.stature * tall.log().square(),
        }

    @torch.no_grad()
    def result(self) -> Fit:
        """The variables as they are."""
        v = self.variables
        shape = v.shape_vector().detach()
        moving = v.motion(self.fps)  # a copy stays as it is when the variables move on
        values = {name: getattr(moving, name).detach().clone() for name in FIELDS}
        motion = Motion(self.fps, **values | {"expression": self.expression})
        keypoints = self.body.keypoints(self.body.from_motion(motion, shape))
        return Fit(motion, shape, keypoints, self._yaw(), v.height)

    def _yaw(self) -> Tensor:
        """Heading of the pelvis, continued from the first guess without a jump."""
        forward = self.variables.orientation()[:, :, 2]
        heading = torch.atan2(forward[:, 0], forward[:, 2])
        guess = self.variables.yaw
        wrapped = torch.remainder(heading - guess + torch.pi, 2 * torch.pi) - torch.pi
        return guess + wrapped


def fit_together(
    fitters: Sequence[Fitter], report: Report | None = None, phases: tuple[Phase, ...] | None = None
) -> list[Fit]:
    """Fit what several cameras filmed of one person, whose shape they share; deterministic.

    Args:
        fitters: One for each camera; each counts by its frames.
        report: Told of every iteration.
        phases: By default :data:`PHASES`.
    """
    phases = PHASES if phases is None else phases
    total, done = sum(p.iterations for p in phases), 0
    frames = sum(len(fitter.masks) for fitter in fitters)
    for fitter in fitters[1:]:
        fitter.variables.shape = fitters[0].variables.shape
    for phase in phases:
        optimiser, schedule = _optimiser([fitter.variables for fitter in fitters], phase)
        weights = replace(Weights(), sigma=phase.sigma)
        if phase.girth:
            _fit_girth(fitters)
        for _ in range(phase.iterations):
            optimiser.zero_grad(set_to_none=True)
            for fitter in fitters:
                terms = fitter.terms(weights, outline=phase.outline)
                share = len(fitter.masks) / frames
                (share * torch.stack(list(terms.values())).sum()).backward()
            optimiser.step()
            schedule.step()
            done += 1
            if report:
                report(done, total)
    return [fitter.result() for fitter in fitters]


@torch.no_grad()
def _fit_girth(fitters: Sequence[Fitter]) -> None:
    first = fitters[0].variables
    seen = [View(f.camera, f.variables.motion(f.fps), f.masks) for f in fitters]
    found = fit_girth(fitters[0].body, seen, first.shape_vector(), first.columns)
    for fitter in fitters:
        fitter.variables.set_shape(found)


def _optimiser(variables: Sequence[Variables], phase: Phase):
    """Adam over the variables of a phase and its schedule; a shape that is shared moves once."""
    moving: dict[Tensor, float] = {}
    for v in variables:
        for value in v.values():
            value.requires_grad_(False)
    for v in variables:
        for name in phase.moving:
            if (value := getattr(v, name)).numel():
                moving[value] = phase.rate / 3 if name in ("place", "depth") else phase.rate
    values = [value.requires_grad_(True) for value in moving]
    optimiser = torch.optim.Adam([{"params": [value]} for value in values], betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, list(moving.values()), total_steps=phase.iterations, pct_start=0.2
    )
    return optimiser, schedule
