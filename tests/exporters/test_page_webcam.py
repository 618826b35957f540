"""A page that is served is driven by a camera, and says in a line why it is not."""

import asyncio
import functools
import itertools
import re
import shutil
import threading
import zipfile
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from PIL import Image

import avatar_kit
from avatar_kit.config.slots import resolve_component
from avatar_kit.exporters.config import PlayerConfig
from avatar_kit.exporters.player import Player
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_KEYPOINTS, SMPLX_JOINTS
from avatar_kit.testing.avatar import export_source
from tests.exporters.test_mesh import quiet
from tests.exporters.test_page_solver import as_rotvec, degrees_between, world_of

_WEBCAM = Path(avatar_kit.__file__).parent / "exporters" / "page" / "webcam.js"
_SAID = "document.getElementById('said').textContent"
_READY = "document.documentElement.dataset.ready === 'true'"
_PRESS = "document.getElementById('drive').click()"
_DRIVES = "document.getElementById('drive').getAttribute('aria-pressed') === 'true'"

#: Pictures of the film, and how many of them must be seen for the figures.
_PICTURES, _ENOUGH = 8, 5

#: Times that a picture is shown at 30 frames a second, and the side of the squares that number it.
_HELD, _SQUARE = 150, 40

#: Keeps what the page's solver is told, and which picture the camera showed then.
_KEEP = """
window.kept = [];
const canvas = Object.assign(document.createElement("canvas"), {{ width: 640, height: 480 }});
const drawn = canvas.getContext("2d", {{ willReadFrequently: true }});
document.addEventListener("pose", ({{ detail }}) => {{
  drawn.drawImage(document.getElementById("camera"), 0, 0);
  const bit = (i) => drawn.getImageData({side} / 2, ({side} * i) + {side} / 2, 1, 1).data[0] > 128;
  const number = [0, 1, 2, 3].reduce((sum, i) => sum + (bit(i) ? 1 << i : 0), 0);
  const {{ seen, joints, expressions }} = detail;
  kept.push({{ number, seen, joints, face: Object.keys(expressions) }});
}});
0
"""

#: Lines of the body that are compared: key points of their ends.
_LINES = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a page."""
    root = tmp_path_factory.mktemp("served")
    Player(PlayerConfig(texture=32, pictures=1)).export(
        export_source("motion"), root / "player.html", quiet
    )
    return root


@contextmanager
def served(root):
    """The address of the page in a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/player.html"
    finally:
        server.shutdown()
        server.server_close()


def package():
    """The name and version on npm that the page asks for."""
    return re.search(r"npm/(@mediapipe/tasks-vision@[\d.]+)", _WEBCAM.read_text("utf-8"))[1]


def tracker_folder(folder, modules):
    """MediaPipe's code and models beside a page; skips where something is not here."""
    from avatar_kit_mediapipe.models import FACE_LANDMARKER, POSE_LANDMARKER

    from tests.conftest import shared_model
    from tests.exporters.viewing import node_packages

    code = node_packages(modules, package()) / "@mediapipe" / "tasks-vision"
    tracker = folder / "tracker"
    shutil.copytree(code / "wasm", tracker / "wasm")
    shutil.copy(code / "vision_bundle.mjs", tracker)
    face = FACE_LANDMARKER
    shutil.copy(face.path if face.here() else shared_model(face.name), tracker)
    if POSE_LANDMARKER.here():
        shutil.copy(POSE_LANDMARKER.path, tracker / "pose_landmarker.task")
    else:
        packed_pose(tracker / "pose_landmarker.task")


def packed_pose(out):
    """The networks that MediaPipe 0.10.21 ships, as its Tasks API reads them."""
    mediapipe = pytest.importorskip("mediapipe")
    modules = Path(mediapipe.__file__).parent / "modules"
    detector = modules / "pose_detection" / "pose_detection.tflite"
    if not detector.is_file():
        pytest.skip("no pose_landmarker_full.task is installed, and this MediaPipe ships none")
    with zipfile.ZipFile(out, "w") as file:
        file.write(detector, "pose_detector.tflite")
        file.write(
            modules / "pose_landmark" / "pose_landmark_full.tflite",
            "pose_landmarks_detector.tflite",
        )


