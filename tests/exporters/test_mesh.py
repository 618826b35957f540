"""A .glb holds the person: another reader finds the body's surface, in every pose."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.config import EncoderConfig, RendererConfig
from avatar_kit.errors import UserError
from avatar_kit.exporters.config import SkinnedMeshConfig
from avatar_kit.exporters.gltf import weight_sets
from avatar_kit.exporters.mesh import SkinnedMeshFile
from avatar_kit.exporters.skinned_mesh import continued
from avatar_kit.exporters.texture import baked_texture
from avatar_kit.graphics import interpolate, sample_texture, uv_map
from avatar_kit.interfaces import Encoder, Renderer
from avatar_kit.io.glb import GlbBuffer
from avatar_kit.scene import FeatureMap, Motion, RenderOutput
from avatar_kit.scene.joints import ARKIT_CHANNELS
from avatar_kit.surface import Texels
from avatar_kit.testing.avatar import export_source
from avatar_kit.testing.poses import random_motion
from tests.exporters.gltf_reader import Glb


def quiet(done, total, line):
    """A report that nobody reads."""


def written(tmp_path, source, **options):
    """The file of a source, read by another reader, and what was said."""
    exporter = SkinnedMeshFile(SkinnedMeshConfig(**{"texture": 32, "pictures": 1, **options}))
    exported = exporter.export(source, tmp_path / "a.glb", quiet)
    return Glb(tmp_path / "a.glb"), exported


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """A file without a motion: what it was made of, and its path."""
    source = replace(export_source("motion"), motion=None)
    folder = tmp_path_factory.mktemp("still")
    written(folder, source)
    return source, folder / "a.glb"


def corners(avatar, motion):
    """[T, F, 3, 3] metres, the corners of the body's triangles."""
    with torch.no_grad():
        body = avatar.body(avatar.body.from_motion(motion, avatar.shape))
    return body.vertices[:, body.topology.faces].numpy()


def all_expressions(frames):
    """Poses with every ARKit channel, the jaw and the eyes' joints."""
    motion = random_motion(frames, seed=5)
    jaw = torch.zeros(frames, 3)
    jaw[:, 0] = torch.linspace(0, 0.4, frames)
    return replace(motion, jaw_pose=jaw)


def test_another_reader_poses_it_as_the_body(tmp_path):
    motion = all_expressions(3)
    source = replace(export_source("motion"), motion=motion)
    glb, exported = written(tmp_path, source)
    expected = corners(source.avatar, motion)
    for frame in range(3):
        found = glb.posed(frame)[glb.faces()]
        assert np.abs(found - expected[frame]).max() < 2e-5
    assert "skin as the body's" in exported.notes[-1]
    assert glb.names() == list(ARKIT_CHANNELS)
    assert "14,898 vertices, 104 joints, 52 expressions" in exported.what


def test_four_weights_are_as_far_off_as_it_says(tmp_path):
    source = export_source("motion")
    glb, exported = written(tmp_path, source, weights="four")
    expected = corners(source.avatar, source.motion)
    off = max(
        np.linalg.norm(glb.posed(i)[glb.faces()] - expected[i], axis=-1).max() for i in range(4)
    )
    said = float(re.search(r"([\d.]+) mm off the body's at most", exported.notes[-1])[1])
    assert 1000 * off == pytest.approx(said, rel=0.06)
    assert 0.001 < off < 0.02
    assert (glb.skin_weights() > 0).sum(1).max() == 4


def test_at_rest_it_stands_on_the_floor_as_the_body_does(still):
    source, glb = still[0], Glb(still[1])
    assert "animations" not in glb.json
    rest = source.avatar.body.rest(source.avatar.shape)
    expected = rest.vertices[rest.topology.faces].numpy()
    found = glb.posed()[glb.faces()]
    assert found[..., 1].min() == pytest.approx(0, abs=1e-6)
    lift = np.array([0, -rest.vertices[:, 1].min(), 0])
    assert np.abs(found - lift - expected).max() < 1e-5
    names = [node["name"] for node in glb.json["nodes"][2:]]
    assert names == list(rest.joint_names)


