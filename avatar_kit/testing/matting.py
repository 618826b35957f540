"""Checks of mattings."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from PIL import Image

from avatar_kit.capture import Capture
from avatar_kit.config.slots import resolve_component
from avatar_kit.interfaces import Matting
from avatar_kit.registry import catalog
from avatar_kit.testing.conformance import Conformance, NotApplicable, require

_COARSE_EDGE_PIXELS = 48


class MattingConformance(Conformance):
    """What every matting must do.

    The person whose mask it must find is filmed by a dataset.

    Attributes:
        data: The dataset and its config values; empty: the default dataset.
        size: Side in pixels of the pictures asked for.
        frames: Pictures looked at.
        overlap: Least median intersection over union with the true masks.
    """

    kind = "matting"
    data: ClassVar[dict[str, Any]] = {}
    size: ClassVar[int] = 256
    frames: ClassVar[int] = 8
    overlap: ClassVar[float] = 0.8

    @property
    def matting(self) -> Matting:
        """The matting, built once for all checks."""
        return self.once("matting", self.build)

    def build(self) -> Matting:
        """A new matting.

        Raises:
            NotApplicable: A model file that it rests on is not here.
        """
        if missing := [model.name for model in self.config.models if not model.here()]:
            raise NotApplicable(f"the model {missing[0]} is not here")
        return self.component.load()(self.config)

    def test_masks_have_the_size_of_the_picture(self) -> None:
        """A picture that is wider than high has a mask [H, W] uint8."""
        picture, coarse = _drawn()
        found = self.matting.mask(picture, coarse)
        require(
            found.shape == picture.shape[:2] and found.dtype == np.uint8,
            f"the mask is {found.shape} {found.dtype}, expected {picture.shape[:2]} uint8",
        )

    def test_nobody_has_an_empty_mask(self) -> None:
        """Where the tracker sees nobody in an even picture, the mask is empty."""
        found = self.matting.mask(
            np.full((90, 120, 3), 200, np.uint8), np.zeros((45, 60), np.uint8)
        )
        require(found.max() < 128, f"the mask of an even picture goes up to {found.max()}")

    def test_covers_the_person(self) -> None:
        """The masks agree with the true ones as far as ``overlap`` says."""
        matting, scores = self.matting, []
        capture, frames = self.once("capture", self.filmed), range(self.frames)
        for image, true in zip(capture.images(frames), capture.masks(frames), strict=True):
            found = matting.mask(image, _coarse(true)) > 127
            scores.append((found & (true > 127)).sum() / max((found | (true > 127)).sum(), 1))
        middle = float(np.median(scores))
        require(middle >= self.overlap, f"the masks overlap the true ones by {middle:.2f}")

    def test_the_same_picture_has_the_same_mask(self) -> None:
        """Nothing is kept from picture to picture."""
        picture, coarse = _drawn()
        first = self.matting.mask(picture, coarse)
        self.matting.mask(255 - picture, coarse)
        again = self.matting.mask(picture, coarse)
        require(np.array_equal(first, again), "asked again, the mask is another one")

    def test_leaves_the_picture_alone(self) -> None:
        """Neither the picture nor the coarse mask is written to."""
        picture, coarse = _drawn()
        before = picture.copy(), coarse.copy()
        self.matting.mask(picture, coarse)
        same = np.array_equal(picture, before[0]) and np.array_equal(coarse, before[1])
        require(same, "the picture or the coarse mask has changed; work on a copy")

    def filmed(self) -> Capture:
        """The capture of :attr:`data`, short where the dataset can be asked for that."""
        kind = self.data.get("type") or catalog().default("dataset")
        known = catalog().get("dataset", kind).config.model_fields
        short = {k: n for k, n in (("frames", self.frames), ("test_frames", 4)) if k in known}
        config = resolve_component("dataset", {"type": kind, **short, **self.data})
        return catalog().get("dataset", config.type).load()(config).open(self.size)


def _drawn() -> tuple[np.ndarray, np.ndarray]:
    """A picture with a bright figure on dark noise, and its coarse mask."""
    picture = np.random.default_rng(0).integers(0, 60, (96, 160, 3)).astype(np.uint8)
    picture[20:80, 60:90] = (230, 180, 160)
    true = np.zeros((96, 160), np.uint8)
    true[20:80, 60:90] = 255
    return picture, _coarse(true)


def _coarse(mask: np.ndarray) -> np.ndarray:
    """A mask as a tracker gives it: small and soft."""
    height, width = mask.shape
    scale = _COARSE_EDGE_PIXELS / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BOX))
