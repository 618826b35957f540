"""Every formula of `r3` against numbers of another implementation."""

import pytest
import roma
import torch
from avatar_kit_r3 import matching, parts, record, rig
from avatar_kit_r3.density import divergence

from tests.plugins.r3.golden import close, golden

PARTS = ("l_leg", "r_leg", "center_body", "l_arm", "r_arm")
HEADS = {
    "linear_0": "linear_0",
    "linear_1": "linear_1",
    "offset": "gaussian_warp",
    "opacity": "gaussian_opacity",
    "rotation": "gaussian_rotation",
    "scaling": "gaussian_scaling",
}
#: Name of an attribute -> its name in the files of the blend.
ATTRIBUTES = record.Decoded._fields


@pytest.mark.parametrize("in_tables", [False, True])
def test_planes_and_decoder(in_tables):
    case = golden("hexplane_decoder")
    planes = [[case[f"plane_{s}_{p}"] for p in range(6)] for s in range(3)]
    place = record.in_box(case["points"], *case["aabb"])
    at = torch.cat([place, case["time"]], dim=1)
    if in_tables:
        sides = [(p[0].shape[3], p[0].shape[2], p[1].shape[2], p[2].shape[2]) for p in planes]
        rows = lambda plane: plane[0].permute(1, 2, 0).flatten(0, 1)  # noqa: E731
        tables = [torch.cat([rows(plane) for plane in scale]) for scale in planes]
        features = record.table_features(tables, [record.layout(s) for s in sides], at)
    else:
        features = record.plane_features(planes, at)
    close(features, case["features"])
    weights = {
        f"{ours}.{kind}": case[f"{theirs}_{kind}"]
        for ours, theirs in HEADS.items()
        for kind in ("weight", "bias")
    }
    decoded = record.decode(case["features"], weights)
    for name in ATTRIBUTES:
        close(getattr(decoded, name), case[name])


def test_blend_by_part():
    case = golden("part_blend")
    part_of = torch.zeros(24, dtype=torch.long)
    for number, name in enumerate(PARTS):
        part_of[case[f"part_{name}"]] = number
    every_bone = torch.arange(24).expand(40, 24)
    masses = parts.part_masses(case["weights"], every_bone, part_of)
    close(masses, case["mass"])
    each = record.Decoded(*(case[f"each_{name}"].flatten(0, 1) for name in ATTRIBUTES))
    rows = torch.arange(40).repeat(5)
    found = record.blend(each, masses.T.reshape(-1), rows, 40)
    for name in ATTRIBUTES:
        close(getattr(found, name), case[f"blend_{name}"])


def test_retrieval():
    case = golden("retrieval")
    known, asked = (
        matching.embedding(matching.with_past(case[f"{which}_poses"], 2, torch.zeros(count).bool()))
        for which, count in (("training", 80), ("query", 16))
    )
    close(known, case["training_embedding"])
    close(asked, case["query_embedding"])
    joints = [case[f"part_{name}"].tolist() for name in PARTS]
    share = matching.shares(joints, 24).double()
    for number, query in enumerate(asked):
        distances = (matching.joint_distances(query, known.permute(2, 0, 1)) @ share).T
        values, frames = matching.nearest(distances, 20)
        for part, name in enumerate(PARTS):
            close(values[part], case[f"{name}_euclidean_value"][number])
            assert torch.equal(frames[part], case[f"{name}_euclidean_index"][number])


def test_smoothing():
    case = golden("smoothing")
    clips, before = torch.zeros(80, dtype=torch.long), None
    for frame in range(16):
        values = torch.stack([case[f"{name}_value"][frame] for name in PARTS])
        frames = torch.stack([case[f"{name}_index"][frame] for name in PARTS])
        choice = matching.chosen(values, frames, clips, before)
        close(choice.times, case["times"][frame])
        jumped = torch.nan_to_num(choice.jumped_from, nan=-1.0)
        torch.testing.assert_close(jumped, case["jump_from"][frame], rtol=1e-6, atol=1e-6)
        before = choice.times


def test_divergence():
    case = golden("kl")
    shapes = [case[f"{what}{i}"] for i in (0, 1) for what in ("mean", "quaternion", "scale")]
    found = divergence(*shapes)
    torch.testing.assert_close(found, case["kl"], rtol=1e-3, atol=1e-6)
    assert torch.equal(found > 0.4, case["split"].bool())
    assert torch.equal(found < 0.1, case["merge"].bool())


def test_corrected_rotations_of_the_rig():
    case = golden("rig")
    correction = rig.PoseCorrection(69, 23, 16).double()
    for layer in (0, 2, 4):
        for kind in ("weight", "bias"):
            values = case[f"pose_block_mlps_{layer}_{kind}"]
            getattr(correction.layers[layer], kind).data = values
    vectors = correction(case["poses"][:, 3:])
    close(rig.rotations(vectors)[0].detach(), case["correction"])


def test_skinning_of_the_rig():
    """Blend shapes and joints of that small body are the test's; kinematics and skinning ours."""
    case = golden("rig")
    parents = tuple(case["parents"].tolist())
    nearest = torch.cdist(case["points"], case["canonical_vertices"]).argmin(1)
    weights = rig.skinning_weights(case["weights"][nearest], case["weight_logit_offset"])
    close(weights, case["out_weights"])

    shaped = case["v_template"] + case["shapedirs"] @ case["shapes"][0]
    big = roma.rotvec_to_rotmat(case["big_poses"].view(24, 3))
    pose = roma.rotvec_to_rotmat(case["poses"].view(24, 3))
    pose = torch.cat([pose[:1], pose[1:] @ case["correction"]])
    to_big = carried(big, case["J_regressor"] @ case["v_template"], parents)
    to_pose = carried(pose, case["J_regressor"] @ shaped, parents)
    first, second = (rig.blended(weights, transforms) for transforms in (to_big, to_pose))

    unposed = torch.linalg.inv(first[:, :3, :3])
    points = apply(unposed, case["points"] - first[:, :3, 3])
    shape = (case["shapedirs"] @ case["shapes"][0])[nearest]
    change = shape + pose_shape(case, pose, nearest) - pose_shape(case, big, nearest)
    posed = apply(second[:, :3, :3], points + change) + second[:, :3, 3]
    close(posed, case["out_smpl"])
    turn, shift = case["R"][0], case["Th"][0, 0]
    close(posed @ torch.linalg.inv(turn) + shift, case["out_world"])
    close(turn @ second[:, :3, :3] @ unposed, case["out_transforms"])


def carried(rotations, joints, parents):
    """[J, 4, 4] what skinning carries points with, from the T-pose."""
    local = torch.eye(4, dtype=joints.dtype).repeat(len(parents), 1, 1)
    local[:, :3, :3] = rotations
    above = joints[[max(p, 0) for p in parents]]
    local[:, :3, 3] = torch.where(torch.tensor(parents)[:, None] < 0, joints, joints - above)
    still = torch.eye(4, dtype=joints.dtype).repeat(len(parents), 1, 1)
    still[:, :3, 3] = -joints
    return rig.kinematics(local, parents) @ still


def pose_shape(case, rotations, nearest):
    values = (rotations[1:] - torch.eye(3, dtype=rotations.dtype)).flatten()
    return (case["posedirs"] @ values)[nearest]


def apply(matrices, points):
    return (matrices @ points[..., None])[..., 0]
