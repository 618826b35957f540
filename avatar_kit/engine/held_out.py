"""The splits that an avatar is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.capture import CaptureView, Sample
from avatar_kit.config import EvaluationConfig
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Renderer


@dataclass(frozen=True)
class HeldOutSplit:
    """Samples of a split that are evaluated, and where the person is in them.

    Attributes:
        name: Name of the split.
        samples: Frames in time order, of one camera after the other.
        new_clip: Whether the frame does not follow the one before it.
        boxes: [n, 4] left, top, right, bottom in pixels; all of one size.
    """

    name: str
    samples: list[Sample]
    new_clip: list[bool]
    boxes: np.ndarray


def held_out_splits(view: CaptureView, config: EvaluationConfig) -> list[HeldOutSplit]:
    """The splits to evaluate, cut to the first ``max_frames`` frames of each camera."""
    names = (name for name in view.capture.splits if name != "train")
    found = (_first_frames(view, name, config.max_frames, config) for name in names)
    return [split for split in found if split.samples]


def training_frames(view: CaptureView, config: EvaluationConfig, count: int) -> HeldOutSplit:
    """The first ``count`` training frames of each camera, to be looked at as test frames are."""
    return _first_frames(view, "train", count, config)


def _first_frames(
    view: CaptureView, name: str, count: int | None, config: EvaluationConfig
) -> HeldOutSplit:
    starts = {start for start, _ in view.capture.clips}
    split, samples, new_clip = view.capture.splits[name], [], []
    for camera in split.cameras:
        frames = split.frames_of(camera)[:count]
        samples += [Sample(frame, camera) for frame in frames]
        new_clip += [k == 0 or frames[k - 1] != f - 1 or f in starts for k, f in enumerate(frames)]
    masks = [view.mask(sample) for sample in samples]
    boxes = person_boxes(masks, config.crop_margin) if masks else np.zeros((0, 4), int)
    return HeldOutSplit(name, samples, new_clip, boxes)


def person_boxes(masks: list[np.ndarray], margin: float) -> np.ndarray:
    """[n, 4] boxes of one size around the person, inside the picture.

    Args:
        masks: [H, W] uint8 masks.
        margin: Added on each side, as a share of the box's larger side.
    """
    height, width = masks[0].shape
    tight = []
    for mask in masks:
        rows, columns = np.nonzero(mask.max(1) > 127)[0], np.nonzero(mask.max(0) > 127)[0]
        if len(rows) == 0:
            tight.append((0, 0, width, height))
        else:
            tight.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    box = np.asarray(tight, dtype=np.float64)
    extent = (box[:, 2:] - box[:, :2]).max(0)
    extent = np.ceil(extent + 2 * margin * extent.max()).astype(int)
    extent = np.minimum(np.maximum(extent, 32), (width, height))
    corner = np.rint((box[:, :2] + box[:, 2:]) / 2 - extent / 2).astype(int)
    corner = np.clip(corner, 0, np.array([width, height]) - extent)
    return np.concatenate([corner, corner + extent], axis=1)


def refuse_unseen_views(renderer: Renderer, view: CaptureView) -> None:
    """Refuse splits of cameras that training did not see, where its background is painted.

    Raises:
        UserError: The renderer paints the background of one camera, and a split is of another.
    """
    if renderer.camera_moves:
        return
    known = view.capture.splits["train"].cameras
    for name, split in view.capture.splits.items():
        if new := [camera for camera in split.cameras if camera not in known]:
            raise UserError(
                f"{view.capture.root}: the split '{name}' uses camera '{new[0]}', which is not "
                f"in the training, but renderer '{renderer.config.type}' paints the background "
                "of the one camera it was trained with; use a renderer that paints only the "
                "person (for example renderer.background=composite), or the capture without "
                "that camera (of a capture folder: data.cameras=[NAME])"
            )
