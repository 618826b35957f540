"""Every format, read back from an exact imitation: cameras, joints, frames."""

import imitations
import numpy as np
import pytest
import torch

from avatar_kit.registry import catalog
from avatar_kit.testing import DatasetConformance
from avatar_kit.testing.capture import default_body

GREY = np.array([0.299, 0.587, 0.114])

#: Fields of a motion that SMPL has no place for.
NO_HANDS = {"people_snapshot", "instant_avatar", "neuman", "zju_mocap", "zju_refined", "easymocap"}


def opened(name, **values):
    """The capture; its shape is given, for finding it takes seconds."""
    component = catalog().get("dataset", name)
    values = {"shape": {"age": 2 / 3}, **values}
    config = component.config.model_validate({"type": name, **values})
    return component.load()(config).open()


def joints(capture, motion, camera, body, shape):
    """[T, 23, 3] key points of a person in the axes of a camera."""
    with torch.no_grad():
        points = body.keypoints(body.from_motion(motion, shape))[:, :23].double()
    R, t = camera.R.double(), camera.t.double()
    return points @ R.mT + t[:, None]


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def values_of(writer, path):
    """What else a format has to be told."""
    return {"motion": str(path / "motion.npz")} if writer == "hf_nhmt" else {}


@pytest.mark.parametrize("writer", imitations.FORMATS)
def test_comes_back(imitated, writer):
    dataset, path, source = imitated(writer)
    found = opened(dataset, path=str(path), **values_of(writer, path))
    assert len(found) == len(source) and len(found.cameras) == len(source.cameras)
    _, body = default_body()
    shape = body.default_shape()
    for (name, camera), (original, true) in zip(
        found.cameras.items(), source.cameras.items(), strict=True
    ):
        assert (camera.width, camera.height) == (true.width, true.height)
        assert (camera.K.double() - true.K.double()).abs().max() < 1e-4
        theirs, ours = (
            joints(c, c.motion, k, body, shape) for c, k in ((source, true), (found, camera))
        )
        assert (ours - theirs).norm(dim=-1).max() < 1e-3, "joints, metres"
        pictures = zip(found.images(None, name), source.images(None, original), strict=True)
        if writer == "people_snapshot":  # a video: colours at half the resolution
            assert all(np.abs((a.astype(float) - b) @ GREY).mean() < 1.5 for a, b in pictures)
        else:
            assert all(np.array_equal(a, b) for a, b in pictures)
        masks = zip(found.masks(None, name), source.masks(None, original), strict=True)
        least = 0.9 if writer == "hf_nhmt" else 1.0  # which has none: found from the empty scene
        assert all(overlap(a > 127, b > 127) >= least for a, b in masks)
    own = (
        ["body_pose"] if writer in NO_HANDS else ["body_pose", "left_hand_pose", "right_hand_pose"]
    )
    for field in own:
        off = (getattr(found.motion, field) - getattr(source.motion, field)).abs().max()
        assert off < 1e-5, field
    with torch.no_grad():  # whatever axis the files call up, the capture's is y
        points = body.keypoints(body.from_motion(found.motion, shape))
    assert (points[:, 0, 1] > points[:, 15, 1] + 1).all(), "nose over ankle"
    main = found.camera
    for camera, true in zip(found.cameras.values(), source.cameras.values(), strict=True):
        ours, theirs = camera.R[0] @ main.R[0].mT, true.R[0] @ source.camera.R[0].mT
        assert (ours - theirs).abs().max() < 1e-4  # one camera as the first sees it
        ours, theirs = camera.t[0] - ours @ main.t[0], true.t[0] - theirs @ source.camera.t[0]
        assert (ours - theirs).abs().max() < 1e-4


class Kit(DatasetConformance):
    on_person = 0.9
    writer: str

    @pytest.fixture(autouse=True)
    def _folder(self, imitated):
        name, path, _ = imitated(self.writer)
        type(self).name, type(self).options = (
            name,
            {
                "path": str(path),
                "shape": {"age": 2 / 3},
                **values_of(self.writer, path),
            },
        )


QUICK = ("instant_avatar", "actorshq")  # of one camera and of several; the others are alike

for _writer in imitations.FORMATS:
    _name = f"Test{''.join(word.capitalize() for word in _writer.split('_'))}"
    _kit = type(_name, (Kit,), {"writer": _writer, "__module__": __name__})
    globals()[_name] = _kit if _writer in QUICK else pytest.mark.slow(_kit)
