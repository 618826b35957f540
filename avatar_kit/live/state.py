"""Where a performer is at one moment, and what the moments before say of the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.live.evidence import Normal
from avatar_kit.live.rotations import to_matrix, to_rotvec
from avatar_kit.live.variables import Unknowns

#: Unknowns of the root: a turn in world axes on top of its rotation, and the pelvis in metres.
TURN, PLACE = slice(0, 3), slice(3, 6)
ROOT_UNKNOWNS = 6
#: Unit of time of the smoothness terms, that of the fit of whole videos.
_UNIT_SECONDS = 1 / 30
#: A hand that is not seen keeps its pose so much more than one that is.
_UNSEEN_HAND_HOLD = 20.0


@dataclass(frozen=True)
class Smoothness:
    """How much changes from frame to frame cost, per 1/30 of a second.

    Attributes:
        turn: Accelerations of the pelvis' rotation, radians.
        rotation: Accelerations of body joints, radians.
        hand: Accelerations of wrists and fingers, radians.
        place: Accelerations of the pelvis, metres.
        speed: Velocities of rotations, as a share of the weights of accelerations.
    """

    turn: float = 1.0
    rotation: float = 1.0
    hand: float = 0.25
    place: float = 20.0
    speed: float = 0.3


@dataclass(frozen=True)
class State:
    """A pose in the world.

    Attributes:
        rotation: [3, 3] of the pelvis in the world.
        place: [3] pelvis in metres.
        angles: [n] unknowns of the pose, radians.
    """

    rotation: np.ndarray
    place: np.ndarray
    angles: np.ndarray

    def moved(self, step: np.ndarray) -> State:
        """This state after a step [6 + n]."""
        return State(
            to_matrix(step[TURN]) @ self.rotation,
            self.place + step[PLACE],
            self.angles + step[ROOT_UNKNOWNS:],
        )

    def since(self, before: State) -> np.ndarray:
        """[6 + n] the step from another state to this one."""
        turn = to_rotvec(self.rotation @ before.rotation.T)
        return np.concatenate([turn, self.place - before.place, self.angles - before.angles])


@dataclass(frozen=True)
class Trail:
    """The last moments.

    Attributes:
        last: The moment before.
        seconds: How long ago it was.
        change: [6 + n] how fast everything changed then, per second; None where nothing is known.
        interval: Seconds over which that was seen.
    """

    last: State
    seconds: float
    change: np.ndarray | None
    interval: float

    def expected(self) -> State:
        """The state now if everything goes on as it did."""
        return self.last if self.change is None else self.last.moved(self.change * self.seconds)

    def add_to(
        self, normal: Normal, state: State, costs: np.ndarray, speed: float, held: np.ndarray
    ) -> None:
        """Add what changes cost.

        Args:
            normal: Equations of a step [6 + n] from ``state``.
            state: Where the equations stand.
            costs: [6 + n] weights of accelerations.
            speed: Share of them that velocities cost.
            held: [6 + n] factor of what velocities cost.
        """
        every = slice(0, len(costs))
        frames = max(self.seconds, 1e-3) / _UNIT_SECONDS
        still = speed * held * costs / frames**2
        normal.add(every, still, still * state.since(self.last))
        if self.change is not None:
            middle = 0.5 * (self.seconds + self.interval) / _UNIT_SECONDS
            steady = costs / (frames * max(middle, 1e-3)) ** 2
            normal.add(every, steady, steady * state.since(self.expected()))


def costs_of(smoothness: Smoothness, unknowns: Unknowns) -> np.ndarray:
    """[6 + n] weights of accelerations; a rotation that joints share counts once for each."""
    root = [smoothness.turn] * 3 + [smoothness.place] * 3
    used = unknowns.column >= 0
    shared = np.bincount(unknowns.column[used], unknowns.share[used] ** 2, unknowns.count)
    pose = np.where(unknowns.hand < 0, smoothness.rotation, smoothness.hand) * shared
    return np.concatenate([root, pose]).astype(np.float32)


def holds(unknowns: Unknowns, hand_weight: np.ndarray) -> np.ndarray:
    """[6 + n] factors of the cost of velocities: hands that are not seen keep their pose."""
    unseen = (unknowns.hand >= 0) & (hand_weight[unknowns.hand] <= 0)
    pose = np.where(unseen, _UNSEEN_HAND_HOLD, 1.0)
    return np.concatenate([np.ones(ROOT_UNKNOWNS), pose]).astype(np.float32)
