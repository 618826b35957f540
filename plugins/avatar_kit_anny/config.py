"""Config of the Anny body. Torch-free."""

from __future__ import annotations

from typing import Literal

from avatar_kit.config import BodyConfig


class AnnyConfig(BodyConfig):
    """Anny: a free parametric body (code Apache-2.0, data CC0).

    There is nothing to configure: identity and pose are values, not settings.
    """

    type: Literal["anny"] = "anny"
