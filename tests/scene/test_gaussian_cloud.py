"""What a cloud of Gaussians may hold, and what the conformance kit sees of it."""

import pytest
import torch

from avatar_kit.scene import GaussianCloud
from avatar_kit.testing.encoder import _misshaped, tensors
from avatar_kit.testing.renderer import _rows

MEANS, OPACITIES = torch.zeros(2, 5, 3), torch.ones(2, 5)
TURN, SCALES, COLORS = torch.ones(2, 5, 4), torch.ones(2, 5, 3), torch.ones(2, 5, 3)
SPREAD, HARMONICS = torch.ones(2, 5, 3, 3), torch.ones(2, 5, 9, 3)


def test_either_shape_and_either_colour():
    GaussianCloud(MEANS, TURN, SCALES, OPACITIES, COLORS)
    GaussianCloud(MEANS, None, None, OPACITIES, covariances=SPREAD, spherical_harmonics=HARMONICS)
    for turn, scales, spread in ((TURN, None, None), (TURN, SCALES, SPREAD), (None, None, None)):
        with pytest.raises(ValueError, match="quaternions and scales, or covariances"):
            GaussianCloud(MEANS, turn, scales, OPACITIES, COLORS, covariances=spread)
    for colors, harmonics in ((None, None), (COLORS, HARMONICS)):
        with pytest.raises(ValueError, match="features, or spherical_harmonics"):
            GaussianCloud(MEANS, TURN, SCALES, OPACITIES, colors, spherical_harmonics=harmonics)


def test_the_kit_leaves_out_what_is_not_there():
    plain = GaussianCloud(MEANS, TURN, SCALES, OPACITIES, COLORS)
    assert list(tensors(plain)) == ["means", "quaternions", "scales", "opacities", "features"]
    rich = GaussianCloud(
        MEANS, None, None, OPACITIES, covariances=SPREAD, spherical_harmonics=HARMONICS,
        visible=torch.ones(2, 5, dtype=torch.bool), extras={"offsets": MEANS},
    )  # fmt: skip
    assert list(tensors(rich)) == [
        "means", "opacities", "covariances", "spherical_harmonics", "extras.offsets",
    ]  # fmt: skip
    one = _rows(rich, slice(0, 1))
    assert one.quaternions is None and one.visible.shape == (1, 5)
    assert one.extras["offsets"].shape == (1, 5, 3)


def test_the_kit_knows_the_shapes():
    rich = GaussianCloud(
        MEANS, None, None, OPACITIES, covariances=SPREAD, spherical_harmonics=HARMONICS
    )
    assert _misshaped(rich, 2, 3, 8, 8) == ""
    assert "'spherical_harmonics' has shape" in _misshaped(rich, 2, 4, 8, 8)
    bad = GaussianCloud(MEANS, TURN, SCALES, OPACITIES, COLORS, visible=torch.ones(5) > 0)
    assert "'visible' has shape (5,), expected (2, 5)" in _misshaped(bad, 2, 3, 8, 8)
