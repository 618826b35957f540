"""The Gaussians of a page are the avatar's, and the page draws them as we do."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import avatar_kit
from avatar_kit.exporters.config import PlayerConfig
from avatar_kit.exporters.mesh import textured_person
from avatar_kit.exporters.page_gaussians import page_gaussians
from avatar_kit.exporters.player import Player
from avatar_kit.exporters.skinned_mesh import largest_four, skeleton_motion, skinned_mesh
from avatar_kit.gaussians import pose_gaussians
from avatar_kit.graphics import splat
from avatar_kit.interfaces import ExportSource
from avatar_kit.testing.avatar import export_source
from tests.exporters.test_export import decibels
from tests.exporters.test_mesh import quiet

_PAGE = Path(avatar_kit.__file__).parent / "exporters" / "page"


def source_of(avatar):
    """A trained avatar as an exporter gets it, with its training motion."""
    loaded = avatar._loaded
    motion = loaded.training_motion
    return ExportSource(
        avatar.model, "tiny", "splat", motion, loaded.subject.cameras, motion=motion
    )


def as_packed(source, mesh, packed, frame):
    """[B] the Gaussians of the file in a frame, posed by our own code."""
    (encoder,) = (e for e in source.avatar.encoders.values() if e.rigged_gaussians() is not None)
    rigged = encoder.rigged_gaussians()
    pose = source.motion[frame]
    parameters = source.avatar.body.from_motion(pose, source.avatar.shape)
    body = source.avatar.body(parameters)
    table = torch.stack(list(mesh.expressions.values()))
    moved = torch.einsum("k,kvx->vx", parameters["expression"][0], table)
    corners = moved[mesh.rest.topology.faces[rigged.faces]]
    means = rigged.means + (rigged.barycentrics[..., None] * corners).sum(1)
    rigged = replace(rigged, means=means, skinning_weights=largest_four(rigged.skinning_weights))
    count = packed.facts["count"]
    lit = torch.from_numpy(packed.data[: 28 * count].reshape(count, 28)[None, :, 15].copy())
    return lambda camera: pose_gaussians(rigged, body.bone_transforms, lit=lit, camera=camera)


def test_the_rows_are_those_of_the_avatar():
    source = replace(export_source("motion"), training_motion=export_source("motion").motion)
    mesh = skinned_mesh(source.avatar)
    packed = page_gaussians(source, mesh)
    rigged = source.avatar.encoders["points"].rigged_gaussians()
    count = len(rigged)
    assert packed.facts["count"] == count and len(packed.facts["moved"]) == 52
    assert len(packed.data) == 28 * count + 4 * sum(packed.facts["moved"])
    rows = torch.from_numpy(packed.data[: 28 * count].reshape(count, 28).copy())
    torch.testing.assert_close(rows[:, :3], rigged.means)
    torch.testing.assert_close(rows[:, 3], rigged.opacities)
    torch.testing.assert_close(rows[:, 8:11], rigged.scales)
    torch.testing.assert_close(rows[:, 12:15], rigged.colours)
    assert ((rows[:, 15] >= 0) & (rows[:, 15] <= 1)).all() and 0.1 < rows[:, 15].mean() < 1
    again = torch.zeros_like(rigged.skinning_weights)
    again.scatter_add_(1, rows[:, 20:24].long(), rows[:, 24:28])
    torch.testing.assert_close(again, largest_four(rigged.skinning_weights))
    # the Gaussians are at vertices, so an expression moves them as it moves these
    at, names = 28 * count, list(mesh.expressions)
    for name, length in zip(names, packed.facts["moved"], strict=True):
        moves = torch.from_numpy(packed.data[at : at + 4 * length].reshape(length, 4).copy())
        at += 4 * length
        expected = mesh.expressions[name][::16]
        found = torch.zeros_like(expected).index_add_(0, moves[:, 0].long(), moves[:, 1:])
        assert float((found - expected).norm(dim=1).max()) < 6e-5, name


def test_an_avatar_without_gaussians_has_none():
    source = export_source("motion", gaussians=False)
    assert page_gaussians(source, skinned_mesh(source.avatar)) is None


@pytest.mark.slow
@pytest.mark.parametrize("frame", [0, 2])
def test_the_page_draws_them_as_we_do(frame, avatar, tmp_path):
    from tests.exporters.viewing import picture_of, posted, projection_of

    source = source_of(avatar)
    person = textured_person(source, 32, 1, quiet)
    packed = page_gaussians(source, person.mesh)
    motions = {"motion": skeleton_motion(source.avatar, person.mesh, source.motion)}
    (tmp_path / "a.glb").write_bytes(person.glb(source, motions))
    (tmp_path / "gaussians.bin").write_bytes(packed.data.tobytes())
    own = avatar.camera
    camera = own.crop_resize(0, 0, 4.0, 4 * own.width, 4 * own.height)
    view = projection_of(camera)
    view |= {"facts": packed.facts, "seconds": frame / source.motion.fps}
    files = [tmp_path / "a.glb", tmp_path / "gaussians.bin", _PAGE / "three.min.js"]
    (tmp_path / "browser").mkdir()
    got = posted("splats.html", view, [*files, _PAGE / "splats.js"], tmp_path, tmp_path / "browser")
    seen = picture_of(got["picture"])
    with torch.no_grad():
        cloud = as_packed(source, person.mesh, packed, frame)(camera)
        ours = splat(
            cloud.means, None, None, cloud.opacities, cloud.features.clamp(0, 1), camera,
            covariances=cloud.covariances, visible=cloud.visible, eps2d=0.3 * 4**2,
        ).features[0]  # fmt: skip
    assert float(ours.std()) > 0.05
    found = decibels(seen, ours)
    assert found > 45
    assert decibels(seen.flip(2), ours) < found - 10


@pytest.mark.slow
def test_the_page_of_a_splat_avatar(avatar, tmp_path):
    from tests.exporters.browser import OpenPage

    out = tmp_path / "player.html"
    exported = Player(PlayerConfig()).export(source_of(avatar), out, quiet)
    assert exported.notes[0].startswith("shows 1,500 Gaussians")
    with OpenPage(out, tmp_path / "profile", 800, 600) as page:
        page.until("document.documentElement?.dataset.ready === 'true'")
        page.value("document.getElementById('play').click()")
        page.value("document.getElementById('home').click()")
        gaussians = page.picture()
        page.value("document.querySelector('#drawn [value=mesh]').click()")
        mesh = page.picture()
        page.value("document.querySelector('#drawn [value=gaussians]').click()")
        assert 18 < decibels(gaussians, mesh) < 45 < decibels(page.picture(), gaussians)
        assert page.complaints == []
