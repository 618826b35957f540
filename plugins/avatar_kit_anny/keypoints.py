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
from avatar_kit_anny.framewise import apply, frames_first, frames_last

#: Bones whose heads are the joints of a hand, in ``HAND_KEYPOINTS`` order without the tips.
_FINGER_BONES = tuple(f"finger{finger}-{i}" for finger in range(1, 6) for i in (1, 2, 3))


class Keypoints(nn.Module):
    """The 65 key points of bodies."""

    pair_weight: Tensor
    pair_template: Tensor
    pair_shapes: Tensor
    pair_actions: Tensor
    point: Tensor
    bone: Tensor
    regressors: Tensor
    tips: Tensor
    hand_bones: Tensor

    def __init__(self, assets: Assets):
        super().__init__()
        tensors = assets.tensors
        hands = [
            [assets.bones.index(f"{name}.{side}") for name in ("wrist", *_FINGER_BONES)]
            for side in "LR"
        ]
        buffers = {
            "pair_weight": tensors["pair_weight"],
            "pair_template": tensors["pair_template"],
            "pair_shapes": tensors["pair_shapes"].flatten(1),
            "pair_actions": tensors["pair_actions"].flatten(1),
            "point": tensors["pair_point"].long(),
            "bone": tensors["pair_bone"].long(),
            "regressors": tensors["regressors"],
            "tips": tensors["regressors"][len(BODY_KEYPOINTS) :].topk(6).indices,
            "hand_bones": torch.tensor(hands),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def forward(
        self, c: Tensor, skinning: tuple[Tensor, Tensor], heads: Tensor, expression: Tensor
    ) -> Tensor:
        """[B, 65, 3] key points in the order the contract of a body asks for.

        Args:
            c: [B or 1, K] blend shape coefficients.
            skinning: Rotations [J, 3, 3, B] and translations [J, 3, B] of the bones.
            heads: [J, 3, B] posed bone heads.
            expression: [B, 52] facial actions.
        """
        rest = self.pair_template + (c @ self.pair_shapes).unflatten(1, (-1, 3))
        rest = frames_last(rest + (expression @ self.pair_actions).unflatten(1, (-1, 3)))
        rotations, translations = (part.index_select(0, self.bone) for part in skinning)
        terms = apply(rotations, rest) + translations * self.pair_weight[:, None, None]
        zeros = terms.new_zeros(len(self.regressors), *terms.shape[1:])
        points = frames_first(zeros.index_add(0, self.point, terms))
        tips = points[:, len(BODY_KEYPOINTS) :]
        hands = self._hands(frames_first(heads), tips)
        return torch.cat([points[:, : len(BODY_KEYPOINTS)], hands.flatten(1, 2)], 1)

    def hands(self, heads: Tensor, vertices: Tensor) -> Tensor:
        """[B, 2, 21, 3] hand key points of posed heads [B, J, 3] and vertices [B, V, 3]."""
        tips = vertices.index_select(1, self.tips.flatten())
        return self._hands(heads, tips.unflatten(1, self.tips.shape).mean(2))

    def _hands(self, heads: Tensor, tips: Tensor) -> Tensor:
        joints = heads.index_select(1, self.hand_bones.flatten()).unflatten(1, (2, 16))
        fingers = joints[:, :, 1:].unflatten(2, (5, 3))
        fingers = torch.cat([fingers, tips.unflatten(1, (2, 5))[:, :, :, None]], 3)
        return torch.cat([joints[:, :, :1], fingers.flatten(2, 3)], 2)
