"""The contracts, checked by avatar-kit's own kit."""

from typing import ClassVar

from avatar_kit.testing import AlignerConformance, MethodConformance, RendererConformance


class TestPixelMlp(RendererConformance):
    name = "pixel_mlp"


class TestCalm(AlignerConformance):
    name = "calm"


class TestSketch(MethodConformance):
    name = "sketch"
    options: ClassVar = {"encoders": {"body": {"size": 64}}}
