"""What the training showed of a person, and charts where it showed nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.engine.coverage import (
    ChartCompletion,
    Shown,
    is_due,
    read_coverage,
    write_coverage,
)
from avatar_kit.errors import UserError
from avatar_kit.surface import Completion, Texels, covering, is_covered
from tests.filmed import Filmed


@pytest.fixture(scope="module")
def rest(body):
    return body.rest(body.default_shape())


@pytest.fixture(scope="module")
def film(body):
    """A film that shows the front alone."""
    return Filmed(body, 6, yaw=[0.0, 0.2, -0.2, 0.1, -0.1, 0.0])


@pytest.fixture(scope="module")
def front(film, rest):
    """What it shows."""
    return Shown.of(film, rest)


def test_a_film_of_the_front_covers_the_front(rest, front, film):
    torso = rest.topology.parts == rest.topology.part_names.index("torso")
    ahead, covered = rest.normals[:, 2], is_covered(front.coverage)
    assert covered[torso & (ahead > 0.8)].float().mean() > 0.95
    assert not covered[torso & (ahead < -0.5)].any()
    assert 0.35 < front.unknown < 0.65
    each = [film[i] for i in range(len(film))]
    total = sum(covering(one.context.body, one.context.camera, one.mask) for one in each)
    torch.testing.assert_close(front.coverage, total)
    # the film is of one colour but for its edges, and so is what it does not show
    assert (front.colours - 0.8).abs().mean() < 0.02


def shown_by(rest, coverage):
    known = Completion.of_vertices(coverage, rest, least=1.0)
    return Shown(coverage, torch.zeros(len(coverage), 3), 0.5, known)


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
    ChartCompletion(charts, rest.topology, shown_by(rest, 5.0 * left.float()))()
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
    ChartCompletion(
        [chart], rest.topology, shown_by(rest, torch.full((len(rest.vertices),), 9.0))
    )()
    assert torch.equal(chart, before)


@given(st.integers(1, 3000))
def test_charts_are_completed_ten_times_and_at_the_end(steps):
    due = [step for step in range(1, steps + 1) if is_due(step, steps)]
    assert len(due) == min(10, steps) and due[-1] == steps


def test_coverage_is_kept_and_read_back(tmp_path, front):
    path = tmp_path / "coverage.npz"
    vertices = len(front.coverage)
    write_coverage(path, front.coverage)
    assert torch.equal(read_coverage(path, vertices), front.coverage)
    assert read_coverage(tmp_path / "none.npz", 5) is None
    with pytest.raises(UserError, match=r"coverage\.npz: not as avatar-kit writes it"):
        read_coverage(path, vertices + 1)
    for damage in (b"", b"PK\x03\x04 garbage", path.read_bytes()[:100]):
        path.write_bytes(damage)
        with pytest.raises(UserError, match="delete the file"):
            read_coverage(path, vertices)
    np.savez(path, coverage=np.array([None] * 3, object), allow_pickle=True)
    with pytest.raises(UserError, match="not as avatar-kit"):
        read_coverage(path, 3)
