"""U2-Net (Qin et al. 2020) for people, run on the part of the picture that shows the person."""

from __future__ import annotations

import numpy as np
import onnxruntime
from PIL import Image

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Matting
from avatar_kit_rembg.config import PEOPLE, RembgConfig

#: Side in pixels of what the network sees.
NETWORK_PIXELS = 320
#: Mean and deviation of the colours that it was trained with.
COLOUR_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
COLOUR_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
#: Below this it has found nobody; above, its answer is stretched to the full range.
LEAST_ANSWER = 0.2
#: A coarse mask above this shows the person.
_SEEN = 64


class RembgMatting(Matting):
    """The mask of the person by a network that is trained on people."""

    config: RembgConfig

    def __init__(self, config: RembgConfig):
        super().__init__(config)
        if not PEOPLE.path.is_file():
            raise UserError(
                f"matting 'rembg': its model {PEOPLE.name} is not installed: run  avatar-kit "
                f"models get {PEOPLE.name}, or, if you have the file, avatar-kit models add FILE"
            )
        self._network = onnxruntime.InferenceSession(
            str(PEOPLE.genuine()), providers=["CPUExecutionProvider"]
        )
        self._input = self._network.get_inputs()[0].name

    def mask(self, picture: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """The network's answer around the person, 0 elsewhere."""
        found = np.zeros(picture.shape[:2], np.uint8)
        box = around(coarse, (found.shape[0], found.shape[1]), self.config.margin)
        if box is not None:
            left, top, right, bottom = box
            found[top:bottom, left:right] = self._answer(picture[top:bottom, left:right])
        return found

    def _answer(self, part: np.ndarray) -> np.ndarray:
        """[h, w] uint8 of a part of a picture [h, w, 3] uint8."""
        size = (NETWORK_PIXELS, NETWORK_PIXELS)
        small = np.asarray(Image.fromarray(part).resize(size, Image.Resampling.LANCZOS), np.float32)
        values = (small / max(float(small.max()), 1.0) - COLOUR_MEAN) / COLOUR_DEVIATION
        answer = self._network.run(None, {self._input: values.transpose(2, 0, 1)[None]})[0]
        answer = np.asarray(answer, np.float32).reshape(NETWORK_PIXELS, NETWORK_PIXELS)
        low, high = float(answer.min()), float(answer.max())
        if high < LEAST_ANSWER or high - low < 1e-6:
            return np.zeros(part.shape[:2], np.uint8)
        grey = (255 * (answer - low) / (high - low)).round().astype(np.uint8)
        height, width = part.shape[:2]
        fine = Image.fromarray(grey).resize((width, height), Image.Resampling.LANCZOS)
        return np.asarray(fine)


def around(
    coarse: np.ndarray, size: tuple[int, int], margin: float
) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of the person with some room, in pixels; None for nobody.

    Args:
        coarse: [h, w] uint8, the tracker's mask.
        size: Height and width of the picture in pixels.
        margin: Room as a part of the person's longer side.
    """
    rows, columns = (np.flatnonzero((coarse > _SEEN).any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    height, width = size
    y, x = height / coarse.shape[0], width / coarse.shape[1]
    left, right, top, bottom = (
        columns[0] * x,
        (columns[-1] + 1) * x,
        rows[0] * y,
        (rows[-1] + 1) * y,
    )
    room = margin * max(right - left, bottom - top)
    return (
        max(0, int(left - room)),
        max(0, int(top - room)),
        min(width, int(np.ceil(right + room))),
        min(height, int(np.ceil(bottom + room))),
    )
