"""Steps that turn the person to sides that no training picture shows."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avatar_kit.config import parse_overrides, resolve_method
from avatar_kit.engine.coverage import Shown
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.engine.turned import EVERY, LEAST_UNKNOWN, TurnedSteps
from avatar_kit.graphics import interpolate
from avatar_kit.surface import is_covered


def training(capture, *words):
    tiny = ("size=64", "renderer.widths=[8,8]", "encoders.texture.size=32", *words)
    overrides = parse_overrides(["data.type=capture", f"data.path={capture}", *tiny])
    config = resolve_method("anr", preset="demo", overrides=overrides).config
    return set_up(config, RunFolder(Path("unused")), open_view(config))


@pytest.fixture(scope="module")
def front_only(capture_folder):
    return training(capture_folder, "steps=64")


def test_a_capture_of_the_front_is_turned_now_and_then(front_only):
    turned = front_only.turned[0]
    assert turned.wanted
    taken = [step for step in range(64) if turned.batch(step) is not None]
    assert taken and set(taken) <= set(range(64 // 4, 64)) & set(range(EVERY - 1, 64, EVERY))


def test_unknown_surface_is_plain_and_all_else_is_the_avatars_own(front_only):
    turned, frames = front_only.turned[0], front_only.people[0]
    steps = [step for step in range(64) if turned.batch(step) is not None]
    batch = turned.batch(steps[0])
    context, faces = batch.context, frames.posed.body.topology.faces
    assert context.index.tolist() == [-1]
    unknown = (~is_covered(front_only.coverage[0])).float()[None, :, None]
    hidden = interpolate(unknown, faces, context.fragments) > 0.5
    front_only.avatar.eval()
    with torch.no_grad():
        own = front_only.avatar(context).rgb.clamp(0, 1)
    front_only.avatar.train()
    same = (batch.image == own).all(1, keepdim=True)
    assert hidden.any() and bool(same[~hidden].all()) and not bool(same[hidden].all())
    assert (batch.mask[hidden] == 1).all()
    again = turned.batch(steps[0])  # a function of seed and step
    assert torch.equal(again.image, batch.image) and torch.equal(again.mask, batch.mask)


def test_who_was_shown_nearly_all_around_is_not_turned(front_only):
    people = front_only.avatar, front_only.people[0]
    shown = Shown.of(people[1].all(), front_only.avatar.body.rest(front_only.avatar.shape))
    for unknown, turned in ((LEAST_UNKNOWN + 0.01, True), (LEAST_UNKNOWN - 0.01, False)):
        steps = TurnedSteps(*people, replace(shown, unknown=unknown), front_only.config)
        assert steps.wanted == turned
        assert any(steps.batch(step) is not None for step in range(64)) == turned


@pytest.mark.slow  # the film of a whole turn
def test_a_film_of_all_sides_asks_for_no_turned_steps():
    overrides = parse_overrides(["size=64", "data.size=64"])
    config = resolve_method("anr", preset="demo", overrides=overrides).config
    assert not set_up(config, RunFolder(Path("unused")), open_view(config)).turned[0].wanted
