"""Hands as parameters: joint by joint, or by principal components; flat, or about the mean hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit.scene import BodyParameters, ParameterSpec
from avatar_kit_smplx.config import SmplxConfig
from avatar_kit_smplx.model_file import ModelData

_SIDES = ("left_hand", "right_hand")


class Hands(nn.Module):
    """The last 30 joints of SMPL-H and SMPL-X.

    Args:
        config: How hands are given.
        data: The model, with its hand components and mean hands.
    """

    means: Tensor
    components: Tensor
    inverse: Tensor

    def __init__(self, config: SmplxConfig, data: ModelData):
        super().__init__()
        if data.hand_means is None or data.hand_components is None:
            raise UserError(f"{data.path}: holds no hands")
        self.by_components = config.hands == "pca"
        means = np.zeros_like(data.hand_means) if config.flat_hand_mean else data.hand_means
        components = data.hand_components[:, : config.hand_components]
        buffers = {
            "means": means,
            "components": components,
            "inverse": np.linalg.pinv(components),
        }
        for name, value in buffers.items():
            self.register_buffer(name, torch.from_numpy(value).float(), persistent=False)

    def given(self, pose: Tensor) -> dict[str, Tensor]:
        """The parameters of a whole pose [B, J, 3]; with components the nearest hands."""
        hands = pose[:, -30:].flatten(1).unflatten(1, (2, 45)) - self.means
        if not self.by_components:
            return {"pose": torch.cat([pose[:, :-30], hands.reshape(len(pose), 30, 3)], 1)}
        found = torch.einsum("bsk,skn->bsn", hands, self.inverse)
        return {"pose": pose[:, :-30], **dict(zip(_SIDES, found.unbind(1), strict=True))}

    def pose(self, parameters: BodyParameters) -> Tensor:
        """[B, J, 3] axis-angle of all joints."""
        pose = parameters["pose"]
        if not self.by_components:
            means = self.means.reshape(30, 3).expand(len(pose), -1, -1)
            return torch.cat([pose[:, :-30], pose[:, -30:] + means], 1)
        given = torch.stack([parameters[side] for side in _SIDES], 1)
        hands = torch.einsum("bsn,snk->bsk", given, self.components) + self.means
        return torch.cat([pose, hands.reshape(len(pose), 30, 3)], 1)

    def specs(self, joints: int, about: str) -> list[ParameterSpec]:
        """What of a body of so many joints is declared."""
        if not self.by_components:
            return [ParameterSpec("pose", (joints, 3), "pose", "axis_angle", about)]
        count = self.components.shape[1]
        components = "Principal components of the hand, unbounded."
        return [
            ParameterSpec("pose", (joints - 30, 3), "pose", "axis_angle", about),
            *(ParameterSpec(side, (count,), "pose", None, components) for side in _SIDES),
        ]
