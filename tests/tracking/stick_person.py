"""A stick figure and a box as bodies: known shapes to fit, independent of any real body model."""

import numpy as np
import roma
import torch

from avatar_kit.interfaces import Asset, Body
from avatar_kit.scene import BodyParameters, Camera, Motion, PosedBody, Topology
from avatar_kit.scene.joints import BODY_KEYPOINTS, SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.tracking.place import LEVEL_CAMERA_AXES
from avatar_kit.tracking.tracks import Tracks

_OFFSETS = {
    "left_hip": (0.09, -0.05, 0), "spine1": (0, 0.12, 0), "spine2": (0, 0.14, 0),
    "spine3": (0, 0.1, 0), "left_knee": (0, -0.42, 0), "left_ankle": (0, -0.42, 0),
    "left_foot": (0, -0.06, 0.13), "neck": (0, 0.17, 0), "left_collar": (0.05, 0.1, 0),
    "head": (0, 0.1, 0.02), "left_shoulder": (0.12, 0.02, 0), "left_elbow": (0.27, 0, 0),
    "left_wrist": (0.25, 0, 0), "jaw": (0, 0, 0.05), "left_eye": (0.03, 0.06, 0.08),
    "left_index1": (0.09, 0, 0.02), "left_middle1": (0.09, 0, 0), "left_pinky1": (0.08, 0, -0.04),
    "left_ring1": (0.085, 0, -0.02), "left_thumb1": (0.02, -0.01, 0.03),
}  # fmt: skip


def _offset(name: str) -> tuple[float, float, float]:
    left = name.replace("right_", "left_")
    x, y, z = _OFFSETS.get(left, (0.028, 0.0, 0.0) if left[-1] in "23" else (0.0, 0.0, 0.0))
    return (-x if name.startswith("right_") else x, y, z)


class StickBody(Body):
    """SMPL-X forward kinematics over straight bones; one shape value scales them."""

    def __init__(self):
        super().__init__()
        self.asset = Asset("stick", "0", "ours")
        self.shape_names = self.fitted_shape = ("size",)
        self.offsets = torch.tensor([_offset(n) for n in SMPLX_JOINTS])

    def default_shape(self):
        return torch.tensor([0.5])

    def from_motion(self, motion, shape):
        values = {"transl": motion.transl, "pose": motion.rotvec()}
        return BodyParameters(values | {"shape": shape.expand(len(motion), -1)})

    def keypoints(self, parameters):
        local = roma.rotvec_to_rotmat(parameters["pose"])
        scale = (0.8 + 0.4 * parameters["shape"])[:, :, None]
        world, heads = [local[:, 0]], [parameters["transl"]]
        for joint in range(1, len(SMPLX_JOINTS)):
            parent = SMPLX_PARENTS[joint]
            bone = (scale[:, 0] * self.offsets[joint])[..., None]
            heads.append(heads[parent] + (world[parent] @ bone)[..., 0])
            world.append(world[parent] @ local[:, joint])
        at = dict(zip(SMPLX_JOINTS, zip(heads, world, strict=True), strict=True))

        def point(joint, x=0.0, y=0.0, z=0.0):
            head, turn = at[joint]
            return head + (turn @ (scale[:, 0] * torch.tensor([x, y, z]))[..., None])[..., 0]

        body = [point(*_KEYPOINTS[name]) for name in BODY_KEYPOINTS]
        hands = []
        for side, sign in (("left", 1.0), ("right", -1.0)):
            hands.append(point(f"{side}_wrist"))
            for finger in ("thumb", "index", "middle", "ring", "pinky"):
                hands += [point(f"{side}_{finger}{k}") for k in (1, 2, 3)]
                hands.append(point(f"{side}_{finger}3", 0.025 * sign))
        return torch.stack(body + hands, 1)

    forward = to_motion = rest_transforms = rest_vertices = None
    topology = None


