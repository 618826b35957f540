"""What is put behind a person instead of the recorded scene."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageColor, ImageOps
from torch import Tensor

from avatar_kit.capture.plate import fill_holes
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.errors import UserError, near
from avatar_kit.io.image import read_image
from avatar_kit.scene import RenderOutput

PLATE, TRANSPARENT = "plate", "transparent"

#: What a renderer must offer for another background than its own.
_NEEDED = ("alpha", "person")

#: Alpha below this is stored as 0 in eight bits.
_LEAST = 0.5 / 255


@dataclass(frozen=True)
class Background:
    """What is seen behind the person.

    Attributes:
        name: What it was called: ``transparent``, a colour, or a file.
        picture: [H, W, 3] uint8 RGB, one pixel for a colour; None for nothing at all.
    """

    name: str
    picture: np.ndarray | None = None

    @property
    def transparent(self) -> bool:
        """Whether pictures get a fourth channel, alpha."""
        return self.picture is None

    def fitted(self, width: int, height: int) -> Tensor | None:
        """[3, height, width] in [0, 1]: the picture fills the frame, its middle in the middle."""
        if self.picture is None:
            return None
        image = Image.fromarray(np.ascontiguousarray(self.picture))
        fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        return torch.from_numpy(np.array(fitted)).permute(2, 0, 1).float() / 255

    def behind(self, width: int, height: int) -> Callable[[RenderOutput], Tensor]:
        """Puts it behind the person of one rendered frame of a size.

        The function gives [3, H, W] in [0, 1]; where the background is transparent [4, H, W],
        colours and straight alpha.
        """
        scene = self.fitted(width, height)

        def pictured(output: RenderOutput) -> Tensor:
            assert output.person is not None and output.alpha is not None
            person = output.person[0].float().clamp(0, 1)
            alpha = output.alpha[0].float().clamp(0, 1)
            if scene is None:
                return straight(person, alpha)
            return torch.lerp(scene.to(person), person, alpha)

        return pictured


def straight(person: Tensor, alpha: Tensor) -> Tensor:
    """[4, H, W] colours [3, H, W] and alpha [1, H, W].

    Where nothing is covered the colours of the person go on: players that average neighbouring
    pixels would show a rim of any other colour.
    """
    weight = torch.where(alpha < _LEAST, 0, alpha)
    colours = fill_holes((person * weight).double().cpu().numpy(), weight[0].double().cpu().numpy())
    return torch.cat([torch.from_numpy(colours).to(person), alpha])


def read_background(text: str | Path) -> Background | None:
    """The background that a person asked for; None for the scene as the renderer shows it.

    Args:
        text: ``plate``, ``transparent``, the name of a colour, ``#rrggbb``, or a picture file.

    Raises:
        UserError: It is none of these, or a picture that cannot be read or is not opaque.
    """
    name = str(text)
    if name == PLATE:
        return None
    if name == TRANSPARENT:
        return Background(name)
    if name.lower() in ImageColor.colormap or re.fullmatch("#[0-9a-fA-F]{6}", name):
        return Background(name, np.array([[ImageColor.getrgb(name)[:3]]], np.uint8))
    if name.startswith("#"):
        raise UserError(f"background '{name}': a colour is # and six digits from 0 to f: #1e90ff")
    if not Path(name).exists():
        known = [PLATE, TRANSPARENT, *ImageColor.colormap]
        raise UserError(
            f"background '{name}': neither plate, transparent, a colour (its name, or #rrggbb) nor "
            f"a picture file{near(name, known)}"
        )
    picture = read_image(name, mode="RGBA", upright=True)
    if (picture[..., 3] < 255).any():
        raise UserError(f"{name}: parts of the picture are transparent; give an opaque one")
    return Background(name, picture[..., :3])


def check_background(loaded: LoadedAvatar, background: Background | None) -> None:
    """Refuse to replace a background that cannot be told from the person.

    Raises:
        UserError: The renderer gives no alpha or not the person alone.
    """
    renderer = loaded.config.renderer
    lacks = [name for name in _NEEDED if name not in renderer.offers()]
    if background is not None and lacks:
        raise UserError(
            f"background '{background.name}': method '{loaded.config.type}' with renderer "
            f"'{renderer.type}' offers no {' and no '.join(lacks)}, so its background cannot be "
            f"replaced; use {PLATE}, or train with a renderer that offers both"
        )
