"""The contract of a mykind, checked: see the avatar_kit.testing pages."""

from avatar_kit.testing import MyKindConformance


class TestMyPlugin(MyKindConformance):
    """Every check of avatar_kit.testing, as it stands."""

    name = "myplugin"
