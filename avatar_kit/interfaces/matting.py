"""Matting: the mask of the person, where that of the tracker is not fine enough."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from avatar_kit.config import MattingConfig


class Matting(ABC):
    """Finds the mask of the person in one picture, independently of other pictures."""

    def __init__(self, config: MattingConfig):
        """Build the matting.

        Raises:
            UserError: A model file that it needs is missing.
        """
        self.config = config

    @abstractmethod
    def mask(self, picture: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """How much each pixel is the person.

        Args:
            picture: [H, W, 3] uint8 RGB.
            coarse: [h, w] uint8, the tracker's mask of the whole picture at a smaller size: roughly
                where the person is; 0 everywhere if nobody is visible.

        Returns:
            [H, W] uint8, 0 the scene, 255 the person.
        """