def test_the_public_addresses_are_those_of_the_models_we_know():
    from avatar_kit_mediapipe.models import FACE_LANDMARKER, POSE_LANDMARKER

    text = _WEBCAM.read_text("utf-8")
    storage = re.search(r'MODELS = "(.*?)"', text)[1]
    found = {f"{storage}{tail}" for tail in re.findall(r"\$\{MODELS\}(.*?)`", text)}
    assert found == {POSE_LANDMARKER.url, FACE_LANDMARKER.url}


def numbered(picture, number):
    """A frame [480, 640, 3] with a picture in it, and squares at its left that number it."""
    frame = np.full((480, 640, 3), 128, np.uint8)
    side = 480
    small = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))
    frame[:, 640 - side - 40 : 600] = small
    for i in range(4):
        frame[_SQUARE * i : _SQUARE * (i + 1), :_SQUARE] = 255 * (number >> i & 1)
    return frame


def studio_film(out):
    """Eight pictures of the embedded capture as a camera shows them; its body and motion."""
    from tests.browsing import fake_camera

    values = {"type": "studio", "subject": "ada", "frames": 8, "test_frames": 4}
    dataset = catalog().get("dataset", "studio").load()
    capture = dataset(resolve_component("dataset", values)).open(512)
    at = list(capture.splits["train"].frames)
    shown = [numbered(picture, i + 1) for i, picture in enumerate(capture.images(at))]
    fake_camera([frame for frame in shown for _ in range(_HELD)], out)
    return capture, capture.motion[at]


def lines_of(body, shape, motion):
    """[T, lines, 3] unit vectors."""
    with torch.no_grad():
        points = body.keypoints(body.from_motion(motion, shape))
    ends = [[BODY_KEYPOINTS.index(name) for name in line] for line in _LINES]
    lines = torch.stack([points[:, b] - points[:, a] for a, b in ends], 1)
    return torch.nn.functional.normalize(lines, dim=-1)


async def seen(page, folder):
    """[H, W, 3] what is drawn beside the controls."""
    picture = Image.open(await page.screenshot(folder / "seen.png")).convert("RGB")
    return np.asarray(picture).astype(float)[:, :500]


async def driven(address, film, count):
    """Rotations [55, 4] that a page shows, by the number of the picture in a film of so many."""
    from tests.browsing import Browser

    async with Browser(address, film, size=(900, 500)) as page:
        await page.until(_READY)
        assert {a for a in page.requests if not a.startswith(("blob:", "data:"))} == {address}
        await page.value(_KEEP.format(side=_SQUARE))
        await page.value("document.getElementById('mirror').click()")
        before = await seen(page, film.parent)
        await page.value(_PRESS)
        await page.until(f"{_SAID}.startsWith('Loads MediaPipe')")
        await page.until(_DRIVES, 120)
        for _ in range(200):  # a second each
            if await page.value("new Set(kept.map(k => k.number)).size") >= count:
                break
            await asyncio.sleep(1)
        assert np.abs(await seen(page, film.parent) - before).mean() > 1  # of 255
        live = await page.value("document.getElementById('camera').srcObject.active")
        figures = await page.value("document.getElementById('figures').textContent")
        assert live and re.fullmatch(r"tracker \d+ ms, [\d.]+ poses/s, [\d.]+ frames/s", figures)
        stream = "window.stream = document.getElementById('camera').srcObject; 0"
        await page.value(stream)
        await page.value(_PRESS)
        await page.until(f"!({_DRIVES})")
        assert not await page.value("stream.active")  # the camera is released
        # TensorFlow Lite writes what it is glad to say on the same channel
        assert [error for error in page.errors if '"INFO: ' not in error] == []
        kept = await page.value("kept")
        faces = [set(frame["face"]) for frame in kept if frame["face"]]
        assert faces and set.union(*faces) == {*ARKIT_CHANNELS} - {"tongueOut"}
        origin = address.rpartition("/")[0]
        elsewhere = [a for a in page.requests if not a.startswith((origin, "blob:", "data:"))]
        assert elsewhere == []
    pairs = itertools.pairwise(kept)
    return {b["number"]: b["joints"] for a, b in pairs if a["number"] == b["number"] and b["seen"]}


