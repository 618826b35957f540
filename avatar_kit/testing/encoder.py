"""Checks of encoders."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from avatar_kit.declarations import CONDITION_KINDS
from avatar_kit.gaussians import pose_gaussians
from avatar_kit.scene import Condition, FeatureMap, GaussianCloud, Vector
from avatar_kit.testing import world
from avatar_kit.testing.conformance import NotApplicable, require
from avatar_kit.testing.modules import TOLERANCE, ModuleConformance, apart

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
        require(
            kind in CONDITION_KINDS,
            f"yields() says '{kind}', which is no kind of condition; there are "
            f"{', '.join(CONDITION_KINDS)}",
        )
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

    def test_cameras_may_differ_in_a_batch(self) -> None:
        """Frames seen from different sides, in one batch, are what each is alone."""
        encoder = self.made()
        frames = (0, 1, 2)
        with torch.no_grad():
            sides = world.context(frames, from_all_sides=True, device=self.device)
            together = tensors(encoder(sides))
            for at in range(len(frames)):
                alone = tensors(encoder(sides[at]))
                for name, value in together.items():
                    found = apart(value[at : at + 1], alone[name])
                    require(
                        found <= TOLERANCE,
                        f"'{name}' of a frame differs by {found:.1e} of its largest value when "
                        "other cameras are in the batch; context.camera has one camera a frame",
                    )

    def test_half_precision_moves_no_gaussian(self) -> None:
        """Under bfloat16 autocast Gaussians stay where they are, to 1e-3 of a pixel."""
        if self.config.yields()[0] != "gaussians":  # type: ignore[attr-defined]
            raise NotApplicable("yields no Gaussians")
        encoder, context = self.made(), world.context((0, 1), device=self.device)
        with torch.no_grad():
            exact = encoder(context)
            with torch.autocast(self.device, dtype=torch.bfloat16):
                rounded = encoder(world.context((0, 1), device=self.device))
        at, _ = context.camera.project(exact.means)
        moved = (context.camera.project(rounded.means.to(exact.means))[0] - at).abs().max().item()
        require(
            moved <= 1e-3,
            f"under bfloat16 autocast Gaussians move by up to {moved:.1e} pixels; decorate what "
            "computes geometry with graphics.in_full_precision",
        )

    def test_charts_are_declared(self) -> None:
        """The config says ``textured`` where ``charts`` lists textures, [1, C, side, side] each."""
        encoder = self.made()
        charts, declared = encoder.charts(), self.config.textured  # type: ignore[attr-defined]
        require(
            bool(charts) == declared,
            f"charts() lists {len(charts)} textures, but the config says textured = {declared}",
        )
        own = {id(p) for p in encoder.parameters()}
        require(all(id(c) in own for c in charts), "charts() lists what is no parameter of it")
        wrong = [tuple(c.shape) for c in charts if c.ndim != 4 or c.shape[0] != 1]
        require(not wrong, f"charts() lists shapes {wrong}; charts are [1, C, side, side]")

    def test_rigged_gaussians_follow_the_bones(self) -> None:
        """``rigged_gaussians``, posed with the bones of a frame, are where ``forward`` has them."""
        encoder = self.made()
        with torch.no_grad():
            rigged = encoder.rigged_gaussians()
            if rigged is None:
                raise NotApplicable("has no rigged_gaussians")
            context = world.context((0, 2), device=self.device)
            posed = pose_gaussians(rigged, context.body.bone_transforms)
            yielded = encoder(context)
        require(
            isinstance(yielded, GaussianCloud),
            f"it has rigged_gaussians, but forward returns a {type(yielded).__name__}",
        )
        found = apart(posed.means, yielded.means)
        require(
            found <= TOLERANCE,
            f"posed, the means of rigged_gaussians are {found:.1e} of their largest value away "
            "from those of forward, for a body that is shifted and not bent",
        )

    def test_observing_changes_buffers_alone(self) -> None:
        """``observe`` runs without gradients and leaves every parameter as it was."""
        encoder = self.made()
        before = {n: p.detach().clone() for n, p in encoder.named_parameters()}
        with torch.no_grad():
            for step in range(2):
                encoder.observe(world.batch((0, 1), device=self.device), step)
        changed = [n for n, p in encoder.named_parameters() if not torch.equal(p, before[n])]
        require(not changed, f"observe changes the parameters {changed[:3]}; keep it in buffers")

    def test_a_stream_begins_like_a_frame_alone(self) -> None:
        """``step`` without a state gives what ``forward`` gives, and can go on."""
        encoder = self.made()
        with torch.no_grad():
            alone = tensors(encoder(world.context((0,), device=self.device)))
            first, state = encoder.step(world.context((0,), device=self.device), None)
            again, _ = encoder.step(world.context((1,), device=self.device), state)
        for name, value in tensors(first).items():
            require(torch.equal(value, alone[name]), f"'{name}' of the first step is not forward's")
        finite = all(v.isfinite().all() for v in tensors(again).values())
        require(finite, "the second step is not finite")

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
    """The real tensors of a condition by name, those it has; extras as ``extras.NAME``."""
    values = {f.name: getattr(condition, f.name) for f in dataclasses.fields(condition)}
    values |= {f"extras.{name}": value for name, value in values.pop("extras", {}).items()}
    return {k: v for k, v in values.items() if v is not None and v.is_floating_point()}


def _finite(value: Tensor) -> bool:
    return bool(value.isfinite().all())


def _misshaped(condition: Condition, batch: int, channels: int, height: int, width: int) -> str:
    """What is wrong with the shapes of a condition; empty if nothing is."""
    if isinstance(condition, GaussianCloud):
        cloud = (batch, condition.means.shape[1])
        harmonics = condition.spherical_harmonics
        expected: dict[str, tuple[int, ...]] = {
            "means": (*cloud, 3),
            "quaternions": (*cloud, 4),
            "scales": (*cloud, 3),
            "covariances": (*cloud, 3, 3),
            "opacities": cloud,
            "features": (*cloud, channels),
            "spherical_harmonics": (
                *cloud,
                1 if harmonics is None else harmonics.shape[2],
                channels,
            ),
            "visible": cloud,
        }
    elif isinstance(condition, FeatureMap):
        expected = {"values": (batch, channels, height, width)}
    else:
        expected = {"values": (batch, channels)}
    for name, shape in expected.items():
        value = getattr(condition, name)
        found = shape if value is None else tuple(value.shape)
        if found != shape:
            return f"'{name}' has shape {found}, expected {shape} as the config declares"
    return ""
