import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from avatar_kit.errors import MetricUnavailable, UserError
from avatar_kit.metrics import FidInception, FrechetAlex, frechet, frechet_distance
from avatar_kit.metrics.config import FidConfig, FrechetAlexConfig
from avatar_kit.metrics.frechet import INCEPTION_FILES, Moments
from tests.metrics.inception_twin import Twin


def vectors(seed: int, n: int, width: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    mix = torch.randn(width, width, generator=draw, dtype=torch.float64)
    offset = torch.randn(width, generator=draw, dtype=torch.float64)
    return torch.randn(n, width, generator=draw, dtype=torch.float64) @ mix + offset


def by_scipy(a: np.ndarray, b: np.ndarray) -> float:
    """The textbook line, with a matrix square root of its own."""
    c, d = np.cov(a.T), np.cov(b.T)
    cross = np.trace(sqrtm(c @ d)).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c) + np.trace(d) - 2 * cross)


def by_frames(a: np.ndarray, b: np.ndarray) -> float:
    """The same between frames instead of features: exact where frames are the fewer."""
    p, q = (v - v.mean(0) for v in (a, b))
    cross = np.linalg.svd(p @ q.T, compute_uv=False).sum()
    spread = (p**2).sum() + (q**2).sum() - 2 * cross
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + spread / (len(a) - 1))


def moments(*pieces: torch.Tensor) -> Moments:
    found = Moments()
    for piece in pieces:
        found.add(piece)
    return found


def distance(p: Moments, q: Moments) -> float:
    return frechet_distance(p.mean, p.covariance(), q.mean, q.covariance())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(2, 12))
def test_equals_scipy(seed, width):
    a, b = vectors(seed, 40, width), vectors(seed + 1, 30, width)
    assert distance(moments(a), moments(b)) == pytest.approx(
        by_scipy(a.numpy(), b.numpy()), rel=1e-6, abs=1e-6
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(1, 29), unique=True, max_size=5))
def test_moments_of_a_stream_are_those_of_the_whole(seed, cuts):
    whole = vectors(seed, 30, 4) + 1e4  # far from the origin, where sums of squares lose digits
    found = moments(*torch.tensor_split(whole, sorted(cuts)))
    np.testing.assert_allclose(found.mean, whole.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance(), np.cov(whole.numpy().T), rtol=1e-8, atol=1e-8)


def test_gaussians_with_common_axes_have_a_closed_form():
    turn, _ = torch.linalg.qr(vectors(3, 5, 5))
    s, t = torch.tensor([[3.0, 2, 1, 0.5, 0], [1.0, 1, 4, 0, 0]]).double()
    m, k = vectors(4, 2, 5)
    first, second = ((turn * v**2) @ turn.T for v in (s, t))
    expected = ((m - k) ** 2).sum() + ((s - t) ** 2).sum()
    assert frechet_distance(m, first, k, second) == pytest.approx(expected.item(), rel=1e-10)


def test_fewer_vectors_than_dimensions():
    """Both covariances are singular; the distance of a set to itself moved is still exact."""
    a = vectors(5, 6, 64)
    shift = torch.linspace(-1, 1, 64, dtype=torch.float64)
    expected = shift.square().sum().item()
    assert distance(moments(a), moments(a + shift)) == pytest.approx(expected, rel=1e-9)
    assert distance(moments(a), moments(a)) == pytest.approx(0, abs=1e-9)


def test_still_pictures_have_no_covariance():
    still = torch.ones(3, 4)
    assert distance(moments(still), moments(2 * still)) == pytest.approx(4)


def pictures(n: int = 5) -> torch.Tensor:
    wave = torch.linspace(0, 9, 48)
    shift = torch.arange(n).view(-1, 1, 1) * 0.7
    grey = 0.5 + 0.4 * torch.sin(wave[:, None] + shift) * torch.cos(wave[None] - shift)
    return grey[:, None].repeat(1, 3, 1, 1)


def test_frechet_alex_compares_sets_not_frames():
    metric = FrechetAlex(FrechetAlexConfig())
    metric.update(pictures().flip(0).contiguous(), pictures())
    assert metric.compute() == pytest.approx(0, abs=1e-6)
    assert metric.frame_values() == []


def test_one_frame_has_no_distance():
    metric = FrechetAlex(FrechetAlexConfig())
    metric.update(pictures(1), pictures(1))
    assert math.isnan(metric.compute())


@pytest.mark.parametrize("name", INCEPTION_FILES)
@torch.no_grad()
def test_fid_is_the_distance_of_inception_features(name, hub, monkeypatch, digest):
    torch.save(Twin(1 / 32).randomise().state_dict(), hub / name)
    monkeypatch.setattr(frechet, "INCEPTION_SHA256", digest(hub / name))
    metric = FidInception(FidConfig())
    target = pictures()
    prediction = target**2
    for p, t in zip(prediction.split(1), target.split(1), strict=True):
        metric.update(p, t)
    features = [
        torch.cat([metric.features(p) for p in of.split(1)]).double().numpy()
        for of in (prediction, target)
    ]
    assert metric.compute() == pytest.approx(by_frames(*features), rel=1e-6)
    assert metric.compute() > 1e-3


def test_fid_conforms_where_its_weights_are(hub, monkeypatch, digest, faults):
    torch.save(Twin(1 / 32).randomise().state_dict(), hub / INCEPTION_FILES[0])
    monkeypatch.setattr(frechet, "INCEPTION_SHA256", digest(hub / INCEPTION_FILES[0]))
    assert not faults("fid_inception")


def test_missing_inception_is_named(hub):
    with pytest.raises(MetricUnavailable, match=rf"{INCEPTION_FILES[0]}: missing; .* put https"):
        FidInception(FidConfig())


def test_altered_inception_is_named(hub):
    (hub / INCEPTION_FILES[0]).write_bytes(b"not weights")
    with pytest.raises(UserError, match=r"sha256 is .*, expected 6726825d0af5\.\.\.; ") as raised:
        FidInception(FidConfig())
    assert not isinstance(raised.value, MetricUnavailable)
