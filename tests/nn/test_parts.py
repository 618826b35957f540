"""Parts that training sizes: in place, for optimisers and for whoever shares them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Adam

from avatar_kit.interfaces import Part, make_room
from avatar_kit.nn import keep_rows


class Points(Part):
    sized_by_training = ("inner.places", "tags")

    def __init__(self, count):
        super().__init__()
        self.inner = nn.Module()
        self.inner.places = nn.Parameter(torch.arange(3.0 * count).view(count, 3))
        self.register_buffer("tags", torch.arange(count))
        self.fixed = nn.Parameter(torch.zeros(2))


def test_room_is_made_in_place_for_what_is_named_alone():
    whole = nn.Sequential(Points(4), nn.Linear(2, 2))
    saved = nn.Sequential(Points(7), nn.Linear(2, 2)).state_dict()
    places, tags = whole[0].inner.places, whole[0].tags
    optimizer = Adam(whole.parameters())
    make_room(whole, {**saved, "0.fixed": torch.zeros(9)})
    whole.load_state_dict({**saved, "0.fixed": torch.zeros(2)})
    assert whole[0].inner.places is places and whole[0].tags is tags
    assert torch.equal(places, saved["0.inner.places"]) and torch.equal(tags, torch.arange(7))
    assert whole[0].fixed.shape == (2,)
    places.sum().backward()
    optimizer.step()
    assert optimizer.state[places]["exp_avg"].shape == (7, 3)


def test_what_is_named_must_be_there():
    class Wrong(Part):
        sized_by_training = ("nothing",)

    with pytest.raises(AttributeError, match="sized_by_training names 'nothing'"):
        make_room(Wrong(), {"nothing": torch.zeros(3)})


@given(rows=st.lists(st.integers(0, 4), min_size=1, max_size=9), steps=st.integers(0, 3))
def test_rows_keep_their_values_and_their_moments(rows, steps):
    part = Points(5)
    places, tags = part.inner.places, part.tags
    optimizer = Adam([places], lr=0.1)
    for _ in range(steps):
        places.square().sum().backward()
        optimizer.step()
    before, moments = places.detach().clone(), dict(optimizer.state.get(places, {}))
    chosen = torch.tensor(rows)
    fresh = torch.arange(len(rows)) >= 3
    keep_rows([places, tags], chosen, optimizers=[optimizer], fresh=fresh)
    assert part.inner.places is places and torch.equal(places, before[chosen])
    assert torch.equal(tags, chosen) and places.grad is None
    if steps:
        for name in ("exp_avg", "exp_avg_sq"):
            now = optimizer.state[places][name]
            assert torch.equal(now[~fresh], moments[name][chosen][~fresh]) and not now[fresh].any()
        assert optimizer.state[places]["step"] == steps
    places.square().sum().backward()
    optimizer.step()
    assert places.shape == (len(rows), 3)


def test_training_goes_on_as_if_the_rows_had_always_been_those():
    """With plain gradient descent a dropped row changes nothing for the others."""
    long, short = Points(6), Points(6)
    rows = torch.tensor([0, 2, 5])
    keep_rows([short.inner.places, short.tags], rows)
    for part in (long, short):
        optimizer = SGD([part.inner.places], lr=0.05, momentum=0.9)
        for _ in range(4):
            optimizer.zero_grad()
            part.inner.places.square().sum().backward()
            optimizer.step()
    assert torch.equal(long.inner.places[rows], short.inner.places)


def test_rows_that_do_not_belong_together():
    with pytest.raises(ValueError, match=r"tensors of \[2, 3\] rows cannot be resized together"):
        keep_rows([torch.zeros(2, 1), torch.zeros(3, 1)], torch.tensor([0]))
