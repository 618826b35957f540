"""Checks of renderers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Renderer, make_room
from avatar_kit.scene import (
    Camera,
    Condition,
    ConditionSpec,
    FeatureMap,
    GaussianCloud,
    RenderOutput,
    Vector,
)
from avatar_kit.testing import world
from avatar_kit.testing.conformance import NotApplicable, require
from avatar_kit.testing.encoder import tensors
from avatar_kit.testing.modules import TOLERANCE, ModuleConformance, apart

#: A triangle in world metres, in the upper left quarter of the picture of :func:`world.camera`.
TRIANGLE = ((-0.9, 0.85, 0.0), (-0.35, 0.8, 0.0), (-0.75, 0.35, 0.0))

_DEFAULTS: dict[str, ConditionSpec] = {
    "feature_map": ConditionSpec("feature_map", 8),
    "vector": ConditionSpec("vector", 16),
    "gaussians": ConditionSpec("gaussians", 3),
}


class RendererConformance(ModuleConformance):
    """What every renderer must do.

    Attributes:
        conditions: Conditions to render from, where one of each kind the config consumes will not
            do: name -> what is promised of it.
    """

    kind = "renderer"
    conditions: ClassVar[dict[str, ConditionSpec]] = {}

    @property
    def specs(self) -> dict[str, ConditionSpec]:
        """The conditions to render from, by name."""
        consumed = sorted(self.config.consumes)  # type: ignore[attr-defined]
        return self.conditions or {k: _DEFAULTS[k] for k in consumed}

    def build(self) -> Renderer:
        """The renderer, for the small world."""
        return self.component.load()(self.config, world.setup(), self.specs)

    def outputs(
        self, module: Renderer, frames: Sequence[int], dtype: torch.dtype, device: str
    ) -> dict[str, Tensor]:
        """The picture, and the alpha if there is one."""
        output = self.render(module, frames, dtype, device)
        return {"rgb": output.rgb} | ({} if output.alpha is None else {"alpha": output.alpha})

    def render(
        self,
        module: Renderer,
        frames: Sequence[int] = (0,),
        dtype: torch.dtype = torch.float32,
        device: str | None = None,
        seen: bool = True,
    ) -> RenderOutput:
        """Render the triangle in some frames, or with ``seen=False`` an empty scene."""
        where = device or self.device
        conditions = {
            name: scene(spec, frames, seen=seen, dtype=dtype, device=where)
            for name, spec in self.specs.items()
        }
        return module(conditions, _camera(len(frames), dtype, where))

    def test_offers_what_it_gives(self) -> None:
        """The output has the fields that the config offers and no others, each of its shape."""
        output = self.render(self.made(), (0, 1))
        given = {name.partition(".")[0] for name in output.given()}
        offered = set(self.config.offers())  # type: ignore[attr-defined]
        require(
            given == offered,
            f"the output has {', '.join(sorted(given))}, but the config offers "
            f"{', '.join(sorted(offered))}",
        )
        channels = {"alpha": 1, "alpha_logit": 1, "depth": 1, "auxiliary": 4}
        for name, value in output.given().items():
            shape = (channels.get(name.partition(".")[0], 3), world.SIZE, world.SIZE)
            batch = (1, 2) if name == "background" else (2,)
            fits = tuple(value.shape[1:]) == shape and value.shape[0] in batch
            require(fits, f"'{name}' is {tuple(value.shape)}, expected {(2, *shape)}")
            require(value.isfinite().all(), f"'{name}' is not finite")

    def test_pictures_need_not_be_square(self) -> None:
        """Built for pictures narrower than high, it paints such."""
        step = self.config.multiple_of(world.SIZE)  # type: ignore[attr-defined]
        width = step * max(1, world.SIZE // 2 // step)
        if width >= world.SIZE:
            raise NotApplicable(f"takes multiples of {step} alone")
        torch.manual_seed(0)
        setup = world.setup(width, world.SIZE)
        module = self.component.load()(self.config, setup, self.specs).eval().to(self.device)
        view = world.camera(width, world.SIZE).to(self.device)
        conditions = {
            n: scene(s, (0,), seen=True, dtype=torch.float32, device=self.device, view=view)
            for n, s in self.specs.items()
        }
        with torch.no_grad():
            found = tuple(module(conditions, view).rgb.shape)
        require(
            found == (1, 3, world.SIZE, width),
            f"for pictures {width} wide and {world.SIZE} high rgb is {found}",
        )

    def test_another_size_is_drawn_or_refused(self) -> None:
        """A picture of twice the trained size is drawn in that size, or ``check_size`` refuses."""
        module, side = self.made(), 2 * world.SIZE
        if not module.camera_moves:
            raise NotApplicable("paints the background of one camera (camera_moves is False)")
        try:
            module.check_size(side, side)
        except UserError as refused:
            raise NotApplicable(str(refused)) from None
        view = world.camera(side, side).to(self.device)
        conditions = {
            n: scene(s, (0,), seen=True, dtype=torch.float32, device=self.device, view=view)
            for n, s in self.specs.items()
        }
        with torch.no_grad():
            found = tuple(module(conditions, view).rgb.shape)
        require(
            found == (1, 3, side, side),
            f"for a camera of {side}x{side} rgb is {found}; where other sizes cannot be, say so in "
            "check_size",
        )

    def test_cameras_may_differ_in_a_batch(self) -> None:
        """Frames seen from different sides, in one batch, are what each is alone."""
        module, frames = self.made(), (0, 1, 2)
        if not module.camera_moves:
            raise NotApplicable("paints the background of one camera (camera_moves is False)")
        sides = world.cameras(frames).to(self.device)
        conditions = {
            n: scene(s, frames, seen=True, dtype=torch.float32, device=self.device)
            for n, s in self.specs.items()
        }
        with torch.no_grad():
            together = module(conditions, sides)
            for at in range(len(frames)):
                one = {n: _rows(c, slice(at, at + 1)) for n, c in conditions.items()}
                found = apart(together.rgb[at : at + 1], module(one, sides[at]).rgb)
                require(
                    found <= TOLERANCE,
                    f"the picture of a frame differs by {found:.1e} of its largest value when "
                    "other cameras are in the batch; there is one camera a frame",
                )

    def test_a_stream_begins_like_a_frame_alone(self) -> None:
        """``step`` without a state gives what ``forward`` gives, and can go on."""
        module, view = self.made(), _camera(1, torch.float32, self.device)
        frames = [
            {
                n: scene(s, (f,), seen=True, dtype=torch.float32, device=self.device)
                for n, s in self.specs.items()
            }
            for f in (0, 1)
        ]
        with torch.no_grad():
            alone = module(frames[0], view).rgb
            first, state = module.step(frames[0], view, None)
            again, _ = module.step(frames[1], view, state)
        require(torch.equal(first.rgb, alone), "the picture of the first step is not forward's")
        require(again.rgb.isfinite().all(), "the picture of the second step is not finite")

    def test_is_read_back_without_the_empty_scene(self) -> None:
        """Built without a plate, as when an avatar is loaded, and given its state, it is equal."""
        one = self.made(seed=1)
        torch.manual_seed(2)
        other = self.component.load()(self.config, world.setup(with_plate=False), self.specs)
        make_room(other, one.state_dict())
        other.load_state_dict(one.state_dict())
        before, after = self.shown(one), self.shown(other.eval().to(self.device))
        changed = [n for n, value in before.items() if not torch.equal(value, after[n])]
        require(
            not changed,
            f"{', '.join(changed)} differ where setup.plates is empty; keep what is needed "
            "of the plates in buffers",
        )

    def test_consumes_something(self) -> None:
        """The config class declares which kinds of conditions the renderer takes."""
        config = self.component.config
        consumed = config.consumes  # type: ignore[attr-defined]
        require(consumed, f"{config.__name__}.consumes is empty; every slot would be refused")
        unknown = sorted(set(consumed) - set(_DEFAULTS))
        require(
            not unknown, f"{config.__name__}.consumes names {unknown}; known: {list(_DEFAULTS)}"
        )

    def test_picture_has_the_size_of_the_camera(self) -> None:
        """``rgb`` is [B, 3, H, W] and finite; ``alpha`` is [B, 1, H, W] or None."""
        output = self.render(self.made(), (0, 1))
        size = (world.SIZE, world.SIZE)
        expected = {"rgb": (2, 3, *size), "alpha": (2, 1, *size)}
        for name, shape in expected.items():
            value = getattr(output, name)
            if value is not None:
                require(
                    tuple(value.shape) == shape, f"'{name}' is {tuple(value.shape)}, not {shape}"
                )
                require(value.isfinite().all(), f"'{name}' is not finite")

    def test_alpha_is_between_zero_and_one(self) -> None:
        """``alpha`` lies in [0, 1], and without Gaussians it is 0."""
        module = self.made()
        alpha = self.render(module).alpha
        if alpha is None:
            raise NotApplicable("paints the background itself (alpha is None)")
        low, high = alpha.min().item(), alpha.max().item()
        require(low >= -1e-6 and high <= 1 + 1e-6, f"alpha lies in [{low:.3g}, {high:.3g}]")
        if "gaussians" in {s.kind for s in self.specs.values()}:
            empty = self.render(module, seen=False).alpha
            require(empty is not None and empty.max() < 1e-3, "alpha of an empty scene is not 0")

    def test_things_appear_where_the_camera_sees_them(self) -> None:
        """A triangle seen in the upper left of the picture is drawn in the upper left."""
        if {s.kind for s in self.specs.values()} == {"vector"}:
            raise NotApplicable("consumes nothing that has a place in the picture")
        module = self.made()
        with torch.no_grad():
            seen, empty = self.render(module), self.render(module, seen=False)
        change = (seen.rgb - empty.rgb)[0].double().square().sum(0)
        require(change.sum() > 0, "the triangle changes nothing in the picture")
        half = world.SIZE // 2
        quarters = {
            "upper left": change[:half, :half],
            "upper right": change[:half, half:],
            "lower left": change[half:, :half],
            "lower right": change[half:, half:],
        }
        strongest = max(quarters, key=lambda q: quarters[q].sum().item())
        require(
            strongest == "upper left",
            f"a triangle in the upper left changes the {strongest} of the picture most; rows run "
            "downwards and columns to the right, cameras have OpenCV axes",
        )

    def test_what_is_near_hides_what_is_far(self) -> None:
        """Opaque Gaussians in front hide those behind them, whatever their order in the cloud."""
        found = [n for n, s in self.specs.items() if s.kind == "gaussians" and s.channels >= 3]
        if len(self.specs) != 1 or not found:
            raise NotApplicable("compositing is checked for renderers of one Gaussian cloud")
        module, channels = self.made(), self.specs[found[0]].channels
        for order in ((0, 1), (1, 0)):
            cloud = _two_sheets(channels, order, self.device)
            with torch.no_grad():
                output = module({found[0]: cloud}, _camera(1, torch.float32, self.device))
            middle = output.rgb[0, :, world.SIZE // 2, world.SIZE // 2]
            require(
                middle[0] > middle[1] + 0.5,
                f"red in front of green shows rgb {[round(v, 2) for v in middle.tolist()]}: sort "
                "by depth and composite front to back",
            )

    def test_gradients_reach_parameters_and_conditions(self) -> None:
        """A loss on the picture has finite gradients in every parameter and every condition."""
        module = self.made().train()
        conditions = {
            n: scene(s, (0, 1), seen=True, dtype=torch.float32, device=self.device, grad=True)
            for n, s in self.specs.items()
        }
        output = module(conditions, _camera(2, torch.float32, self.device))
        ramp = torch.linspace(-1, 1, output.rgb.numel(), device=output.rgb.device)
        painted = [value for value in output.given().values() if value.requires_grad]
        loss = (output.rgb * ramp.view_as(output.rgb)).sum() + sum((p * p).sum() for p in painted)
        require(loss.requires_grad, "the picture carries no gradient at all")
        loss.backward()
        leaves = {n: p for n, p in module.named_parameters() if p.requires_grad}
        leaves |= {
            f"conditions.{n}.{k}": v for n, c in conditions.items() for k, v in tensors(c).items()
        }
        without = [n for n, p in leaves.items() if p.grad is None]
        require(not without, f"no gradient reaches {', '.join(without[:4])}")
        broken = [n for n, p in leaves.items() if not p.grad.isfinite().all()]
        require(not broken, f"the gradient of {', '.join(broken[:4])} is not finite")


def scene(
    spec: ConditionSpec,
    frames: Sequence[int],
    *,
    seen: bool,
    dtype: torch.dtype,
    device: str,
    grad: bool = False,
    view: Camera | None = None,
) -> Condition:
    """The triangle as a condition, a little different in every frame.

    Args:
        spec: Kind and channels.
        frames: Frame numbers.
        seen: Whether the triangle is there; else the scene is empty.
        dtype: Of every real number.
        device: Where the tensors live.
        grad: Whether the tensors are leaves that want gradients.
        view: The camera that maps are drawn for; by default the world's.
    """
    shade = 0.6 + 0.1 * torch.tensor(list(frames), dtype=torch.float32)
    values: Mapping[str, Tensor]
    if spec.kind == "vector":
        wave = torch.sin(torch.arange(spec.channels) * 1.3)
        values = {"values": shade[:, None] * wave}
    elif spec.kind == "feature_map":
        points = torch.tensor([TRIANGLE])
        seen_by = world.camera() if view is None else view.to("cpu")
        mask = rasterize(points, torch.tensor([[0, 1, 2], [0, 2, 1]]), seen_by).mask
        colour = torch.cos(torch.arange(spec.channels) * 0.9).view(1, -1, 1, 1)
        values = {"values": seen * mask * colour * shade.view(-1, 1, 1, 1)}
    else:
        values = _cloud(spec.channels, shade, seen)
    made = {k: v.to(device, dtype).detach().requires_grad_(grad) for k, v in values.items()}
    classes = {"vector": Vector, "feature_map": FeatureMap, "gaussians": GaussianCloud}
    return classes[spec.kind](**made)


def _rows(condition: Condition, rows: slice) -> Condition:
    """Some frames of a condition."""
    chosen: Any = {
        name: {k: v[rows] for k, v in value.items()} if isinstance(value, dict) else value[rows]
        for name, value in vars(condition).items()
        if value is not None
    }
    return dataclasses.replace(condition, **chosen)


def _cloud(channels: int, shade: Tensor, seen: bool) -> dict[str, Tensor]:
    """Small round Gaussians all over the triangle."""
    share = torch.tensor([(a, b) for a in range(7) for b in range(7 - a)]) / 6
    corners = torch.tensor(TRIANGLE)
    weights = torch.cat([share, 1 - share.sum(1, keepdim=True)], 1)
    count, batch = len(weights), len(shade)
    colour = torch.cos(torch.arange(channels) * 0.9).abs()
    return {
        "means": (weights @ corners).expand(batch, -1, -1).clone(),
        "quaternions": torch.tensor([1.0, 0, 0, 0]).expand(batch, count, -1).clone(),
        "scales": torch.full((batch, count, 3), 0.05),
        "opacities": torch.full((batch, count), 0.9 if seen else 0.0),
        "features": shade.view(-1, 1, 1) * colour.expand(batch, count, -1),
    }


def _two_sheets(channels: int, order: tuple[int, int], device: str) -> GaussianCloud:
    """A red sheet in front of a green one; the camera looks along -z from z = 4."""
    at = torch.linspace(-0.5, 0.5, 9)
    grid = torch.cartesian_prod(at, at)
    sheets = []
    for depth, colour in ((0.5, 0), (-0.5, 1)):
        means = torch.cat([grid, torch.full((len(grid), 1), depth)], 1)
        features = torch.zeros(len(grid), channels)
        features[:, colour] = 1
        sheets.append((means, features))
    means, features = (torch.cat([sheets[i][k] for i in order])[None] for k in (0, 1))
    count = means.shape[1]
    turn = torch.tensor([1.0, 0, 0, 0]).expand(1, count, 4)
    scales, opaque = torch.full((1, count, 3), 0.1), torch.full((1, count), 0.99)
    means, turn, scales, opaque, features = (
        t.to(device) for t in (means, turn, scales, opaque, features)
    )
    return GaussianCloud(means, turn, scales, opaque, features)


def _camera(batch: int, dtype: torch.dtype, device: str) -> Camera:
    view = world.camera()
    K, R, t = (value.to(device, dtype) for value in (view.K, view.R, view.t))
    return Camera(K, R, t, view.width, view.height).expand(batch)
