"""What this plugin registers. Torch-free: it is read whenever a command starts."""

from avatar_kit_myplugin.config import MyPluginConfig

from avatar_kit import hookimpl

#: The version of avatar-kit's plugin contracts this is written for.
avatar_kit_api = 2


@hookimpl
def register_datasets(register):
    """A folder of pictures, masks, a camera and a motion."""
    register("myplugin", config=MyPluginConfig, target="avatar_kit_myplugin.component:MyPlugin")
