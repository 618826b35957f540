"""What the capture says of the body against what its pictures show."""

from itertools import islice

import numpy as np
import pytest
import torch
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.session import Session, studio_cameras

from avatar_kit.graphics import rasterize


def test_the_true_body_is_inside_the_alpha(session, pictures, true_body):
    """Clothes and hair only ever add to the body's silhouette."""
    pixels = session.camera.expand(len(true_body)).project(true_body.vertices)[0].numpy()
    inside = []
    for at, (_, alpha) in zip(pixels, pictures, strict=True):
        x, y = np.clip(np.floor(at).astype(int).T, 0, alpha.shape[0] - 1)
        inside.append((alpha[y, x] > 0).mean())
    assert min(inside) > 0.97


@pytest.fixture(scope="module")
def ring():
    return Session(StudioConfig(frames=12, test_frames=4, supersample=2, cameras=3), 96)


def test_cameras_on_a_ring_see_the_same_moment(ring, session, pictures, true_body):
    """The main one films what one alone films; in all the true body is inside the alpha."""
    assert list(ring.cameras) == ["main", "at_120", "at_240"]
    shots = list(islice(ring.film(), 6))
    assert [name for name, _, _ in shots] == 2 * list(ring.cameras)
    for k, (name, image, alpha) in enumerate(shots):
        frame, camera = k // 3, ring.cameras[name]
        if name == "main":
            assert np.array_equal(image, pictures[frame][0])
            assert np.array_equal(alpha, pictures[frame][1])
        pixels = camera.project(true_body.vertices[frame : frame + 1])[0][0].numpy()
        x, y = np.clip(np.floor(pixels).astype(int).T, 0, alpha.shape[0] - 1)
        assert (alpha[y, x] > 0).mean() > 0.97
        assert max(edge.max() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])) == 0


def test_a_closer_framing_is_a_longer_lens_at_the_same_place():
    height = 1.7
    full, upper = (studio_cameras(1, 512, height, name)["main"] for name in ("full", "upper"))
    assert torch.allclose(full.position, upper.position, atol=1e-5)
    places = torch.tensor([[[0.0, 0.46 * height, 0.0], [0.0, height, 0.0]]])  # hips and top
    (a, _), (b, _) = full.project(places), upper.project(places)
    rows, near = a[0, :, 1], b[0, :, 1]
    assert 0 < near[1] < near[0] < 512
    assert float((near[0] - near[1]) / (rows[0] - rows[1])) == pytest.approx(0.66 / 0.36, rel=0.01)


def test_cameras_on_a_ring_stand_at_equal_angles(ring):
    at = torch.cat([camera.position for camera in ring.cameras.values()]).numpy()
    angles = np.degrees(np.arctan2(at[:, 0], at[:, 2])) % 360
    assert np.allclose(angles, [0, 120, 240], atol=1e-3)
    assert np.allclose(np.linalg.norm(at[:, [0, 2]], axis=1), np.linalg.norm(at[0, [0, 2]]))
    assert np.allclose(at[:, 1], at[0, 1])


def test_the_template_is_smaller_than_the_person(session, pictures, true_body):
    """The silhouette of the bare body is almost inside the alpha, and clearly smaller."""
    camera = session.camera.expand(len(true_body))
    seen = rasterize(true_body.vertices, true_body.topology.faces, camera)
    body = (seen.triangle >= 0).numpy()
    alpha = np.stack([a for _, a in pictures]) / 255.0
    covered = (alpha[body] > 0.0).mean()
    assert covered > 0.985
    assert 1.05 < alpha.sum() / body.sum() < 1.6


def test_landmarks_are_the_projected_key_points(session, true_body):
    marks = session._landmarks()
    hands = session.camera.expand(len(true_body)).project(true_body.hands.flatten(1, 2))[0]
    error = marks["hands"].reshape(len(true_body), 42, 2) - hands.numpy()
    assert np.abs(error.mean()) < 0.1
    assert error.std() < 0.004 * session.size


def test_the_whole_person_is_in_the_picture(pictures):
    for _, alpha in pictures:
        rim = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
        assert rim.max() == 0


def test_the_picture_without_the_person_is_the_plate(session, pictures):
    """Far from the person and its shadow only the sensor's noise differs from the plate."""
    plate = session.plate("main")
    image, _ = pictures[0]
    corner = np.s_[: session.size // 8, : session.size // 4]
    error = image[corner] / 255.0 - plate[corner]
    assert np.abs(error.mean()) < 0.002
    assert 0.004 < error.std() < 0.011


def test_the_floor_is_darker_in_the_shadow(session, pictures):
    """Shadow is part of the picture and not of the alpha."""
    plate = session.plate("main")
    image, alpha = pictures[0]
    darker = (image / 255.0 - plate).mean(2) < -0.08
    assert (darker & (alpha == 0)).sum() > 0.004 * alpha.size


def test_tracked_motion_is_close_to_the_true_one(session):
    tracked, start = [], 0
    from avatar_kit_studio.tracked import track

    for i, clip in enumerate(session.clips):
        rng = np.random.default_rng([session.config.seed, 22, i])
        tracked.append(track(clip.motion, rng)[clip.lead_in :].transl)
        start += clip.frames
    error = torch.cat(tracked) - session.true_motion().transl
    assert 0 < error.norm(dim=1).mean() < 0.012
