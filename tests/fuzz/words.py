"""Command lines whose options take what they should not."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.fuzz import mutation
from tests.fuzz.world import World

_FLOATS = ["nan", "inf", "-inf", "-1", "0", "1e400", "1e308", "-0", "x", "", "1e-300", "360", "25"]
_WHOLE = ["-1", "0", "1", "2", "99999999999", "18446744073709551616", "x", "", "1.5", "nan"]
_NAMES = ["", " ", "x", "mda", "none", "pca_clamp", "..", "nan", "cuda:99", "cpu", "ünï", "a/b"]
_ADDRESSES = [
    "vmc://127.0.0.1:0",
    "vmc://x",
    "livelink://127.0.0.1:99999",
    "http://a:1",
    "",
    "vmc://:-1",
]
_PLACES = ["{}/o.mp4", "{}/o", "{}/o.npz", "{}/none/o.gif", "/proc/o.mp4", "/", "", "{}/o.xyz", "."]

#: Command -> option -> values that it is given.
_OPTIONS = {
    "render": {
        "--orbit": _FLOATS, "--fps": _FLOATS, "--frames": _WHOLE, "--align": _NAMES,
        "--align-strength": _FLOATS, "--background": [*_NAMES, "#fff", "#ggg", "red", "/dev/zero"],
        "--out": _PLACES, "--device": _NAMES, "--clip": _NAMES, "--camera": _PLACES,
    },
    "align": {
        "--motion": _PLACES, "--out": _PLACES, "--align": _NAMES, "--align-strength": _FLOATS,
        "--clip": _NAMES, "--device": _NAMES,
    },
    "export": {
        "--to": ["{}/o.ply", "{}/o.glb", "{}/o.bvh", "{}/o.npz", "{}/o.xyz", "", "/proc/o.ply",
                 "{}/o.html", "{}/o.spz", "{}/o.safetensors", "{}/%05d.bvh", "{}/%05d.ply"],
        "--fps": _FLOATS, "--frames": _WHOLE, "--frame": _WHOLE, "--clip": _NAMES,
        "--device": _NAMES,
    },
    "eval": {"--step": _WHOLE, "--device": _NAMES, "--data": [*_NAMES, *_PLACES]},
    "mix": {
        "--from": _PLACES, "--region": ["face", "torso,legs", "", ",", "tail"], "--out": _PLACES,
        "--feather": _FLOATS, "--to": _NAMES, "--device": _NAMES,
    },
    "prepare": {
        "--out": _PLACES, "--fov": _FLOATS, "--focal": _FLOATS, "--start": _FLOATS,
        "--end": [*_FLOATS, "1:99", "::"], "--every": _WHOLE, "--fps": _FLOATS, "--rotate": _WHOLE,
        "--crop": ["1,2,3", "0,0,1e9,4", "nan,0,1,1", "", "0,0,-4,4"], "--shape": ["x", "age=nan"],
        "--held-out": _FLOATS, "--body": _NAMES, "--tracker": _NAMES, "--matting": _NAMES,
        "--person": [*_NAMES, *_WHOLE], "--box": ["1,2", "0,0,1,1@nan", "0,0,9,9@-1", ""],
        "--motion": _PLACES, "--masks": _PLACES, "--camera": _PLACES, "--name": _NAMES,
    },
    "compare": {
        "--method": ["anr", "x: ", "a: anr steps=nan", "'", "", "anr steps"], "--seed": _WHOLE,
        "--data": [*_NAMES, *_PLACES, "studio subject=", "studio '"], "--workers": _WHOLE,
        "--preset": _NAMES, "--plan": _PLACES, "--threads": _WHOLE,
    },
    "train": {
        "--method": [*_NAMES, "anr"], "--preset": _NAMES, "--resume": _PLACES, "--config": _PLACES,
        "--data": [*_NAMES, "{}/none", "studio subject=zed"], "--consent": _NAMES,
    },
    "live": {
        "--camera": ["browser", "x.mp4", "/dev/zero", "99", ""], "--fps": _FLOATS, "--fov": _FLOATS,
        "--receive": _ADDRESSES, "--send": _ADDRESSES, "--performer": [*_PLACES, "{}/none.json"],
        "--record": _PLACES, "--background": _NAMES, "--align": _NAMES, "--tracker": _NAMES,
        "--align-strength": _FLOATS, "--port": _WHOLE, "--host": ["", "x", "127.0.0.1", "::1"],
        "--device": _NAMES,
    },
    "view": {
        "--motion": _PLACES, "--clip": _NAMES, "--up": _NAMES, "--unit": _NAMES, "--map": _PLACES,
        "--motion-fps": _FLOATS, "--face": _PLACES, "--hands": _PLACES, "--port": _WHOLE,
        "--device": _NAMES,
    },
    "motion": {
        "--start": _FLOATS, "--end": _FLOATS, "--fps": _FLOATS, "--loop": _WHOLE,
        "--smooth": _FLOATS, "--clip": _NAMES, "--up": _NAMES, "--unit": _NAMES, "--out": _PLACES,
        "--to": ["ours", "amass", "bvh", "x", ""], "--map": _PLACES, "--motion-fps": _FLOATS,
        "--face": _PLACES, "--hands": _PLACES,
    },
    "data": {"--as": _NAMES, "--body": [*_NAMES, "smplx model=x", "'"], "--out": _PLACES},
    "licences": {"--json": [""], "x": _NAMES},
    "r3-times": {"--motion": _PLACES, "--out": _PLACES, "--clip": _NAMES, "--align": _NAMES},
    "models": {"add": _PLACES, "get": ["x", "", "..", "a/b"]},
    "plugins": {"show": [*_NAMES, "ram"], "--kind": _NAMES, "new": ["", "..", "a b", "9x"]},
    "aligner": {"train": [*_NAMES], "--out": _PLACES, "--seed": _WHOLE},
    "benchmark": {"--out": _PLACES, "--method": _NAMES, "x": _NAMES},
    "doctor": {"x": _NAMES},
}  # fmt: skip

_NEEDS_OUT = ("align", "export", "mix", "prepare")


def command_line(random: Random, world: World, folder: Path) -> list[str]:
    """The words of a command, two or three of its options given; what it needs is right."""
    command = random.choice(list(_OPTIONS))
    options = _OPTIONS[command]
    given: list[str] = []
    for name in random.sample(list(options), min(len(options), random.choice([1, 1, 2, 3]))):
        value = random.choice(options[name]).format(folder)
        given += [name, value] if name != "x" else [value]
    first = _first(command, given, world, folder)
    if command == "align" and "--motion" not in given:
        first += ["--motion", str(world.run / "training_motion.npz")]
    if command == "render" and not {"--orbit", "--camera"} & set(given):
        first += ["--orbit", "9"]
    if command == "render" and "--frames" not in given:
        first += ["--frames", "1"]
    if command == "train":  # never a step: no value of a key makes a whole training
        first += [f"no_such_key={random.choice(mutation.WORDS[:9]) or 1}"]
    if random.random() < 0.1:
        given[0] = mutation.misspelt(random, given[0])
    return [word for word in [command, *first, *given] if "\0" not in word or random.random() < 0.5]


def _first(command: str, given: list[str], world: World, folder: Path) -> list[str]:
    """What a command cannot do without, where it is not among the options."""
    run = str(world.run)
    needed = {
        "render": [run],
        "align": [run],
        "export": [run],
        "eval": [run],
        "live": [run, "--no-browser"],
        "view": [run, "--no-browser"],
        "motion": ["convert", f"{world.capture}/motion.npz"],
        "data": ["info", str(world.capture)],
        "r3-times": [run],
        "mix": [run],
        "prepare": [str(world.root / "clip.mp4")],
    }.get(command, [])
    if command == "prepare":
        assert world.video  # made
    defaults = {
        "render": ["--out", f"{folder}/out.mp4"],
        "align": ["--out", f"{folder}/out.npz"],
        "export": ["--to", f"{folder}/out.ply"],
        "mix": ["--out", f"{folder}/out"],
        "motion": ["--out", f"{folder}/out.npz"],
        "prepare": ["--out", f"{folder}/out"],
        "compare": ["--out", f"{folder}/out"],
        "benchmark": ["--out", f"{folder}/out"],
    }.get(command, [])
    if command == "mix":
        for name, value in (("--from", run), ("--region", "face")):
            needed += [] if name in given else [name, value]
    return needed + ([] if defaults and defaults[0] in given else defaults)