def test_trimesh_reads_the_surface_and_the_picture(still):
    trimesh = pytest.importorskip("trimesh", reason="trimesh is not installed")
    source, glb = still[0], Glb(still[1])
    (mesh,) = trimesh.load_scene(still[1], process=False).geometry.values()
    rest = source.avatar.body.rest(source.avatar.shape)
    np.testing.assert_allclose(mesh.triangles, rest.vertices[rest.topology.faces], atol=1e-6)
    uvs = mesh.visual.uv[mesh.faces]
    expected = rest.topology.uvs[rest.topology.uv_faces].numpy()
    np.testing.assert_allclose(uvs[..., 0], expected[..., 0], atol=1e-6)
    np.testing.assert_allclose(1 - uvs[..., 1], expected[..., 1], atol=1e-6)  # its v points up
    picture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    assert (picture == glb.picture()).all()


class Places(Encoder):
    """Where at rest the surface is that a pixel sees, in [0, 1], slowly changing."""

    def forward(self, context):
        rest, fragments = self.setup.body, context.fragments
        colours = colours_of(rest)
        return FeatureMap(interpolate(colours[None], rest.topology.faces, fragments))


class Shown(Renderer):
    """The map as it is, on green."""

    camera_moves = True

    def forward(self, conditions, camera):
        (values,) = (c.values for c in conditions.values())
        alpha = (values.sum(1, keepdim=True) > 0).float()
        green = torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1, 1)
        return RenderOutput(rgb=values + (1 - alpha) * green, alpha=alpha)


def colours_of(rest):
    """[V, 3] a smooth colour for each vertex, the same on both sides, none black."""
    return 0.5 + 0.3 * torch.cos(3 * rest.vertices + torch.tensor([0.0, 1.0, 2.0]))


def turning_source(degrees):
    """An avatar that paints where it is at rest, standing turned by each of the angles."""
    source = export_source("motion")
    avatar = source.avatar
    setup = avatar.encoders["points"].setup
    encoders = {"places": Places(EncoderConfig(type="places"), setup)}
    renderer = Shown(RendererConfig(type="shown"), setup, {})
    avatar = type(avatar)(avatar.body, avatar.shape, encoders, renderer, avatar.aligner).eval()
    orient = torch.zeros(len(degrees), 3)
    orient[:, 1] = torch.deg2rad(torch.tensor(degrees).float())
    place = torch.tensor([0.0, 0.95, 0.0]).repeat(len(degrees), 1)
    motion = Motion.rest(len(degrees), 25.0, transl=place, global_orient=orient)
    camera = source.cameras["main"].crop_resize(0, 0, 4.0, 256, 256)
    return replace(source, avatar=avatar, training_motion=motion, cameras={"main": camera})


def texel_colours(source, size):
    """What the texture should be, and where it is."""
    rest = source.avatar.body.rest(source.avatar.shape)
    texels = Texels.of(rest.topology, size)
    return texels.interpolated(colours_of(rest)), texels.covered


def test_the_texture_is_what_the_avatar_paints():
    """Of a person who turns before the camera, whose colours are a known function of the place."""
    source = turning_source(list(range(0, 360, 30)))
    baked = baked_texture(source, 256, 12, quiet)
    expected, covered = texel_colours(source, 256)
    found = torch.from_numpy(baked.picture)[covered] / 255
    off = (found - expected).abs().amax(1)
    assert float(off.median()) < 0.01
    assert float(off.quantile(0.9)) < 0.05  # the others: soles, armpits, the inside of the mouth
    assert 0.01 < baked.unseen < 0.2 and baked.sides == () and baked.frames == 12


def test_sides_that_were_never_seen_are_said_and_filled():
    source = turning_source([0])
    baked = baked_texture(source, 128, 4, quiet)
    assert 0.4 < baked.unseen < 0.75 and baked.frames == 1
    assert "back" in baked.sides and "front" not in baked.sides
    expected, covered = texel_colours(source, 128)
    found = torch.from_numpy(baked.picture)[covered] / 255
    # filled from around: no green of the background, no black
    assert float((found - expected).abs().amax(1).quantile(0.9)) < 0.35
    assert float(found.amin()) > 0.15


