"""Files that say which joint of a skeleton is which of ours."""

from __future__ import annotations

from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.documents import read_yaml


def read_joint_map(path: Path) -> dict[str, str | None]:
    """SMPL-X joint -> name in the skeleton; None for a joint that shall stay at rest.

    Raises:
        UserError: The file is missing, or no mapping of names to names in JSON or YAML.
    """
    try:
        found = read_yaml(path, what="file of joints")
    except UserError as error:
        raise UserError(f"--map {error}") from None
    if not isinstance(found, dict) or not all(
        theirs is None or isinstance(theirs, str) for theirs in found.values()
    ):
        raise UserError(
            f"--map {path}: expected joints and their names in the file, e.g. "
            '{"left_hip": "LeftUpLeg", "left_knee": "LeftLeg"}'
        )
    return found
