"""PLY files of Gaussians: what we write, others read; what is broken is refused by name."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.io import read_gaussian_ply, write_gaussian_ply
from avatar_kit.scene import GaussianCloud


def second_reader():
    return pytest.importorskip("gsply", reason="the second reader is not installed (extra dev)")


def cloud(count=5, coefficients=0, seed=0):
    draw = torch.Generator().manual_seed(seed)
    quaternions = torch.nn.functional.normalize(torch.randn(1, count, 4, generator=draw), dim=-1)
    harmonics = torch.randn(1, count, coefficients, 3, generator=draw) if coefficients else None
    return GaussianCloud(
        means=torch.randn(1, count, 3, generator=draw),
        quaternions=quaternions,
        scales=torch.rand(1, count, 3, generator=draw) * 0.1 + 1e-4,
        opacities=torch.rand(1, count, generator=draw),
        features=3 * torch.rand(1, count, 3, generator=draw) - 1 if harmonics is None else None,
        spherical_harmonics=harmonics,
    )


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 20), coefficients=st.sampled_from([0, 1, 4, 9, 16]),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_another_reader_finds_what_was_written(count, coefficients, seed, tmp_path_factory):
    path = tmp_path_factory.mktemp("ply") / "a.ply"
    given_ = cloud(count, coefficients, seed)
    write_gaussian_ply(path, given_)
    read = second_reader().plyread(path)
    np.testing.assert_allclose(read.means, given_.means[0], rtol=1e-6)
    np.testing.assert_allclose(np.exp(read.scales), given_.scales[0], rtol=1e-5)
    np.testing.assert_allclose(1 / (1 + np.exp(-read.opacities)), given_.opacities[0], atol=2e-6)
    np.testing.assert_allclose(read.quats, given_.quaternions[0], atol=1e-6)
    if coefficients:
        expected = given_.spherical_harmonics[0]
        np.testing.assert_allclose(read.sh0, expected[:, 0], rtol=1e-6)
        higher = read.shN[:, : coefficients - 1]
        np.testing.assert_allclose(higher, expected[:, 1:], rtol=1e-6)
        assert not read.shN[:, coefficients - 1 :].any()
    else:
        colours = 0.5 + 0.5 / np.sqrt(np.pi) * read.sh0
        np.testing.assert_allclose(colours, given_.features[0], atol=1e-6)
    assert read.shN.shape == (count, 15, 3)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_our_reader_finds_what_another_wrote(degree, tmp_path):
    given_ = cloud(7, (degree + 1) ** 2)
    harmonics = given_.spherical_harmonics[0].numpy()
    path = tmp_path / "theirs.ply"
    second_reader().plywrite(
        path, given_.means[0].numpy(), given_.scales[0].log().numpy(),
        given_.quaternions[0].numpy(), torch.logit(given_.opacities[0]).numpy(),
        harmonics[:, 0], harmonics[:, 1:] if degree else None,
    )  # fmt: skip
    read = read_gaussian_ply(path)
    for name in ("means", "scales", "opacities", "quaternions", "spherical_harmonics"):
        torch.testing.assert_close(getattr(read, name), getattr(given_, name), atol=1e-5, rtol=1e-5)


def test_opacities_of_0_and_1_stay_finite(tmp_path):
    given_ = cloud(2)
    given_.opacities[0] = torch.tensor([0.0, 1.0])
    write_gaussian_ply(tmp_path / "a.ply", given_)
    read = read_gaussian_ply(tmp_path / "a.ply").opacities[0]
    torch.testing.assert_close(read, torch.tensor([0.0, 1.0]), atol=2e-6, rtol=0)


def test_what_a_ply_cannot_hold_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="16 harmonics do not fit into degree 2"):
        write_gaussian_ply(tmp_path / "a.ply", cloud(3, 16), degree=2)
    broken = cloud(3)
    broken.means[0, 1, 2] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        write_gaussian_ply(tmp_path / "a.ply", broken)
    assert not list(tmp_path.iterdir())


def changed(old, new):
    return lambda data: data.replace(old, new, 1)


FAULTS = {
    "cut off": (lambda data: data[:-3], "it is cut off"),
    "longer": (lambda data: data + b"\0", "further elements"),
    "no PLY": (lambda data: b"PK" + data, "is no PLY file"),
    "no end": (lambda data: data[:40], "is no PLY file"),
    "ascii": (changed(b"binary_little_endian", b"ascii"), "expected binary_little_endian"),
    "mesh": (changed(b"element vertex", b"element face"), "expected the one element vertex"),
    "empty": (changed(b"vertex 5", b"vertex 0"), "holds no Gaussian"),
    "renamed": (changed(b"property float opacity", b"property float opacitx"), "no property 'opac"),
    "twice": (changed(b"property float opacity", b"property float x"), "stands there twice"),
    "a list": (changed(b"property float opacity", b"property list opacity"), "of one number"),
    "rest": (changed(b"property float f_rest_44", b"property float other"), "expected 0, 9, 24"),
    "NaN": (lambda data: data[:-4] + np.float32(np.nan).tobytes(), "'rot_3' of Gaussian 4"),
    "no rotation": (lambda data: data[:-16] + bytes(16), "a rotation has length 0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_broken_files_are_refused(fault, tmp_path):
    path = tmp_path / "a.ply"
    write_gaussian_ply(path, cloud())
    spoil, words = FAULTS[fault]
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match=f"a.ply.*{re.escape(words)}"):
        read_gaussian_ply(path)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="no such PLY file"):
        read_gaussian_ply(tmp_path / "missing.ply")
