"""The page's solver finds the pose again whose landmarks it is given."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import roma
import torch

import avatar_kit
from avatar_kit.exporters.joint_centres import bones_of_joints, joint_centres
from avatar_kit.exporters.page_skeleton import page_skeleton
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_KEYPOINTS, HAND_KEYPOINTS, SMPLX_JOINTS
from avatar_kit.testing.avatar import export_source

_SOLVER = Path(avatar_kit.__file__).parent / "exporters" / "page" / "solver.js"

#: Takes frames of points, each for as long as it is given, and says what joints and bones are then.
_SCRIPT = """
const fs = require("fs"), vm = require("vm");
vm.runInThisContext(fs.readFileSync(process.argv[2], "utf8"));
const { body, frames, mirror } = JSON.parse(fs.readFileSync(0, "utf8"));
const solver = vm.runInThisContext("Solver")(body), shown = [];
for (const { points, turn, seconds } of frames) {
  for (let t = 0; t < seconds - 1e-9; t += 0.02) {
    const given = mirror ? vm.runInThisContext("Solver").mirrored(points) : points;
    if (points) solver.see(given, turn, 0.02);
    solver.step(0.02);
  }
  shown.push({ joints: solver.joints(), bones: solver.bones() });
}
console.log(JSON.stringify(shown));
"""

#: Limbs by their ends.
_LIMBS = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "index1"), ("hip", "knee"),
        ("knee", "ankle"), ("heel", "big_toe"),
    )
] + [("right_hip", "left_hip"), ("right_shoulder", "left_shoulder"), ("right_ear", "left_ear")]  # fmt: skip


#: Joint -> the bone of Anny that begins there.
_BONES = {
    f"{side}_{joint}": f"{bone}.{end}"
    for side, end in (("left", "L"), ("right", "R"))
    for joint, bone in (
        ("shoulder", "upperarm01"), ("elbow", "lowerarm01"), ("wrist", "wrist"),
        ("hip", "upperleg01"), ("knee", "lowerleg01"), ("ankle", "foot"),
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def avatar():
    return export_source("motion").avatar


@pytest.fixture(scope="module")
def body(avatar):
    return page_skeleton(avatar)


def solved(body, frames, tmp_path, *, mirror=False):
    """What the solver shows after each of some frames."""
    if not shutil.which("node"):
        pytest.skip("there is no node on this machine")
    script = tmp_path / "solve.js"
    script.write_text(_SCRIPT)
    given = json.dumps({"body": body.facts(), "frames": frames, "mirror": mirror})
    words = ["node", str(script), str(_SOLVER)]
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=60)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def posed_points(avatar, poses):
    """Name -> [B, 3] metres from the pelvis of what is seen in poses [B, 55, 3].

    Joints are carried along by the bones of the body that turn about them.
    """
    count = len(poses)
    motion = Motion.from_rotvec(
        30.0, torch.zeros(count, 3), poses, torch.zeros(count, 52), torch.ones(count)
    )
    points = avatar.body.keypoints(avatar.body.from_motion(motion, avatar.shape))
    names = [*BODY_KEYPOINTS, *(f"left_{n}" for n in HAND_KEYPOINTS)]
    names += [f"right_{n}" for n in HAND_KEYPOINTS]
    found = {name: at for name, at in zip(names, points.unbind(1), strict=True) if "1" in name or "_wrist" not in name}
    centres, _ = joint_centres(avatar)
    bones, still = bones_of_joints(avatar, poses), bones_of_joints(avatar, 0 * poses[:1])
    carry = (bones @ torch.linalg.inv(still)).float()
    for name, bone in _BONES.items():
        moved = carry[:, avatar.body.joint_names.index(bone)]
        centre = centres[SMPLX_JOINTS.index(name)]
        found[name] = (moved[:, :3, :3] @ centre) + moved[:, :3, 3]
    return found


def frame_of(points, row, seconds=3.0, unseen=()):
    """A frame that shows one pose."""
    shown = {
        name: {"at": values[row].tolist(), "seen": 0.0 if name in unseen else 1.0}
        for name, values in points.items()
    }
    return {"points": shown, "seconds": seconds}


def directions(points):
    """[B, limbs, 3] unit vectors."""
    lines = [points[b] - points[a] for a, b in _LIMBS]
    return torch.nn.functional.normalize(torch.stack(lines, 1), dim=-1)


def degrees_between(a, b):
    return torch.rad2deg(torch.acos((a * b).sum(-1).clamp(-1, 1)))


def natural_poses(count, seed=0):
    """[B, 55, 3] poses of a person: any arms and legs, elbows and knees that are hinges."""
    random = torch.Generator().manual_seed(seed)
    poses = torch.zeros(count, len(SMPLX_JOINTS), 3)

    def draw(low, high):
        return torch.deg2rad(low + (high - low) * torch.rand(count, generator=random))

    def put(joint, *axes):
        poses[:, SMPLX_JOINTS.index(joint)] = torch.stack(axes, -1)

    none = torch.zeros(count)
    put("pelvis", draw(-15, 15), draw(-180, 180), draw(-10, 10))
    bend = [draw(-4, 6), draw(-10, 10), draw(-4, 4)]
    for joint in ("spine1", "spine2", "spine3"):
        put(joint, *bend)
    nod = [draw(-15, 15), draw(-20, 20), draw(-8, 8)]
    put("neck", *nod)
    put("head", *nod)
    for side, sign in (("left", 1), ("right", -1)):
        put(f"{side}_shoulder", draw(-50, 50), draw(-60, 60), -sign * draw(-40, 75))
        put(f"{side}_elbow", none, -sign * draw(40, 130), none)
        put(f"{side}_wrist", none, draw(-25, 25), draw(-25, 25))
        put(f"{side}_hip", draw(-80, 15), draw(-20, 20), sign * draw(0, 30))
        put(f"{side}_knee", draw(30, 110), none, none)
        put(f"{side}_ankle", draw(-20, 20), none, none)
    return poses


def as_rotvec(joints):
    return roma.unitquat_to_rotvec(torch.tensor(joints, dtype=torch.float64)).float()


def test_bones_follow_the_joints_as_the_body_says(avatar, body):
    assert body.off < 0.1


def test_it_finds_the_pose_again(avatar, body, tmp_path):
    poses = natural_poses(24)
    points = posed_points(avatar, poses)
    shown = solved(body, [frame_of(points, row) for row in range(24)], tmp_path)
    found = torch.stack([as_rotvec(frame["joints"]) for frame in shown])
    off = degrees_between(directions(points), directions(posed_points(avatar, found)))
    for (a,b), o in zip(_LIMBS, off.T): print(a,b, o.median().item(), o.max().item())
    local=roma.rotmat_geodesic_distance(roma.rotvec_to_rotmat(poses), roma.rotvec_to_rotmat(found))*57.3
    for i,n in enumerate(SMPLX_JOINTS[:25]): print(n, local[:,i].median().item(), local[:,i].max().item())
