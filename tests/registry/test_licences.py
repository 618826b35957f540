"""What a licence allows, by its words."""

import pytest

from avatar_kit.registry.licences import allows, distribution_licence


@pytest.mark.parametrize(
    ("licence", "commercial"),
    [
        ("Apache-2.0", "yes"),
        ("Apache-2.0 AND BSD-3-Clause AND MIT", "yes"),
        ("MIT or Apache-2.0", "yes"),
        ("BSD License", "yes"),
        ("Anny (NAVER Corp.): data CC0-1.0, code Apache-2.0", "yes"),
        ("CC-BY-4.0", "yes"),
        ("Unlicense", "yes"),
        ("CC-BY-NC-4.0", "no"),
        ("Nvidia Source Code License: non-commercial use", "no"),
        ("Non-commercial scientific research", "no"),
        ("BSD-3-Clause; its wheels carry FFmpeg with x264: GPL", "ask"),
        ("MPL-2.0", "ask"),
        ("CC-BY-SA-4.0", "ask"),
        ("CC-BY-ND-4.0", "ask"),
        ("Proprietary", "ask"),
        ("not stated", "ask"),
        ("the terms of your pictures", "ask"),
        ("", "ask"),
        ("submit a form", "ask"),
    ],
)
def test_what_it_allows(licence, commercial):
    assert allows(licence) == commercial


def test_distributions_that_are_installed_state_something_short():
    assert distribution_licence("pydantic") == "MIT"
    assert distribution_licence("torch").startswith("Apache-2.0") or "BSD" in distribution_licence(
        "torch"
    )
    for name in ("numpy", "torchmetrics", "safetensors"):
        assert allows(distribution_licence(name)) == "yes"
    assert distribution_licence("no-such-distribution") == ""
    assert distribution_licence("/a/file.py") == ""
