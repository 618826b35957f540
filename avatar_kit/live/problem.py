"""The least-squares problem of one frame, and one damped step of Gauss and Newton."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar_kit.interfaces import Body
from avatar_kit.live.evidence import Evidence, Lens, Normal, evidence
from avatar_kit.live.observation import Observation
from avatar_kit.live.performer import Performer
from avatar_kit.live.points import KeypointModel
from avatar_kit.live.rotations import cross_matrices
from avatar_kit.live.state import (
    PLACE,
    ROOT_UNKNOWNS,
    TURN,
    Smoothness,
    State,
    Trail,
    costs_of,
    holds,
)
from avatar_kit.live.variables import Unknowns
from avatar_kit.tracking.objective import Weights

#: Damping: a share of the curvature, and a little where there is none.
_DAMPING_SHARE, _DAMPING = 1e-3, 1e-4
#: Largest change of an angle in one step, radians, and of the place, metres.
_LARGEST_STEP = 0.6
#: The person is never nearer to the camera than this, metres.
_NEAREST = 0.2


class FrameProblem:
    """How a pose disagrees with a frame, with what joints like and with the moments before.

    Args:
        body: Any body.
        performer: Who stands before the camera.
        lens: The camera.
        weights: Of the terms that whole videos are fitted with.
        smoothness: What changes cost.
    """

    def __init__(
        self,
        body: Body,
        performer: Performer,
        lens: Lens,
        weights: Weights,
        smoothness: Smoothness,
    ):
        self.lens, self.weights, self.smoothness = lens, weights, smoothness
        self.height = performer.height
        self.unknowns = Unknowns.of(weights)
        self.model = KeypointModel(body, body.shape_vector(performer.shape), self.unknowns)
        self._costs = costs_of(smoothness, self.unknowns)
        self._pose = slice(ROOT_UNKNOWNS, ROOT_UNKNOWNS + self.unknowns.count)

    def step(
        self, state: State, seen: Observation, sigma: float, trail: Trail | None
    ) -> tuple[State, float]:
        """Improve a pose.

        Args:
            state: Where to linearise.
            seen: The frame.
            sigma: Error over the height at which a landmark is half believed.
            trail: The moments before; None at a start.

        Returns:
            The new state, and the mean error of the believed main joints after it over the height,
            to first order; NaN where none is believed.
        """
        found = self._evidence(state, seen, sigma)
        normal = found.normal
        self._add_preferences(normal, state)
        if trail is not None:
            held = holds(self.unknowns, seen.hand_weight)
            trail.add_to(normal, state, self._costs, self.smoothness.speed, held)
        damping = _DAMPING_SHARE * normal.matrix.diagonal() + _DAMPING
        normal.add(slice(0, len(damping)), damping, 0.0)
        step = -np.linalg.solve(normal.matrix.astype(np.float64), normal.gradient)
        step *= min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), 1e-9))
        step = step.astype(np.float32)
        return state.moved(step), found.error_after(step)

    def _evidence(self, state: State, seen: Observation, sigma: float) -> Evidence:
        local, slopes = self.model(state.angles)
        turned = local @ state.rotation.T
        moves = np.empty((65, 3, self._pose.stop), np.float32)
        moves[:, :, TURN] = cross_matrices(turned)
        moves[:, :, PLACE] = np.eye(3)
        np.matmul(state.rotation, slopes, out=moves[:, :, self._pose])
        depth = max(float(self.lens.R[2] @ state.place + self.lens.t[2]), _NEAREST)
        height = self.height * float(self.lens.K[1, 1]) / depth
        weights = replace(self.weights, sigma=sigma)
        return evidence(turned + state.place, moves, seen, self.lens, height, weights)

    def _add_preferences(self, normal: Normal, state: State) -> None:
        """Prior and limits of the joints, and the pelvis that is rather upright."""
        prior = self.unknowns.prior
        normal.add(self._pose, prior, prior * (state.angles - self.unknowns.liked))
        slope, curvature = self.unknowns.beyond(state.angles)
        limits = self.weights.limits
        normal.add(self._pose, limits * curvature, limits * slope)
        up = state.rotation[:, 1]
        moves, half = cross_matrices(up[None])[0], self.weights.upright / 2
        normal.matrix[TURN, TURN] += half * moves.T @ moves
        normal.gradient[TURN] += half * moves.T @ (up - np.array([0.0, 1.0, 0.0]))
