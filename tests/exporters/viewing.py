"""A file as somebody else's viewer shows it: three.js, with Spark for Gaussians, in Chromium."""

from __future__ import annotations

import functools
import io
import json
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

PACKAGES = ("@sparkjsdev/spark@2.2.0", "three@0.180.0")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu-sandbox", "--use-gl=angle",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars",
)  # fmt: skip


def chromium() -> str:
    """The browser; skips without one."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("there is no Chromium on this machine")


def node_packages(folder: Path, *packages: str) -> Path:
    """Packages of npm in a folder; skips without npm, or where it cannot reach them."""
    if not shutil.which("npm"):
        pytest.skip("there is no npm on this machine")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm cannot install {', '.join(packages)}: {done.stderr[-200:]}")
    return folder / "node_modules"


def viewed(file: Path, modules: Path, camera, *, turn=(0, 0, 0, 1), profile: Path) -> torch.Tensor:
    """[3, H, W] in [0, 1] what the viewer shows of a file, on black.

    Args:
        file: The file of Gaussians.
        modules: Folder ``node_modules`` with :data:`PACKAGES`.
        camera: One camera, in the world that the viewer shows.
        turn: Rotation of the Gaussians in it, xyzw.
        profile: An empty folder for the browser.
    """
    view = {**projection_of(camera), "file": f"/{file.name}", "turn": list(turn)}
    return picture_of(posted("viewer.html", view, [file], modules, profile)["picture"])


def posted(
    page: str, view: dict, files: list[Path], modules: Path, profile: Path
) -> dict[str, bytes]:
    """What a page of this folder posts until its picture comes, by the name it goes to.

    Args:
        page: Name of the page.
        view: What it finds as ``/view.json``; its width and height are those of the window.
        files: What it finds beside that.
        modules: Folder ``node_modules``.
        profile: An empty folder for the browser.
    """
    (profile / "view.json").write_text(json.dumps(view))
    for file in files:
        (profile / file.name).write_bytes(file.read_bytes())
    got: dict[str, bytes] = {}
    arrived = threading.Event()
    handler = functools.partial(_Handler, got, arrived, (profile, modules, Path(__file__).parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/{page}"
    window = f"--window-size={view['width']},{view['height']}"
    browser = subprocess.Popen(
        [chromium(), *FLAGS, window, f"--user-data-dir={profile / 'profile'}", address],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert arrived.wait(180), "the viewer sent no picture within three minutes"
    finally:
        browser.terminate()
        browser.wait(20)
        server.shutdown()
    assert "error" not in got, got["error"].decode()
    return got


def picture_of(data: bytes) -> torch.Tensor:
    """[3, H, W] in [0, 1] of a PNG."""
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)


def projection_of(camera) -> dict:
    """The camera as OpenGL has it: y up, z backwards, depth from -1 to 1; matrices row by row."""
    K, (w, h) = camera.K[0].double(), (camera.width, camera.height)
    near, far = 0.1, 100.0
    projection = torch.zeros(4, 4, dtype=torch.float64)
    projection[0, 0], projection[0, 2] = 2 * K[0, 0] / w, 1 - 2 * K[0, 2] / w
    projection[1, 1], projection[1, 2] = 2 * K[1, 1] / h, 2 * K[1, 2] / h - 1
    projection[2, 2], projection[2, 3] = (far + near) / (near - far), 2 * far * near / (near - far)
    projection[3, 2] = -1
    world = torch.eye(4, dtype=torch.float64)
    world[:3, :3] = camera.R[0].double().T @ torch.diag(torch.tensor([1.0, -1, -1]).double())
    world[:3, 3] = camera.position[0].double()
    return {
        "width": w, "height": h,
        "world": world.flatten().tolist(), "projection": projection.flatten().tolist(),
    }  # fmt: skip


class _Handler(SimpleHTTPRequestHandler):
    """Serves the first folder that has a file, and keeps what is posted."""

    def __init__(self, got, arrived, folders, *arguments):
        self.got, self.arrived, self.folders = got, arrived, folders
        super().__init__(*arguments)

    def translate_path(self, path: str) -> str:
        """Where a file is."""
        name = path.partition("?")[0].lstrip("/")
        found = (folder / name for folder in self.folders)
        return str(next((file for file in found if file.is_file()), self.folders[0] / "missing"))

    def do_POST(self) -> None:
        """A picture, what comes with it, or what went wrong."""
        self.got[self.path.lstrip("/")] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        if self.path in ("/picture", "/error"):
            self.arrived.set()

    def log_message(self, *_: object) -> None:
        """Quiet."""
