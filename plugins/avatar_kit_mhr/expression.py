"""ARKit's channels as MHR's expressions: both name movements of the face by FACS."""

from __future__ import annotations

import numpy as np

from avatar_kit.scene.joints import ARKIT_CHANNELS

_QUADRANTS = ("LB", "LT", "RB", "RT")

#: MHR's expressions in their order.
EXPRESSIONS: tuple[str, ...] = (
    *(f"{name}_{side}" for name in ("browLowerer", "cheekPuff", "cheekRaiser", "cheekSuck")
      for side in "LR"),
    "chinRaiser_B", "chinRaiser_T",
    *(f"{name}_{side}" for name in (
        "dimpler", "eyesClosed", "eyesLookDown", "eyesLookLeft", "eyesLookRight", "eyesLookUp",
        "innerBrowRaiser") for side in "LR"),
    "jawDrop", "jawSidewaysLeft", "jawSidewaysRight", "jawThrust",
    *(f"{name}_{side}" for name in ("lidTightener", "lipCornerDepressor", "lipCornerPuller")
      for side in "LR"),
    *(f"lipFunneler_{place}" for place in _QUADRANTS),
    *(f"{name}_{side}" for name in ("lipPressor", "lipPucker", "lipStretcher") for side in "LR"),
    *(f"lipSuck_{place}" for place in _QUADRANTS),
    *(f"lipTightener_{side}" for side in "LR"),
    *(f"lipsToward_{place}" for place in _QUADRANTS),
    *(f"lowerLipDepressor_{side}" for side in "LR"),
    "mouthLeft", "mouthRight",
    *(f"{name}_{side}" for name in (
        "nasolabialFurrow", "noseWrinkler", "nostrilCompressor", "nostrilDilator",
        "outerBrowRaiser", "upperLidRaiser", "upperLipRaiser") for side in "LR"),
)  # fmt: skip

#: Channel without its side -> expression without its side.
_SIDED = {
    "browDown": "browLowerer", "browOuterUp": "outerBrowRaiser", "cheekSquint": "cheekRaiser",
    "eyeBlink": "eyesClosed", "eyeLookDown": "eyesLookDown", "eyeLookUp": "eyesLookUp",
    "eyeSquint": "lidTightener", "eyeWide": "upperLidRaiser", "mouthDimple": "dimpler",
    "mouthFrown": "lipCornerDepressor", "mouthLowerDown": "lowerLipDepressor",
    "mouthPress": "lipPressor", "mouthSmile": "lipCornerPuller", "mouthStretch": "lipStretcher",
    "mouthUpperUp": "upperLipRaiser", "noseSneer": "noseWrinkler",
}  # fmt: skip

#: Channel of both sides -> expressions. MHR has no tongue that comes out.
_WHOLE: dict[str, tuple[str, ...]] = {
    "browInnerUp": ("innerBrowRaiser_L", "innerBrowRaiser_R"),
    "cheekPuff": ("cheekPuff_L", "cheekPuff_R"),
    "eyeLookInLeft": ("eyesLookRight_L",), "eyeLookInRight": ("eyesLookLeft_R",),
    "eyeLookOutLeft": ("eyesLookLeft_L",), "eyeLookOutRight": ("eyesLookRight_R",),
    "jawForward": ("jawThrust",), "jawLeft": ("jawSidewaysLeft",), "jawOpen": ("jawDrop",),
    "jawRight": ("jawSidewaysRight",), "mouthLeft": ("mouthLeft",), "mouthRight": ("mouthRight",),
    "mouthClose": tuple(f"lipsToward_{place}" for place in _QUADRANTS),
    "mouthFunnel": tuple(f"lipFunneler_{place}" for place in _QUADRANTS),
    "mouthPucker": ("lipPucker_L", "lipPucker_R"),
    "mouthRollLower": ("lipSuck_LB", "lipSuck_RB"), "mouthRollUpper": ("lipSuck_LT", "lipSuck_RT"),
    "mouthShrugLower": ("chinRaiser_B",), "mouthShrugUpper": ("chinRaiser_T",),
}  # fmt: skip


def channel_coefficients() -> np.ndarray:
    """[52, 72] coefficient of each of MHR's expressions at each channel."""
    found = np.zeros((len(ARKIT_CHANNELS), len(EXPRESSIONS)), np.float32)
    for channel, row in zip(ARKIT_CHANNELS, found, strict=True):
        for name in expressions_of(channel):
            row[EXPRESSIONS.index(name)] = 1.0
    return found


def expressions_of(channel: str) -> tuple[str, ...]:
    """MHR's expressions that one of ARKit's channels is; none for the tongue."""
    if channel in _WHOLE:
        return _WHOLE[channel]
    for side in ("Left", "Right"):
        name = _SIDED.get(channel.removesuffix(side))
        if name is not None and channel.endswith(side):
            return (f"{name}_{side[0]}",)
    return ()
