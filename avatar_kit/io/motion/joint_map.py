"""Files that say which joint of a skeleton is which of ours."""

from __future__ import annotations

from pathlib import Path

import yaml

from avatar_kit.errors import UserError

#: Bytes that such a file may have.
_LARGEST = 1 << 20


def read_joint_map(path: Path) -> dict[str, str | None]:
    """SMPL-X joint -> name in the skeleton; None for a joint that shall stay at rest.

    Raises:
        UserError: The file is missing, or no mapping of names to names in JSON or YAML.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"--map {path}: larger than a list of joints can be")
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--map {path}: no such file") from None
    except OSError as error:
        raise UserError(f"--map {path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        text = str(error).partition("\n")[0]
        raise UserError(f"--map {path}: neither JSON nor YAML ({text})") from None
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and (theirs is None or isinstance(theirs, str))
        for name, theirs in found.items()
    ):
        raise UserError(
            f"--map {path}: expected joints and their names in the file, e.g. "
            '{"left_hip": "LeftUpLeg", "left_knee": "LeftLeg"}'
        )
    return found
