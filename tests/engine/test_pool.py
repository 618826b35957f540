"""Which frames a step draws, from the whole split and from a pool."""

import pytest
import torch

from avatar_kit.capture import CaptureView, open_capture
from avatar_kit.engine.frames import PosedFrames, TrainingFrames
from avatar_kit.interfaces import Pool


@pytest.fixture(scope="module")
def frames(body, capture_folder):
    view = CaptureView(open_capture(capture_folder), 64, 64)
    shape = body.shape_vector(view.capture.shape)
    posed = PosedFrames(body, view.capture.motion, shape)
    return TrainingFrames(view, posed, batch_size=2, seed=3, neighbours=False)


def test_every_frame_of_a_pool_is_seen_once_before_any_again(frames):
    positions = [1, 4, 5, 9, 12, 15]
    drawn = [i for drawn in range(6) for i in frames.chosen(99, Pool(positions, drawn))]
    assert sorted(drawn[:6]) == sorted(drawn[6:]) == positions


def test_the_whole_split_is_the_pool_that_nobody_names(frames):
    whole = Pool(range(len(frames)), 7)
    assert frames.chosen(7) == frames.chosen(99, whole)
    assert frames.batch(frames.read(7)).context.index.tolist() == frames.chosen(7)
    assert frames.batch(frames.read(99, Pool([2, 3], 0))).context.index.sort().values.tolist() == [
        2,
        3,
    ]


def test_samples_are_the_training_frames_in_order(frames):
    samples = frames.all()
    assert len(samples) == 16 and len(samples[5]) == 1
    assert samples.context(5).index.tolist() == [5] and samples[-1].context.index.tolist() == [15]
    context = samples[5].context
    assert torch.equal(context.body.vertices, frames.posed.bodies([5]).vertices)
    assert torch.equal(context.previous.vertices, frames.posed.bodies([4]).vertices)
    picture = torch.from_numpy(frames.view.image(frames.samples[5])).float() / 255
    assert torch.equal(samples[5].image[0], picture)
    with pytest.raises(IndexError):
        samples.context(16)
