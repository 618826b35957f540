"""Cameras that recorded one after another: each has some of the frames."""

import json

import numpy as np
import pytest
import torch

from avatar_kit.capture import CaptureView, CaptureWriter, Sample, Split, open_capture
from avatar_kit.config import EvaluationConfig
from avatar_kit.engine.held_out import held_out_splits
from avatar_kit.errors import UserError
from avatar_kit.scene import Camera, Motion

SIZES = {"a": (64, 48), "b": (40, 48)}
RANGES = {"a": (0, 8), "b": (8, 14)}


def written(make, images="png", ranges=RANGES, **finish):
    cameras = {
        name: Camera.look_at((k, 1, 3), (0, 1, 0), width=w, height=h, fov_y=40)
        for k, (name, (w, h)) in enumerate(SIZES.items())
    }
    facts = {**make.facts(images=images), "cameras": cameras}
    with CaptureWriter(make.root, **facts, frames=ranges) as writer:
        for name, (first, end) in RANGES.items():
            numbers = [writer.add(*make.frame(i, *SIZES[name]), name) for i in range(first, end)]
            assert numbers == list(range(first, end))
        given = {
            "motion": Motion.rest(14),
            "clips": [(0, 8), (8, 14)],
            "splits": {"train": [0, 1, 2, 3, 4, 8, 9, 10], "test": [5, 6, 7, 11, 12, 13]},
        }
        return writer.finish(**given | finish)


@pytest.mark.parametrize("images", ["png", "mp4"])
def test_every_frame_is_of_the_camera_that_recorded_it(make, images):
    capture = written(make, images)
    assert [capture.frames_of(name) for name in "ab"] == [range(8), range(8, 14)]
    train = capture.splits["train"]
    assert len(train) == 8 and train.frames_of("b") == (8, 9, 10)
    expected = [Sample(f, "a") for f in range(5)] + [Sample(f, "b") for f in (8, 9, 10)]
    assert train.samples() == expected
    for name, (first, end) in RANGES.items():
        shown = list(capture.images(camera=name))
        assert len(shown) == len(list(capture.masks(camera=name))) == end - first
        picture = make.frame(end - 2, *SIZES[name])[0].astype(int)
        for found in (shown[-2], next(capture.images([end - 2], name))):
            assert np.abs(found - picture).mean() < (8 if images == "mp4" else 1e-9)
    files = {path.relative_to(make.root).as_posix() for path in capture.pictures.files()}
    assert "masks/b/000008.png" in files and "masks/b/000007.png" not in files
    assert capture.novelty("test") == "novel pose"
    assert open_capture(make.root).key() == capture.key()


def test_one_of_them_alone(make):
    alone = written(make).seen_by(["b"])
    assert alone.splits["train"].frames == (8, 9, 10)
    assert alone.splits["train"].samples() == [Sample(f, "b") for f in (8, 9, 10)]
    whole = alone.with_splits({"train": Split((8, 9), ("b",))})
    assert whole.splits["train"].samples() == [Sample(8, "b"), Sample(9, "b")]


def test_what_training_sees(make):
    view = CaptureView(written(make), 48)
    image, mask = make.frame(9, *SIZES["b"])
    shown = view.image(Sample(9, "b"))
    left = view.crops["b"].left
    columns = np.arange(left, left + shown.shape[2]).clip(0, 39)
    np.testing.assert_array_equal(shown, image.transpose(2, 0, 1)[..., columns])
    np.testing.assert_array_equal(view.mask(Sample(9, "b")), mask[:, columns])
    assert view.plate("b") is not None
    (test,) = held_out_splits(view, EvaluationConfig(max_frames=2))
    assert test.samples == [Sample(5, "a"), Sample(6, "a"), Sample(11, "b"), Sample(12, "b")]
    assert test.new_clip == [True, False, True, False]


def test_ranges_that_are_none_are_refused(make):
    with pytest.raises(UserError, match=r"cameras\.a\.frames: \[0, 8\]; expected .* whole clips"):
        written(make, clips=[(0, 14)])
    with pytest.raises(UserError, match="camera 'b' has 6 frames, expected 5"):
        written(make, ranges={"a": (0, 8), "b": (8, 13)})
    with pytest.raises(UserError, match=r"splits\.test: frame 9 is also in splits\.train"):
        written(make, splits={"train": [0, 9], "test": [9]})


def test_a_pair_that_was_not_recorded_is_no_sample(make):
    capture = written(make, splits={"train": [0, 9], "test": Split((1, 10), ("a",))})
    assert [sample.frame for sample in capture.splits["test"].samples()] == [1]


@pytest.mark.parametrize(
    ("splits", "says"),
    [
        ({"test": Split((9,), ("a",))}, r"splits\.test: has no sample: .* \(a recorded 0 to 7\)"),
        ({"test": []}, r"splits\.test: lists no frame"),
        ({"test": Split((1,), ("a", "a"))}, "camera 'a' is listed twice"),
        ({"../test": [1]}, r"splits: the name '\.\./test'"),
    ],
)
def test_splits_that_are_none(splits, says, make):
    with pytest.raises(UserError, match=says):
        written(make, splits={"train": [0, 9], **splits})


def test_captures_without_ranges_say_nothing_of_them(make):
    capture = make.capture(make.root)
    record = json.loads((make.root / "capture.json").read_text())
    assert "frames" not in record["cameras"][0]
    assert capture.splits["train"].recorded == ()
    assert torch.equal(capture.motion.transl, Motion.rest(12).transl)
