"""Checks of trackers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch

from avatar_kit.capture import Capture
from avatar_kit.config.slots import resolve_component
from avatar_kit.interfaces import FrameTrack, Tracker
from avatar_kit.registry import catalog
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.testing.conformance import Conformance, NotApplicable, require

_SHAPES: dict[str, tuple[int, ...]] = {
    "body": (23, 2),
    "body_confidence": (23,),
    "body_world": (23, 3),
    "hands": (2, 21, 2),
    "hands_confidence": (2,),
    "hands_world": (2, 21, 3),
    "expression": (52,),
}
_TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee", "right_knee")


class TrackerConformance(Conformance):
    """What every tracker must do.

    The person it must find is filmed by a dataset, whose poses are known.

    Attributes:
        data: The dataset and its config values; empty: the default dataset.
        size: Side in pixels of the pictures asked for.
        frames: Frames tracked, from the start of the capture.
        error: Largest median distance in the picture between the key points found and the true
            ones, as a share of the person's height.
    """

    kind = "tracker"
    data: ClassVar[dict[str, Any]] = {}
    size: ClassVar[int] = 256
    frames: ClassVar[int] = 8
    error: ClassVar[float] = 0.04

    @property
    def tracker(self) -> Tracker:
        """The tracker, loaded once for all checks."""
        return self.once("tracker", self.build)

    def build(self) -> Tracker:
        """A new tracker."""
        return self.component.load()(self.config)

    @property
    def capture(self) -> Capture:
        """The capture with the known poses."""
        return self.once("capture", self.filmed)

    @property
    def tracks(self) -> list[FrameTrack]:
        """Tracks of the first frames of the capture."""
        return self.once("tracks", self.track)

    def test_an_empty_room_has_nobody(self) -> None:
        """An even picture has no people, no confidence, an empty mask, and finite numbers."""
        tracker = self.tracker
        tracker.reset()
        track = tracker.stream(np.full((120, 160, 3), 200, np.uint8))
        require(track.people == 0, f"{track.people} people in an even picture")
        sure = max(track.body_confidence.max(), track.hands_confidence.max(), track.face_confidence)
        require(sure == 0, f"a confidence is {sure:.2f} where there is nobody; say 0")
        require(track.mask.max() < 128, "the mask of an even picture is not empty")
        for name in _SHAPES:
            require(np.isfinite(getattr(track, name)).all(), f"'{name}' is not finite")

    def test_tracks_have_the_declared_shapes(self) -> None:
        """Every field has its shape and range, in a picture that is wider than high."""
        tracker = self.tracker
        tracker.reset()
        picture = next(iter(self.capture.images([0])))
        wide = np.concatenate([picture, picture[:, :40]], axis=1)
        track = tracker.stream(wide)
        for name, shape in _SHAPES.items():
            found = getattr(track, name).shape
            require(found == shape, f"'{name}' is {found}, expected {shape}")
        require(
            track.mask.shape == wide.shape[:2] and track.mask.dtype == np.uint8,
            f"mask is {track.mask.shape} {track.mask.dtype}, expected {wide.shape[:2]} uint8",
        )
        require(track.face.ndim == 2 and track.face.shape[1] == 2, "face must be [P, 2]")
        for name in ("body_confidence", "hands_confidence", "expression"):
            value = getattr(track, name)
            require(value.min() >= 0 and value.max() <= 1, f"'{name}' leaves [0, 1]")

    def test_finds_a_known_pose(self) -> None:
        """The key points of a synthetic person are found within the stated error."""
        truth, tall = self.true_pixels()
        distances = []
        for frame, track in enumerate(self.tracks):
            seen = track.body_confidence > 0.3
            require(seen.mean() > 0.5, f"frame {frame}: most key points were not found")
            distances.append((np.linalg.norm(track.body - truth[frame], axis=1) / tall)[seen])
        found = float(np.median(np.concatenate(distances)))
        require(
            found <= self.error,
            f"the median key point is {found:.3f} of the person's height away from the truth, more "
            f"than {self.error}; check the order of BODY_KEYPOINTS, x before y, and pixels",
        )

    def test_left_is_left(self) -> None:
        """Left and right are the person's own, as in ``BODY_KEYPOINTS``."""
        truth, tall = self.true_pixels()
        index = {name: i for i, name in enumerate(BODY_KEYPOINTS)}
        swapped = right = 0
        for frame, track in enumerate(self.tracks):
            for name in _TRUNK:
                other = name.replace("left", "x").replace("right", "left").replace("x", "right")
                here, there = truth[frame, index[name]], truth[frame, index[other]]
                if np.linalg.norm(here - there) < 0.05 * tall:
                    continue  # seen from the side the two cannot be told apart
                point = track.body[index[name]]
                nearer = np.linalg.norm(point - here) < np.linalg.norm(point - there)
                right, swapped = right + nearer, swapped + (not nearer)
        require(right > 4 * swapped, f"{swapped} of {right + swapped} points are on the other side")

    def test_mask_covers_the_person(self) -> None:
        """The mask agrees with the true one (intersection over union at least 0.7)."""
        scores = []
        for track, true in zip(self.tracks, self.capture.masks(range(self.frames)), strict=True):
            a, b = track.mask > 127, true > 127
            scores.append((a & b).sum() / max((a | b).sum(), 1))
        worst = float(np.median(scores))
        require(worst >= 0.7, f"the mask overlaps the true one by {worst:.2f}")

    def test_who_is_chosen_is_followed(self) -> None:
        """The person is one of ``people``, and is found when ``follow`` is told so."""
        if not self.tracker.chooses:
            raise NotApplicable("it sees one person (chooses is False)")
        frame, mask = next(self.capture.images([0])), next(self.capture.masks([0])) > 127
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        middle = (columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2
        tracker = self.tracker
        tracker.reset()
        around = [
            box
            for box in tracker.people(frame)
            if box[0] < middle[0] < box[2] and box[1] < middle[1] < box[3]
        ]
        require(around, "nobody of 'people' is where the person is")
        tracker.follow(around[0])
        track = tracker.stream(frame)
        tracker.reset()
        require(track.people >= 1, "who was chosen is not found")

    def test_reset_starts_anew(self) -> None:
        """After ``reset`` the same frames give the same tracks."""
        for first, again in zip(self.tracks, self.track(), strict=True):
            apart = np.abs(first.body - again.body).max()
            require(apart < 0.01, f"tracked again, a key point is {apart:.2f} pixels elsewhere")

    def test_expressions_of_a_clip(self) -> None:
        """``expressions`` gives [T, 52] in [0, 1]."""
        found = self.tracker.expressions(self.tracks)
        require(found.shape == (self.frames, 52), f"expressions is {found.shape}")
        require(found.min() >= 0 and found.max() <= 1, "expressions leave [0, 1]")

    def filmed(self) -> Capture:
        """The capture of :attr:`data`, short where the dataset can be asked for that."""
        kind = self.data.get("type") or catalog().default("dataset")
        known = catalog().get("dataset", kind).config.model_fields
        short = {k: n for k, n in (("frames", self.frames), ("test_frames", 4)) if k in known}
        config = resolve_component("dataset", {"type": kind, **short, **self.data})
        return catalog().get("dataset", config.type).load()(config).open(self.size)

    def track(self) -> list[FrameTrack]:
        """Track the first frames of the capture, from a fresh start."""
        return list(self.tracker.track(self.capture.images(range(self.frames))))

    def true_pixels(self) -> tuple[np.ndarray, float]:
        """[T, 23, 2] true key points in pixels, and the person's height in pixels."""
        capture = self.capture
        component = catalog().get("body", capture.body)
        body = component.load()(component.config.model_validate({"type": capture.body}))
        motion = capture.motion[: self.frames]
        with torch.no_grad():
            points = body.keypoints(body.from_motion(motion, body.shape_vector(capture.shape)))
            pixels = capture.camera.expand(len(points)).project(points[:, : len(BODY_KEYPOINTS)])[0]
        rows = np.flatnonzero((next(iter(capture.masks([0]))) > 127).any(1))
        return pixels.numpy(), float(rows[-1] - rows[0] + 1)
