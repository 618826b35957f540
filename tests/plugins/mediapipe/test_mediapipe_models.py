"""With the model files that a person may add; and what happens without them."""

import numpy as np
import pytest
from avatar_kit_mediapipe import blendshapes
from avatar_kit_mediapipe.config import MediapipeConfig
from avatar_kit_mediapipe.holistic.blendshape_network import BlendshapeNetwork
from avatar_kit_mediapipe.holistic.heavy import HeavyPose
from avatar_kit_mediapipe.landmarks import POSE_INDEX
from avatar_kit_mediapipe.models import FACE_LANDMARKER, POSE_HEAVY
from avatar_kit_mediapipe.quiet import quiet
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avatar_kit.errors import UserError
from avatar_kit.io.model_files import add_model
from avatar_kit.io.video import read_video
from avatar_kit.registry import catalog
from avatar_kit.scene.joints import ARKIT_CHANNELS
from tests.conftest import shared_file, shared_model

mediapipe = pytest.importorskip("mediapipe")
pytest.importorskip("mediapipe.python.solutions", reason="MediaPipe 0.10.21 is not here")

SMILE, SQUINT, BLINK = (
    ARKIT_CHANNELS.index(n) for n in ("mouthSmileLeft", "eyeSquintLeft", "eyeBlinkLeft")
)


def tracker(**values):
    return catalog().get("tracker", "mediapipe").load()(MediapipeConfig(**values))


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path))


def test_the_config_says_which_models_are_used(cache):
    assert (MediapipeConfig().heavy, MediapipeConfig().blendshapes) == (False, False)
    for model in MediapipeConfig.models:
        add_model(shared_model(model.name), MediapipeConfig.models)
    config = MediapipeConfig()
    assert config.model_dump()["heavy"] is True  # so that stages are kept apart
    assert config.model_dump()["blendshapes"] is True
    assert MediapipeConfig(heavy=False).heavy is False
    assert (config.live().heavy, config.live().retry_hands) == (False, False)
    assert config.live().blendshapes is True


def test_a_model_that_is_asked_for_and_not_here_is_named(cache):
    with pytest.raises(UserError, match=r"avatar-kit models get pose_landmark_heavy\.tflite"):
        tracker(heavy=True)


def test_a_file_without_the_network_is_refused(tmp_path):
    (tmp_path / "face.task").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"face.task: expected a task file"):
        BlendshapeNetwork(tmp_path / "face.task")


@pytest.mark.slow  # the film is drawn first
def test_the_heavy_model_finds_arms_and_legs_more_exactly(film):
    with quiet():
        heavy = HeavyPose(shared_model(POSE_HEAVY.name))
        full = mediapipe.solutions.pose.Pose(static_image_mode=True)
    errors = []
    for i, frame in enumerate(film.frames):
        with quiet():
            seen = full.process(frame).pose_landmarks.landmark
            pose = np.array([(p.x, p.y, p.z, p.visibility) for p in seen], dtype=np.float32)
            better = heavy.refine(frame, pose)
        np.testing.assert_array_equal(better[:11], pose[:11])
        true = film.pixels[i, 5:17]  # shoulders to ankles
        found = (p[POSE_INDEX[5:17], :2] * 512 for p in (pose, better))
        errors.append([np.linalg.norm(f - true, axis=1).mean() / film.tall[i] for f in found])
    full_error, heavy_error = np.mean(errors, 0)
    assert heavy_error < 0.9 * full_error


@pytest.mark.slow  # the film is drawn first
def test_a_heavy_pose_with_left_and_right_exchanged_is_not_taken(film):
    with quiet():
        heavy = HeavyPose(shared_model(POSE_HEAVY.name))
        full = mediapipe.solutions.pose.Pose(static_image_mode=True)
        seen = full.process(film.frames[0]).pose_landmarks.landmark
    pose = np.array([(p.x, p.y, p.z, p.visibility) for p in seen], dtype=np.float32)
    exchanged = pose.copy()
    exchanged[11:] = pose[11:].reshape(11, 2, 4)[:, ::-1].reshape(22, 4)
    with quiet():
        assert heavy.refine(film.frames[0], exchanged) is exchanged
        nobody = np.full((512, 512, 3), 200, np.uint8)
        assert heavy.refine(nobody, pose) is pose


