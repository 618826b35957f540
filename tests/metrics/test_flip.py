import numpy as np
import pytest
import torch

from avatar_kit.errors import MetricUnavailable
from avatar_kit.metrics import Flip
from avatar_kit.metrics.config import FlipConfig


@pytest.fixture
def flip():
    pytest.importorskip("flip_evaluator")
    return lambda a, b: Flip(FlipConfig()).score(a, b).item()


def uniform(colour) -> torch.Tensor:
    return torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 40, 52)


def hunt_lab(colour) -> np.ndarray:
    """CIELAB of an sRGB colour under D65, chroma scaled by lightness (FLIP, section 4.1.2)."""
    colour = np.asarray(colour, np.float64)
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [
            [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
            [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
            [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
        ]
    )
    ratio = to_xyz @ linear / to_xyz.sum(1)
    cut = 6 / 29
    x, y, z = np.where(ratio > cut**3, np.cbrt(ratio), ratio / (3 * cut**2) + 4 / 29)
    lightness = 116 * y - 16
    chroma = 0.01 * lightness
    return np.array([lightness, chroma * 500 * (x - y), chroma * 200 * (y - z)])


def uniform_flip(a, b) -> float:
    """FLIP of two uniform pictures: no edges, nothing to filter (equations 9 to 12)."""

    def hyab(p, q):
        p, q = hunt_lab(p), hunt_lab(q)
        return (abs(p[0] - q[0]) + np.hypot(*(p - q)[1:])) ** 0.7

    largest, found = hyab((0, 1, 0), (0, 0, 1)), hyab(a, b)
    knee = 0.4 * largest
    if found < knee:
        return 0.95 * found / knee
    return 0.95 + 0.05 * (found - knee) / (largest - knee)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
        ((0.5, 0.5, 0.5), (0.55, 0.55, 0.55)),
        ((0.8, 0.3, 0.2), (0.7, 0.4, 0.2)),
        ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ],
)
def test_uniform_pictures_follow_the_formula(flip, a, b):
    expected = uniform_flip(a, b)
    assert flip(uniform(a), uniform(b)) == pytest.approx(expected, abs=2e-4)
    assert flip(uniform(b), uniform(a)) == pytest.approx(expected, abs=2e-4)


def test_equal_pictures_are_zero(flip):
    picture = torch.rand(1, 3, 40, 52)
    assert flip(picture, picture.clone()) == 0.0


def test_fine_noise_disturbs_less_than_coarse(flip):
    """What FLIP is for: the eye does not resolve what is finer than its acuity."""
    grey = torch.full((1, 3, 96, 96), 0.5)
    y, x = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    fine = grey + 0.1 * (1 - 2 * ((x + y) % 2))
    coarse = grey + 0.1 * (1 - 2 * ((x // 16 + y // 16) % 2))
    assert flip(fine, grey) < 0.5 * flip(coarse, grey)


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MetricUnavailable, match=r'flip-evaluator.*"avatar-kit\[metrics\]"'):
        Flip(FlipConfig())
