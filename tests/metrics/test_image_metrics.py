import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from avatar_kit.metrics import PSNR, SSIM, psnr, ssim
from avatar_kit.metrics.config import PSNRConfig, SSIMConfig
from avatar_kit.metrics.image import ssim_dense


def pictures(seed: int, batch: int = 2, height: int = 32, width: int = 27):
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(batch, 3, height, width, generator=generator)
    noise = torch.randn(batch, 3, height, width, generator=generator)
    return (target + 0.1 * noise).clamp(0, 1), target


def test_psnr_closed_form():
    target = torch.full((1, 3, 8, 8), 0.5)
    assert psnr(target + 0.1, target).item() == pytest.approx(20.0, abs=1e-4)
    assert psnr(target + 0.01, target).item() == pytest.approx(40.0, abs=1e-3)


def test_psnr_of_equal_pictures_is_finite():
    target = torch.rand(1, 3, 8, 8)
    assert psnr(target, target).item() == 100.0


def reference_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Dense twin on scipy's Gaussian filter; 3.5 sigma cuts it to 11 taps."""

    def blur(x):
        return gaussian_filter(x, 1.5, truncate=3.5)

    scores = []
    for x, y in zip(a.astype(np.float64), b.astype(np.float64), strict=True):
        mx, my = blur(x), blur(y)
        vx, vy, vxy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
        top = (2 * mx * my + 1e-4) * (2 * vxy + 9e-4)
        scores.append((top / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))[5:-5, 5:-5].mean())
    return float(np.mean(scores))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ssim_equals_scipy_twin(seed):
    prediction, target = pictures(seed)
    twin = [reference_ssim(p.numpy(), t.numpy()) for p, t in zip(prediction, target, strict=True)]
    assert ssim(prediction, target).tolist() == pytest.approx(twin, abs=1e-6)


def test_ssim_of_equal_pictures_is_one():
    _, target = pictures(0)
    assert ssim(target, target).tolist() == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(("metric", "config"), [(PSNR, PSNRConfig), (SSIM, SSIMConfig)])
def test_mean_over_frames_does_not_depend_on_batches(metric, config):
    prediction, target = pictures(1, batch=3)
    whole, parts = metric(config()), metric(config())
    whole.update(prediction, target)
    parts.update(prediction[:1], target[:1])
    parts.update(prediction[1:], target[1:], new_clip=True)
    assert whole.compute() == pytest.approx(parts.compute())
    parts.reset()
    assert math.isnan(parts.compute())


def test_shapes_must_agree():
    metric = PSNR(PSNRConfig())
    with pytest.raises(ValueError, match="differ"):
        metric.update(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))


def test_ssim_equals_its_twin_in_torch():
    prediction, target = pictures(3, height=41, width=36)
    torch.testing.assert_close(
        ssim(prediction, target), ssim_dense(prediction, target), rtol=0, atol=1e-12
    )


def test_ssim_has_gradients():
    prediction, target = pictures(4, height=16, width=16)
    prediction.requires_grad_()
    ssim(prediction, target).sum().backward()
    step = torch.zeros_like(prediction)
    step[0, 1, 8, 7] = 1e-3
    with torch.no_grad():
        change = (ssim(prediction + step, target) - ssim(prediction - step, target)).sum()
    assert prediction.grad[0, 1, 8, 7].item() == pytest.approx(change.item() / 2e-3, rel=1e-2)
