"""The matting by rembg's network, with a network of our own in its place: theirs is not here."""

from hashlib import sha256
from importlib.metadata import EntryPoint

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from avatar_kit_rembg import config, matting  # noqa: E402

from avatar_kit.capture import open_capture  # noqa: E402
from avatar_kit.config import ModelFile  # noqa: E402
from avatar_kit.errors import UserError  # noqa: E402
from avatar_kit.io.model_files import add_model  # noqa: E402
from avatar_kit.io.read_options import ReadOptions  # noqa: E402
from avatar_kit.io.video import VideoWriter, read_video  # noqa: E402
from avatar_kit.registry import catalog, load_plugins, loading  # noqa: E402
from avatar_kit.registry.sources import plugin_sources  # noqa: E402
from avatar_kit.testing import check_component  # noqa: E402
from avatar_kit.tracking import Options, fit, prepare_video  # noqa: E402
from avatar_kit.tracking.fit import ROOT_VARIABLES, Phase  # noqa: E402
from avatar_kit.tracking.matting import matted  # noqa: E402
from tests.conftest import shared_file  # noqa: E402


def brightness(path):
    """A network whose answer is the mean of the colours that it is given, times 0.2."""
    from onnx import TensorProto, helper

    shapes = {"input.1": [1, 3, 320, 320], "1959": [1, 1, 320, 320]}
    given, answer = (
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()
    )
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 3, 1, 1], [0.2 / 3] * 3)
    node = helper.make_node("Conv", ["input.1", "w"], ["1959"])
    graph = helper.make_graph([node], "brightness", [given], [answer], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.fixture
def model(tmp_path, monkeypatch):
    """Our network in place of theirs, added as a person adds one."""
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    path = brightness(tmp_path / "mine.onnx")
    data = path.read_bytes()
    ours = ModelFile(
        "u2net_human_seg.onnx", "p", len(data), "l", "https://x", sha256(data).hexdigest()
    )
    monkeypatch.setattr(matting, "PEOPLE", ours)
    monkeypatch.setattr(config.RembgConfig, "models", (ours,))
    add_model(path, [ours])
    return ours


@pytest.fixture
def registered(monkeypatch):
    """The catalog with the matting, wherever this checkout is installed."""
    if "rembg" not in catalog().names("matting"):
        source = EntryPoint("rembg", "avatar_kit_rembg.plugin", "avatar_kit")
        loaded = load_plugins([*plugin_sources(), source], strict=True)
        monkeypatch.setattr(loading, "_loaded", lambda: loaded)
    return catalog().get("matting", "rembg")


def scene(height=300, width=500):
    """A bright ellipse on a dark ground, its mask, and what a tracker would say of it."""
    y, x = np.mgrid[:height, :width]
    inside = ((x - 320) / 60) ** 2 + ((y - 160) / 110) ** 2 < 1
    picture = np.where(inside[..., None], (250, 240, 245), (12, 10, 20)).astype(np.uint8)
    coarse = np.asarray(255 * inside[::10, ::10], np.uint8)
    return picture, inside, coarse


def built(**values):
    return matting.RembgMatting(config.RembgConfig(**values))


def test_the_answer_comes_back_to_its_place(model):
    picture, inside, coarse = scene()
    found = built().mask(picture, coarse)
    overlap = ((found > 127) & inside).sum() / ((found > 127) | inside).sum()
    assert overlap > 0.97
    assert found[inside].mean() > 240 and found[~inside].mean() < 3
    left, top, right, bottom = matting.around(coarse, picture.shape[:2], 0.12)
    outside = np.ones_like(inside)
    outside[top:bottom, left:right] = False
    assert found[outside].max() == 0


def test_the_network_sees_colours_as_it_was_trained_with(model):
    """Grey of half the brightest: (0.5 - mean) / deviation of each colour, by hand."""
    picture = np.full((320, 320, 3), 200, np.uint8)  # of the size that it sees: nothing is resized
    picture[:, 160:] = 100
    seen = []
    network = built()

    class Listening:
        def run(self, names, given):
            (seen_now,) = given.values()
            seen.append(seen_now)
            return [np.zeros((1, 1, 320, 320), np.float32)]

    network._network = Listening()
    assert network.mask(picture, np.full((16, 16), 255, np.uint8)).max() == 0  # nobody was found
    (values,) = seen
    assert values.shape == (1, 3, 320, 320) and values.dtype == np.float32
    for channel, (mean, deviation) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        assert values[0, channel, :, 20] == pytest.approx((1 - mean) / deviation, abs=1e-5)
        assert values[0, channel, :, 300] == pytest.approx((0.5 - mean) / deviation, abs=1e-5)


def test_others_in_the_picture_are_left_out(model):
    picture, inside, coarse = scene()
    picture[40:260, 200:230] = 250  # somebody else, whom the network sees, too
    alone = matted(built(margin=1.0), picture, coarse)
    assert built(margin=1.0).mask(picture, coarse)[150, 210] > 200
    assert alone[150, 210] == 0
    assert alone[inside].mean() > 240


def test_without_the_model_it_says_which_and_how_to_add_it(tmp_path, monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path))
    words = r"u2net_human_seg\.onnx is not installed: run .*models get u2net_human_seg.*models add"
    with pytest.raises(UserError, match=words) as error:
        built()
    assert "\n" not in str(error.value)


