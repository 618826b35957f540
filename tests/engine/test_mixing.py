"""Regions of a texture, on a chart that can be computed by hand."""

import pytest
import torch

from avatar_kit.engine.mixing import region_faces, region_mask
from avatar_kit.errors import UserError
from avatar_kit.scene import Topology

NAMES = ("torso", "hips", "left_hand", "right_hand", "head")


@pytest.fixture(scope="module")
def topology():
    """Five strips of one square chart, u from 0 to 1, each a part; the last is half face."""
    uvs, faces, parts = [], [], []
    for i in range(5):
        corner = len(uvs)
        uvs += [(i / 5, 0.0), ((i + 1) / 5, 0.0), (i / 5, 1.0), ((i + 1) / 5, 1.0)]
        faces += [[corner, corner + 2, corner + 1], [corner + 1, corner + 2, corner + 3]]
        parts += [i] * 4
    face_region = torch.zeros(10, dtype=torch.bool)
    face_region[9] = True
    index = torch.tensor(faces)
    return Topology(index, torch.tensor(uvs), index, face_region, torch.tensor(parts), NAMES)


@pytest.mark.parametrize(
    ("names", "strips"),
    [(["torso"], [0]), (["hand"], [2, 3]), (["hands", "legs"], [1, 2, 3]), (["left_hand"], [2])],
)
def test_parts_groups_and_parts_without_a_side(topology, names, strips):
    found = region_faces(topology, names)
    assert found.nonzero()[:, 0].tolist() == [2 * s + k for s in strips for k in (0, 1)]


def test_the_face_is_its_own_region(topology):
    assert region_faces(topology, ["face"]).nonzero()[:, 0].tolist() == [9]


def test_a_region_the_body_lacks(topology):
    with pytest.raises(UserError, match=r"no region 'tail'; it has arms, face") as error:
        region_faces(topology, ["tail"])
    with pytest.raises(UserError, match="did you mean 'torso'"):
        region_faces(topology, ["torsi"])
    assert "left_hand" in str(error.value)


def test_the_seam_is_soft_and_as_wide_as_asked(topology):
    mask = region_mask(topology, region_faces(topology, ["torso"]), 100, 0.04)[0, 0]
    profile = mask.mean(0)
    assert torch.allclose(mask, profile.expand(100, 100), atol=1e-5)  # the same in every row
    assert profile[:15].min() == pytest.approx(1.0) and profile[25:].max() == 0
    assert (profile.diff() <= 1e-6).all()
    assert profile[19] + profile[20] == pytest.approx(1.0, abs=1e-4)  # half at the border
    assert 0.05 < profile[22] < profile[18] < 0.95


def test_the_rim_of_the_chart_is_not_softened(topology):
    """Scaled into the middle of the chart, the strips have empty texels around them."""
    small = Topology(
        topology.faces,
        0.25 + 0.5 * topology.uvs,
        topology.uv_faces,
        topology.face_region,
        topology.parts,
        topology.part_names,
    )
    every = region_mask(small, torch.ones(10, dtype=torch.bool), 64, 0.05)[0, 0]
    assert every[16:48, 16:48].min() == pytest.approx(1.0)
    assert every[14, 32] == pytest.approx(1.0)  # beyond the rim too
    none = region_mask(small, torch.zeros(10, dtype=torch.bool), 64, 0.05)
    assert not none.any()
