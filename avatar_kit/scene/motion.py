"""Motion: what drives an avatar, in the SMPL-X joint convention that every body understands."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.scene.selecting import Index, rows

#: Width of every per-frame field of a motion; the empty tuple is a scalar per frame.
FIELDS: dict[str, tuple[int, ...]] = {
    "transl": (3,),
    "global_orient": (3,),
    "body_pose": (63,),
    "left_hand_pose": (45,),
    "right_hand_pose": (45,),
    "jaw_pose": (3,),
    "leye_pose": (3,),
    "reye_pose": (3,),
    "expression": (52,),
    "confidence": (),
}

_ROTATIONS = (
    "global_orient",
    "body_pose",
    "jaw_pose",
    "leye_pose",
    "reye_pose",
    "left_hand_pose",
    "right_hand_pose",
)

#: No rotation vector in radians is longer: it would be two whole turns.
_LONGEST_TURN = 4 * math.pi


@dataclass(frozen=True)
class Motion:
    """A sequence of poses. World: y up, metres; the T-pose faces +z with the left arm along +x.

    Attributes:
        fps: Frames per second.
        transl: [T, 3] position of the pelvis joint in metres.
        global_orient: [T, 3] axis-angle of the pelvis in radians.
        body_pose: [T, 63] axis-angle of the 21 body joints relative to their parents.
        left_hand_pose: [T, 45] axis-angle of 15 finger joints (index, middle, pinky, ring, thumb).
        right_hand_pose: [T, 45] likewise.
        jaw_pose: [T, 3] axis-angle.
        leye_pose: [T, 3] axis-angle.
        reye_pose: [T, 3] axis-angle.
        expression: [T, 52] ARKit channels in [0, 1], order of ``ARKIT_CHANNELS``.
        confidence: [T] in [0, 1]: how sure a tracker was of the frame; 1 for authored motion.
    """

    fps: float
    transl: Tensor
    global_orient: Tensor
    body_pose: Tensor
    left_hand_pose: Tensor
    right_hand_pose: Tensor
    jaw_pose: Tensor
    leye_pose: Tensor
    reye_pose: Tensor
    expression: Tensor
    confidence: Tensor

    def __post_init__(self):
        frames = self.transl.shape[0]
        for name, width in FIELDS.items():
            shape = tuple(getattr(self, name).shape)
            if shape != (frames, *width):
                raise ValueError(f"Motion.{name} must be {(frames, *width)}, got {shape}")
        if not self.fps > 0:
            raise ValueError(f"Motion.fps must be positive, got {self.fps}")

    @classmethod
    def rest(cls, frames: int, fps: float = 30.0, **given: Tensor) -> Motion:
        """A T-pose of ``frames`` frames, with any field replaced by the tensor given."""
        values = {name: torch.zeros(frames, *width) for name, width in FIELDS.items()}
        values["confidence"] = torch.ones(frames)
        return cls(fps=fps, **{**values, **given})

    @classmethod
    def from_rotvec(
        cls, fps: float, transl: Tensor, rotvec: Tensor, expression: Tensor, confidence: Tensor
    ) -> Motion:
        """The inverse of :meth:`rotvec`: [T, 55, 3] axis-angle in SMPL-X joint order."""
        flat = rotvec.flatten(1)
        edges = {
            "global_orient": (0, 3),
            "body_pose": (3, 66),
            "jaw_pose": (66, 69),
            "leye_pose": (69, 72),
            "reye_pose": (72, 75),
            "left_hand_pose": (75, 120),
            "right_hand_pose": (120, 165),
        }
        parts = {name: flat[:, a:b] for name, (a, b) in edges.items()}
        return cls(fps=fps, transl=transl, expression=expression, confidence=confidence, **parts)

    def __len__(self) -> int:
        return self.transl.shape[0]

    def __getitem__(self, index: Index) -> Motion:
        """The chosen frames, as a motion; an index list may repeat frames."""
        frames = rows(index)
        return replace(self, **{name: getattr(self, name)[frames] for name in FIELDS})

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    def rotvec(self) -> Tensor:
        """[T, 55, 3] axis-angle of all joints in SMPL-X order, radians."""
        return torch.cat([getattr(self, name) for name in _ROTATIONS], dim=1).unflatten(1, (55, 3))

    def to(self, device: torch.device | str) -> Motion:
        """The same motion on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in FIELDS})

    def detach(self) -> Motion:
        """The same motion without gradients."""
        return replace(self, **{name: getattr(self, name).detach() for name in FIELDS})

    def is_finite(self) -> Tensor:
        """[T] bool: frames in which every value is finite."""
        finite = torch.ones(len(self), dtype=torch.bool, device=self.transl.device)
        for field in fields(self):
            if field.name != "fps":
                value = getattr(self, field.name)
                finite &= (
                    torch.isfinite(value).flatten(1).all(1)
                    if value.ndim > 1
                    else (torch.isfinite(value))
                )
        return finite

    def resample(self, fps: float) -> Motion:
        """The motion at the times ``k / fps``, between neighbouring frames by :func:`mixed`."""
        if fps == self.fps or len(self) < 2:
            return replace(self, fps=fps)
        frames = math.floor((len(self) - 1) / self.fps * fps + 1e-6) + 1
        at = torch.arange(frames, device=self.transl.device) * (self.fps / fps)
        at = at.clamp(max=len(self) - 1)
        low = at.floor().long().clamp(max=len(self) - 2)
        before, after = self[low.tolist()], self[(low + 1).tolist()]
        return replace(mixed(before, after, at - low), fps=fps)


