"""Against the anny package itself: minutes, for the package builds its own model first."""

import os
from pathlib import Path

import pytest
import roma
import torch
from anny_motions import random_shape

from avatar_kit.scene import BodyParameters

pytestmark = pytest.mark.slow

#: ours = AXES @ anny's
AXES = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]], dtype=torch.float64)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package's model; ``ANNY_CACHE_DIR`` keeps its build for the next time."""
    anny = pytest.importorskip("anny")
    from anny.paths import set_anny_cache_path

    kept = os.environ.get("ANNY_CACHE_DIR")
    set_anny_cache_path(Path(kept) if kept else tmp_path_factory.mktemp("anny"))
    options = {"facial_actions": "all", "phenotypes": "all", "phenotype_blendshapes": "original"}
    return anny.Anny(**options)


def test_bones_and_faces_are_the_packages(body, package):
    assert list(body.joint_names) == list(package.bone_labels)
    assert list(body.joint_parents) == list(package.bone_parents)
    assert torch.equal(body.topology.faces, package.faces)


def test_forward_equals_the_package(body, package):
    frames = 12
    draw = torch.Generator().manual_seed(0)
    rotations = roma.rotvec_to_rotmat(0.5 * torch.randn(frames, 104, 3, generator=draw).double())
    transl = torch.randn(frames, 3, generator=draw).double()
    expression = torch.rand(frames, 52, generator=draw).double()
    shape = torch.stack([random_shape(i) for i in range(frames)]).double()
    shape[0], shape[1], shape[2] = 0.5, 0.0, 1.0
    deltas = torch.eye(4, dtype=torch.float64).repeat(frames, 104, 1, 1)
    deltas[..., :3, :3] = AXES.T @ rotations @ AXES
    deltas[:, 0, :3, 3] = transl @ AXES
    with torch.no_grad():
        theirs = package(
            pose_parameters=deltas,
            phenotype_kwargs=shape,
            facial_actions=expression,
            pose_parameterization="local-ref",
        )
        values = {"transl": transl, "pose": rotations, "expression": expression, "shape": shape}
        ours = body(BodyParameters({name: value.float() for name, value in values.items()}))
    assert (ours.vertices - theirs["vertices"] @ AXES.T).norm(dim=-1).max() < 1e-4
    heads = theirs["bone_poses"][..., :3, 3] @ AXES.T
    assert (ours.joints - heads).norm(dim=-1).max() < 1e-4


def test_key_points_equal_the_package(body, package):
    from anny.keypoints import KeypointsRegressor

    from avatar_kit.scene.joints import BODY_KEYPOINTS

    regressor = KeypointsRegressor.coco(package, labels=list(BODY_KEYPOINTS))
    with torch.no_grad():
        theirs = regressor(package())
    rest = torch.eye(3).expand(1, 104, 3, 3)
    values = {
        "transl": torch.zeros(1, 3),
        "pose": rest,
        "expression": torch.zeros(1, 52),
        "shape": torch.full((1, 11), 0.5),
    }
    ours = body.keypoints(BodyParameters(values))[:, :23]
    assert (ours - theirs @ AXES.T).norm(dim=-1).max() < 1e-4
