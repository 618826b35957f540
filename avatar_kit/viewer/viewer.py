"""The loop of the viewer: one thread looks at what is wanted and draws it.

Nothing but this thread touches the avatar, so what pages ask for meanwhile can never meet half of
a checkpoint.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import roma
import torch
import torch.nn.functional as F
import viser

from avatar_kit.engine.checkpoint import list_checkpoints
from avatar_kit.engine.driving import keep_footing
from avatar_kit.engine.floor import lowest_points
from avatar_kit.engine.loaded import load_avatar
from avatar_kit.errors import UserError
from avatar_kit.scene import Camera, GaussianCloud, Motion
from avatar_kit.viewer.page import BODY, GAUSSIANS, PICTURE, Page, browser_camera
from avatar_kit.viewer.pictures import Drawn, difference, draw, maps, pictured
from avatar_kit.viewer.subject import Subject, camera_at, with_edits

Say = Callable[[str], None]

RECORDED, OWN, ERROR = "recording", "avatar, its own camera", "error, four times"
#: Value of the first spherical harmonic, which is the same in all directions.
_FIRST_HARMONIC = 0.28209479177387814
#: Seconds between two looks for a newer checkpoint.
_FOLLOW_SECONDS = 2.0
#: Seconds that the loop waits for something to change.
_PATIENCE = 0.05


class Viewer:
    """A subject on a page.

    Args:
        subject: What is looked at.
        host: Address to listen on.
        port: To listen on; the next free one is taken where it is not.
        follow: Take the newest checkpoint of a run whenever there is one.
        say: Takes a line for a person.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        follow: bool = False,
        say: Say = lambda line: None,
    ):
        self.subject, self.follow, self.say = subject, follow, say
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a box, whatever it is told
            self.server = viser.ViserServer(host=host, port=port, label="avatar-kit")
        self._known_panels = self._panels()
        self.page = Page(self.server, subject, self._known_panels, self._aligns())
        floor = lowest_points(subject.body, subject.shape, subject.motion[:1])
        self._floor = float(floor[0])
        self._faces = subject.body.topology.faces.cpu().numpy()
        self._next_look = time.monotonic() + _FOLLOW_SECONDS
        self._frame, self._moved = 0.0, time.monotonic()
        self.stopped = False

    @property
    def address(self) -> str:
        """What to open."""
        return f"http://{self.server.get_host()}:{self.server.get_port()}"

    def run(self) -> None:
        """Draw until :meth:`stop`."""
        while not self.stopped:
            self.step()
        self.server.stop()

    def stop(self) -> None:
        """End :meth:`run`."""
        self.stopped = True
        self.page.changed.set()

    def step(self) -> None:
        """One turn of the loop."""
        self.page.changed.wait(_PATIENCE)
        self._advance()
        if self.follow:
            self._follow()
        if self.page.changed.is_set():
            self.page.changed.clear()
            self.show()

    def _advance(self) -> None:
        now, wanted = time.monotonic(), self.page.wanted
        if wanted.playing:
            count = len(self.subject.motion)
            self._frame = (self._frame + (now - self._moved) * self.subject.motion.fps) % count
            wanted.frame = int(self._frame)
            self.page.slider.value = wanted.frame
            self.page.changed.set()
        else:
            self._frame = float(wanted.frame)
        self._moved = now

    def _follow(self) -> None:
        """A newer checkpoint takes the place of the avatar."""
        loaded, now = self.subject.avatar, time.monotonic()
        if loaded is None or now < self._next_look:
            return
        self._next_look = now + _FOLLOW_SECONDS
        there = list_checkpoints(loaded.run.checkpoints)
        if not there or there[-1].name == f"step-{loaded.step:06d}":
            return
        try:
            newer = load_avatar(loaded.run, device=str(loaded.device))
        except UserError as error:  # being written, or pruned
            self.say(f"{there[-1].name}: {error}")
            return
        title = f"{newer.subject.capture}, {newer.config.type}, step {newer.step}"
        self.subject = replace(
            self.subject,
            avatar=newer,
            body=newer.avatar.body,
            shape=newer.avatar.shape,
            title=title,
        )
        self.page.title.content = f"**{title}**"
        self.page.changed.set()

    # --- drawing ---

    def show(self) -> None:
        """Draw what is wanted."""
        began = time.perf_counter()
        wanted, subject = self.page.wanted, self.subject
        frame = min(wanted.frame, len(subject.motion) - 1)
        pose = self._pose(frame)
        recorded = self._recorded(frame)
        self.page.place_cameras(frame, recorded)
        if subject.avatar is None or wanted.show == BODY:
            self.page.show_mesh(self._vertices(pose), self._faces, self._floor)
        else:
            self.page.show_mesh(None, self._faces, self._floor)
        if subject.avatar is not None:
            self._show_avatar(pose)
        self._show_panel(frame, pose, recorded)
        took = 1e3 * (time.perf_counter() - began)
        sure = float(pose.confidence[0])
        self.page.line.content = f"{took:.0f} ms, confidence {sure:.2f}"

    def _pose(self, frame: int) -> Motion:
        wanted, loaded = self.page.wanted, self.subject.avatar
        pose = self.subject.motion[frame : frame + 1]
        if wanted.aligned and loaded is not None:
            moved = pose.to(loaded.device)
            aligned, _ = loaded.avatar.aligner.step(moved, None)
            pose = keep_footing(loaded, moved, aligned).to("cpu")
        return with_edits(pose, wanted.turns, wanted.expression)

    @torch.no_grad()
    def _vertices(self, pose: Motion) -> np.ndarray:
        body = self.subject.body
        pose = pose.to(self.subject.shape.device)
        return body(body.from_motion(pose, self.subject.shape)).vertices[0].cpu().numpy()

    def _recorded(self, frame: int) -> dict[str, np.ndarray]:
        found = {name: self.subject.recorded(frame, name) for name in self.subject.cameras}
        return {name: picture for name, picture in found.items() if picture is not None}

    def _show_avatar(self, pose: Motion) -> None:
        loaded, wanted = self.subject.avatar, self.page.wanted
        assert loaded is not None
        gaussians = wanted.show == GAUSSIANS
        if gaussians:
            drawn = draw(loaded, pose, self._own(0), picture=False)
            assert drawn.cloud is not None
            self.page.show_gaussians(_splats(drawn.cloud))
        else:
            self.page.show_gaussians(None)
        for client in self.server.get_clients().values():
            if wanted.show != PICTURE:
                client.scene.set_background_image(None)
                continue
            camera = browser_camera(client, wanted.height)
            output = draw(loaded, pose, camera).output
            assert output is not None
            client.scene.set_background_image(pictured(output), format="jpeg", jpeg_quality=85)

    def _own(self, frame: int) -> Camera:
        return camera_at(next(iter(self.subject.cameras.values())), frame)

    # --- the panel ---

    def _panels(self) -> list[str]:
        loaded = self.subject.avatar
        has_pictures = bool(self._recorded(0))
        if loaded is None:
            return [RECORDED] if has_pictures else []
        drawn = draw(loaded, self.subject.motion[:1], self._own(0), picture=False)
        return [
            *([RECORDED] if has_pictures else []),
            OWN,
            *([ERROR] if has_pictures else []),
            *maps(drawn),
        ]

    def _aligns(self) -> bool:
        loaded = self.subject.avatar
        return loaded is not None and loaded.avatar.aligner.config.type != "identity"

    def _show_panel(self, frame: int, pose: Motion, recorded: dict[str, np.ndarray]) -> None:
        name = self.page.wanted.panel
        self.page.show_panel(self._panel(name, frame, pose, recorded), name)

    def _panel(
        self, name: str, frame: int, pose: Motion, recorded: dict[str, np.ndarray]
    ) -> np.ndarray | None:
        picture = next(iter(recorded.values()), None)
        if name == RECORDED:
            return picture
        loaded = self.subject.avatar
        if loaded is None or name not in self._known_panels:
            return None
        drawn: Drawn = draw(loaded, pose, self._own(frame), picture=name in (OWN, ERROR))
        if drawn.output is None:
            return maps(drawn)[name]
        shown = pictured(drawn.output)
        if name == OWN or picture is None:
            return shown
        return difference(shown, picture)


def _splats(cloud: GaussianCloud) -> tuple[np.ndarray, ...]:
    """What viser takes of a cloud."""
    covariances = cloud.covariances
    if covariances is None:
        assert cloud.quaternions is not None and cloud.scales is not None
        turned = roma.unitquat_to_rotmat(F.normalize(cloud.quaternions, dim=-1).roll(-1, -1))
        axes = turned * cloud.scales[..., None, :]
        covariances = axes @ axes.mT
    if cloud.features is not None:
        colours = cloud.features[0, :, :3]
    else:  # without their dependence on the direction of view
        assert cloud.spherical_harmonics is not None
        colours = 0.5 + _FIRST_HARMONIC * cloud.spherical_harmonics[0, :, 0, :3]
    values = (cloud.means[0], covariances[0], colours.clamp(0, 1), cloud.opacities[0, :, None])
    return tuple(value.float().cpu().numpy() for value in values)
