"""Key points straight from bone transforms: regression and skinning collapsed into one sum.

A key point is a weighted sum of skinned vertices, and a skinned vertex a weighted sum of bone
transforms, so a key point is ``sum_j R_j a_kj + s_kj t_j`` over the few bones j near it. ``s`` is
constant and ``a`` linear in the blend shape coefficients; both come from the baked file.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit_anny.assets import Assets

#: Bones whose heads are the joints of a hand, in ``HAND_KEYPOINTS`` order without the tips.
_FINGER_BONES = tuple(f"finger{finger}-{i}" for finger in range(1, 6) for i in (1, 2, 3))


class Keypoints(nn.Module):
    """The 65 key points of bodies."""

    def __init__(self, assets: Assets):
        super().__init__()
        tensors = assets.tensors
        for name in ("pair_weight", "pair_template", "pair_shapes", "pair_actions"):
            self.register_buffer(name, tensors[name], persistent=False)
        self.register_buffer("point", tensors["pair_point"].long(), persistent=False)
        self.register_buffer("bone", tensors["pair_bone"].long(), persistent=False)
        self.register_buffer("regressors", tensors["regressors"], persistent=False)
        tips = tensors["regressors"][len(BODY_KEYPOINTS) :]
        self.register_buffer("tips", tips.topk(6).indices, persistent=False)
        hands = [
            [assets.bones.index(f"{name}.{side}") for name in ("wrist", *_FINGER_BONES)]
            for side in "LR"
        ]
        self.register_buffer("hand_bones", torch.tensor(hands), persistent=False)

    def forward(self, c: Tensor, transforms: Tensor, heads: Tensor, expression: Tensor) -> Tensor:
        """[B, 65, 3] key points in the order the contract of a body asks for.

        Args:
            c: [B or 1, K] blend shape coefficients.
            transforms: [B, J, 3, 4] skinning transforms.
            heads: [B, J, 3] posed bone heads.
            expression: [B, 52] facial actions.
        """
        rest = self.pair_template + (c @ self.pair_shapes.flatten(1)).unflatten(1, (-1, 3))
        rest = rest + (expression @ self.pair_actions.flatten(1)).unflatten(1, (-1, 3))
        chosen = transforms[:, self.bone]
        terms = (chosen[..., :3] @ rest[..., None])[..., 0]
        terms = terms + chosen[..., 3] * self.pair_weight[:, None]
        zeros = terms.new_zeros(len(terms), len(self.regressors), 3)
        points = zeros.index_add(1, self.point, terms)
        hands = self._hands(heads, points[:, len(BODY_KEYPOINTS) :].unflatten(1, (2, 5)))
        return torch.cat([points[:, : len(BODY_KEYPOINTS)], hands.flatten(1, 2)], 1)

    def hands(self, heads: Tensor, vertices: Tensor) -> Tensor:
        """[B, 2, 21, 3] hand key points of a posed surface."""
        return self._hands(heads, vertices[:, self.tips].mean(2).unflatten(1, (2, 5)))

    def _hands(self, heads: Tensor, tips: Tensor) -> Tensor:
        joints = heads[:, self.hand_bones]
        fingers = torch.cat([joints[:, :, 1:].unflatten(2, (5, 3)), tips[:, :, :, None]], 3)
        return torch.cat([joints[:, :, :1], fingers.flatten(2, 3)], 2)
