"""A plugin in one file: Gaussians on the body, drawn pixel by pixel, that grow in training.

A toy: every Gaussian is round and drawn over the whole picture, so a few hundred are as many as a
test can pay for. It uses what the contracts give to parts that grow, to several cameras, to refined
poses and to streams, and nothing else.
"""

from typing import Any, ClassVar, Literal

import roma
import torch
from pydantic import Field
from torch import nn
from torch.optim import Adam

from avatar_kit import hookimpl
from avatar_kit.config import EncoderConfig, EncoderSlot, MethodConfig, RendererConfig, RendererSlot
from avatar_kit.graphics import in_full_precision
from avatar_kit.interfaces import Encoder, Method, Renderer
from avatar_kit.nn import PlateBackground, keep_rows
from avatar_kit.scene import GaussianCloud, RenderOutput

avatar_kit_api = 2


class CloudConfig(EncoderConfig):
    """Round Gaussians that sit on vertices of the body and follow its skin."""

    type: Literal["toy_cloud"] = "toy_cloud"
    count: int = Field(default=200, ge=1, description="Gaussians to start with.")

    def yields(self):
        """Gaussians with colours."""
        return "gaussians", 3


class SplatConfig(RendererConfig):
    """Gaussians over the plate, composited front to back."""

    type: Literal["toy_splat"] = "toy_splat"
    consumes: ClassVar[frozenset] = frozenset({"gaussians"})

    def offers(self):
        """The person, the plate and the depth apart."""
        return frozenset({"rgb", "alpha", "person", "background", "depth"})


class EchoConfig(SplatConfig):
    """The same, with an echo of the picture before: a renderer that remembers."""

    type: Literal["toy_echo"] = "toy_echo"


class ToyConfig(MethodConfig):
    """Colours and alpha by their absolute error; the worst Gaussians are doubled now and then."""

    type: Literal["toy_gaussians"] = "toy_gaussians"
    steps: int = Field(default=60, ge=1, description="Training steps.")
    size: int = Field(default=64, ge=32, description="Height of the picture in pixels.")
    batch_size: int = Field(default=2, ge=1, description="Frames in a step.")
    encoders: dict[str, EncoderSlot] = Field(
        default={"cloud": {"type": "toy_cloud"}}, validate_default=True, description="The cloud."
    )
    renderer: RendererSlot = Field(
        default={"type": "toy_splat"}, validate_default=True, description="Draws the cloud."
    )
    rate: float = Field(default=0.02, gt=0, description="Of Adam.")
    densify_every: int = Field(default=8, ge=1, description="Steps between two rounds of growth.")
    sequence: int = Field(default=1, ge=1, description="Consecutive frames of a sample.")

    def wants(self):
        """What is compared."""
        return frozenset({"rgb", "alpha"})


class Cloud(Encoder):
    """Gaussians anchored to vertices, with an offset in the rest pose."""

    sized_by_training: ClassVar[tuple[str, ...]] = (
        "anchors",
        "offsets",
        "log_scales",
        "opacities",
        "colours",
    )

    def __init__(self, config, setup):
        super().__init__(config, setup)
        body = setup.body
        count = min(config.count, len(body.vertices))
        chosen = torch.linspace(0, len(body.vertices) - 1, count).long()
        self.register_buffer("anchors", chosen)
        self.register_buffer("rest", body.vertices.clone(), persistent=False)
        self.register_buffer("weights", body.skinning_weights.clone(), persistent=False)
        unrest = torch.linalg.inv(body.transforms)
        self.register_buffer("unrest", unrest, persistent=False)
        self.offsets = nn.Parameter(torch.zeros(count, 3))
        self.log_scales = nn.Parameter(torch.full((count,), -3.2))
        self.opacities = nn.Parameter(torch.full((count,), 1.0))
        self.colours = nn.Parameter(0.1 * torch.randn(count, 3))

    @in_full_precision
    def forward(self, context):
        """Linear blend skinning of the anchors."""
        bones = context.body.bone_transforms @ self.unrest
        blend = torch.einsum("nj,bjxy->bnxy", self.weights[self.anchors], bones)
        points = self.rest[self.anchors] + 0.1 * self.offsets
        means = (blend[..., :3, :3] @ points[..., None])[..., 0] + blend[..., :3, 3]
        batch, count = means.shape[:2]
        turn = means.new_tensor([1.0, 0, 0, 0]).expand(batch, count, 4)
        return GaussianCloud(
            means,
            turn,
            self.log_scales.exp()[None, :, None].expand(batch, count, 3),
            torch.sigmoid(self.opacities).expand(batch, count),
            torch.sigmoid(4 * self.colours).expand(batch, count, 3),
        )


