"""The poses of the training, and how a driving pose finds the times it is like."""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit.graphics import host_copy
from avatar_kit.interfaces import Samples
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import concatenate
from avatar_kit_r3.config import RetrievalConfig
from avatar_kit_r3.matching import (
    Choice,
    at_times,
    chosen,
    clip_numbers,
    embedding,
    joint_distances,
    nearest,
    record_times,
    shares,
    with_past,
)
from avatar_kit_r3.parts import JOINTS, MATCHED


@dataclass(frozen=True)
class Past:
    """What a stream hands to its next frame.

    Attributes:
        poses: [S, J, 3] the poses before, oldest first.
        times: [P] the times of the parts.
        said: Whether a line said that a pose is like none of the training.
    """

    poses: Tensor
    times: Tensor
    said: bool = False


@dataclass(frozen=True)
class Found:
    """What a pose is like.

    Attributes:
        choice: The times of the parts, as numbers of training frames.
        distances: [P] radians to the training frame that is most alike.
        past: For the next frame.
    """

    choice: Choice
    distances: Tensor
    past: Past


class TrainingPoses(nn.Module):
    """What is kept of the training to match poses with.

    Args:
        config: How poses are matched.
        frames: T, training frames.
        nodes: Values along the time axis of the record.

    Attributes:
        embeddings: [3 (1 + S), T, J].
        clips: [T] long, the clip of each frame.
        times: [T] where it stands on the time axis of the record, in [-1, 1].
        fps: [] frames a second.
    """

    embeddings: Tensor
    clips: Tensor
    times: Tensor
    fps: Tensor
    share: Tensor

    def __init__(self, config: RetrievalConfig, frames: int, nodes: int):
        super().__init__()
        self.config, self.nodes = config, nodes
        size = 3 * (1 + config.pose_step)
        self.register_buffer("embeddings", torch.zeros(size, frames, MATCHED))
        self.register_buffer("clips", torch.zeros(frames, dtype=torch.long))
        self.register_buffer("times", record_times(torch.zeros(frames, dtype=torch.long), nodes))
        self.register_buffer("fps", torch.tensor(0.0))
        joints = [[j for j in part if j or config.pelvis] for part in JOINTS]
        self.register_buffer("share", shares(joints, MATCHED), persistent=False)

    def learn(self, motion: Motion, starts: Tensor) -> None:
        """Keep the poses of the training.

        Args:
            motion: Its T frames, in time order.
            starts: [T] bool, on the CPU, where clips start.

        Raises:
            UserError: There are more clips than values along the time axis.
        """
        clips = clip_numbers(starts)
        count = int(clips[-1]) + 1
        if count > self.nodes:
            raise UserError(
                f"encoders: recorded_gaussians: record.time={self.nodes}: the training has {count} "
                f"clips, which each need a value of their own; give at least {count}"
            )
        poses = matched(motion)
        found = embedding(with_past(poses, self.config.pose_step, starts.to(poses.device)))
        self.embeddings.copy_(found.permute(2, 0, 1))
        self.clips.copy_(clips)
        self.times.copy_(record_times(clips, self.nodes))
        self.fps.fill_(motion.fps)

    def find(self, motion: Motion, past: Past | None) -> Found:
        """The training times that a pose is like.

        Args:
            motion: One frame.
            past: Of the stream; None at its start.
        """
        pose, steps = matched(motion), self.config.pose_step
        before = pose.expand(steps, -1, -1) if past is None else past.poses
        poses = torch.cat([before, pose])
        distances = self.distances(poses, motion.fps)
        values, frames = nearest(distances, self.config.candidates)
        choice = chosen(values, frames, self.clips, None if past is None else past.times)
        said = past is not None and past.said
        return Found(choice, values[:, 0], Past(poses[1:], choice.times, said))

    def distances(self, poses: Tensor, fps: float) -> Tensor:
        """[P, T] distances of a pose with its past [1 + S, J, 3] to every training frame.

        Relative rotations are compared as they would be at the frame rate of the training.
        """
        query = embedding(poses)
        own = float(host_copy(self.fps))
        if own > 0:
            query = torch.cat([query[:, :3], query[:, 3:] * (fps / own)], dim=1)
        apart = joint_distances(query, self.embeddings)
        # only the pelvis turns so far that the other form of its rotation may be the nearer one
        turned = torch.cat([_other_form(query[:1, :3]), query[:1, 3:]], dim=1)
        other = joint_distances(turned, self.embeddings[..., :1])
        apart[:, :1] = torch.minimum(apart[:, :1], other)
        return (apart @ self.share).T

    def remark(self, found: Found, seconds: float) -> str:
        """A line on a pose that is like none of the training; empty where it is like some."""
        away = float(found.distances.mean())
        if away <= self.config.far:
            return ""
        return (
            f"at {seconds:.2f} s the pose is far from every training pose: the body parts are "
            f"{away:.2f} radians from the nearest frame on average (far: {self.config.far:g}); "
            "the picture may be wrong there (avatar-kit r3-times shows where; --align brings a "
            "motion closer)"
        )

    def record_time(self, times: Tensor) -> Tensor:
        """Times on the axis of the record, of times as numbers of training frames."""
        return at_times(self.times, times)


def training_motion(samples: Samples) -> tuple[Motion, Tensor]:
    """Each training frame once, in time order, whatever cameras saw it.

    Returns:
        The T poses, and [T] bool where clips start.
    """
    found: dict[int, tuple[Motion, bool]] = {}
    for position in range(len(samples)):
        context = samples.context(position)
        found.setdefault(int(context.index[0]), (context.motion, bool(context.clip_start[0])))
    motions, starts = zip(*(found[index] for index in sorted(found)), strict=True)
    return concatenate(list(motions)), torch.tensor(starts)


def matched(motion: Motion) -> Tensor:
    """[T, J, 3] the joints that are compared, as rotation vectors of at most half a turn."""
    turns = roma.rotvec_to_unitquat(motion.rotvec()[:, :MATCHED])
    return roma.unitquat_to_rotvec(turns, shortest_arc=True)


def _other_form(vectors: Tensor) -> Tensor:
    """The same rotations the other way round."""
    angle = vectors.norm(dim=-1, keepdim=True)
    return vectors * (1 - 2 * torch.pi / angle.clamp(min=1e-6))
