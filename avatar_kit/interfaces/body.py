"""Body: a parametric human surface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit.scene import (
    BodyParameters,
    Motion,
    ParameterSpec,
    PosedBody,
    RestBody,
    Topology,
)


@dataclass(frozen=True)
class Asset:
    """Which body model this is, so that a checkpoint can name it without containing it.

    Attributes:
        name: Id of the model and its version, e.g. "anny-0.6.2".
        sha256: Digest of the data the body was built from.
        licence: SPDX id or a short plain sentence.
    """

    name: str
    sha256: str
    licence: str


class Body(nn.Module, ABC):
    """A body model. Built as ``Body(config)``; holds no trainable parameters by default.

    World coordinates are in metres with y up. The identity of a person is a vector of the values in
    ``shape_names``, within ``shape_limits``. The pose is a
    :class:`~avatar_kit.scene.BodyParameters`.

    Attributes:
        asset: Which model this is.
        parameter_specs: The parameters :meth:`forward` takes.
        shape_names: Names of the identity values.
        shape_limits: Lowest and highest identity value; infinite if they are unbounded, such as
            the coefficients of principal components.
        fitted_shape: The identity values that can be fitted to a video of the person; the others
            are given or keep their default. Default: all of them.
        joint_names: Names of the J joints of :class:`~avatar_kit.scene.PosedBody`.
        joint_parents: [J] parent index of each joint, -1 for the root.
        topology: Faces, UVs, face region and part labels.
        skinning_weights: [V, J] linear blend skinning weights, rows sum to one.
    """

    asset: Asset
    parameter_specs: tuple[ParameterSpec, ...]
    shape_names: tuple[str, ...]
    shape_limits: tuple[float, float] = (0.0, 1.0)
    fitted_shape: tuple[str, ...]
    joint_names: tuple[str, ...]
    joint_parents: tuple[int, ...]
    skinning_weights: Tensor

    @property
    @abstractmethod
    def topology(self) -> Topology:
        """The surface, on the device of the body."""

    @abstractmethod
    def forward(self, parameters: BodyParameters) -> PosedBody:
        """Pose the body.

        Args:
            parameters: One value of every ``parameter_specs`` entry for B frames.

        Returns:
            B posed bodies in world metres; differentiable with respect to the parameters.
        """

    @abstractmethod
    def from_motion(self, motion: Motion, shape: Tensor) -> BodyParameters:
        """Express a motion in this body's parameters. Differentiable.

        The pelvis joint of the posed body is at ``motion.transl``.

        Args:
            motion: T frames in the SMPL-X joint convention.
            shape: [S] identity, order of ``shape_names``; or [T, S].
        """

    @abstractmethod
    def to_motion(self, parameters: BodyParameters, fps: float) -> Motion:
        """The inverse of :meth:`from_motion` for every joint this body has."""

    @abstractmethod
    def keypoints(self, parameters: BodyParameters) -> Tensor:
        """Key points without the full surface, for the iterations of fitting to landmarks.

        Returns:
            [B, 65, 3] world metres: 23 ``BODY_KEYPOINTS``, then 21 ``HAND_KEYPOINTS`` of the left
            and of the right hand. Differentiable.
        """

    @abstractmethod
    def rest_transforms(self, shape: Tensor) -> Tensor:
        """[J, 4, 4] bone-to-world in the rest pose that ``skinning_weights`` refer to.

        ``bone_transforms @ inverse(rest_transforms)`` moves a point of the rest surface with it.
        """

    @abstractmethod
    def rest_vertices(self, shape: Tensor) -> Tensor:
        """[V, 3] surface in that rest pose, without expression."""

    def rest(self, shape: Tensor) -> RestBody:
        """A person [S] in that rest pose, with what skinning needs."""
        return RestBody(
            self.rest_vertices(shape),
            self.rest_transforms(shape),
            self.skinning_weights,
            self.joint_parents,
            self.joint_names,
            self.topology,
        )

    @abstractmethod
    def default_shape(self) -> Tensor:
        """[S] an average adult."""

    def shape_vector(self, values: Mapping[str, float]) -> Tensor:
        """A shape as the capture stores it (name -> value) in the order of ``shape_names``.

        Raises:
            UserError: This body does not have a name, or a value is outside ``shape_limits``.
        """
        unknown = sorted(set(values) - set(self.shape_names))
        if unknown:
            raise UserError(
                f"body '{self.asset.name}' has no shape value {unknown[0]!r}; "
                f"it knows {', '.join(self.shape_names)}"
            )
        low, high = self.shape_limits
        for name, value in values.items():
            if not low <= value <= high:
                raise UserError(
                    f"body '{self.asset.name}': shape value {name}={value:g} must lie between "
                    f"{low:g} and {high:g}"
                )
        default = self.default_shape()
        given = [values.get(name, float(default[i])) for i, name in enumerate(self.shape_names)]
        return torch.tensor(given, dtype=default.dtype, device=default.device)
