"""What is computed once while nobody learns is what a learning avatar computes for every frame."""

import torch


def painted(avatar, context):
    """A frame as a learning avatar paints it, and as one that is shown does."""
    learning = avatar(context([0])).rgb.detach()
    with torch.no_grad():
        return learning, avatar(context([0])).rgb


def test_an_avatar_that_is_shown_paints_as_one_that_learns(small_config, build, context):
    config = small_config(
        encoders={"body": {"type": "neural_texture", "levels": 2}, "style": None},
        renderer={"channel_multiplier": 0.06, "max_channels": 8, "style": 8},
    )
    avatar = build(config).eval()
    torch.testing.assert_close(*painted(avatar, context), rtol=0, atol=1e-5)
    kinds = {name.rpartition(".")[2] for name, _ in avatar.named_parameters()}
    for kind in sorted(kinds):  # weights, biases, levels of textures, ...
        with torch.no_grad():
            for name, parameter in avatar.named_parameters():
                if name.rpartition(".")[2] == kind:
                    parameter += 0.05 * torch.randn_like(parameter)
        learning, shown = painted(avatar, context)
        torch.testing.assert_close(shown, learning, rtol=1e-5, atol=1e-5)
    again = painted(avatar, context)[1]
    assert torch.equal(again, shown)


def test_a_style_for_each_frame_is_not_kept(small_config, build, context):
    avatar = build(small_config(encoders={"style": {"type": "frame_code", "size": 8}})).eval()
    with torch.no_grad():
        for level in avatar.renderer.network.decoder:
            level.paint.weight.normal_()
        one, other = (avatar(context([i], training=True)).rgb for i in (0, 1))
        both = avatar(context([0, 1], training=True)).rgb
    torch.testing.assert_close(torch.cat([one, other]), both, rtol=1e-4, atol=1e-4)
