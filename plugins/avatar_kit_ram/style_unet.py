"""The StyleUNet of RAM-Avatar: an encoder-decoder that paints Haar wavelet bands.

The encoder halves the conditions down to 8 pixels; the decoder is StyleGAN2's, modulated by a
style, with the encoder's features joined at every level but the finest. Colours leave at half the
resolution as four wavelet bands, which saves the costliest level.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit_ram.config import size_step
from avatar_kit_ram.equalized import EqualConv2d, joined
from avatar_kit_ram.fir import TAPS, downsample, fir_kernel, upsample
from avatar_kit_ram.modulated import ModulatedConv2d
from avatar_kit_ram.wavelet import haar_phases


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes of the levels: half the picture first, down to 8 to 15 pixels on the longer side.

    Raises:
        UserError: The picture cannot be halved that often.
    """
    step = size_step(max(height, width))
    halvings = step.bit_length() - 1
    if height % step or width % step or max(height, width) < 32:
        raise UserError(
            f"size: the StyleUNet halves a {width}x{height} picture {halvings} times; both sides "
            f"must be multiples of {step}, and the longer one at least 32 pixels"
        )
    return [(height >> i, width >> i) for i in range(1, halvings + 1)]


def level_channels(sizes: list[tuple[int, int]], multiplier: float, most: int) -> list[int]:
    """Channels of each level: the area of StyleGAN2's pyramid, 16384 x multiplier / resolution."""
    wanted = [round(multiplier * 16384 / max(size)) for size in sizes]
    return [max(8, min(most, channels)) for channels in wanted]


class EncoderLevel(nn.Module):
    """Adds the conditions at this resolution, then convolves, then halves.

    Args:
        conditions: Channels of the conditions.
        channels: Channels at this resolution.
        below: Channels at half of it.
        bare: What leaves for the decoder has not met this level's conditions and convolution.
    """

    def __init__(self, conditions: int, channels: int, below: int, *, bare: bool = False):
        super().__init__()
        self.bare = bare
        self.condition = EqualConv2d(conditions, channels, 1)
        self.conv = EqualConv2d(channels, channels, 3)
        self.down = EqualConv2d(channels, below, 3, down=True)

    def forward(self, x: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Features at this resolution and at half of it."""
        met = self.conv(x + self.condition(conditions))
        return x if self.bare else met, self.down(met)


class DecoderLevel(nn.Module):
    """Doubles the resolution, convolves, and adds its share to the picture, as wavelet bands."""

    def __init__(
        self,
        below: int,
        channels: int,
        style: int,
        size: tuple[int, int],
        bands: int,
        *,
        skip: bool = False,
    ):
        super().__init__()
        self.skip = EqualConv2d(2 * channels, channels, 3) if skip else None
        self.up = ModulatedConv2d(below, channels, 3, style, picture=size, up=True)
        self.conv = ModulatedConv2d(channels, channels, 3, style, picture=size)
        # Bands leave as the pixels they stand for: the wavelets are linear, and so is enlarging.
        pixels = haar_phases(bands // 4)
        self.paint = ModulatedConv2d(channels, bands, 1, style, demodulate=False, mixed=pixels)
        nn.init.zeros_(self.paint.weight)  # an even grey at first: no noise to unlearn

    def forward(
        self, x: Tensor, style: Tensor, picture: Tensor | None, same: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features at twice the resolution of ``x``, and the picture at four times.

        Args:
            x: Features from below.
            style: [B or 1, S].
            picture: What the levels below painted, at twice the resolution of ``x``; None at the
                lowest.
            same: The encoder's features at twice the resolution of ``x``.
        """
        x = self.up(x, style)
        if self.skip is not None:
            x = self.skip(joined([x, same]))
        x = self.conv(x, style)
        painted = F.pixel_shuffle(self.paint(x, style), 2)
        return x, painted if picture is None else painted + upsample(picture)


class StyleUNet(nn.Module):
    """Conditions and a style to a picture.

    Args:
        conditions: Channels of the conditions.
        height: Height of conditions and picture in pixels.
        width: Width of conditions and picture in pixels.
        channel_multiplier: 2 in the paper's network, 1 in a light one.
        max_channels: Most channels of a level.
        style: Length of the style.
        outputs: Channels of the picture.
        finest_skip: Join encoder and decoder at the finest level too, which the paper does not.
        bare_skips: What the encoder gives to the decoder leaves before a level's conditions are
            added, as in the released code.

    Raises:
        UserError: The size cannot be halved down to 8 pixels.
    """

    kernel: Tensor

    def __init__(
        self,
        conditions: int,
        height: int,
        width: int,
        *,
        channel_multiplier: float = 2.0,
        max_channels: int = 512,
        style: int = 512,
        outputs: int = 3,
        finest_skip: bool = False,
        bare_skips: bool = False,
    ):
        super().__init__()
        sizes = level_sizes(height, width)
        channels = level_channels(sizes, channel_multiplier, max_channels)
        pairs = list(pairwise(channels))
        self.register_buffer("kernel", fir_kernel(TAPS), persistent=False)
        self.stem = EqualConv2d(conditions, channels[0], 3, down=True)
        self.encoder = nn.ModuleList(
            EncoderLevel(conditions, *pair, bare=bare_skips) for pair in pairs
        )
        self.bottom = EqualConv2d(channels[-1], channels[-1], 3)
        # Joins encoder and decoder at every level between the finest and the coarsest.
        self.fusion = nn.ModuleList(EqualConv2d(2 * c, c, 3) for c in channels[1:-1])
        self.decoder = nn.ModuleList(
            DecoderLevel(below, here, style, size, 4 * outputs, skip=finest_skip and i == 0)
            for i, ((here, below), size) in enumerate(zip(pairs, sizes, strict=False))
        )

    def forward(self, conditions: Tensor, style: Tensor) -> Tensor:
        """Paint.

        Args:
            conditions: [B, C, H, W].
            style: [B, S], or [1, S] for all of the batch.

        Returns:
            [B, outputs, H, W], centred on zero.
        """
        x = self.stem(conditions)
        features = []
        for level in self.encoder:
            conditions = downsample(conditions, self.kernel)
            here, x = level(x, conditions)
            features.append(here)
        x = self.bottom(x)
        picture: Tensor | None = None
        last = len(self.decoder) - 1
        for i in range(last, -1, -1):
            if i < last:
                x = self.fusion[i](joined([x, features[i + 1]]))
            x, picture = self.decoder[i](x, style, picture, features[i])
        assert picture is not None  # there are at least two levels
        return picture