_KEYPOINTS = {"nose": ("head", 0, 0.03, 0.1)}
for _side, _sign in (("left", 1.0), ("right", -1.0)):
    _KEYPOINTS |= {
        f"{_side}_eye": (f"{_side}_eye",),
        f"{_side}_ear": ("head", 0.07 * _sign, 0.04, 0.0),
        **{f"{_side}_{j}": (f"{_side}_{j}",) for j in ("shoulder", "elbow", "wrist", "hip")},
        **{f"{_side}_{j}": (f"{_side}_{j}",) for j in ("knee", "ankle")},
        f"{_side}_heel": (f"{_side}_ankle", 0.0, -0.07, -0.05),
        f"{_side}_big_toe": (f"{_side}_foot", -0.02 * _sign, -0.01, 0.07),
        f"{_side}_small_toe": (f"{_side}_foot", 0.04 * _sign, -0.01, 0.04),
    }


class BoxBody(StickBody):
    """A box from the hips up whose width is the shape value."""

    def forward(self, parameters):
        shape = parameters["shape"]
        unit = torch.tensor([[x, y, z] for x in (-1, 1) for y in (0, 1.6) for z in (-0.1, 0.1)])
        size = torch.stack([0.1 + 0.3 * shape[:, 0], *[torch.ones(len(shape))] * 2], -1)
        vertices = unit * size[:, None] + parameters["transl"][:, None]
        empty = torch.zeros(len(shape), 0, 3)
        return PosedBody(vertices, empty, empty, empty, self.topology)

    @property
    def topology(self):
        quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        faces = torch.tensor([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
        none = torch.zeros(0)
        return Topology(faces, none, none, none, none, ())


def turning_person(frames: int, turn: float = 2 * np.pi) -> Motion:
    """A person who turns around once with swinging arms and bending knees."""
    t = torch.linspace(0, 1, frames)
    pose = torch.zeros(frames, 21, 3)
    pose[:, 15, 2] = -1.1 + 0.4 * torch.sin(9 * t)
    pose[:, 16, 2] = 1.1 - 0.4 * torch.cos(7 * t)
    pose[:, 17, 1] = -0.5 - 0.3 * torch.sin(8 * t)
    pose[:, 18, 1] = 0.5
    pose[:, 0, 0] = -0.3 - 0.2 * torch.sin(6 * t)
    pose[:, 3, 0] = 0.5 + 0.3 * torch.sin(6 * t)
    heading = torch.zeros(frames, 3)
    heading[:, 1] = -turn * t
    transl = torch.tensor([0.1, -0.05, -3.4]).repeat(frames, 1)
    hands = torch.zeros(frames, 15, 3)
    hands[:, :12, 2] = -0.4
    return Motion.rest(
        frames, 30.0, transl=transl, global_orient=heading, body_pose=pose.flatten(1),
        left_hand_pose=hands.flatten(1), right_hand_pose=-hands.flatten(1),
    )  # fmt: skip


def observed(keypoints: torch.Tensor, camera: Camera, noise: float = 0.0, seed: int = 0) -> Tracks:
    """What a perfect tracker would say of [T, 65, 3] key points, with noise in pixels."""
    rng = np.random.default_rng(seed)
    pixels = camera.project(keypoints)[0].numpy()
    pixels = pixels + rng.normal(0, noise or 1e-9, pixels.shape)
    points = keypoints @ LEVEL_CAMERA_AXES.T
    world = (points - points[:, 11:13].mean(1, keepdim=True)).numpy()
    frames = len(keypoints)
    facing = (world[:, 5, 0] > world[:, 6, 0]).astype(float)
    confidence = np.ones((frames, 23))
    confidence[:, 21:] = 0
    confidence[:, :5] *= facing[:, None]
    hands = pixels[:, 23:].reshape(frames, 2, 21, 2)
    masks = np.zeros((frames, camera.height // 2, camera.width // 2), dtype=np.uint8)
    return Tracks(
        body=pixels[:, :23], body_confidence=confidence, body_world=world[:, :23],
        hands=hands, hands_confidence=np.ones((frames, 2)),
        hands_world=world[:, 23:].reshape(frames, 2, 21, 3),
        face=np.zeros((frames, 4, 2)), face_confidence=facing,
        expression=np.zeros((frames, 52)), expression_confidence=np.zeros(frames),
        people=np.ones(frames, dtype=int), masks=masks,
    )  # fmt: skip