@pytest.fixture(scope="module")
def happy():
    """Every eighth frame of an acted happy clip, its mesh, the network, and Tasks' landmarker."""
    task = shared_model(FACE_LANDMARKER.name)
    frames = list(read_video(shared_file("face/talking_happy.mp4")))[::8]
    with quiet():
        network = BlendshapeNetwork(task)
    plain = tracker(heavy=False, blendshapes=False)
    meshes = [track.face for track in plain.track(iter(frames))]
    return task, frames, meshes, network


def test_the_network_on_our_mesh_agrees_with_the_landmarker_of_its_publisher(happy):
    task, frames, meshes, network = happy
    vision, base = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions
    options = vision.FaceLandmarkerOptions(
        base_options=base(model_asset_path=str(task)), output_face_blendshapes=True
    )
    wanted = []
    with quiet(), vision.FaceLandmarker.create_from_options(options) as landmarker:
        for frame in frames:
            image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(frame))
            shapes = landmarker.detect(image).face_blendshapes[0]
            named = {shape.category_name: shape.score for shape in shapes}
            wanted.append([named.get(name, 0.0) for name in ARKIT_CHANNELS])
    found, wanted = np.stack([network.channels(mesh) for mesh in meshes]), np.array(wanted)
    for name in ("mouthSmileLeft", "mouthSmileRight", "jawOpen", "mouthPucker"):
        i = ARKIT_CHANNELS.index(name)
        assert np.corrcoef(found[:, i], wanted[:, i])[0, 1] > 0.9
    assert np.abs(found[:, SMILE] - wanted[:, SMILE]).mean() < 0.06
    assert found[:, SMILE].max() > 0.7


def test_the_network_does_not_see_size_and_place(happy):
    _, _, meshes, network = happy
    a, b = network.channels(meshes[3]), network.channels(meshes[3] * 0.1 + 40)
    np.testing.assert_allclose(a, b, atol=0.01)


CHANNELS = arrays(np.float32, 52, elements=st.floats(0, 1, width=32))


@given(CHANNELS, CHANNELS, CHANNELS, st.floats(0, 400))
def test_what_is_combined_lies_between_and_keeps_our_own(own, found, at_rest, pixels):
    both = blendshapes.combined(own, found, at_rest, pixels)
    assert both.min() >= 0
    assert both.max() <= 1
    np.testing.assert_allclose(
        both[~blendshapes.NETWORK_CHANNELS], own[~blendshapes.NETWORK_CHANNELS], atol=1e-6
    )
    if pixels <= blendshapes.LOST_PIXELS:
        np.testing.assert_allclose(both, own, atol=1e-6)


def test_squints_are_against_the_eyes_at_rest_and_closed_eyes_look_nowhere():
    own, found = np.zeros(52, np.float32), np.zeros((9, 52), np.float32)
    found[:, [SMILE, SQUINT]] = (0.5, 0.4)
    at_rest = blendshapes.rest(found)
    assert at_rest[SMILE] == 0
    found[0, SQUINT] = 0.7
    found[0, ARKIT_CHANNELS.index("eyeLookDownLeft")] = 0.8
    both = blendshapes.combined(own, found[0], at_rest, 200.0)
    assert both[SQUINT] == pytest.approx(0.5, abs=1e-3)
    assert both[SMILE] == pytest.approx(0.5, abs=1e-3)
    assert both[ARKIT_CHANNELS.index("eyeLookDownLeft")] == pytest.approx(0.8, abs=1e-3)
    own[BLINK] = 0.9
    closed = blendshapes.combined(own, found[0], at_rest, 200.0)
    assert closed[ARKIT_CHANNELS.index("eyeLookDownLeft")] == 0
