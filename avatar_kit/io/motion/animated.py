"""A skeleton of any names and axes, and how it moves."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Joint:
    """One joint of a skeleton.

    Attributes:
        name: As the file writes it.
        parent: Index of the parent; -1 for the root.
        moves: Whether it can turn; the ends of bones cannot.
    """

    name: str
    parent: int
    moves: bool = True


@dataclass(frozen=True)
class Animated:
    """A skeleton of J joints, parents before children, in T frames.

    Attributes:
        joints: The joints.
        fps: Frames per second.
        rotations: [T, J, 3, 3] in the world of the file.
        positions: [T, J, 3] in the world, file units.
        rest_rotations: [J, 3, 3] in the pose in which the skeleton was built.
        rest_positions: [J, 3] likewise.
        metres: Metres in the file's unit, if the file states it.
    """

    joints: tuple[Joint, ...]
    fps: float
    rotations: Tensor
    positions: Tensor
    rest_rotations: Tensor
    rest_positions: Tensor
    metres: float | None = None

    @property
    def names(self) -> list[str]:
        """Names of the joints."""
        return [joint.name for joint in self.joints]

    def children(self, joint: int) -> list[int]:
        """Joints and ends that hang on a joint."""
        return [i for i, below in enumerate(self.joints) if below.parent == joint]
