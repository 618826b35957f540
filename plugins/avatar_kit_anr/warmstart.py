"""A new person in an old model: networks of another run, a texture of one's own."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from avatar_kit.engine.checkpoint import latest_checkpoint
from avatar_kit.engine.run import RunFolder
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, make_room

#: The scene is the new person's own.
_OWN = "renderer.scene."


def take_networks(avatar: Avatar, method: str, root: Path) -> None:
    """Give an avatar the renderer's networks of a run; textures and scene stay its own.

    Args:
        avatar: Of the same method, with networks of the same shape.
        method: Registered name of the method.
        root: The run folder, of one person or of several.

    Raises:
        UserError: No run, one of another method, or one with networks of another shape.
    """
    run = RunFolder.open(root)
    config = run.read_config()
    if config.type != method:
        raise UserError(
            f"networks_of: {root} is a run of method '{config.type}'; '{method}' can use only "
            f"the networks of a run of '{method}'"
        )
    found, _ = latest_checkpoint(run.checkpoints)
    given = networks(found.weights())
    make_room(avatar, given)
    own = networks(avatar.learned_state())
    wrong = sorted(set(own) ^ set(given)) or sorted(
        name for name in own if own[name].shape != given[name].shape
    )
    if wrong:
        raise UserError(
            f"networks_of: the networks of {root} have another shape ('{wrong[0]}' differs); train "
            "with the same renderer and encoders"
        )
    avatar.load_state_dict(given, strict=False)


def networks(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The part of an avatar's state that persons may share."""
    return {n: v for n, v in state.items() if n.startswith("renderer.") and _OWN not in n}
