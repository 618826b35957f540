"""Names of blend shapes in other programs, and the ARKit channels that show the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from avatar_kit.scene.joints import ARKIT_CHANNELS

_INDEX = {name: i for i, name in enumerate(ARKIT_CHANNELS)}


def _both(**channels: float) -> dict[str, float]:
    """Channels of the left and of the right side."""
    return {f"{n}{side}": value for n, value in channels.items() for side in ("Left", "Right")}


#: Expression of VRM 1.0 (its presets), in lower case -> channels at 1. The vowels follow the shape
#: of the lips, the moods the muscles that textbooks name for them (FACS).
_PRESETS: dict[str, dict[str, float]] = {
    "neutral": {},
    "aa": {"jawOpen": 0.6},
    "ih": {"jawOpen": 0.15, **_both(mouthStretch=0.5)},
    "ou": {"jawOpen": 0.15, "mouthPucker": 0.8},
    "ee": {"jawOpen": 0.2, **_both(mouthStretch=0.3, mouthSmile=0.3)},
    "oh": {"jawOpen": 0.4, "mouthFunnel": 0.7},
    "blink": _both(eyeBlink=1.0),
    "blinkleft": {"eyeBlinkLeft": 1.0},
    "blinkright": {"eyeBlinkRight": 1.0},
    "lookup": _both(eyeLookUp=1.0),
    "lookdown": _both(eyeLookDown=1.0),
    "lookleft": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
    "lookright": {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0},
    "happy": _both(mouthSmile=0.9, cheekSquint=0.6),
    "relaxed": _both(mouthSmile=0.4),
    "angry": _both(browDown=0.9, eyeSquint=0.4, mouthFrown=0.3, mouthPress=0.4),
    "sad": {"browInnerUp": 0.8, **_both(mouthFrown=0.7)},
    "surprised": {"browInnerUp": 0.8, "jawOpen": 0.3, **_both(browOuterUp=0.8, eyeWide=0.7)},
}
#: Names of VRM 0.x, which VMC uses -> those of VRM 1.0.
_OLDER = {
    "a": "aa",
    "i": "ih",
    "u": "ou",
    "e": "ee",
    "o": "oh",
    "blink_l": "blinkleft",
    "blink_r": "blinkright",
    "joy": "happy",
    "fun": "relaxed",
    "sorrow": "sad",
}
_CHANNELS: dict[str, dict[int, float]] = {
    **{name: {_INDEX[c]: v for c, v in shown.items()} for name, shown in _PRESETS.items()},
    **{name.lower(): {i: 1.0} for name, i in _INDEX.items()},
}
_CHANNELS |= {older: _CHANNELS[newer] for older, newer in _OLDER.items()}


def is_known(name: str) -> bool:
    """Whether a blend shape has a counterpart among the channels; in any case of letters."""
    return name.lower() in _CHANNELS


def expression(values: Mapping[str, float]) -> np.ndarray:
    """What blend shapes show.

    Where several show the same channel, such as ``A`` and ``jawOpen``, the strongest counts: they
    say the same thing twice.

    Args:
        values: By name, each in [0, 1]; names without a counterpart are left out.

    Returns:
        [52] float32 ARKit channels in [0, 1].
    """
    shown = np.zeros(len(ARKIT_CHANNELS), np.float32)
    for name, value in values.items():
        for channel, share in _CHANNELS.get(name.lower(), {}).items():
            shown[channel] = max(shown[channel], share * value)
    return shown.clip(0, 1)
