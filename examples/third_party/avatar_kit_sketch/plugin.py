"""What this distribution registers. Torch-free."""

from avatar_kit import hookimpl
from avatar_kit_sketch.config import CalmConfig, PixelMlpConfig, SketchConfig

avatar_kit_api = 2


@hookimpl
def register_renderers(register):
    """A network a pixel."""
    register("pixel_mlp", config=PixelMlpConfig, target="avatar_kit_sketch.renderer:PixelMlp")


@hookimpl
def register_aligners(register):
    """Smoothing."""
    register("calm", config=CalmConfig, target="avatar_kit_sketch.aligner:Calm")


@hookimpl
def register_methods(register):
    """The recipe."""
    register("sketch", config=SketchConfig, target="avatar_kit_sketch.method:Sketch")
