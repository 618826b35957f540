"""Steps as long as an avatar's legs make them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from avatar_kit.engine.steps import _TOES, fit_steps
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS


@pytest.fixture(scope="module")
def loaded():
    component = catalog().get("body", catalog().default("body"))
    body = component.load()(component.config(type=component.name)).eval()
    return SimpleNamespace(avatar=SimpleNamespace(body=body, shape=body.default_shape()))


def planted_walk(loaded):
    """A walk whose standing toe does not move: the pelvis goes where that foot pushes it."""
    t = torch.arange(90) / 30
    body = torch.zeros(90, 21, 3)
    for side, phase in (("left", 0.0), ("right", torch.pi)):
        swing = (2 * torch.pi * t + phase).sin()
        body[:, BODY_JOINTS.index(f"{side}_hip"), 0] = 0.35 * swing
        lifted = (2 * torch.pi * t + phase).cos().clamp(max=0)  # the leg that comes forward bends
        body[:, BODY_JOINTS.index(f"{side}_knee"), 0] = -1.0 * lifted
    motion = Motion.rest(90, 30.0, body_pose=body.flatten(1))
    with torch.no_grad():
        points = loaded.avatar.body.keypoints(
            loaded.avatar.body.from_motion(motion, loaded.avatar.shape)
        )[:, _TOES]
    places = torch.zeros(90, 3)
    for k in range(1, 90):
        stands = int(points[k - 1 : k + 1, :, 1].mean(0).argmin())
        places[k] = places[k - 1] - (points[k, stands] - points[k - 1, stands])
    places[:, 1] = -points[..., 1].amin(1)
    return replace(motion, transl=places)


@pytest.mark.parametrize("longer", [0.85, 1.25])
def test_steps_of_somebody_of_another_size_are_fitted(longer, loaded):
    walk = planted_walk(loaded)
    other = replace(walk, transl=walk.transl * torch.tensor([longer, 1.0, longer]))
    fitted = fit_steps(loaded, other)
    assert fitted.scale == pytest.approx(1 / longer, rel=0.05)
    assert fitted.after < 0.6 * fitted.before
    assert "steps scaled" in fitted.line()


def test_a_walk_that_fits_and_one_that_is_none_stay_as_they_are(loaded):
    walk = planted_walk(loaded)
    assert fit_steps(loaded, walk).motion is walk
    still = replace(walk, transl=torch.zeros(90, 3))
    assert fit_steps(loaded, still).scale == 1.0
    gliding = Motion.rest(90, 30.0, transl=torch.arange(90)[:, None] * torch.tensor([0, 0, 0.05]))
    assert fit_steps(loaded, gliding).motion is gliding and not fit_steps(loaded, gliding).line()
