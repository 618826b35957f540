"""What the training showed of a person, and charts where it showed nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.engine.coverage import (
    ChartCompletion,
    is_covered,
    is_due,
    read_coverage,
    vertex_coverage,
    write_coverage,
)
from avatar_kit.errors import UserError
from avatar_kit.surface import Texels
from tests.filmed import Filmed


@pytest.fixture(scope="module")
def rest(body):
    return body.rest(body.default_shape())


@pytest.fixture(scope="module")
def front(body, rest):
    """Coverage of a film that shows the front alone."""
    film = Filmed(body, 6, yaw=[0.0, 0.2, -0.2, 0.1, -0.1, 0.0])
    return vertex_coverage(film, len(rest.vertices))


def test_a_film_of_the_front_covers_the_front(rest, front):
    torso = rest.topology.parts == rest.topology.part_names.index("torso")
    ahead = rest.normals[:, 2]
    assert is_covered(front)[torso & (ahead > 0.8)].float().mean() > 0.95
    assert not is_covered(front)[torso & (ahead < -0.5)].any()
    assert front.max() <= 6.0  # one for each sample that shows a vertex squarely


def test_a_chart_takes_the_other_side_and_keeps_what_was_seen(rest):
    """Half of the body is known; the chart holds the height of the surface there."""
    left = rest.vertices[:, 0] > rest.vertices[:, 0].mean()
    charts = []
    for side in (128, 32):
        texels = Texels.of(rest.topology, side).reaching(4)
        chart = torch.full((1, 2, side, side), 7.0)
        picture = chart[0].permute(1, 2, 0)
        known = texels.among(texels.interpolated(left[:, None].float())[:, 0] > 0)
        picture[known.covered] = known.interpolated(rest.vertices[:, 1:])
        charts.append(chart)
    before = [chart.clone() for chart in charts]
    ChartCompletion(charts, rest, 5.0 * left.float())()
    for chart, old, side, close in zip(charts, before, (128, 32), (0.05, 0.15), strict=True):
        texels = Texels.of(rest.topology, side)
        share = texels.interpolated(left[:, None].float())[:, 0]
        seen, unseen = texels.among(share == 1), texels.among(share == 0)
        kept = chart[0][:, seen.covered]
        assert torch.equal(kept, old[0][:, seen.covered])
        found = chart[0][:, unseen.covered].T
        away = (found - unseen.interpolated(rest.vertices[:, 1:])).norm(dim=1)
        assert away.median() < close / 5 and away.quantile(0.95) < close


def test_a_person_seen_from_everywhere_keeps_the_charts(rest):
    chart = torch.rand(1, 3, 64, 64)
    before = chart.clone()
    ChartCompletion([chart], rest, torch.ones(len(rest.vertices)))()
    assert torch.equal(chart, before)


@given(st.integers(1, 3000))
def test_charts_are_completed_ten_times_and_at_the_end(steps):
    due = [step for step in range(1, steps + 1) if is_due(step, steps)]
    assert len(due) == min(10, steps) and due[-1] == steps


def test_coverage_is_kept_and_read_back(tmp_path, front):
    path = tmp_path / "coverage.npz"
    write_coverage(path, front)
    assert torch.equal(read_coverage(path, len(front)), front)
    assert read_coverage(tmp_path / "none.npz", 5) is None
    with pytest.raises(UserError, match=r"coverage\.npz: not as avatar-kit writes it"):
        read_coverage(path, len(front) + 1)
    for damage in (b"", b"PK\x03\x04 garbage", path.read_bytes()[:100]):
        path.write_bytes(damage)
        with pytest.raises(UserError, match="delete the file"):
            read_coverage(path, len(front))
    np.savez(path, coverage=np.array([None] * 3, object), allow_pickle=True)
    with pytest.raises(UserError, match="not as avatar-kit"):
        read_coverage(path, 3)
