"""The CPU z-buffer against closed forms and a dense twin."""

import multiprocessing
import threading

import numpy as np
import pytest
import torch
from graphics_shapes import centres, soup
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from avatar_kit.graphics import visibility
from avatar_kit.graphics.jit import in_parallel, spans

QUARTERS = st.integers(-20, 20).map(lambda n: n / 4)
ANYWHERE = st.floats(-5, 5, width=32)
SQUARE = np.array([[-9, -9], [9, -9], [9, 9], [-9, 9]])


def linear_weights(corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Screen-linear barycentrics [H, W, 3] of every pixel centre, by solving a linear system."""
    system = np.vstack([corners.T, np.ones(3)])
    points = centres(*size).numpy()
    ones = np.ones((*size, 1))
    return np.concatenate([points, ones], -1) @ np.linalg.inv(system).T


def turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[...] of [..., 2]: how far b is to the left of a, times their lengths."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def dense(pixels, depth, faces, size, perspective):
    """Nearest triangle and its depth, and whether another is too close to tell."""
    depths = []
    for face in faces:
        weights, z = linear_weights(pixels[face], size), depth[face]
        surface = 1 / (weights @ (1 / z)) if perspective else weights @ z
        depths.append(np.where((weights >= 0).all(-1), surface, np.inf))
    depths = np.stack(depths)
    order = np.sort(np.minimum(depths, 1e9), 0)
    near = np.where(order[0] == 1e9, -1, depths.argmin(0))
    clear = (order[0] == 1e9) | (order[1] - order[0] > 1e-5 * order[0])
    return near, order[0], clear


@pytest.mark.parametrize("perspective", [True, False])
def test_known_triangle(perspective):
    pixels = torch.tensor([[[1.0, 1.0], [9.0, 1.0], [1.0, 9.0]]])
    depth = torch.tensor([[1.0, 2.0, 4.0]])
    triangle, weights, z = visibility(
        pixels, depth, torch.tensor([[0, 1, 2]]), 10, 12, perspective=perspective
    )
    x, y = centres(10, 12).unbind(-1)
    inside = (x > 1) & (y > 1) & (x + y < 10)  # the slanted edge is no top-left edge
    assert torch.equal(triangle[0], torch.where(inside, 0, -1))
    linear = torch.stack([1 - (x - 1) / 8 - (y - 1) / 8, (x - 1) / 8, (y - 1) / 8], -1)
    if perspective:
        linear = linear / depth.double()
        linear = linear / linear.sum(-1, keepdim=True)
    expected = linear * inside[..., None]
    torch.testing.assert_close(weights[0].double(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(z[0].double(), (expected * depth).sum(-1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("perspective", [True, False])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(2, 40))
def test_soup_equals_dense_twin(perspective, seed, count):
    size = (24, 32)
    pixels, depth, faces = soup(count, seed, 32)
    triangle, weights, z = visibility(pixels, depth, faces, *size, perspective=perspective)
    expected, nearest, clear = dense(
        pixels[0].double().numpy(), depth[0].double().numpy(), faces.numpy(), size, perspective
    )
    assert np.array_equal(triangle[0].numpy()[clear], expected[clear])
    seen = clear & (expected >= 0)
    np.testing.assert_allclose(z[0].numpy()[seen], nearest[seen], rtol=1e-5)
    np.testing.assert_allclose(weights[0].numpy()[seen].sum(-1), 1, atol=1e-5)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_quad_covers_every_pixel_once(data):
    """Both triangulations of a convex quad: no crack and no pixel drawn twice."""
    number = data.draw(st.sampled_from([QUARTERS, ANYWHERE]))
    shift = [[data.draw(number), data.draw(number)] for _ in range(4)]
    quad = (SQUARE + shift) * data.draw(st.sampled_from([0.125, 1, 2])) + 16
    quad = quad.astype(np.float32).astype(np.float64)
    ahead = np.roll(quad, -1, 0) - quad
    turns = turn(ahead, np.roll(ahead, -1, 0))
    assume((turns > 1e-3).all() or (turns < -1e-3).all())
    pixels, depth = torch.tensor(quad, dtype=torch.float32)[None], torch.rand(1, 4) + 1
    covers = []
    for split in ([[0, 1, 2], [0, 2, 3]], [[0, 1, 3], [1, 2, 3]]):
        drawn = [visibility(pixels, depth, torch.tensor([face]), 32, 32)[0] >= 0 for face in split]
        assert not (drawn[0] & drawn[1]).any()
        covers.append(drawn[0] | drawn[1])
    # A centre on a corner, up to rounding, may see or miss the quad: it meets edges of one
    # triangulation that the other does not draw.
    corners = torch.from_numpy(np.abs(centres(32, 32).numpy()[:, :, None] - quad).max(-1).min(-1))
    assert torch.equal(covers[0][0][corners > 1e-9], covers[1][0][corners > 1e-9])
    side = turn(ahead, centres(32, 32).numpy()[:, :, None] - quad) * np.sign(turns[0])
    assert covers[0][0].numpy()[(side > 1e-3).all(-1)].all()
    assert not covers[0][0].numpy()[(side < -1e-3).any(-1)].any()


def test_fan_around_a_pixel_centre_covers_it_once():
    angles = torch.arange(8) * (torch.pi / 4) + 0.1
    rim = torch.stack([angles.cos(), angles.sin()], -1) * 7 + 10.5
    pixels = torch.cat([torch.tensor([[10.5, 10.5]]), rim])[None]
    faces = torch.stack([torch.zeros(8).long(), torch.arange(8) + 1, (torch.arange(8) + 1) % 8 + 1])
    covered = [visibility(pixels, torch.ones(1, 9), f[None], 21, 21)[0] >= 0 for f in faces.T]
    count = torch.stack(covered).sum(0)[0]
    assert count.max() == 1
    assert count[8:13, 8:13].min() == 1


@pytest.mark.parametrize("perspective", [True, False])
def test_interpenetrating_planes_meet_on_the_line(perspective):
    """Two slanted planes whose line of intersection crosses the columns very slowly."""
    size = 64
    corners = torch.tensor([[0.0, 0.0], [size, 0.0], [size, size], [0.0, size]])
    key = torch.tensor([[2.0] * 4, [1.0, 3.0, 3.11, 1.11]])  # linear on the screen
    pixels = corners.repeat(2, 1)[None]
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    depth = 1 / key if perspective else -key
    triangle, _, _ = visibility(
        pixels, depth.view(1, 8), faces, size, size, perspective=perspective
    )
    x, y = centres(size, size).unbind(-1)
    second = 1 + 2 * x / size + 0.11 * y / size
    clear = (second - 2).abs() > 1e-5
    assert torch.equal((triangle[0] >= 2)[clear], (second > 2)[clear])
    assert clear.all()


def test_equal_depth_goes_to_the_lowest_triangle():
    pixels = torch.tensor([[[0.0, 0.0], [16.0, 0.0], [0.0, 16.0]]])
    faces = torch.tensor([[0, 1, 2], [0, 1, 2], [2, 1, 0]])
    triangle, _, _ = visibility(pixels, torch.ones(1, 3), faces, 8, 8)
    assert (triangle[0, :4, :4] == 0).all()


def test_result_does_not_depend_on_threads():
    pixels, depth, faces = soup(300, 7, 64)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 7):
            torch.set_num_threads(threads)
            results.append(visibility(pixels, depth, faces, 61, 64))
    finally:
        torch.set_num_threads(before)
    for result in results[1:]:
        for one, other in zip(results[0], result, strict=True):
            assert torch.equal(one, other)


def test_python_threads_may_draw_at_once():
    scene = soup(200, 3, 64)
    expected, found = visibility(*scene, 64, 64)[0], []
    workers = [
        threading.Thread(target=lambda: found.append(visibility(*scene, 64, 64)[0]))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    assert all(torch.equal(expected, one) for one in found)


def _double(values: np.ndarray, start: int, stop: int) -> None:
    values[start:stop] *= 2


def _draw_in_child(sent) -> None:
    values = np.ones(10)
    in_parallel(_double, [(values, *span) for span in spans(10, 3)])
    sent.send(values.sum())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_has_its_own_threads():
    in_parallel(_double, [(np.ones(4), 0, 2), (np.ones(4), 2, 4)])  # start the parent's threads
    fork = multiprocessing.get_context("fork")
    received, sent = fork.Pipe(duplex=False)
    child = fork.Process(target=_draw_in_child, args=(sent,), daemon=True)
    child.start()
    answered = received.poll(20)
    if not answered:
        child.kill()
    assert answered
    assert received.recv() == 20
    child.join()


def test_triangles_that_are_not_finite_are_left_out():
    pixels, depth, faces = soup(20, 1, 32)
    pixels[0, 3, 0], pixels[0, 7, 1], depth[0, 12] = torch.nan, torch.inf, torch.nan
    kept = torch.tensor([f for f in range(20) if f not in (1, 2, 4)])
    drawn = visibility(pixels, depth, faces, 32, 32)[0]
    expected = visibility(pixels, depth, faces[kept], 32, 32)[0]
    assert torch.equal(drawn, torch.where(expected >= 0, kept[expected], -1))


def test_empty_mesh_and_empty_batch():
    none = torch.zeros(0, 3, dtype=torch.long)
    assert (visibility(torch.rand(2, 4, 2), torch.ones(2, 4), none, 5, 6)[0] == -1).all()
    empty = visibility(torch.rand(0, 4, 2), torch.ones(0, 4), torch.tensor([[0, 1, 2]]), 5, 6)
    assert [tuple(x.shape) for x in empty] == [(0, 5, 6), (0, 5, 6, 3), (0, 5, 6)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"faces": torch.tensor([[0, 1, 3]])}, r"faces name vertices 0\.\.3 of 3"),
        ({"faces": torch.tensor([[0, 1]])}, r"faces must be \[F, 3\]"),
        ({"pixels": torch.rand(1, 3, 3)}, r"points must be \[B, V, 2\]"),
        ({"near": 0.0}, "near plane must lie before the camera"),
    ],
)
def test_bad_input(change, message):
    good = {
        "pixels": torch.rand(1, 3, 2),
        "depth": torch.ones(1, 3),
        "faces": torch.tensor([[0, 1, 2]]),
        "height": 4,
        "width": 4,
    }
    with pytest.raises(ValueError, match=message):
        visibility(**{**good, **change})
