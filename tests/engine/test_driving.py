import torch

from avatar_kit.engine.driving import keep_footing
from avatar_kit.scene import Motion
from tests.engine.legs import ON_LEGS


def test_straightened_legs_keep_the_feet_where_they_were():
    frames = 300
    bend = torch.rand(frames, generator=torch.Generator().manual_seed(0))
    pose = torch.zeros(frames, 63)
    pose[:, 0] = bend
    jump = torch.linspace(0, 1, frames)
    transl = torch.stack([jump, 0.9 - 0.3 * bend + jump, jump], dim=1)
    source = Motion.rest(frames, transl=transl, body_pose=pose)
    straight = Motion.rest(frames, transl=transl)
    kept = keep_footing(ON_LEGS, source, straight)
    torch.testing.assert_close(kept.transl[:, 1] - 0.9, jump)  # the feet still jump
    assert torch.equal(kept.transl[:, [0, 2]], transl[:, [0, 2]])
    torch.testing.assert_close(keep_footing(ON_LEGS, source, source).transl, transl)
