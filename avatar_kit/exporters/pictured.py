"""What an avatar paints of its training poses, as samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, islice

import torch
import torch.nn.functional as F

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, Batch, ExportSource, Report
from avatar_kit.scene import Camera, Condition, FrameContext, GaussianCloud, Motion

#: Height in pixels of a picture that is drawn of Gaussians, which have no size of their own.
_HEIGHT = 768


class PicturedPoses(Sequence[Batch]):
    """Some training poses, evenly spread, painted by the avatar before its cameras in turn.

    A pose is painted by itself, and alpha is its mask. Gaussians are drawn larger than the trained
    picture.
    """

    def __init__(self, source: ExportSource, count: int, report: Report):
        motion, cameras = source.training_motion, list(source.cameras.values())
        chosen = torch.linspace(0, len(motion) - 1, min(count, len(motion))).long().tolist()
        self._source, self._report = source, report
        self._poses = [motion[i] for i in chosen]
        self._cameras = list(islice(cycle(cameras), len(chosen)))

    def __len__(self) -> int:
        return len(self._poses)

    def __getitem__(self, index):
        """The sample of a position."""
        avatar, pose = self._source.avatar, self._poses[index]
        context = posed_context(avatar, pose, self._cameras[index])
        conditions, _ = avatar.encode(context, None)
        larger = _enlarged(avatar, context.camera, conditions)
        if larger is not None:
            context = posed_context(avatar, pose, larger)
            conditions, _ = avatar.encode(context, None)
        seen, _ = avatar.renderer.step(conditions, context.camera, None)
        self._report(index + 1, len(self), f"picture {index + 1} of {len(self)}")
        mask = context.fragments.mask if seen.alpha is None else seen.alpha
        image = seen.person
        if image is None:  # at the person's edge the background is in the colours
            image, mask = seen.rgb, -F.max_pool2d(-mask.float(), 3, 1, 1)
        if not bool(image.isfinite().all()):
            raise UserError("a picture of the avatar is not finite: the training has failed")
        return Batch(context, image.float().clamp(0, 1), mask.float())


def posed_context(avatar: Avatar, pose: Motion, camera: Camera) -> FrameContext:
    """A pose by itself before a camera, as an avatar takes it."""
    device = avatar.shape.device
    pose = pose.to(device)
    body = avatar.body(avatar.body.from_motion(pose, avatar.shape))
    return FrameContext.driven(body, camera.to(device), pose)


def _enlarged(avatar: Avatar, camera: Camera, conditions: Mapping[str, Condition]) -> Camera | None:
    """The camera with the larger picture that Gaussians allow; None where they do not."""
    factor = _HEIGHT // camera.height
    drawn = any(isinstance(c, GaussianCloud) for c in conditions.values())
    if factor < 2 or not drawn or not avatar.renderer.camera_moves:
        return None
    width, height = factor * camera.width, factor * camera.height
    try:
        avatar.renderer.check_size(width, height)
    except UserError:
        return None
    return camera.crop_resize(0, 0, float(factor), width, height)