def mixed(a: Motion, b: Motion, weight: Tensor) -> Motion:
    """Between two motions, frame by frame: positions linear, rotations by slerp.

    Args:
        a: T frames.
        b: T frames, at the same rate.
        weight: [T]; 0 is ``a``, 1 is ``b``, and above 1 the change from a to b continues.
    """
    import roma

    between = lambda x, y: torch.lerp(x, y, weight.view(-1, *[1] * (x.ndim - 1)))  # noqa: E731
    start, end = (roma.rotvec_to_unitquat(m.rotvec()) for m in (a, b))
    turn = roma.unitquat_to_rotvec(
        roma.quat_product(roma.quat_conjugation(start), end), shortest_arc=True
    )
    part = roma.rotvec_to_unitquat(turn * weight[:, None, None])
    return Motion.from_rotvec(
        a.fps,
        between(a.transl, b.transl),
        roma.unitquat_to_rotvec(roma.quat_product(start, part)),
        between(a.expression, b.expression),
        between(a.confidence, b.confidence),
    )


def concatenate(motions: list[Motion]) -> Motion:
    """Motions of one frame rate, one after another."""
    rates = {m.fps for m in motions}
    if len(rates) != 1:
        raise ValueError(f"cannot join motions of different frame rates {sorted(rates)}")
    joined = {name: torch.cat([getattr(m, name) for m in motions]) for name in FIELDS}
    return Motion(fps=motions[0].fps, **joined)


def check_rotations(motion: Motion, what: str) -> None:
    """Refuse poses that are no rotations.

    Args:
        motion: Any motion.
        what: Whose motion it is, the start of the message.

    Raises:
        UserError: A value is not finite, or a rotation vector is longer than two whole turns: it
            is in degrees, or something else than an axis times an angle. Names the frame.
    """
    finite = motion.is_finite()
    if not finite.all():
        frame = int((~finite).nonzero()[0])
        raise UserError(f"{what}: the pose of frame {frame} is not finite (NaN or infinity)")
    angles = motion.rotvec().norm(dim=-1)
    if len(angles) and float(angles.max()) > _LONGEST_TURN:
        frame = int(angles.amax(1).argmax())
        raise UserError(
            f"{what}: frame {frame} turns a joint by {float(angles.max()):.4g} radians, more than "
            "two whole turns; rotations are axis-angle vectors in radians, not in degrees"
        )
