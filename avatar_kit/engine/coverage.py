"""How much of a person the training pictures show, and what of the charts they never show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.graphics import sample_texture
from avatar_kit.interfaces import Samples
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.documents import check_regular
from avatar_kit.io.motion.arrays import read_npz
from avatar_kit.scene import RestBody, Topology
from avatar_kit.surface import Completion, Texels, painted_colours
from avatar_kit.surface.coverage import COVERED, is_covered

#: Training samples that are looked at.
_SAMPLES = 40

#: A vertex that is covered less takes its value from others; one square look is 1.
_WELL = 1.0

#: A texel that keeps more than this share of its own value is let alone.
_OWN = 0.95

#: Texels that what is known of an island reaches beyond it: bilinear lookups touch these.
_SEAM = 4

#: How often the charts are completed in a training.
_TIMES = 10


@dataclass(frozen=True)
class Shown:
    """What the pictures of a training show of a person's surface. V vertices.

    Attributes:
        coverage: [V] the sum, over up to 40 samples, of the squared cosine between the surface's
            normal and the direction to the camera. Where a vertex is hidden or outside the mask, a
            sample adds nothing.
        colours: [V, 3] mean colours in [0, 1]; those of the person's other side, or of the surface
            around, where a vertex was not shown well.
        unknown: Share of the surface that was not shown, in [0, 1].
        completion: Gives other values to such vertices in the same way.
    """

    coverage: Tensor
    colours: Tensor
    unknown: float
    completion: Completion

    @classmethod
    def of(cls, samples: Samples, rest: RestBody) -> Shown:
        """Look at the training samples of a person with that body."""
        place = lambda context: (context.body.vertices, context.body.normals)  # noqa: E731
        count, still = len(rest.vertices), rest.to("cpu")
        colours, coverage = painted_colours(samples, place, count, frames=_SAMPLES)
        completion = Completion.of_vertices(coverage, still, least=_WELL)
        corners = still.topology.faces
        a, b, c = still.vertices[corners].unbind(1)
        area = torch.linalg.cross(b - a, c - a).norm(dim=1)
        hidden = (~is_covered(coverage)).float()[corners].mean(1)
        unknown = float((area * hidden).sum() / area.sum())
        return cls(coverage, completion(colours), unknown, completion)


def write_coverage(path: Path, coverage: Tensor) -> None:
    """Keep a coverage [V], whole or not at all."""
    with atomic_path(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, coverage=coverage.numpy().astype(np.float32))


def read_coverage(path: Path, vertices: int) -> Tensor | None:
    """The inverse of :func:`write_coverage`; None where there is no such file.

    Raises:
        UserError: It is damaged, or of a body with another number of vertices.
    """
    if not path.exists():
        return None
    try:
        check_regular(path)
        found = read_npz(path).get("coverage")
    except UserError:
        found = None
    if found is None or found.shape != (vertices,) or found.dtype != np.float32:
        raise UserError(
            f"{path}: not as avatar-kit writes it (expected key 'coverage' with {vertices} "
            "float32); delete the file to continue without warnings about sides that the "
            "training did not show"
        )
    return torch.from_numpy(found)


def is_due(step: int, steps: int) -> bool:
    """Whether charts are completed after an update: ten times in a training, and at its end.

    Args:
        step: Updates done.
        steps: Updates of the whole training.
    """
    return _TIMES * step // steps != _TIMES * (step - 1) // steps


class ChartCompletion:
    """Gives texels that no training picture shows the values of the person's other side, or of the
    surface around them.

    Charts begin as noise, and what no picture shows stays noise: a network meets it for the first
    time when the person turns, and paints speckle. Completed charts give it what it knows.

    Args:
        charts: [1, C, side, side] each.
        topology: Of the body.
        shown: What the training shows of the person.
    """

    def __init__(self, charts: Sequence[Tensor], topology: Topology, shown: Shown):
        self.charts, self.topology = charts, topology.to("cpu")
        self.completed = shown.completion
        own = (shown.coverage / (shown.coverage + COVERED))[:, None]
        self._places: dict[int, tuple[Texels, Tensor]] = {}
        for side in {chart.shape[-1] for chart in charts}:
            texels = Texels.of(self.topology, side).reaching(_SEAM)
            share = texels.interpolated(own)
            texels = texels.among(share[:, 0] < _OWN)
            self._places[side] = texels, texels.interpolated(own)

    @torch.no_grad()
    def __call__(self) -> None:
        """Complete all charts, in place."""
        if not self.charts:
            return
        values = torch.cat([_at_vertices(chart, self.topology) for chart in self.charts], dim=1)
        parts = self.completed(values).split([chart.shape[1] for chart in self.charts], dim=1)
        for chart, part in zip(self.charts, parts, strict=True):
            texels, own = self._places[chart.shape[-1]]
            picture = chart[0].permute(1, 2, 0)  # a view: what is written here, the chart holds
            before = picture[texels.covered.to(chart.device)]
            after = own * before.cpu() + (1 - own) * texels.interpolated(part)
            picture[texels.covered.to(chart.device)] = after.to(chart)


def _at_vertices(chart: Tensor, topology: Topology) -> Tensor:
    """[V, C] what a chart holds at the vertices, the mean where a seam gives one several places."""
    looked_up = sample_texture(chart.detach().float().cpu(), topology.uvs.T[None, :, None])[
        0, :, 0
    ].T
    vertices, places = topology.faces.flatten().long(), topology.uv_faces.flatten().long()
    total = torch.zeros(len(topology.parts), chart.shape[1])
    total.index_add_(0, vertices, looked_up[places])
    return total / torch.bincount(vertices, minlength=len(total)).clamp(min=1)[:, None]