@pytest.mark.slow
def test_a_camera_drives_the_page(folder, tmp_path):
    pytest.importorskip("aiohttp")
    shutil.copy(folder / "player.html", tmp_path)
    tracker_folder(tmp_path, tmp_path / "modules")
    film = tmp_path / "film.mjpeg"
    capture, motion = studio_film(film)
    with served(tmp_path) as address:
        found = asyncio.run(driven(address, film, _PICTURES))
    numbers = [n for n in sorted(found) if n]
    assert len(numbers) >= _ENOUGH
    body = export_source("motion").avatar.body
    shape = body.shape_vector(capture.shape)
    none = torch.zeros(len(numbers), 3)
    rotations = torch.stack([as_rotvec(found[n]) for n in numbers])
    posed = Motion.from_rotvec(30.0, none, rotations, torch.zeros(len(none), 52), none[:, 0] + 1)
    filmed = motion[[n - 1 for n in numbers]]
    off = degrees_between(lines_of(body, shape, filmed), lines_of(body, shape, posed))
    heads = (world_of(m.rotvec())[:, SMPLX_JOINTS.index("head")] for m in (filmed, posed))
    turned = torch.rad2deg(roma.rotmat_geodesic_distance(*heads))
    print(f"{len(numbers)} pictures: limbs {off.median():.1f}, heads {turned.median():.1f} degrees")
    assert float(off.median()) < 12 and float(turned.median()) < 15


async def complaints(address, folder):
    """What the page says of each obstacle, one after another, and whether it still plays."""
    from tests.browsing import Browser

    said = []
    async with Browser(address, size=(900, 500)) as page:
        await page.call(
            "Network.setBlockedURLs", urls=["https://cdn.jsdelivr.net/*", "https://storage.*"]
        )
        await page.until(_READY)
        for make in (None, "vision_bundle.mjs", "pose_landmarker.task", "face_landmarker.task"):
            if make is not None:
                (folder / "tracker").mkdir(exist_ok=True)
                (folder / "tracker" / make).write_text(_NO_WASM if "mjs" in make else "nothing")
            await page.value(_PRESS)
            await page.until(f"!/^$|^Loads/.test({_SAID})")
            said.append(await page.value(_SAID))
            await page.value("document.getElementById('said').textContent = ''; 0")
        assert not await page.value(f"document.getElementById('camera').srcObject || {_DRIVES}")
        asked = [a for a in page.requests if a.startswith("https:")]
    async with Browser(address, allowed=False, size=(900, 500)) as page:
        await page.until(_READY)
        await page.value(_PRESS)
        await page.until(f"!/^$|^Loads/.test({_SAID})")
        said.append(await page.value(_SAID))
        assert not await page.value("document.getElementById('play').disabled")
    return said, asked


#: Code whose WebAssembly does not load.
_NO_WASM = """
export const FilesetResolver = { forVisionTasks: async () => ({}) };
const broken = { createFromOptions: async () => { throw new Event("error"); } };
export const PoseLandmarker = broken, FaceLandmarker = broken;
"""


@pytest.mark.slow
def test_what_is_missing_is_said_in_a_line(folder, tmp_path):
    pytest.importorskip("aiohttp")
    shutil.copy(folder / "player.html", tmp_path)
    with served(tmp_path) as address:
        said, asked = asyncio.run(complaints(address, tmp_path))
    code, pose, face, wasm, refused = said
    assert code.startswith(f"https://cdn.jsdelivr.net/npm/{package()}/vision_bundle.mjs cannot be")
    assert pose.startswith("/tracker/pose_landmarker.task cannot be loaded (404")
    assert face.startswith("/tracker/face_landmarker.task cannot be loaded (404")
    assert wasm.startswith("The tracker does not start from /tracker/wasm: a file is missing")
    assert refused.startswith("The browser refused the camera.")
    assert asked == [f"https://cdn.jsdelivr.net/npm/{package()}/vision_bundle.mjs"]
