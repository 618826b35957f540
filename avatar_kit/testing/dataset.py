"""Checks of datasets."""

from __future__ import annotations

import functools
import tracemalloc
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from avatar_kit.capture import Capture
from avatar_kit.errors import UserError
from avatar_kit.registry import catalog
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.testing.conformance import Broken, Conformance, NotApplicable, require

#: Frames that the slower checks look at, evenly spread.
_LOOKED_AT = 24


class DatasetConformance(Conformance):
    """What every dataset must do.

    Attributes:
        size: Side in pixels that training asks for.
        on_person: Least share of the body's key points, over all frames looked at, that must lie on
            the person's mask or within 3 % of the person's height of it.
    """

    kind = "dataset"
    size: ClassVar[int] = 64
    on_person: ClassVar[float] = 0.9

    @property
    def capture(self) -> Capture:
        """The capture, opened once for all checks."""
        return self.once("capture", self.opened)

    def opened(self) -> Capture:
        """The capture, opened anew."""
        return self.component.load()(self.config).open(self.size)

    def test_opens_a_capture(self) -> None:
        """``open`` returns a :class:`~avatar_kit.capture.Capture`, the same one each time."""
        capture = self.capture
        require(isinstance(capture, Capture), f"open returns a {type(capture).__name__}")
        again = self.opened()
        require(again.key() == capture.key(), "opened twice the content is not the same")

    def test_poses_are_of_a_known_body(self) -> None:
        """The capture names a registered body and shape values it knows; every pose is finite."""
        capture = self.capture
        require(
            capture.body in catalog().names("body"),
            f"body '{capture.body}' is not registered; known: {catalog().names('body')}",
        )
        _body(capture.body).shape_vector(capture.shape)
        require(len(capture.motion) == len(capture), "motion and pictures differ in length")
        require(bool(capture.motion.is_finite().all()), "a pose is not finite")

    def test_splits_are_disjoint(self) -> None:
        """There is a ``train`` split and another; no sample or neighbour is in two."""
        splits = {name: set(split.samples()) for name, split in self.capture.splits.items()}
        require(splits.get("train"), "the split 'train' is missing or empty")
        held_out = [name for name, samples in splits.items() if name != "train" and samples]
        require(held_out, "there is no split but 'train': nothing can be measured")
        for a, b in combinations(splits, 2):
            shared = splits[a] & splits[b]
            some = [f"{s.frame} of {s.camera}" for s in list(shared)[:5]]
            require(not shared, f"splits '{a}' and '{b}' share the samples {', '.join(some)}")
        for name, split in self.capture.splits.items():
            for frame, (before, after) in self.capture.neighbours(name).items():
                near = {before, after} - {frame}
                require(
                    near <= set(split.frames), f"a neighbour of frame {frame} is in another split"
                )

    def test_pictures_and_masks_have_the_declared_size(self) -> None:
        """Pictures are [H, W, 3] and masks [H, W], both uint8; the person is in every mask."""
        size = (self.capture.camera.height, self.capture.camera.width)
        for frame, image, mask in self.looked_at():
            found = (image.shape, image.dtype, mask.shape, mask.dtype)
            expected = ((*size, 3), np.uint8, size, np.uint8)
            require(found == expected, f"frame {frame}: {found}, expected {expected}")
            require((mask > 127).any(), f"frame {frame}: the mask is empty")

    def test_joints_project_onto_the_person(self) -> None:
        """Posed and projected, the body's key points lie on the person in the picture."""
        capture = self.capture
        body = _body(capture.body)
        with torch.no_grad():
            shape = body.shape_vector(capture.shape)
            points = body.keypoints(body.from_motion(capture.motion, shape))
        hits = []
        for name, camera in capture.cameras.items():
            pixels = camera.expand(len(points)).project(points[:, : len(BODY_KEYPOINTS)])[0]
            for frame, _, mask in self.looked_at(name):
                person = mask > 127
                rows = np.flatnonzero(person.any(1))
                if not len(rows):
                    continue  # out of this camera's sight
                reach = max(1, round(0.03 * (rows[-1] - rows[0] + 1)))
                hits.append([_near(person, x, y, reach) for x, y in pixels[frame].tolist()])
        require(hits, "every mask is empty")
        share = float(np.mean(hits))
        require(
            share >= self.on_person,
            f"only {share:.0%} of the projected key points lie on the person; the camera, the "
            "poses or the shape do not belong to these pictures",
        )

    def test_memory_is_bounded(self) -> None:
        """Reading all pictures holds a few of them at a time, not all."""
        capture = self.capture
        one = capture.camera.width * capture.camera.height * 3
        room = 8 * one + 500_000
        if len(capture) * one < 2 * room:
            raise NotApplicable("its pictures are too few and too small to tell")
        for name, frames in (("images", capture.images), ("masks", capture.masks)):
            tracemalloc.start()
            for _ in frames():
                pass
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            require(
                peak < room,
                f"reading {name} holds {peak / 1e6:.0f} MB, {peak / one:.0f} pictures at a time; "
                "yield them one by one",
            )

    def test_a_missing_folder_is_one_clear_message(self) -> None:
        """A path that does not exist is a ``UserError`` that names it."""
        fields = self.component.config.model_fields.items()
        paths = [n for n, f in fields if f.annotation in (Path, Path | None)]
        if not paths:
            raise NotApplicable("its config names no path")
        config = self.validated({**self.options, paths[0]: "/no/such/folder"})
        try:
            self.component.load()(config).open(self.size)
        except UserError as error:
            require("/no/such/folder" in str(error), f"the message does not name it: {error}")
            return
        raise Broken(f"{paths[0]}=/no/such/folder is taken; raise UserError")

    def looked_at(self, camera: str | None = None) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Frame number, picture and mask of some frames of a camera, in order."""
        capture = self.capture
        recorded = capture.frames_of(camera or next(iter(capture.cameras)))
        count = min(_LOOKED_AT, len(recorded))
        chosen = np.linspace(0, len(recorded) - 1, count).round().astype(int)
        frames = [recorded[k] for k in chosen]
        images, masks = capture.images(frames, camera), capture.masks(frames, camera)
        yield from zip(frames, images, masks, strict=True)


@functools.cache
def _body(name: str) -> Any:
    component = catalog().get("body", name)
    return component.load()(component.config.model_validate({"type": name})).eval()


def _near(person: np.ndarray, x: float, y: float, reach: int) -> bool:
    """Whether the person covers a pixel within ``reach`` of (x, y)."""
    column, row = int(x), int(y)
    rows = slice(max(0, row - reach), max(0, row + reach + 1))
    return bool(person[rows, max(0, column - reach) : max(0, column + reach + 1)].any())