class Splat(Renderer):
    """Every Gaussian at every pixel, nearest first."""

    camera_moves = True

    def __init__(self, config, setup, conditions):
        super().__init__(config, setup, conditions)
        self.scene = PlateBackground(setup.plates)

    def forward(self, conditions, camera):
        """The person over the plate."""
        (cloud,) = conditions.values()
        background = self.scene(camera)
        pixels, depth = camera.project(cloud.means)
        order = depth.argsort(1)
        row = torch.arange(len(order), device=order.device)[:, None]
        pixels, depth = pixels[row, order], depth[row, order]
        focal = camera.K[:, 1, 1, None]
        sigma = focal * self.radius(cloud)[row, order] / depth.clamp(min=0.05)
        x = torch.arange(camera.width, device=depth.device) + 0.5
        y = torch.arange(camera.height, device=depth.device) + 0.5
        dx = (x - pixels[..., :1]) / sigma[..., None]
        dy = (y - pixels[..., 1:]) / sigma[..., None]
        power = -0.5 * (dy.square()[..., None] + dx.square()[:, :, None])
        ahead = (depth > 0.05).to(power.dtype) * cloud.opacities[row, order]
        share = 0.99 * ahead[..., None, None] * power.exp()
        left = torch.cumprod(1 - share, 1)
        before = torch.cat([torch.ones_like(left[:, :1]), left[:, :-1]], 1)
        weight = share * before
        alpha = (1 - left[:, -1])[:, None]
        painted = torch.einsum("bnhw,bnc->bchw", weight, cloud.features[row, order][..., :3])
        person = painted / alpha.clamp(min=1e-4)
        deep = torch.einsum("bnhw,bn->bhw", weight, depth)[:, None] / alpha.clamp(min=1e-4)
        rgb = alpha * person + (1 - alpha) * background
        return RenderOutput(rgb, alpha, person=person, background=background, depth=deep)

    def radius(self, cloud):
        """[B, N] standard deviation, the mean over the axes of the covariance."""
        turned = (
            roma.unitquat_to_rotmat(cloud.quaternions.roll(-1, -1)) * cloud.scales[..., None, :]
        )
        return turned.square().sum((-1, -2)).div(3).sqrt()


class Echo(Splat):
    """A third of the picture before is seen in each; how much is learned."""

    def __init__(self, config, setup, conditions):
        super().__init__(config, setup, conditions)
        self.share = nn.Parameter(torch.tensor(-0.7))

    def forward(self, conditions, camera):
        """A frame alone has no echo; the share still takes a gradient."""
        return self.step(conditions, camera, None)[0]

    def step(self, conditions, camera, state):
        """The state is the picture before."""
        output = super().forward(conditions, camera)
        share = torch.sigmoid(self.share)
        before = output.rgb if state is None else state
        rgb = (1 - share) * output.rgb + share * before
        fields = {**vars(output), "rgb": rgb}
        return RenderOutput(**fields), rgb


class Toy(Method):
    """Adam, and growth."""

    def __init__(self, config, avatar):
        super().__init__(config, avatar)
        self.sequence = config.sequence
        self.cloud = avatar.encoders["cloud"]
        learned = [*avatar.encoders.parameters(), *avatar.renderer.parameters()]
        self.optimizer = Adam(learned, lr=config.rate)

    def training_step(self, batch, step):
        """The moments of a sample are rendered as a stream."""
        total: dict[str, Any] = {}
        state, moments = None, batch.in_time()
        for part in moments:
            output, state = self.avatar.step(part.context, state)
            terms = {
                "pixel": (output.rgb - part.image).abs().mean(),
                "alpha": (output.alpha - part.mask).abs().mean(),
            }
            for name, value in terms.items():
                total[name] = total.get(name, 0) + value / len(moments)
        loss = total["pixel"] + 0.5 * total["alpha"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        moved = self.cloud.offsets.grad.norm(dim=1)
        self.optimizer.step()
        if (step + 1) % self.config.densify_every == 0 and step < self.config.steps // 2:
            self.grow(moved)
        return {"loss": loss.detach(), **{k: v.detach() for k, v in total.items()}}

    def grow(self, moved):
        """Double the eighth that is pulled hardest, and drop what is hardly seen."""
        seen = (self.cloud.opacities > -4).nonzero()[:, 0]
        pulled = moved.argsort(descending=True)[: max(1, len(moved) // 8)]
        rows = torch.cat([seen, pulled])
        fresh = torch.arange(len(rows), device=rows.device) >= len(seen)
        tensors = [getattr(self.cloud, name) for name in self.cloud.sized_by_training]
        keep_rows(tensors, rows, optimizers=[self.optimizer], fresh=fresh)

    def optimizers(self):
        """One Adam."""
        return {"adam": self.optimizer}


@hookimpl
def register_encoders(register):
    """The cloud."""
    register("toy_cloud", config=CloudConfig, target="toy_gaussians:Cloud")


@hookimpl
def register_renderers(register):
    """With and without memory."""
    register("toy_splat", config=SplatConfig, target="toy_gaussians:Splat")
    register("toy_echo", config=EchoConfig, target="toy_gaussians:Echo")


@hookimpl
def register_methods(register):
    """The recipe."""
    register("toy_gaussians", config=ToyConfig, target="toy_gaussians:Toy")