def test_seams_do_not_show():
    """Between the texels of an island's edge a lookup finds the island's own colours."""
    source = turning_source(list(range(0, 360, 45)))
    baked = baked_texture(source, 128, 8, quiet)
    texture = torch.from_numpy(baked.picture).permute(2, 0, 1)[None] / 255
    from avatar_kit.exporters.pictured import posed_context

    context = posed_context(source.avatar, source.training_motion[1], source.cameras["main"])
    mask = context.fragments.mask
    seen = sample_texture(texture, uv_map(context.body.topology, context.fragments), mask)
    painted = source.avatar(context).rgb
    off = (seen - painted).abs().amax(1)[mask[:, 0] > 0]
    assert float(off.mean()) < 0.02 and float(off.quantile(0.99)) < 0.2


def test_a_body_without_texture_coordinates_is_refused(tmp_path, monkeypatch):
    source = export_source("motion")
    body, kind = source.avatar.body, type(source.avatar.body)
    bare = replace(body.topology, uvs=torch.zeros(0, 2), uv_faces=torch.zeros(0, 3).long())
    monkeypatch.setattr(kind, "topology", property(lambda self: bare))
    with pytest.raises(UserError, match="has no texture coordinates for its 27420 triangles"):
        written(tmp_path, source)
    assert not list(tmp_path.iterdir())


def test_a_picture_that_is_not_finite_is_refused(tmp_path, monkeypatch):
    source = turning_source([0])
    blank = torch.full((1, 3, 256, 256), math.nan)
    monkeypatch.setattr(Shown, "forward", lambda self, c, camera: RenderOutput(rgb=blank))
    with pytest.raises(UserError, match="not finite: the training has failed"):
        written(tmp_path, source)


@given(seed=st.integers(0, 999), joints=st.integers(1, 300), most=st.integers(1, 11))
def test_sets_of_weights_hold_all_of_them(seed, joints, most):
    draw = torch.Generator().manual_seed(seed)
    weights = torch.rand(7, joints, generator=draw)
    kept = weights.topk(min(most, joints), dim=1).indices
    weights = weights * torch.zeros_like(weights).scatter(1, kept, 1.0)
    weights = weights / weights.sum(1, keepdim=True)
    sets = weight_sets(weights)
    again = np.zeros((7, joints))
    for index, share in sets:
        for j in range(4):
            np.add.at(again, (np.arange(7), index[:, j]), share[:, j])
        assert (index[share == 0] == 0).all()
    np.testing.assert_allclose(again, weights.numpy(), atol=1e-6)
    assert len(sets) == math.ceil(int((weights > 0).sum(1).max()) / 4)
    first = np.concatenate([share for _, share in sets], 1)
    assert (np.diff(first, axis=1) <= 0).all()


@given(seed=st.integers(0, 999), frames=st.integers(1, 9))
def test_signs_of_quaternions_go_on(seed, frames):
    draw = torch.Generator().manual_seed(seed)
    given = torch.nn.functional.normalize(torch.randn(frames, 3, 4, generator=draw), dim=-1)
    found = continued(given)
    torch.testing.assert_close(found.abs(), given.abs())
    assert ((found[1:] * found[:-1]).sum(-1) >= 0).all()


@given(seed=st.integers(0, 999), count=st.integers(1, 40), data=st.data())
def test_sparse_vectors_are_read_back(seed, count, data, tmp_path_factory):
    rows = np.flatnonzero(np.random.default_rng(seed).random(count) < data.draw(st.floats(0, 1)))
    values = np.random.default_rng(seed).normal(size=(len(rows), 3)).astype(np.float32)
    buffer = GlbBuffer()
    number = buffer.add_sparse(rows, values, count)
    path = tmp_path_factory.mktemp("sparse") / "a.glb"
    path.write_bytes(buffer.packed({"meshes": [{"primitives": [{}]}]}))
    expected = np.zeros((count, 3), np.float32)
    expected[rows] = values
    found = Glb(path)
    assert (found.values(number) == expected).all()
    accessor = found.json["accessors"][number]
    assert accessor["min"] == expected.min(0).tolist()
    assert accessor["max"] == expected.max(0).tolist()
