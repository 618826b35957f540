"""Texels as points of the surface."""

import torch

from avatar_kit.gaussians import sample_surface
from avatar_kit.graphics import sample_texture
from avatar_kit.surface import Texels


def test_a_chart_painted_texel_by_texel_shows_its_surface(body):
    """Also at the edges of islands, where a lookup touches texels that lie off them."""
    rest = body.rest(body.default_shape())
    texels = Texels.of(rest.topology, 512).reaching(2)
    chart = torch.zeros(512, 512, 3)
    chart[texels.covered] = texels.interpolated(rest.vertices)
    anchors = sample_surface(rest, 3000, torch.ones(len(rest.topology.faces)))
    corners = rest.topology.uvs[rest.topology.uv_faces[anchors.faces].long()]
    uv = (anchors.barycentrics[..., None] * corners).sum(1)
    found = sample_texture(chart.permute(2, 0, 1)[None], uv.T[None, :, None])[0, :, 0].T
    away = (found - anchors.rest(rest)).norm(dim=1)
    # a texel is some 4 mm, and a copy of a border lies up to two beside its place
    assert away.median() < 0.001 and away.quantile(0.99) < 0.012
    bare = Texels.of(rest.topology, 512)
    assert len(bare) < len(texels)
    chart[texels.covered & ~bare.covered] = 0
    cut = sample_texture(chart.permute(2, 0, 1)[None], uv.T[None, :, None])[0, :, 0].T
    assert (cut - anchors.rest(rest)).norm(dim=1).quantile(0.99) > 0.05


def test_a_choice_of_texels_keeps_their_order(body):
    texels = Texels.of(body.rest(body.default_shape()).topology, 64)
    chosen = torch.arange(len(texels)) % 3 == 0
    some = texels.among(chosen)
    assert int(some.covered.sum()) == len(some) == int(chosen.sum())
    assert torch.equal(some.triangle, texels.triangle[chosen])
    picture = torch.full((64, 64), -1)
    picture[texels.covered] = texels.triangle
    assert torch.equal(picture[some.covered], some.triangle)
