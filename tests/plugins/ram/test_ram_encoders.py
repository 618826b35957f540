import pytest
import torch
from avatar_kit_ram.config import (
    FaceMapConfig,
    FrameCodeConfig,
    HandMapConfig,
    NeuralTextureConfig,
)
from avatar_kit_ram.encoders import HAND_BONES, FaceMap, FrameCode, HandMap, NeuralTexture

from avatar_kit.graphics import uv_map

ENCODERS = [
    (NeuralTexture, NeuralTextureConfig(channels=5, size=16)),
    (NeuralTexture, NeuralTextureConfig(channels=5, size=16, normals=True)),
    (NeuralTexture, NeuralTextureConfig(channels=5, size=16, levels=2, expansion=0.05)),
    (FaceMap, FaceMapConfig(channels=4)),
    (HandMap, HandMapConfig(channels=4)),
]


@pytest.mark.parametrize(("encoder", "config"), ENCODERS)
def test_what_is_yielded_is_what_was_declared(encoder, config, setup, context):
    kind, channels = config.yields()
    values = encoder(config, setup)(context([0, 1])).values
    assert kind == "feature_map"
    assert values.shape == (2, channels, 64, 64)


@pytest.mark.parametrize(("encoder", "config"), ENCODERS)
def test_a_body_out_of_the_picture_gives_finite_features(encoder, config, setup, context):
    for far in (100.0, -100.0):
        assert encoder(config, setup)(context([0], far=far)).values.isfinite().all()


def test_a_texture_of_coordinates_gives_back_the_coordinates(setup, context):
    size = 128
    encoder = NeuralTexture(NeuralTextureConfig(channels=2, size=size), setup)
    centres = (torch.arange(size) + 0.5) / size
    v, u = torch.meshgrid(centres, centres, indexing="ij")
    encoder.textures[0].data = torch.stack([u, v])[None]
    frame = context([0])
    expected = uv_map(setup.body.topology, frame.fragments)
    inside = frame.fragments.mask.bool() & ((expected - 0.5).abs() < 0.49).all(1, keepdim=True)
    found = encoder(frame).values
    torch.testing.assert_close(found * inside, expected * inside, atol=1e-4, rtol=0)
    assert found[frame.fragments.mask.expand_as(found) == 0].abs().max() == 0


def test_texture_gradients_stay_where_the_body_is_seen(setup, context):
    encoder = NeuralTexture(NeuralTextureConfig(channels=1, size=16), setup)
    encoder(context([0])).values.sum().backward()
    touched = encoder.textures[0].grad[0, 0] != 0
    assert touched.any()
    assert not touched[:, 8].any()  # u = 0.5 is the back of the sphere


def test_levels_add_up_from_coarse_to_fine(setup):
    encoder = NeuralTexture(NeuralTextureConfig(channels=3, size=16, levels=3), setup)
    assert [tuple(t.shape[2:]) for t in encoder.textures] == [(16, 16), (8, 8), (4, 4)]
    for texture, value in zip(encoder.textures, (1.0, 20.0, 300.0), strict=True):
        torch.nn.init.constant_(texture, value)
    torch.testing.assert_close(encoder.textures.picture(), torch.full((1, 3, 16, 16), 321.0))
    torch.nn.init.zeros_(encoder.textures[2])
    encoder.textures[2].data[0, 0, 1, 2] = 1.0
    spot = encoder.textures.picture()[0, 0] - 21.0
    row, column = divmod(int(spot.argmax()), 16)
    assert 4 <= row < 8
    assert 8 <= column < 12


def test_a_shell_covers_what_lies_within_its_distance(setup, context):
    frame = context([0])
    shell = NeuralTexture(NeuralTextureConfig(channels=1, size=8, expansion=0.1), setup)
    areas = [float(f.mask.sum()) for f in (frame.fragments, shell.fragments(frame))]
    # Spheres of radius 0.6 and 0.7 m seen from 4 m: the tangent cones' solid ratio.
    wanted = (0.7**2 / (16 - 0.7**2)) / (0.6**2 / (16 - 0.6**2))
    assert areas[1] / areas[0] == pytest.approx(wanted, rel=0.05)
    assert shell(frame).values.abs().sum((0, 1)).count_nonzero() == areas[1]


