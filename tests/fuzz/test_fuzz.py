"""A few cases of every kind; ``python -m tests.fuzz`` runs as many as you like."""

import pytest

from tests.fuzz.kinds import KINDS
from tests.fuzz.running import ended
from tests.fuzz.world import World

#: Kinds that need a trained run, or set one up -> cases.
_DEAR = {
    "run": 20, "command": 20, "path": 10, "setup": 4, "people": 8, "recording": 20,
    "comparison": 12, "rendering": 8, "gltf": 20, "drive": 12,
}  # fmt: skip


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("right"))


def check(kind, cases, world, tmp_path):
    bad = []
    for number in range(cases):
        ending = ended(kind, f"0-{kind}-{number}", world, tmp_path / "case")
        if ending.bad:
            bad.append(f"{number} {ending.how}: {ending.text}")
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in _DEAR])
def test_each_case_ends_well_or_with_one_message(kind, world, tmp_path):
    check(kind, 8, world, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(_DEAR))
def test_each_case_about_a_run_ends_well_or_with_one_message(kind, world, tmp_path):
    check(kind, _DEAR[kind], world, tmp_path)


def test_every_motion_format_has_an_example(world):
    """What a reader takes is damaged: a new format needs a file in ``tests/fuzz/examples.py``."""
    from avatar_kit.io.motion.formats import FORMATS, find_format, gltf
    from avatar_kit.io.motion.source import Source

    folder = world.root / "formats"
    folder.mkdir()
    for name, data in world.motions.items():
        (folder / name).write_bytes(data)
    examples = [*folder.iterdir(), *world.frame_folders.values()]
    found = {find_format(Source(path)).name for path in examples}
    missing = {layout.name for layout in FORMATS if layout.name} - found
    assert missing == {gltf.FORMAT.name}  # a kind of its own


def test_a_case_is_the_same_each_time(world, tmp_path):
    def words():
        from random import Random

        tmp_path.joinpath("a").mkdir(exist_ok=True)
        return KINDS["overrides"](Random("7-overrides-3"), world, tmp_path / "a")

    assert words() == words()


@pytest.mark.parametrize(
    ("case", "how"),
    [
        (lambda: 1 / 0, "traceback"),
        (lambda: open("/dev/zero").close(), "accepted"),
        (["config", "show", "steps=x"], "refused"),
        (["--version"], "accepted"),
    ],
)
def test_endings_are_told_apart(case, how, world, tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "given", lambda random, world, folder: case)
    assert ended("given", "0", world, tmp_path / "case").how == how


def test_what_is_left_and_what_waits_is_found(world, tmp_path, monkeypatch):
    import os

    from avatar_kit.errors import UserError

    def leave():
        open("half.mp4", "w").close()
        raise UserError("refused")

    def wait():
        os.mkfifo("pipe")
        open("pipe").close()

    monkeypatch.setattr("tests.fuzz.running.WAITING", 0.5)
    for kind, case in (("left-over", leave), ("hang", wait)):
        monkeypatch.setitem(KINDS, "given", lambda random, world, folder, case=case: case)
        assert ended("given", "0", world, tmp_path / "case").how == kind
