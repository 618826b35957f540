"""Everything we ship does what we ask of others, by enumeration of the catalog.

A component that is registered tomorrow is checked tomorrow; nobody has to remember it here.
"""

import pytest

from avatar_kit.errors import Unavailable
from avatar_kit.registry import catalog
from avatar_kit.testing import conformance_class
from avatar_kit.testing.capture import small_capture
from avatar_kit.testing.running import checks_of

#: What makes a component small: config values of the checks.
OPTIONS = {
    ("aligner", "mda"): {
        "width": 64,
        "learn_prior": {"steps": 60},
        "learn_avatar": {"steps": 150},
    },
    ("dataset", "studio"): {"frames": 8, "test_frames": 4, "supersample": 1, "size": 256},
    ("encoder", "attentive_texture"): {"size": 64, "channels": 8},
    ("encoder", "neural_texture"): {"size": 64},
    ("exporter", "player"): {"texture": 32, "pictures": 1, "idle": 0.1},
    ("exporter", "skinned_mesh"): {"texture": 32, "pictures": 1},
    ("method", "anr"): {"crop": {"size": 48}, "renderer": {"widths": [8, 16, 16]}},
    ("method", "dnr"): {"crop": {"size": 48}, "renderer": {"widths": [8, 16, 16]}},
    ("encoder", "recorded_gaussians"): {
        "points": 300,
        "record": {"space": [8, 16], "time": 6, "channels": 4, "width": 16},
        "rig": {"pose_width": 8, "weights_width": 8},
        "light": True,
    },
    ("method", "r3"): {
        "encoders": {
            "cloud": {
                "points": 600,
                "hull": 100,
                "record": {"space": [16], "time": 12, "channels": 8, "width": 32},
            }
        },
        "density": {"start": 2, "stop": 20, "every": 6, "gradient": 1e-4, "most": 640},
    },
    ("method", "ram"): {
        "encoders": {"body": {"size": 64}},
        "renderer": {"channel_multiplier": 0.125, "max_channels": 16, "style": 16},
    },
    ("encoder", "surface_gaussians"): {"points": 300, "hull": 50},
    ("method", "splat"): {"encoders": {"cloud": {"points": 800, "hull": 100}}},
    ("encoder", "mlp_gaussians"): {"points": 300, "hull": 50, "anchors": 5, "controls": 40},
    ("method", "mmlp"): {
        "encoders": {
            "cloud": {"points": 800, "hull": 100, "anchors": 5, "controls": 60, "widths": [16, 16]}
        },
        "schedule": {"bases": 4, "harmonics": 8},
        "loss": {"perceptual": 0.0},
    },
    ("renderer", "two_stage_unet"): {"widths": [8, 16, 16]},
    ("renderer", "deferred_unet"): {"widths": [8, 16, 16]},
    ("renderer", "style_unet"): {"max_channels": 32, "style": 32},
}
#: What else the checks of a component are told: class attributes.
ATTRIBUTES = {
    ("tracker", name): {"data": OPTIONS["dataset", "studio"]}
    for name in ("mediapipe", "mediapipe_tasks")
}

#: Methods that share the code of another one, which is checked by default.
DEAR = {("method", "dnr"), ("method", "mmlp"), ("method", "r3")}

#: Checks that take long, where a cheaper component stands the same one by default.
DEAR_CHECKS = {
    ("encoder", "mlp_gaussians", "test_same_seed_same_result"),
    ("encoder", "surface_gaussians", "test_same_seed_same_result"),
    ("exporter", "skinned_mesh", "test_another_pose_gives_another_file"),
    ("exporter", "player", "test_the_same_source_gives_the_same_file"),
    ("aligner", "mda", "test_same_seed_same_result"),
    ("method", "anr", "test_growth_resumes"),
    ("method", "anr", "test_resuming_is_exact"),
    ("method", "anr", "test_same_seed_same_result"),
    ("method", "ram", "test_growth_resumes"),
    ("method", "ram", "test_resuming_is_exact"),  # of the command: tests/cli/test_exact_resume.py
    ("method", "ram", "test_same_seed_same_result"),
    ("method", "ram", "test_state_is_named"),
    ("method", "splat", "test_same_seed_same_result"),
}

#: Plugins that read files which their own tests write; the checks run there.
ELSEWHERE = {"datasets", "mhr", "smplx"}

COMPONENTS = sorted((c.kind, c.name) for c in catalog().components() if c.plugin not in ELSEWHERE)


def is_dear(kind, name, check):
    return (kind, name) in DEAR or (kind, name, check) in DEAR_CHECKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A capture on disk, with enough pictures to see whether they are held in memory."""
    root = tmp_path_factory.mktemp("conformance") / "capture"
    small_capture(root, frames=30, test_frames=10, size=128)
    return root


@pytest.mark.parametrize(
    ("kind", "name", "check"),
    [
        pytest.param(k, n, check, marks=[pytest.mark.slow] if is_dear(k, n, check) else [])
        for k, n in COMPONENTS
        for check in checks_of(conformance_class(k))
    ],
)
def test_conformance(kind, name, check, request):
    try:
        catalog().get(kind, name).load()
    except Unavailable as missing:
        pytest.skip(str(missing))
    options = dict(OPTIONS.get((kind, name), {}))
    if (kind, name) == ("dataset", "capture"):
        options["path"] = str(request.getfixturevalue("folder"))
    getattr(suite(kind, name, options)(), check)()


def suite(kind, name, options):
    attributes = {"name": name, "options": options, **ATTRIBUTES.get((kind, name), {})}
    return _SUITES.setdefault((kind, name), type("Shipped", (conformance_class(kind),), attributes))


_SUITES: dict = {}


def test_every_kind_is_checked():
    from avatar_kit.registry import KINDS

    assert {k for k, _ in COMPONENTS} == set(KINDS)


def test_options_name_components_that_exist():
    assert {*OPTIONS, *ATTRIBUTES, *DEAR} <= set(COMPONENTS)
    assert all(check in checks_of(conformance_class(kind)) for kind, _, check in DEAR_CHECKS)
    assert {(kind, name) for kind, name, _ in DEAR_CHECKS} <= set(COMPONENTS)
    assert all(check in checks_of(conformance_class(k)) for k, _, check in DEAR_CHECKS)
