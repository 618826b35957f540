import math

import pytest
import torch

from avatar_kit.metrics.inception import SIDE, Inception, resize_tensorflow
from tests.metrics.inception_twin import Twin

SHARE = 1 / 16


@pytest.fixture(scope="module")
def twin():
    return Twin(SHARE).randomise()


@torch.no_grad()
def test_equals_the_network_written_out(twin):
    ours = Inception(twin.state_dict())
    image = torch.rand(2, 3, 70, 91, generator=torch.Generator().manual_seed(1))
    image[1, 0] = 0
    eight_bit = (255 * image).round()
    expected = twin((resize_tensorflow(eight_bit, SIDE) - 128) / 128)
    found = ours(image)
    assert found.shape == (2, 128)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert (expected[0] - expected[1]).abs().mean() > 0.01


@torch.no_grad()
def test_every_layer_is_run_once(twin):
    ours, runs = Inception(twin.state_dict()), []
    for name, layer in ours.layers.items():
        layer.register_forward_hook(lambda *_, name=name: runs.append(name))
    ours(torch.rand(1, 3, 40, 40))
    assert sorted(runs) == sorted(ours.layers) and len(runs) == 94


def test_twin_has_the_size_of_the_genuine_network():
    # Inception v3 has 23,834,568 parameters, 2,049,000 of them in the classifier of 1000 classes
    with torch.device("meta"):
        count = sum(p.numel() for p in Twin().parameters())
    assert count == 23_834_568 - 2_049_000


@pytest.mark.parametrize("size", [(5, 7), (64, 40)])
def test_resize_equals_the_formula(size):
    height, width = size
    image = torch.rand(1, 1, height, width, dtype=torch.float64)
    found, side = resize_tensorflow(image, 12)[0, 0], 12
    for row in range(side):
        for column in range(side):
            y, x = row * height / side, column * width / side
            (top, v), (left, u) = (divmod(y, 1), divmod(x, 1))
            top, left = int(top), int(left)
            low, right = min(top + 1, height - 1), min(left + 1, width - 1)
            pixel = image[0, 0]
            expected = (1 - v) * ((1 - u) * pixel[top, left] + u * pixel[top, right]) + v * (
                (1 - u) * pixel[low, left] + u * pixel[low, right]
            )
            assert math.isclose(found[row, column], expected, abs_tol=1e-9)


def test_pictures_are_rounded_to_8_bits(twin):
    ours = Inception(twin.state_dict())
    image = torch.randint(0, 256, (1, 3, 32, 32)) / 255
    torch.testing.assert_close(ours(image), ours((image + 0.4 / 255).clamp(max=1)))
