"""Config of the body. Torch-free."""

from typing import Literal

from avatar_kit.config import BodyConfig


class MyPluginConfig(BodyConfig):
    """A mannequin: one rigid octahedron for each of the 55 SMPL-X joints."""

    type: Literal["myplugin"] = "myplugin"
