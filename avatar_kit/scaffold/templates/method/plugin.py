"""What this plugin registers. Torch-free: it is read whenever a command starts."""

from avatar_kit_myplugin.config import MyPluginConfig, NormalsConfig, PainterConfig

from avatar_kit import hookimpl

#: The version of avatar-kit's plugin contracts this is written for.
avatar_kit_api = 2

_PARTS = "avatar_kit_myplugin.parts"


@hookimpl
def register_encoders(register):
    """Surface normals."""
    register("myplugin_normals", config=NormalsConfig, target=f"{_PARTS}:Normals")


@hookimpl
def register_renderers(register):
    """The painter."""
    register("myplugin_painter", config=PainterConfig, target=f"{_PARTS}:Painter")


@hookimpl
def register_methods(register):
    """The recipe."""
    register("myplugin", config=MyPluginConfig, target="avatar_kit_myplugin.component:MyPlugin")
