"""Checks of encoders."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from avatar_kit.scene import Condition, FeatureMap, GaussianCloud, Vector
from avatar_kit.testing import world
from avatar_kit.testing.conformance import NotApplicable, require
from avatar_kit.testing.modules import ModuleConformance

_CLASSES = {"feature_map": FeatureMap, "vector": Vector, "gaussians": GaussianCloud}


class EncoderConformance(ModuleConformance):
    """What every encoder must do."""

    kind = "encoder"

    def build(self) -> Any:
        """The encoder, for the small world."""
        return self.component.load()(self.config, world.setup())

    def outputs(
        self, module: Any, frames: Sequence[int], dtype: torch.dtype, device: str
    ) -> dict[str, Tensor]:
        """The tensors of the condition."""
        return tensors(module(world.context(frames, dtype=dtype, device=device)))

    def test_yields_what_it_declares(self) -> None:
        """Kind, channels and size of the condition are those the config declares."""
        kind, channels = self.config.yields()  # type: ignore[attr-defined]
        for training in (False, True):
            context = world.context((0, 1), training=training, device=self.device)
            condition = self.made()(context)
            require(
                isinstance(condition, _CLASSES[kind]),
                f"the config declares '{kind}', but forward returns a {type(condition).__name__}",
            )
            wrong = _misshaped(condition, 2, channels, world.SIZE, world.SIZE)
            require(not wrong, wrong)

    def test_map_has_the_size_of_the_camera(self) -> None:
        """A feature map follows a camera that is wider than high."""
        if self.config.yields()[0] != "feature_map":  # type: ignore[attr-defined]
            raise NotApplicable("yields no feature map")
        torch.manual_seed(0)
        encoder = self.component.load()(self.config, world.setup(96, 64)).to(self.device)
        found = encoder(world.context((0,), width=96, height=64, device=self.device)).values
        require(
            tuple(found.shape[2:]) == (64, 96),
            f"for a camera 96 wide and 64 high the map is {found.shape[3]} wide and "
            f"{found.shape[2]} high; maps are [B, C, height, width]",
        )

    def test_finite_when_nothing_is_seen(self) -> None:
        """A body out of the frame, behind the camera, or at the camera gives finite numbers."""
        encoder = self.made()
        places = {"out of frame": (50.0, 0.0, 0.0), "behind": (0.0, 0.0, 9.0), "at": (0, 0, 4.0)}
        for where, moved in places.items():
            context = world.context((0,), moved=moved, device=self.device)
            for name, value in tensors(encoder(context)).items():
                require(
                    value.isfinite().all(),
                    f"'{name}' is not finite for a body {where}"
                    + (" the camera" if where != "out of frame" else ""),
                )

    def test_unseen_frames_are_finite(self) -> None:
        """Evaluation frames (index -1) and training frames both work, in one batch too."""
        encoder = self.made()
        context = world.context((0, 1), device=self.device)
        mixed = dataclasses.replace(context, index=torch.tensor([-1, 1], device=self.device))
        for name, value in tensors(encoder(mixed)).items():
            require(value.isfinite().all(), f"'{name}' is not finite for index [-1, 1]")

    def test_gradients_reach_every_parameter(self) -> None:
        """Everything the encoder calls a parameter can learn."""
        encoder = self.made().train()
        parameters = dict(encoder.named_parameters())
        if not parameters:
            raise NotApplicable("has no parameters")
        context = world.context(range(world.FRAMES), training=True, device=self.device)
        # an even sum would hide a layer that is followed by a normalisation
        loss = sum(
            (v * torch.linspace(-1, 1, v.numel(), device=v.device).view_as(v)).sum()
            for v in tensors(encoder(context)).values()
        )
        loss.backward()  # type: ignore[union-attr]
        without = [n for n, p in parameters.items() if p.requires_grad and p.grad is None]
        require(not without, f"no gradient reaches {', '.join(without[:4])}")
        broken = [n for n, p in parameters.items() if p.grad is not None and not _finite(p.grad)]
        require(not broken, f"the gradient of {', '.join(broken[:4])} is not finite")


def tensors(condition: Condition) -> dict[str, Tensor]:
    """The tensors of a condition by name."""
    return {f.name: getattr(condition, f.name) for f in dataclasses.fields(condition)}


def _finite(value: Tensor) -> bool:
    return bool(value.isfinite().all())


def _misshaped(condition: Condition, batch: int, channels: int, height: int, width: int) -> str:
    """What is wrong with the shapes of a condition; empty if nothing is."""
    if isinstance(condition, GaussianCloud):
        count = condition.means.shape[1]
        expected: dict[str, tuple[int, ...]] = {
            "means": (batch, count, 3),
            "quaternions": (batch, count, 4),
            "scales": (batch, count, 3),
            "opacities": (batch, count),
            "features": (batch, count, channels),
        }
    elif isinstance(condition, FeatureMap):
        expected = {"values": (batch, channels, height, width)}
    else:
        expected = {"values": (batch, channels)}
    for name, shape in expected.items():
        found = tuple(getattr(condition, name).shape)
        if found != shape:
            return f"'{name}' has shape {found}, expected {shape} as the config declares"
    return ""
