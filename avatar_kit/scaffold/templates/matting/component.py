"""The matting: the tracker's mask, with a sharper rim."""

from __future__ import annotations

import numpy as np
from avatar_kit_myplugin.config import MyPluginConfig
from PIL import Image

from avatar_kit.interfaces import Matting


class MyPlugin(Matting):
    """The coarse mask at the size of the picture; the picture itself is not looked at."""

    config: MyPluginConfig

    def mask(self, picture: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """[H, W] uint8 of a picture [H, W, 3] and a coarse mask [h, w]."""
        height, width = picture.shape[:2]
        fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        steep = (np.asarray(fine, np.float32) - 127.5) * self.config.sharpness + 127.5
        return steep.clip(0, 255).astype(np.uint8)
