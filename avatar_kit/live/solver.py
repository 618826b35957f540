"""The causal solver: the landmarks of one frame become one pose, from the past alone.

Each frame is a small least-squares problem, linearised where the motion would have gone on to and
solved by one damped step of Gauss and Newton. The start, and the return after a loss, take twelve.
"""

from __future__ import annotations

import math
import time as clock
from dataclasses import dataclass, replace

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body, FrameTrack
from avatar_kit.live.beginning import begin, standing
from avatar_kit.live.evidence import Lens
from avatar_kit.live.expression import ExpressionFilter
from avatar_kit.live.observation import Observation
from avatar_kit.live.performer import Performer
from avatar_kit.live.problem import FrameProblem
from avatar_kit.live.rotations import to_rotvec
from avatar_kit.live.state import Smoothness, State, Trail
from avatar_kit.scene import Camera, Motion
from avatar_kit.tracking.objective import Weights

#: Iterations at the start and after a loss, each with the error at which a landmark is half
#: believed: far points count at first.
_FIRST_SIGMAS = (0.2,) * 4 + (0.1,) * 4 + (0.04,) * 4
_SIGMA = 0.04
#: Those of the fit of whole videos, with more trust in directions: there is no future to tell
#: which way a foreshortened limb points.
WEIGHTS = Weights(directions=3.0)
#: A person from the side is seen badly and gets a second iteration from this sine of the yaw on.
_PROFILE_SINE = 0.6
#: Main joints that must be seen, of 12.
_ENOUGH_JOINTS = 4
#: Mean error over the height that is too high.
_TOO_FAR = 0.06
#: Bad frames in a row that make a loss.
_PATIENCE_FRAMES = 3
#: After so many seconds without a pose nothing follows from the one before.
_FORGOTTEN_SECONDS = 1.0
#: A frame whose shoulders and hips face more than this away from what was expected, radians, was
#: seen the wrong way round; so many in a row were not.
_FLIPPED_RADIANS, _FLIPPED_FRAMES = 1.9, 10


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
                f"the performer was calibrated with body '{performer.body}', but the solver uses "
                f"'{body.asset.name}'; calibrate again, or use that body"
            )
        self.performer, self.fps = performer, fps
        lens = Lens.of(camera)
        self.problem = FrameProblem(body, performer, lens, WEIGHTS, Smoothness())
        self.expression = ExpressionFilter(np.array(performer.neutral))
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
        if not 0 < seconds < math.inf:
            raise ValueError(f"frames must be in time order; {time} follows {self._time}")
        self._time = time
        seen = Observation.of(track, self.problem.lens.R.T)
        error, iterations = float("nan"), 0
        if seen.seen >= _ENOUGH_JOINTS:
            error, iterations = self._follow(seen, time)
        self._bad = 0 if iterations else self._bad + 1
        if self.state is None or self._bad >= _PATIENCE_FRAMES:
            self.lost = True
        expression = self.expression.step(track.expression, track.expression_confidence, seconds)
        motion = self._motion(expression, 0.0 if iterations == 0 or self.lost else 1.0)
        return Solved(motion, self.lost, error, 1000 * (clock.perf_counter() - began), iterations)

    def _follow(self, seen: Observation, time: float) -> tuple[float, int]:
        """Move the state to a frame; the error, and the iterations that led there (0: kept)."""
        last, seconds = self.state, time - self._solved_at
        if last is None or self.lost or seconds > _FORGOTTEN_SECONDS:
            return self._start(seen, time)
        self._flipped = self._flipped + 1 if _is_flipped(seen, last) else 0
        if self._flipped > _FLIPPED_FRAMES:
            return self._start(seen, time)
        if self._flipped:
            seen = replace(seen, line_weight=0 * seen.line_weight)
        trail = Trail(last, seconds, self._change, self._interval)
        state, iterations = trail.expected(), 1
        if abs(state.rotation[0, 2]) > _PROFILE_SINE:
            iterations = 2
        for _ in range(iterations):
            state, error = self.problem.step(state, seen, _SIGMA, trail)
        if error > _TOO_FAR:  # what the tracker saw is no pose of this person
            return error, 0
        self._accept(state, time, trail)
        return error, iterations

    def _start(self, seen: Observation, time: float) -> tuple[float, int]:
        problem, error = self.problem, float("nan")
        state = begin(seen, problem.lens, problem.unknowns, problem.height)
        for sigma in _FIRST_SIGMAS:
            state, error = problem.step(state, seen, sigma, None)
        if error > _TOO_FAR:
            return error, 0
        self._flipped, self.lost = 0, False
        self._accept(state, time, None)
        return error, len(_FIRST_SIGMAS)

    def _accept(self, state: State, time: float, trail: Trail | None) -> None:
        self._change = None if trail is None else state.since(trail.last) / trail.seconds
        self._interval = 0.0 if trail is None else trail.seconds
        self.state, self._solved_at = state, time

    def _motion(self, expression: np.ndarray, confidence: float) -> Motion:
        problem = self.problem
        state = self.state or standing(problem.lens, problem.unknowns, problem.height)
        pose = problem.unknowns.pose(state.angles).reshape(1, 55, 3)
        pose[0, 0] = to_rotvec(state.rotation)
        tensor = torch.from_numpy
        return Motion.from_rotvec(
            self.fps,
            tensor(state.place.astype(np.float32))[None],
            tensor(pose),
            tensor(expression.copy())[None],
            torch.full((1,), confidence),
        )


def _is_flipped(seen: Observation, last: State) -> bool:
    forward = last.rotation[:, 2]
    away = seen.yaw - np.arctan2(forward[0], forward[2])
    return bool(abs((away + np.pi) % (2 * np.pi) - np.pi) > _FLIPPED_RADIANS)
