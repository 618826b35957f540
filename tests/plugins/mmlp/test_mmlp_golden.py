"""The formulas against numbers of the authors' own code, where these are at hand."""

import numpy as np
import pytest
import torch
from avatar_kit_mmlp.appearance import canonical_means, colours, with_basis
from avatar_kit_mmlp.interpolation import interpolated, nearest_weights
from avatar_kit_mmlp.networks import anchor_mlps

from avatar_kit.gaussians import blended_transforms, sample_grid, skin_gaussians
from avatar_kit.surface import nearest_points
from tests.conftest import shared_file


@pytest.fixture
def golden():
    def read(name):
        with np.load(shared_file(f"golden/mmlp_{name}.npz")) as file:
            return {key: torch.from_numpy(file[key]) for key in file.files}

    return read


def close(found, expected):
    """Within a millionth of the largest value."""
    assert found.shape == expected.shape
    limit = 1e-6 * max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found, expected, atol=limit, rtol=0)


def layers(case):
    numbers = (0, 2, 4, 6, 8)
    return [[case[f"layers_{i}_{kind}"] for i in numbers] for kind in ("weight", "bias")]


def test_weights_from_a_grid(golden):
    case = golden("weight_grid")
    found = sample_grid(case["grid"], case["bbox_min"], case["bbox_max"], case["points"])
    close(found, case["weights"])


def test_the_mlps_of_the_anchors(golden):
    case = golden("anchor_mlps")
    close(anchor_mlps(case["pose"][None], *layers(case))[0], case["coefficients"])


def test_neighbours(golden):
    case = golden("knn")
    index, weight = nearest_weights(case["points"], case["controls"])
    assert index.tolist() == case["point_control_index"].tolist()
    inverse = case["point_control_inverse_distance"]
    close(weight, inverse / inverse.sum(1, keepdim=True))
    for kind in ("point", "control"):
        index, weight = nearest_weights(case[f"{kind}s"], case["anchors"])
        assert index.tolist() == case[f"{kind}_anchor_index"].tolist()
        close(weight, case[f"{kind}_anchor_weight"])
    near, _ = nearest_points(case["controls"], case["controls"], 7)
    assert near.tolist() == case["control_neighbour_index"].tolist()


def test_the_pose_changes_gaussians(golden):
    case = golden("forward")
    found = anchor_mlps(case["mlp_input"][None], *layers(case))
    close(found[0], case["out_coefficients"])
    of_points, of_controls = found.split(15, dim=-1)
    at_points = interpolated(of_points, *nearest_weights(case["points"], case["anchors"]))
    close(at_points[0], case["out_point_coefficients"])
    at_controls = interpolated(of_controls, *nearest_weights(case["controls"], case["anchors"]))
    offsets = with_basis(case["control_offset"], at_controls, case["control_basis"])
    close(offsets[0], case["out_control_offset"])
    carried = interpolated(offsets, *nearest_weights(case["points"], case["controls"]))
    close(carried[0], case["out_point_offset"])
    close(canonical_means(case["points"], carried, case["free_offset"])[0], case["out_canonical"])
    scale = with_basis(case["log_scale"], at_points, case["scale_basis"]).exp()
    close(scale[0], case["out_scale"])
    turn = with_basis(case["quaternion"], at_points, case["quaternion_basis"])
    close(torch.nn.functional.normalize(turn[0], dim=1), case["out_quaternion"])
    logit = with_basis(case["opacity_logit"][:, None], at_points, case["opacity_basis"][..., None])
    close(logit[0, :, 0].sigmoid(), case["out_opacity"])
    sh0 = with_basis(case["sh0"].flatten(1), at_points, case["sh0_basis"].flatten(2))
    sh1 = with_basis(case["sh1"].flatten(1), at_points, case["sh1_basis"].flatten(2))
    close(torch.cat([sh0, sh1], 2)[0].unflatten(1, (4, 3)), case["out_sh"])


def test_skinning_and_colours(golden):
    case = golden("forward")
    corners = case["bbox_min"], case["bbox_max"]
    weights = sample_grid(case["grid"], *corners, case["points"])
    close(weights, case["out_weights"])
    # the joint transforms are given: bones stand at the identity at rest
    still = torch.eye(4).expand(len(case["joint_transforms"]), 4, 4)
    local = blended_transforms(weights, case["joint_transforms"][None], still)
    close(local[0], case["out_blended"][:, :3])
    root = torch.eye(4)
    root[:3, :3], root[:3, 3] = case["root_rotation"], case["root_translation"]
    world = blended_transforms(weights, (root @ case["joint_transforms"])[None], still)
    shape = case["out_quaternion"], case["out_scale"]
    means, covariances = skin_gaussians(world, case["out_canonical"], *shape)
    close(means[0], case["out_world"])
    close(covariances[0], case["out_covariance"])
    sh0, sh1 = case["out_sh"][None].split([1, 3], dim=2)
    centre = case["camera_position"][None]
    # theirs leaves the turn of the root out of the direction: it is given the local transform
    found = colours(sh0[:, :, 0], sh1, means, centre, local[..., :3])
    close(found[0], case["out_colour"])
