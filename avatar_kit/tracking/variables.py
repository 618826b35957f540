"""What a fit moves: root, pose, hands and shape, and how they make a motion."""

from __future__ import annotations

import math

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.joints import BODY_JOINTS
from avatar_kit.tracking.given_motion import GivenMotion
from avatar_kit.tracking.heading import find_heading
from avatar_kit.tracking.initial import (
    apparent_height,
    limb_rotations,
    smooth,
    to_world,
)
from avatar_kit.tracking.limits import body_limits, hand_limits
from avatar_kit.tracking.shape_range import ShapeRange
from avatar_kit.tracking.tracks import Tracks, main_joints

#: A standing adult in metres: what an apparent height is turned into a depth with.
ADULT_HEIGHT_METRES = 1.7


class Variables:
    """The unknowns of T frames.

    The root's place is held in pixels and log depth (what a picture shows well, and what it does
    not), its rotation as a small turn on top of the first guess of the yaw, and the shape as free
    numbers, so that it stays within the body's limits.

    Attributes:
        root: [T, 3] axis-angle, before the yaw.
        place: [T, 2] pixel of the pelvis over the person's height.
        depth: [T] log of the depth in metres.
        pose: [T, 21, 3] axis-angle.
        hands: [T, 30, 3] axis-angle, left then right.
        shape: [S] free numbers of the shape values that are fitted.
        columns: [S] their places in the body's shape vector.
    """

    def __init__(
        self,
        tracks: Tracks,
        clips: list[tuple[int, int]],
        camera: Camera,
        fps: float,
        body: Body,
        known_shape: dict[str, float],
        given: GivenMotion | None = None,
    ):
        self.camera = camera
        self.height = apparent_height(tracks.body, tracks.body_confidence)
        yaw = find_heading(tracks, clips, fps).yaw if given is None else given.yaw(clips)
        smoothed = [smooth(yaw[a:b], 2.0) for a, b in clips]
        self.yaw = torch.from_numpy(np.concatenate(smoothed)).float()
        self._fixed_shape = body.shape_vector(known_shape)
        fitted = [n for n in body.fitted_shape if n not in known_shape]
        self.columns = [body.shape_names.index(n) for n in fitted]
        self._range = ShapeRange(body.shape_limits)
        self.liked_shape = self._range.free(self._fixed_shape[self.columns], 0.05)
        frames = len(tracks)
        self.root = torch.zeros(frames, 3)
        self.place = torch.from_numpy(_hip_pixels(tracks, clips) / self.height).float()
        focal = float(camera.K[0, 1, 1])
        self.depth = torch.full((frames,), math.log(ADULT_HEIGHT_METRES * focal / self.height))
        self.pose = _first_pose(tracks, clips, self.yaw.numpy())
        self.hands = hand_limits().liked.expand(frames, 30, 3).clone()
        if given is not None:
            self._take(given)
        self.shape = self.liked_shape.clone()
        for value in self.values():
            value.requires_grad_(True)

    def _take(self, given: GivenMotion) -> None:
        """Start from a motion; fingers that it holds straight are not taken for known."""
        turn = torch.zeros(len(self.yaw), 3)
        turn[:, 1] = -self.yaw
        self.root = roma.rotmat_to_rotvec(roma.rotvec_to_rotmat(turn) @ given.orientation)
        self.pose = given.motion.body_pose.unflatten(1, (-1, 3)).clone()
        hands = torch.cat([given.motion.left_hand_pose, given.motion.right_hand_pose], 1)
        if bool(hands.any()):
            self.hands = hands.unflatten(1, (-1, 3)).clone()

    def values(self) -> list[Tensor]:
        """All unknowns."""
        return [self.root, self.place, self.depth, self.pose, self.hands, self.shape]

    def shape_vector(self) -> Tensor:
        """[S] all shape values, fitted or not."""
        values = self._fixed_shape
        if self.columns:
            found = self._range.values(self.shape)
            values = values.index_copy(0, torch.tensor(self.columns), found)
        return values

    def set_shape(self, vector: Tensor) -> None:
        """Take the fitted values from a shape vector, and like them from now on."""
        free = self._range.free(vector[self.columns])
        self.liked_shape = free.clone()
        self.shape.copy_(free)

    def transl(self) -> Tensor:
        """[T, 3] pelvis in world metres."""
        z = self.depth.exp()
        pixel = torch.cat([self.place * self.height, torch.ones_like(z)[:, None]], 1)
        ray = pixel @ torch.linalg.inv(self.camera.K[0]).mT
        return (ray * z[:, None] - self.camera.t) @ self.camera.R[0]

    def orientation(self) -> Tensor:
        """[T, 3, 3] rotation of the pelvis in the world."""
        axis = torch.zeros(len(self.yaw), 3)
        axis[:, 1] = self.yaw
        return roma.rotvec_to_rotmat(axis) @ roma.rotvec_to_rotmat(self.root)

    def motion(self, fps: float) -> Motion:
        """The motion of all frames, without expressions; differentiable."""
        half = torch.zeros(len(self.yaw), 4)
        half[:, 1], half[:, 3] = torch.sin(self.yaw / 2), torch.cos(self.yaw / 2)
        turn = roma.quat_product(half, roma.rotvec_to_unitquat(self.root))
        return Motion.rest(
            len(self.yaw),
            fps,
            transl=self.transl(),
            global_orient=roma.unitquat_to_rotvec(turn, shortest_arc=True),
            body_pose=self.pose.flatten(1),
            left_hand_pose=self.hands[:, :15].flatten(1),
            right_hand_pose=self.hands[:, 15:].flatten(1),
        )


def _hip_pixels(tracks: Tracks, clips: list[tuple[int, int]]) -> np.ndarray:
    hips = main_joints()[6:8]
    middle = tracks.body[:, hips].mean(1)
    return np.concatenate([smooth(middle[a:b], 1.0) for a, b in clips])


def _first_pose(tracks: Tracks, clips: list[tuple[int, int]], yaw: np.ndarray) -> Tensor:
    limits = body_limits()
    pose = limits.liked.expand(len(tracks), -1, -1).clone()
    world = to_world(tracks.body_world)
    for a, b in clips:
        for joint, rotvec in limb_rotations(smooth(world[a:b], 1.5), yaw[a:b]).items():
            pose[a:b, BODY_JOINTS.index(joint)] = torch.from_numpy(rotvec).float()
    return pose.clamp(limits.low, limits.high)