def test_another_file_is_not_taken_for_the_model(model, tmp_path):
    other = tmp_path / "other.onnx"
    other.write_bytes(b"no network")
    with pytest.raises(UserError, match="is none of the known models: u2net_human_seg"):
        add_model(other, config.RembgConfig.models)
    model.path.write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"u2net_human_seg\.onnx: damaged"):
        built()


def test_it_keeps_the_contract(model, registered):
    quick = [
        "test_masks_have_the_size_of_the_picture",
        "test_nobody_has_an_empty_mask",
        "test_the_same_picture_has_the_same_mask",
        "test_leaves_the_picture_alone",
    ]
    found = list(check_component(registered, {}, only=quick))
    assert [o.check for o in found] == quick
    assert {o.status for o in found} == {"passed"}


def test_without_its_model_the_checks_do_not_apply(tmp_path, monkeypatch, registered):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path))
    (found,) = check_component(registered, {}, only=["test_leaves_the_picture_alone"])
    assert found.status == "skipped" and "u2net_human_seg.onnx is not here" in found.reason


@pytest.mark.slow
def test_a_preparation_takes_its_masks(model, registered, tmp_path, monkeypatch):
    pytest.importorskip("mediapipe")
    monkeypatch.setattr(fit, "PHASES", (Phase(4, ROOT_VARIABLES, 0.2),))
    source = read_video(shared_file("video/turntable_dress.mp4"), ReadOptions(end=0.25))
    path = tmp_path / "me.mp4"
    with VideoWriter(path, 30.0, (source.width, source.height)) as video:
        for image in source:
            video.write(image)
    prepared = prepare_video(path, tmp_path / "me", Options(matting="rembg"))
    capture = open_capture(prepared.capture.root)
    assert capture.provenance["matting"] == "rembg"
    frame = next(capture.images([3]))
    tracked = prepared.figures.mask_agreement
    assert 0 < tracked < 0.9  # brightness is no person: the masks are the network's, not ours
    mask = next(capture.masks([3]))
    middle = (slice(100, 800), slice(330, 370))  # head, dress and legs
    alike = np.corrcoef(frame[middle].mean(-1).ravel(), mask[middle].ravel())[0, 1]
    assert alike > 0.9  # her dark hair is nobody to this network, her bright dress is
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "other"))
    with pytest.raises(UserError, match="models add FILE"):
        prepare_video(path, tmp_path / "none", Options(matting="rembg"))
    assert not (tmp_path / "none").exists()