def test_normals_are_in_camera_axes(setup, context):
    encoder = NeuralTexture(NeuralTextureConfig(channels=1, size=8, normals=True), setup)
    normals = encoder(context([0])).values[0, 1:]
    centre = normals[:, 32, 32 + 5]
    assert centre[2] < -0.9  # towards the camera: against the view direction
    assert normals.norm(dim=0).max() < 1.001


def test_the_face_map_is_empty_but_for_the_face(setup, context):
    frame = context([0])
    drawn = FaceMap(FaceMapConfig(channels=4), setup).draw(frame)[0]
    seen = setup.body.topology.face_region[frame.fragments.triangle[0].clamp(min=0)]
    seen = seen & (frame.fragments.triangle[0] >= 0)
    assert seen.any()
    assert torch.equal(drawn[0] > 0, seen)
    assert drawn[:, ~seen].abs().max() == 0
    assert drawn[4:].abs().max() <= 1.0 + 1e-5  # coordinates span [-1, 1] over the region
    assert drawn[4:, seen].amin(1).max() < -0.5
    assert drawn[4:, seen].amax(1).min() > 0.5


def test_hands_are_five_chains_from_the_wrist():
    assert len(HAND_BONES) == 20
    for finger in range(5):
        chain = [(a, b) for a, b, owner in HAND_BONES if owner == finger]
        first = 4 * finger + 1
        assert chain == [(0, first), *((first + k, first + k + 1) for k in range(3))]


def test_every_finger_is_drawn_in_its_channel_where_it_projects(setup, context):
    frame = context([2])
    drawn = HandMap(HandMapConfig(channels=4, line_width=32.0), setup).draw(frame)[0]
    pixels, _ = frame.camera.project(frame.body.hands[0])  # [2, 21, 2]
    for side in range(2):
        for finger in range(5):
            x, y = pixels[side, 4 * finger + 4].floor().long().tolist()
            assert drawn[finger, y, x] > 0.5
    assert drawn[0].sum() < drawn[0].numel() / 10


def test_lines_scale_with_the_picture(setup, context):
    frame = context([0])
    thin = HandMap(HandMapConfig(line_width=16.0), setup).draw(frame).mean()
    thick = HandMap(HandMapConfig(line_width=48.0), setup).draw(frame).mean()
    assert 1.5 < float(thick / thin) < 3.5


def test_hands_behind_the_camera_are_not_drawn(setup, context):
    frame = context([0])
    frame.body.hands[..., 2] += 100.0
    drawn = HandMap(HandMapConfig(), setup).draw(frame)
    frame.body.hands[..., 2] -= 100.0
    assert drawn.abs().max() == 0


def test_frames_outside_training_get_the_mean_code(setup, context):
    encoder = FrameCode(FrameCodeConfig(size=16), setup)
    encoder.codes.data *= torch.linspace(0.2, 3.0, len(encoder.codes))[:, None]
    trained = encoder(context(range(6), training=True)).values
    assert trained.norm(dim=1).max() <= 1 + 1e-6  # at most of length one
    assert (trained[0] - trained[1]).abs().max() > 0.01
    for row in encoder(context([0, 3])).values:
        torch.testing.assert_close(row, trained.mean(0))


def test_one_visibility_pass_serves_all_encoders(context, setup, monkeypatch):
    from avatar_kit.scene import context as where

    calls = []
    real = where.rasterize
    monkeypatch.setattr(where, "rasterize", lambda *a, **k: calls.append(1) or real(*a, **k))
    frame = context([0])
    for encoder, config in ENCODERS:
        if not getattr(config, "expansion", 0.0):
            encoder(config, setup)(frame)
    assert len(calls) == 1
