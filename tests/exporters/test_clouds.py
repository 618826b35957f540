"""What exporters make of any cloud of Gaussians."""

from dataclasses import replace

import pytest
import torch

from avatar_kit.errors import UserError
from avatar_kit.exporters.clouds import posed_gaussians, turned
from avatar_kit.exporters.config import GaussianPlyConfig, RiggedGaussiansConfig
from avatar_kit.exporters.ply import GaussianPly
from avatar_kit.exporters.rigged import RiggedGaussiansFile
from avatar_kit.graphics import harmonic_colors, splat
from avatar_kit.io import load_rigged_gaussians
from avatar_kit.scene import Camera
from avatar_kit.testing.avatar import camera, export_source
from tests.exporters.test_export import decibels, y_down


@pytest.fixture
def source():
    return export_source("pose")


def with_cloud(source, **changes):
    return replace(source, conditions={"points": replace(source.conditions["points"], **changes)})


@pytest.mark.parametrize("coefficients", [1, 4, 9, 16])
def test_a_turned_cloud_looks_the_same_from_a_turned_camera(coefficients, source):
    """Spherical harmonics included, from the side, against our own drawing of both."""
    draw = torch.Generator().manual_seed(coefficients)
    cloud = source.conditions["points"]
    harmonics = 0.3 * torch.randn(1, cloud.means.shape[1], coefficients, 3, generator=draw)
    cloud = replace(cloud, features=None, spherical_harmonics=harmonics)
    for eye in ((0, 1, 3.6), (2.5, 1.8, 1.0)):
        view = Camera.look_at(eye, (0, 0.95, 0), width=64, height=64, fov_y=33)
        pictures = []
        for shown, seen in ((cloud, view), (turned(cloud, "y_down"), y_down(view))):
            colours = harmonic_colors(shown.spherical_harmonics, shown.means, seen)
            values = (shown.quaternions, shown.scales, shown.opacities, colours, seen)
            pictures.append(splat(shown.means, *values).features)
        assert float(pictures[0].std()) > 0.02
        assert decibels(*pictures) > 80


def test_what_is_not_finite_is_left_out_and_said(source):
    cloud = source.conditions["points"]
    means = cloud.means.clone()
    means[0, 4] = torch.nan
    posed = posed_gaussians(with_cloud(source, means=means), None, "y_up", "a file")
    assert posed.cloud.means.shape[1] == means.shape[1] - 1
    assert "1 Gaussians that are not finite are left out" in posed.notes
    with pytest.raises(UserError, match="no Gaussian of this pose is finite"):
        posed_gaussians(with_cloud(source, means=means * torch.nan), None, "y_up", "a file")


def test_colours_below_0_and_hidden_sides_are_said(source):
    cloud = source.conditions["points"]
    colours = cloud.features.clone()
    colours[0, :7, 1] = -0.2
    hidden = torch.ones(1, colours.shape[1], dtype=torch.bool)
    hidden[0, 0] = False
    changed = with_cloud(source, features=colours, visible=hidden)
    posed = posed_gaussians(changed, None, "y_up", "a file")
    assert any(note.startswith("7 have a colour below 0") for note in posed.notes)
    assert "sides turned away from the camera are drawn, too" in posed.notes
    assert float(posed.cloud.features.min()) == pytest.approx(-0.2)


def test_two_clouds_need_a_choice(source):
    both = replace(source, conditions={n: source.conditions["points"] for n in ("skin", "hair")})
    with pytest.raises(UserError, match="holds one cloud, there are skin, hair; say encoder=NAME"):
        posed_gaussians(both, None, "y_up", "a file")
    posed_gaussians(both, "hair", "y_up", "a file")


def test_features_that_are_no_colours_are_refused(source):
    count = source.conditions["points"].means.shape[1]
    with pytest.raises(UserError, match="needs Gaussians with three channels of colour"):
        posed_gaussians(with_cloud(source, features=torch.zeros(1, count, 8)), None, "y_up", "F")


def test_a_degree_that_cuts_harmonics_off_is_refused(source, tmp_path):
    count = source.conditions["points"].means.shape[1]
    harmonics = torch.zeros(1, count, 16, 3)
    many = with_cloud(source, features=None, spherical_harmonics=harmonics)
    with pytest.raises(UserError, match=r"degree=1: .* say degree=3"):
        GaussianPly(GaussianPlyConfig(degree=1)).export(many, tmp_path / "a.ply", print)


def test_covariances_become_axes(source):
    cloud = source.conditions["points"]
    covariances = torch.diag_embed(cloud.scales.square())
    changed = with_cloud(source, quaternions=None, scales=None, covariances=covariances)
    posed = posed_gaussians(changed, None, "y_up", "a file").cloud
    pictures = [
        splat(c.means, c.quaternions, c.scales, c.opacities, c.features, camera()).features
        for c in (cloud, posed)
    ]
    assert decibels(*pictures) > 80


def test_rigged_gaussians_that_are_not_finite_are_left_out(tmp_path, monkeypatch):
    source = export_source("avatar")
    encoder = source.avatar.encoders["points"]
    whole = encoder.rigged_gaussians()
    scales, means = whole.scales.clone(), whole.means.clone()
    scales[0], means[2] = 0.0, torch.inf
    monkeypatch.setattr(
        encoder, "rigged_gaussians", lambda: replace(whole, scales=scales, means=means)
    )
    exporter = RiggedGaussiansFile(RiggedGaussiansConfig())
    exported = exporter.export(source, tmp_path / "a.safetensors", print)
    assert "1 Gaussians that are not finite are left out" in exported.notes
    assert len(load_rigged_gaussians(tmp_path / "a.safetensors").gaussians) == len(whole) - 1
