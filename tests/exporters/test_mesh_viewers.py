"""Other people's programs open our .glb: three.js in a browser, and Khronos's validator."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avatar_kit.exporters.config import SkinnedMeshConfig
from avatar_kit.exporters.mesh import SkinnedMeshFile
from avatar_kit.exporters.pictured import posed_context
from avatar_kit.exporters.skinned_mesh import largest_four, skinned_mesh, skinning_error
from avatar_kit.graphics import sample_texture, uv_map
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_JOINTS
from avatar_kit.scene.motion import concatenate
from tests.exporters.gltf_reader import Glb
from tests.exporters.test_export import decibels
from tests.exporters.test_mesh import quiet, turning_source
from tests.exporters.viewing import chromium, node_packages, picture_of, posted, projection_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source():
    """A person who stands, then raises the arms, smiles and opens the mouth."""
    source = turning_source([20, 20, 0, 90, 180, 270])
    pose = source.training_motion[0]
    arms = pose.body_pose.clone().view(21, 3)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        arms[BODY_JOINTS.index(f"{side}_shoulder"), 2] = sign * 1.2
        arms[BODY_JOINTS.index(f"{side}_elbow"), 1] = -sign * 0.8
    face = pose.expression.clone()
    for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp"):
        face[0, ARKIT_CHANNELS.index(name)] = 0.8
    raised = replace(pose, body_pose=arms.view(1, 63), expression=face)
    return replace(source, motion=concatenate([pose, raised]))


@pytest.fixture(scope="module")
def file(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("mesh") / "a.glb"
    SkinnedMeshFile(SkinnedMeshConfig()).export(source, out, quiet)
    return out


@pytest.mark.parametrize("frame", [0, 1])
def test_three_js_poses_and_draws_it_as_we_do(frame, source, file, tmp_path_factory):
    chromium()
    modules = node_packages(tmp_path_factory.mktemp("three"), "three@0.180.0")
    own = source.cameras["main"]
    camera = own.crop_resize(0, 0, 3.0, 3 * own.width, 3 * own.height)
    view = {**projection_of(camera), "file": "/a.glb", "seconds": frame / 25}
    got = posted("mesh.html", view, [file], modules, tmp_path_factory.mktemp("browser"))
    context = posed_context(source.avatar, source.motion[frame], camera)

    # it reads four weights a vertex and scales them
    mesh = skinned_mesh(source.avatar)
    four = largest_four(mesh.rest.skinning_weights)
    expected = Glb(file).posed(frame)
    places = np.frombuffer(got["vertices"], np.float32).reshape(-1, 3)
    off = np.linalg.norm(places - expected, axis=1)
    cut = float(skinning_error(source.avatar, mesh, four, source.motion[frame]).max())
    assert off.max() < cut + 2e-5
    assert np.median(off) < 2e-6
    assert np.linalg.norm(places - Glb(file).posed(1 - frame), axis=1).max() > 0.3

    texture = torch.from_numpy(Glb(file).picture().copy()).permute(2, 0, 1)[None] / 255
    mask = context.fragments.mask
    ours = sample_texture(texture, uv_map(context.body.topology, context.fragments), mask)[0]
    seen = picture_of(got["picture"])
    assert float(ours.std()) > 0.05
    assert decibels(seen, ours) > 33
    assert decibels(seen.flip(2), ours) < 20
    painted = source.avatar(context).rgb[0] * mask[0]
    assert decibels(seen, painted) > 28


def test_the_validator_finds_nothing(file, tmp_path_factory):
    modules = node_packages(tmp_path_factory.mktemp("gltf"), "gltf-validator@2.0.0-dev.3.10")
    command = ["node", Path(__file__).with_name("validate.mjs"), modules, file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    issues = report["issues"]
    assert issues["numErrors"] == issues["numWarnings"] == 0, issues["messages"]
    info = report["info"]
    assert info["animationCount"] == 1 and info["hasMorphTargets"] and info["hasSkins"]
    assert info["totalVertexCount"] == 14898 and info["totalTriangleCount"] == 27420
