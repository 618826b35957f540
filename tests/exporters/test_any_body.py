"""Meshes and motions of a body that is not ours: the one that `plugins new` writes."""

import importlib
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from avatar_kit.config import EncoderConfig, RendererConfig
from avatar_kit.exporters.config import BvhConfig, SkinnedMeshConfig
from avatar_kit.exporters.joint_centres import joint_centres
from avatar_kit.exporters.mesh import SkinnedMeshFile
from avatar_kit.exporters.motion import BvhFile
from avatar_kit.exporters.page_skeleton import page_skeleton
from avatar_kit.interfaces import Avatar, Setup
from avatar_kit.io import load_motion
from avatar_kit.scaffold.project import new_project
from avatar_kit.testing.avatar import export_source
from avatar_kit.testing.poses import random_motion
from tests.exporters.gltf_reader import Glb
from tests.exporters.test_mesh import Places, Shown, corners, quiet
from tests.exporters.test_motion_export import furthest


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """An avatar of the mannequin that stands as the small avatar does."""
    project = new_project("mannequin", "body", tmp_path_factory.mktemp("project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(project), *sys.path])
        module = importlib.import_module("avatar_kit_mannequin.component")
        config = importlib.import_module("avatar_kit_mannequin.config").MannequinConfig()
    body = module.Mannequin(config)
    given = export_source("motion")
    shape = torch.tensor([0.7, 0.4])
    setup = Setup(body.rest(shape), tuple(given.cameras.values()), 4)
    encoders = {"places": Places(EncoderConfig(type="places"), setup)}
    renderer = Shown(RendererConfig(type="shown"), setup, {})
    avatar = Avatar(body, shape, encoders, renderer, given.avatar.aligner).eval()
    jaw = torch.zeros(4, 3)
    jaw[:, 0] = 0.3
    random = random_motion(4, seed=8)
    slow = replace(random, jaw_pose=jaw, transl=0.1 * random.transl)
    return replace(given, avatar=avatar, motion=slow)


def test_the_mesh_poses_as_the_body(source, tmp_path):
    config = SkinnedMeshConfig(texture=64, pictures=2)
    exported = SkinnedMeshFile(config).export(source, tmp_path / "a.glb", quiet)
    glb = Glb(tmp_path / "a.glb")
    expected = corners(source.avatar, source.motion)
    for frame in range(4):
        assert np.abs(glb.posed(frame)[glb.faces()] - expected[frame]).max() < 2e-5
    assert "330 vertices, 55 joints, 52 expressions" in exported.what


def test_a_page_knows_how_its_bones_follow(source):
    skeleton = page_skeleton(source.avatar)
    assert skeleton.off < 0.1
    assert [bone.joint for bone in skeleton.followers] == list(range(55))


def test_the_joints_are_those_of_the_body(source, tmp_path):
    centres, known = joint_centres(source.avatar)
    heads = source.avatar.body.rest(source.avatar.shape).joints
    assert bool(known.all())
    torch.testing.assert_close(centres, heads, atol=2e-5, rtol=0)
    exported = BvhFile(BvhConfig()).export(source, tmp_path / "a.bvh", quiet)
    assert "55 joints" in exported.what and not any("without" in n for n in exported.notes)
    assert furthest(load_motion(tmp_path / "a.bvh", up="y"), source.motion) < 1e-4
