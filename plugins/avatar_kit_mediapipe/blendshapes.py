"""What MediaPipe's blendshape network is believed, beside our own measures. Pure numpy."""

from __future__ import annotations

import numpy as np

from avatar_kit.scene.joints import ARKIT_CHANNELS

#: What the network tells better than our measures: its brows, wide eyes and shifted mouths stay
#: near 0 whatever the face does, and a blink is better told by the person's own eyes.
NETWORK_CHANNELS = np.array(
    [
        name.startswith(("mouth", "jawOpen", "eyeLook", "eyeSquint"))
        and name not in ("mouthLeft", "mouthRight")
        for name in ARKIT_CHANNELS
    ]
)
#: Distance of the outer eye corners in pixels up to which it is not believed, and from which fully.
LOST_PIXELS, SURE_PIXELS = 25.0, 60.0
#: Eyes that are closed further than this look nowhere.
_CLOSED = 0.4

_SQUINTS = np.array([name.startswith("eyeSquint") for name in ARKIT_CHANNELS])
_LOOKS = {
    side: np.array([name.startswith("eyeLook") and name.endswith(side) for name in ARKIT_CHANNELS])
    for side in ("Left", "Right")
}
_BLINKS = {side: ARKIT_CHANNELS.index(f"eyeBlink{side}") for side in _LOOKS}


def rest(found: np.ndarray) -> np.ndarray:
    """[52] what the network tells of a face at rest, from its channels [T, 52] of a clip.

    Its output is absolute, except for squints: eyes at rest are a fifth to a half closed to it.
    """
    return np.where(_SQUINTS, np.median(found, axis=0), 0.0).astype(np.float32)


def combined(
    own: np.ndarray, found: np.ndarray, at_rest: np.ndarray, face_pixels: float
) -> np.ndarray:
    """[52] our channels and the network's, each where it is the better one.

    Args:
        own: [52] from our measures.
        found: [52] of the network.
        at_rest: [52] of :func:`rest`.
        face_pixels: Distance of the outer eye corners in pixels.
    """
    span = SURE_PIXELS - LOST_PIXELS
    sure = float(np.clip((face_pixels - LOST_PIXELS) / span, 0, 1)) * NETWORK_CHANNELS
    change = np.clip((found - at_rest) / (1 - at_rest + 1e-6), 0, 1)
    for side, looks in _LOOKS.items():
        if own[_BLINKS[side]] > _CLOSED:
            change = np.where(looks, 0.0, change)
    return (own + sure * (change - own)).astype(np.float32)
