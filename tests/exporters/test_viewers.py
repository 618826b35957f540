"""Other people's programs open what we write: a viewer in a browser, and a converter."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from avatar_kit.io import read_gaussian_ply
from tests.exporters.test_export import cloud_of, decibels, drawn, y_down
from tests.exporters.viewing import PACKAGES, chromium, node_packages, viewed

pytestmark = pytest.mark.slow

#: A quarter turn twice, about x: how a world of y up shows files of y down.
_HALF_TURN, _NONE = (1, 0, 0, 0), (0, 0, 0, 1)


def expected(avatar, camera):
    """[3, H, W] our own drawing of what is in the file, on black."""
    _, cloud = cloud_of(avatar, avatar.training_motion()[0])
    shown = replace(cloud, visible=None, features=cloud.features.clamp(min=0))
    return drawn(shown, camera).features[0].clamp(0, 1)


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    chromium()
    return node_packages(tmp_path_factory.mktemp("viewer"), *PACKAGES)


@pytest.mark.parametrize(("name", "turn"), [("a.ply", _HALF_TURN), ("a.spz", _NONE)])
def test_a_viewer_shows_the_avatar(name, turn, avatar, modules, tmp_path):
    if name.endswith("spz"):
        pytest.importorskip("gsply", reason="the extra export is not installed")
    avatar.export(tmp_path / name)
    own = avatar.camera
    camera = own.crop_resize(0, 0, 4.0, 4 * own.width, 4 * own.height)
    (tmp_path / "browser").mkdir()
    seen = viewed(tmp_path / name, modules, camera, turn=turn, profile=tmp_path / "browser")
    ours = expected(avatar, camera)
    assert float(ours.std()) > 0.05
    found = decibels(seen, ours)
    assert found > 32
    # and not by being black: the same picture upside down is far off
    assert decibels(seen.flip(1), ours) < found - 10


@pytest.fixture(scope="module")
def converter(tmp_path_factory):
    if not shutil.which("node"):
        pytest.skip("there is no node on this machine")
    folder = node_packages(
        tmp_path_factory.mktemp("converter"), "@playcanvas/splat-transform@3.7.0"
    )
    script = folder / "@playcanvas" / "splat-transform" / "bin" / "cli.mjs"

    def convert(source, target):
        command = ["node", script, "-w", "-g", "cpu", source, target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    return convert


@pytest.mark.parametrize("between", ["a.sog", "b.spz", "b.compressed.ply"])
def test_a_converter_reads_our_ply(between, avatar, converter, tmp_path):
    """There and back by the converter, which keeps the axes; its files are read by itself."""
    avatar.export(tmp_path / "a.ply")
    converter(tmp_path / "a.ply", tmp_path / between)
    converter(tmp_path / between, tmp_path / "back.ply")
    read = read_gaussian_ply(tmp_path / "back.ply")
    colours = (0.5 + 0.28209479177387814 * read.spherical_harmonics[:, :, 0]).clamp(min=0)
    seen = drawn(read, y_down(avatar.camera), colours).features[0].clamp(0, 1)
    assert decibels(seen, expected(avatar, avatar.camera)) > 32


@pytest.mark.parametrize("version", [3, 4])
def test_a_converter_reads_our_spz(version, avatar, converter, tmp_path):
    pytest.importorskip("gsply", reason="the extra export is not installed")
    avatar.export(tmp_path / "a.spz", options={"version": version})
    converter(tmp_path / "a.spz", tmp_path / "back.ply")
    read = read_gaussian_ply(tmp_path / "back.ply")
    colours = (0.5 + 0.28209479177387814 * read.spherical_harmonics[:, :, 0]).clamp(min=0)
    seen = drawn(read, avatar.camera, colours).features[0].clamp(0, 1)
    assert decibels(seen, expected(avatar, avatar.camera)) > 38
