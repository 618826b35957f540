import numpy as np
import pytest
from avatar_kit_studio import mesh

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
CUBE_QUADS = np.array(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
)


def grid(n):
    y, x = np.mgrid[0:n, 0:n]
    points = np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], 1).astype(float)
    at = np.arange(n * n).reshape(n, n)
    quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], -1).reshape(-1, 4)
    return points, quads


def test_catmull_clark_of_a_cube_has_the_known_points():
    values, quads = mesh.subdivide(CUBE, CUBE_QUADS)
    assert values.shape == (26, 3)
    assert quads.shape == (24, 4)
    assert np.allclose(np.abs(values[:8]), 5 / 9)
    assert np.allclose(np.sort(np.abs(values[8:20]), 1), [0, 0.75, 0.75])
    assert np.allclose(np.sort(np.abs(values[20:]), 1), [0, 0, 1])


def test_subdividing_keeps_orientation_and_closedness():
    values, quads = mesh.subdivide(*mesh.subdivide(CUBE, CUBE_QUADS))
    a, b, c, d = (values[quads[:, i]] for i in range(4))
    normal = np.cross(c - a, d - b)
    assert ((normal * values[quads].mean(1)).sum(1) > 0).all()
    ends = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
    assert (np.unique(ends, axis=0, return_counts=True)[1] == 2).all()


def test_a_flat_sheet_stays_flat_and_inside():
    points, quads = grid(5)
    values, _ = mesh.subdivide(points, quads)
    assert np.allclose(values[:, 2], 0)
    assert values.min() >= 0
    assert values.max() <= 4


def test_weights_of_missing_bones_go_to_their_ancestor():
    weights = mesh.skinning_weights(("root", "head"))
    assert np.allclose(weights.sum(1), 1)
    face = mesh.base_mesh().groups["helper-upper-teeth"].faces
    assert (weights[np.unique(face), 1] > 0.9).all()


def test_strongest_weights_sum_to_one(person):
    assert np.allclose(person.weights.sum(1), 1, atol=1e-6)
    assert (np.diff(person.weights, axis=1) <= 1e-7).all()


def test_shape_agrees_with_the_body_model(session):
    """Our reading of the shape targets against the body plugin's: independent code, same data."""
    from avatar_kit_studio.topology import nearest

    ours = mesh.shaped_vertices(session.cast.true_shape)
    theirs = session.cast.body.rest_vertices(session.cast.shape).double().numpy()[::7]
    gap = np.linalg.norm(ours[nearest(theirs, ours)] - theirs, axis=1)
    assert gap.max() < 1e-4


def test_a_target_out_of_reach_is_an_error():
    with pytest.raises(FileNotFoundError):
        mesh.shaped_vertices({}, {"nose/no-such-target": 1.0})
