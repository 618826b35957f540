import math

import pytest
import torch

from avatar_kit.metrics import StLpips, StTlpips
from avatar_kit.metrics.config import StLpipsConfig, StTlpipsConfig
from avatar_kit.nn.perceptual import ST_WEIGHTS_SHA256


def clip(frames: int = 4, size: int = 48) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    waves = [torch.sin((x + 2 * t) / 5) * torch.cos(y / 4) for t in range(frames)]
    return torch.stack([torch.stack([w, w * 0.5, -w]) for w in waves]) * 0.4 + 0.5


def test_st_lpips_of_equal_pictures_is_zero_and_orders_distortions():
    target = clip(1)
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    scores = []
    for strength in (0.0, 0.05, 0.2):
        metric = StLpips(StLpipsConfig())
        metric.update((target + strength * noise).clamp(0, 1), target)
        scores.append(metric.compute())
    assert scores[0] == 0.0
    assert scores[0] < scores[1] < scores[2]
    assert metric.weights_sha256 == ST_WEIGHTS_SHA256["alex"]


def test_st_tlpips_is_the_difference_of_steps():
    target = clip()
    prediction = target.clone()
    prediction[2] = target[1]  # a frame that sticks
    spatial = StLpips(StLpipsConfig())
    step = lambda v, t: spatial.score(v[t - 1 : t], v[t : t + 1]).item()  # noqa: E731
    expected = [100 * abs(step(prediction, t) - step(target, t)) for t in (1, 2, 3)]
    metric = StTlpips(StTlpipsConfig())
    metric.update(prediction, target)
    assert metric.compute() == pytest.approx(sum(expected) / 3, rel=1e-4)
    assert expected[1] > 0.1


def test_st_tlpips_does_not_depend_on_batches():
    target = clip()
    prediction = target.flip(0)
    whole, parts = StTlpips(StTlpipsConfig()), StTlpips(StTlpipsConfig())
    whole.update(prediction, target)
    for t in range(4):
        parts.update(prediction[t : t + 1], target[t : t + 1])
    assert whole.compute() == pytest.approx(parts.compute(), rel=1e-4)


def test_st_tlpips_never_spans_two_clips():
    target = clip()
    metric = StTlpips(StTlpipsConfig())
    for t in range(4):
        metric.update(target[t : t + 1], target[t : t + 1], new_clip=True)
    assert math.isnan(metric.compute())


def test_perfect_prediction_does_not_flicker():
    metric = StTlpips(StTlpipsConfig())
    metric.update(clip(), clip())
    assert metric.compute() == 0.0


def test_features_are_computed_once_for_a_living_picture_and_again_when_it_changes():
    from avatar_kit.metrics.perceptual import shared_features

    picture = clip(1)
    first = shared_features(picture)
    assert shared_features(picture) is first
    picture += 0.1
    assert not torch.equal(shared_features(picture)[0], first[0])


def test_st_tlpips_names_the_frames_that_have_no_pair():
    target = clip()
    metric = StTlpips(StTlpipsConfig())
    for t, new_clip in ((slice(0, 2), True), (slice(2, 3), False), (slice(3, 4), True)):
        metric.update(target.flip(0)[t], target[t], new_clip=new_clip)
    values = metric.frame_values()
    assert [math.isnan(v) for v in values] == [True, False, False, True]
    assert metric.compute() == pytest.approx((values[1] + values[2]) / 2)
