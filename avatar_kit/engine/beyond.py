"""What a driving motion asks of an avatar that its training never showed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from avatar_kit.engine.driving import contexts
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.graphics import interpolate
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.surface import is_covered

#: Frames of a motion that are looked at, and training poses that they are compared with.
_FRAMES, _POSES = 48, 500

#: Height of the pictures in which visible surface is counted.
_HEIGHT = 128

#: Share of the visible person that no training picture showed, above which a frame is named.
_UNSEEN = 0.2

#: Metres that one key point may be from where the nearest training pose has it.
_FAR = 0.3


@dataclass(frozen=True)
class Beyond:
    """Frames of a motion that show what the training did not.

    Attributes:
        looked_at: [F] seconds of the frames that were looked at.
        unseen: [F] share of the visible person that no training picture showed; empty where the
            run does not say what its training covered.
        far: [F] metres between a key point and the same of the nearest training pose, where the
            pelvis of both is held: the largest of all key points.
        limb: [F] name of that key point.
    """

    looked_at: np.ndarray
    unseen: np.ndarray
    far: np.ndarray
    limb: list[str]

    def lines(self) -> list[str]:
        """What a person should know before watching; none where the motion stays within."""
        found = []
        if len(self.unseen) and (self.unseen > _UNSEEN).any():
            worst = int(self.unseen.argmax())
            found.append(
                f"{self._share(self.unseen > _UNSEEN)} show sides of the person that no training "
                f"picture showed (at {self.looked_at[worst]:.1f} s: {self.unseen[worst]:.0%} of "
                "what is visible); their colours are estimated"
            )
        if (self.far > _FAR).any():
            worst = int(self.far.argmax())
            found.append(
                f"{self._share(self.far > _FAR)} are far from every training pose (at "
                f"{self.looked_at[worst]:.1f} s: {self.limb[worst].replace('_', ' ')}, "
                f"{self.far[worst]:.2f} m); expect errors there, or try --align"
            )
        return found

    def _share(self, which: np.ndarray) -> str:
        return f"{which.mean():.0%} of the frames"


@torch.no_grad()
def beyond(loaded: LoadedAvatar, motion: Motion, cameras: Camera | None = None) -> Beyond:
    """Look at some frames of a motion.

    Args:
        loaded: The avatar.
        motion: A placed motion.
        cameras: One a frame; None: the camera of the training.
    """
    chosen = torch.linspace(0, len(motion) - 1, min(_FRAMES, len(motion))).round().long().unique()
    some = motion[chosen.tolist()]
    far, limb = _pose_distances(loaded, some)
    path = (loaded.subject.camera if cameras is None else cameras).expand(len(motion))
    unseen = np.zeros(0)
    if loaded.coverage is not None:
        unseen = _unseen_shares(loaded, some, path[chosen], loaded.coverage)
    return Beyond(chosen.numpy() / motion.fps, unseen, far, limb)


def _pose_distances(loaded: LoadedAvatar, motion: Motion) -> tuple[np.ndarray, list[str]]:
    training = loaded.training_motion
    kept = torch.linspace(0, len(training) - 1, min(_POSES, len(training))).round().long().unique()
    known, asked = (_held(loaded, m) for m in (training[kept.tolist()], motion))
    nearest = [(known - one).norm(dim=-1) for one in asked]  # [N, K] each
    best = torch.stack([d[d.amax(1).argmin()] for d in nearest])
    return best.amax(1).numpy(), [BODY_KEYPOINTS[i] for i in best.argmax(1).tolist()]


def _held(loaded: LoadedAvatar, motion: Motion) -> Tensor:
    """[T, 23, 3] body key points in metres, with the pelvis at one place and not turned."""
    zero = torch.zeros_like(motion.transl)
    still = replace(motion, transl=zero, global_orient=zero).to(loaded.device)
    body, found = loaded.avatar.body, []
    for first in range(0, len(still), 64):
        parameters = body.from_motion(still[first : first + 64], loaded.avatar.shape)
        found.append(body.keypoints(parameters)[:, : len(BODY_KEYPOINTS)].cpu())
    return torch.cat(found)


def _unseen_shares(
    loaded: LoadedAvatar, motion: Motion, cameras: Camera, coverage: Tensor
) -> np.ndarray:
    scale = _HEIGHT / cameras.height
    width = max(1, round(cameras.width * scale))
    small = cameras.to(loaded.device).crop_resize(0, 0, scale, width, _HEIGHT)
    covered = is_covered(coverage).to(loaded.device).float()[None, :, None]
    shares = []
    for context in contexts(loaded, motion, small):
        fragments = context.fragments
        shown = interpolate(covered, context.body.topology.faces, fragments)
        pixels = float(fragments.mask.sum())
        shares.append(1 - float(shown.sum()) / pixels if pixels else 0.0)
    return np.array(shares)


def say_beyond(
    loaded: LoadedAvatar, motion: Motion, cameras: Camera | None, say: Callable[[str], None]
) -> None:
    """Say in a line each what a motion asks that the training never showed."""
    for line in beyond(loaded, motion, cameras).lines():
        say(line)
