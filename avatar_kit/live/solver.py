"""The causal solver: the landmarks of one frame become one pose, from the past alone.

Each frame is a small least-squares problem, linearised where the motion would have gone on to and
solved by one damped step of Gauss and Newton. The start, and the return after a loss, take twelve.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body, FrameTrack
from avatar_kit.live.beginning import begin, standing
from avatar_kit.live.evidence import Lens, Normal, evidence
from avatar_kit.live.expression import ExpressionFilter
from avatar_kit.live.observation import Observation
from avatar_kit.live.performer import Performer
from avatar_kit.live.points import KeypointModel
from avatar_kit.live.state import (
    ROOT_UNKNOWNS,
    TURN,
    Smoothness,
    State,
    Trail,
    costs_of,
    holds,
    to_rotvec,
)
from avatar_kit.live.variables import Unknowns
from avatar_kit.scene import Camera, Motion
from avatar_kit.tracking.objective import Weights

#: Iterations at the start and after a loss, each with the error at which a landmark is half
#: believed: far points count at first.
_FIRST_SIGMAS = (0.2,) * 4 + (0.1,) * 4 + (0.04,) * 4
_SIGMA = 0.04
#: A person from the side is seen badly and gets a second iteration from this sine of the yaw on.
_PROFILE_SINE = 0.6
#: Main joints that must be seen, of 12.
_ENOUGH_JOINTS = 4
#: Mean error over the height that is too high.
_TOO_FAR = 0.06
#: Bad frames in a row that make a loss.
_PATIENCE_FRAMES = 3
#: After so many seconds without a pose nothing follows from the one before.
_FORGOTTEN_SECONDS = 0.5
#: A frame whose shoulders and hips face more than this away from what was expected, radians, was
#: seen the wrong way round; so many in a row were not.
_FLIPPED_RADIANS, _FLIPPED_FRAMES = 1.9, 10
#: Largest change of an angle in one iteration, radians, and of the place, metres.
_LARGEST_STEP = 0.6


@dataclass(frozen=True)
class Solved:
    """The pose of one frame.

    Attributes:
        motion: One frame. Its ``confidence`` is 0 where the pose was kept from before.
        lost: Whether the performer is lost: the pose stays as it was.
        error: Mean distance of the believed main joints from their landmarks over the height of
            the person; NaN where none was seen.
        milliseconds: That the solver took.
        iterations: Of Gauss and Newton; 0 where the pose was kept.
    """

    motion: Motion
    lost: bool
    error: float
    milliseconds: float
    iterations: int


class FrameSolver:
    """Landmarks to poses, frame by frame in time order. On the CPU, in float32.

    Args:
        body: The body that ``performer`` was calibrated with.
        performer: Who stands before the camera.
        camera: Static, without distortion; the world is y up.
        fps: Frames per second of the motions that come out. Frames may come at any time.

    Raises:
        UserError: The performer was calibrated with another body.
    """

    def __init__(self, body: Body, performer: Performer, camera: Camera, fps: float = 30.0):
        if performer.body != body.asset.name:
            raise UserError(
                f"the performer was calibrated with body '{performer.body}' and the solver runs "
                f"'{body.asset.name}'; calibrate again, or take that body"
            )
        self.performer, self.fps = performer, fps
        self.weights, self.smoothness = Weights(sigma=_SIGMA), Smoothness()
        self.unknowns = Unknowns.of(self.weights)
        self.lens = Lens.of(camera)
        self.model = KeypointModel(body, body.shape_vector(performer.shape), self.unknowns)
        self.expression = ExpressionFilter(np.array(performer.neutral))
        self._costs = costs_of(self.smoothness, self.unknowns)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next frame starts anew."""
        self.state: State | None = None
        self.lost = False
        self.expression.reset()
        self._change: np.ndarray | None = None
        self._time: float | None = None
        self._interval = self._solved_at = 0.0
        self._bad = self._flipped = 0

    def solve(self, track: FrameTrack, time: float) -> Solved:
        """The pose of the next frame.

        Args:
            track: What the tracker saw.
            time: Of the frame in seconds; later than that of the frame before.

        Raises:
            ValueError: The time does not go on.
        """
        began = clock.perf_counter()
        seconds = 1 / self.fps if self._time is None else time - self._time
        if not seconds > 0:
            raise ValueError(f"frames come in time order; {time} follows {self._time}")
        self._time = time
        seen = Observation.of(track, self.lens.R.T)
        error, iterations = float("nan"), 0
        if seen.seen >= _ENOUGH_JOINTS:
            error, iterations = self._follow(seen, time)
        bad = iterations == 0 or error > _TOO_FAR
        self._bad = self._bad + 1 if bad else 0
        if self.state is None or self._bad >= _PATIENCE_FRAMES:
            self.lost = True
        expression = self.expression.step(track.expression, track.expression_confidence, seconds)
        motion = self._motion(expression, 0.0 if iterations == 0 or self.lost else 1.0)
        return Solved(motion, self.lost, error, 1000 * (clock.perf_counter() - began), iterations)

    def _follow(self, seen: Observation, time: float) -> tuple[float, int]:
        """Move the state to a frame; the error, and the iterations that led there (0: kept)."""
        anew = self.state is None or self.lost or time - self._solved_at > _FORGOTTEN_SECONDS
        if not anew and self._is_flipped(seen):
            self._flipped += 1
            anew = self._flipped > _FLIPPED_FRAMES
            seen = replace(seen, line_weight=0 * seen.line_weight)
        else:
            self._flipped = 0
        if anew:
            return self._start(seen, time)
        trail = Trail(self.state, time - self._solved_at, self._change, self._interval)
        sideways = abs(trail.expected().rotation[0, 2]) > _PROFILE_SINE
        sigmas = (_SIGMA,) * (2 if sideways else 1)
        state, error = self._iterate(trail.expected(), seen, sigmas, trail)
        self._accept(state, time, trail)
        return error, len(sigmas)

    def _start(self, seen: Observation, time: float) -> tuple[float, int]:
        first = begin(seen, self.lens, self.unknowns, self.performer.height)
        state, error = self._iterate(first, seen, _FIRST_SIGMAS, None)
        if error > _TOO_FAR:
            return error, 0
        self._flipped, self.lost = 0, False
        self._accept(state, time, None)
        return error, len(_FIRST_SIGMAS)

    def _accept(self, state: State, time: float, trail: Trail | None) -> None:
        self._change = None if trail is None else state.since(trail.last) / trail.seconds
        self._interval = 0.0 if trail is None else trail.seconds
        self.state, self._solved_at = state, time

    def _is_flipped(self, seen: Observation) -> bool:
        forward = self.state.rotation[:, 2]
        away = seen.yaw - np.arctan2(forward[0], forward[2])
        return abs((away + np.pi) % (2 * np.pi) - np.pi) > _FLIPPED_RADIANS

    def _iterate(
        self, state: State, seen: Observation, sigmas: tuple[float, ...], trail: Trail | None
    ) -> tuple[State, float]:
        """Steps of Gauss and Newton; the state after them and the error before the last one."""
        error = float("nan")
        for sigma in sigmas:
            normal, error = self._equations(state, seen, sigma, trail)
            damping = 1e-3 * normal.matrix.diagonal() + 1e-4
            normal.add(slice(0, len(damping)), damping, 0.0)
            step = -np.linalg.solve(normal.matrix.astype(np.float64), normal.gradient)
            step *= min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), 1e-9))
            state = state.moved(step.astype(np.float32))
        return state, error

    def _equations(
        self, state: State, seen: Observation, sigma: float, trail: Trail | None
    ) -> tuple[Normal, float]:
        local, slopes = self.model(state.angles)
        turned = local @ state.rotation.T
        every = np.empty((65, 3, ROOT_UNKNOWNS + self.unknowns.count), np.float32)
        every[:, :, TURN] = _cross(turned)
        every[:, :, 3:6] = np.eye(3)
        every[:, :, ROOT_UNKNOWNS:] = np.einsum("ab,kbn->kan", state.rotation, slopes)
        points = turned + state.place
        depth = max(float(self.lens.R[2] @ state.place + self.lens.t[2]), 0.2)
        height = self.performer.height * float(self.lens.K[1, 1]) / depth
        weights = replace(self.weights, sigma=sigma)
        normal, error = evidence(points, every, seen, self.lens, height, weights)
        self._add_preferences(normal, state)
        if trail is not None:
            held = holds(self.unknowns, seen.hand_weight)
            trail.add_to(normal, state, self._costs, self.smoothness.speed, held)
        return normal, error

    def _add_preferences(self, normal: Normal, state: State) -> None:
        """Prior and limits of the joints, and the pelvis that is rather upright."""
        pose = slice(ROOT_UNKNOWNS, ROOT_UNKNOWNS + self.unknowns.count)
        prior = self.unknowns.prior
        normal.add(pose, prior, prior * (state.angles - self.unknowns.liked))
        slope, curvature = self.unknowns.beyond(state.angles)
        normal.add(pose, self.weights.limits * curvature, self.weights.limits * slope)
        up = state.rotation[:, 1]
        moves, half = _cross(up[None])[0], self.weights.upright / 2
        normal.matrix[TURN, TURN] += half * moves.T @ moves
        normal.gradient[TURN] += half * moves.T @ (up - np.array([0.0, 1.0, 0.0]))

    def _motion(self, expression: np.ndarray, confidence: float) -> Motion:
        state = self.state or standing(self.lens, self.unknowns, self.performer.height)
        pose = self.unknowns.pose(state.angles).reshape(1, 55, 3)
        pose[0, 0] = to_rotvec(state.rotation)
        tensor = torch.from_numpy
        return Motion.from_rotvec(
            self.fps,
            tensor(state.place.astype(np.float32))[None],
            tensor(pose),
            tensor(expression.copy())[None],
            torch.full((1,), confidence),
        )


def _cross(points: np.ndarray) -> np.ndarray:
    """[N, 3, 3] derivatives of points [N, 3] by a small turn in world axes: ``turn x point``."""
    x, y, z = points.T
    zero = np.zeros_like(x)
    rows = [[zero, z, -y], [-z, zero, x], [y, -x, zero]]
    return np.array(rows, np.float32).transpose(2, 0, 1)
