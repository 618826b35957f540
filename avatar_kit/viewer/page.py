"""The page: what a person can choose, on viser. Its callbacks note what is wanted, nothing else."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import roma
import torch
import viser

from avatar_kit.scene import Camera
from avatar_kit.scene.camera import intrinsics
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS
from avatar_kit.viewer.subject import Subject, camera_at

#: Ways to show the person.
PICTURE, GAUSSIANS, BODY = "avatar's picture", "Gaussians", "body"
#: Height in pixels of what the avatar draws for the browser's camera.
HEIGHTS = (256, 384, 512)

_NONE = "nothing"
#: Metres of a drawn camera, and of its lines.
_FRUSTUM_SCALE, _FRUSTUM_LINE = 0.25, 0.004
#: Where a page begins that shows the cameras: turned from the first one by so many radians about
#: the person, so many times as far away, and so many metres higher.
_ASIDE, _FARTHER, _ABOVE = 0.5, 1.3, 0.4


@dataclass
class Wanted:
    """What a person chose.

    Attributes:
        frame: Number of the pose.
        playing: Whether it goes on by itself.
        show: One of ``PICTURE``, ``GAUSSIANS``, ``BODY``.
        height: Of the avatar's picture in pixels.
        cameras: Whether the cameras of the recording are shown.
        panel: Name of an encoder whose map is shown, or of a picture; ``nothing``.
        aligned: Whether poses go through the avatar's aligner.
        turns: Joint -> further rotation in radians.
        expression: Channel -> value.
    """

    frame: int = 0
    playing: bool = False
    show: str = BODY
    height: int = HEIGHTS[0]
    cameras: bool = True
    panel: str = _NONE
    aligned: bool = False
    turns: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    expression: dict[int, float] = field(default_factory=dict)


class Page:
    """Controls and scene.

    Args:
        server: Of viser, listening.
        subject: What is looked at.
        panels: What the panel can show.
        aligns: Whether there is an aligner that changes anything.

    Attributes:
        wanted: What a person chose.
        changed: Set when something else is wanted than is shown.
    """

    def __init__(
        self, server: viser.ViserServer, subject: Subject, panels: list[str], aligns: bool
    ):
        self.server, self.subject = server, subject
        self.wanted, self.changed = Wanted(), threading.Event()
        server.scene.set_up_direction("+y")
        self.title = server.gui.add_markdown(f"**{subject.title}**")
        self._time()
        self._choices(panels, aligns)
        self._face()
        self._joints()
        self._frusta()
        self._mesh: Any = None
        server.on_client_connect(self._greet)

    # --- controls ---

    def _time(self) -> None:
        count = len(self.subject.motion)
        gui = self.server.gui
        self.slider: Any = gui.add_slider(
            "frame", min=0, max=max(count - 1, 1), step=1, initial_value=0, disabled=count < 2
        )
        play = gui.add_checkbox("play", False, disabled=count < 2)
        self.slider.on_update(lambda _: self._note(frame=int(self.slider.value)))
        play.on_update(lambda _: self._note(playing=bool(play.value)))

    def _choices(self, panels: list[str], aligns: bool) -> None:
        gui, avatar = self.server.gui, self.subject.avatar is not None
        if avatar:
            ways = [PICTURE, *([GAUSSIANS] if self._has_gaussians() else []), BODY]
            show = gui.add_dropdown("show", ways, initial_value=ways[0])
            self.wanted.show = ways[0]
            show.on_update(lambda _: self._note(show=str(show.value)))
            height = gui.add_dropdown("pixels", [str(h) for h in HEIGHTS])
            height.on_update(lambda _: self._note(height=int(height.value)))
        if self.subject.cameras:
            self.wanted.cameras = not avatar  # they would stand before what the avatar shows
            cameras = gui.add_checkbox("cameras", self.wanted.cameras)
            cameras.on_update(lambda _: self._note(cameras=bool(cameras.value)))
        if aligns:
            aligned = gui.add_checkbox("align", False)
            aligned.on_update(lambda _: self._note(aligned=bool(aligned.value)))
        if panels:
            panel = gui.add_dropdown("beside", [_NONE, *panels])
            panel.on_update(lambda _: self._note(panel=str(panel.value)))
        self._panel: Any = None
        self.line = gui.add_markdown("")

    def _has_gaussians(self) -> bool:
        loaded = self.subject.avatar
        assert loaded is not None
        slots = loaded.config.encoders.values()
        return any(slot.yields()[0] == "gaussians" for slot in slots)

    def _face(self) -> None:
        with self.server.gui.add_folder("expression", expand_by_default=False):
            for number, name in enumerate(ARKIT_CHANNELS):
                slider = self.server.gui.add_slider(
                    name, min=0.0, max=1.0, step=0.01, initial_value=0.0
                )
                slider.on_update(self._set_channel(number, slider))

    def _set_channel(self, number: int, slider: Any) -> Any:
        def noted(_: Any) -> None:
            self.wanted.expression[number] = float(slider.value)
            self.changed.set()

        return noted

    def _joints(self) -> None:
        gui = self.server.gui
        with gui.add_folder("joints", expand_by_default=False):
            names = list(SMPLX_JOINTS)
            joint = gui.add_dropdown("joint", names, initial_value="left_shoulder")
            axes: list[Any] = [
                gui.add_slider(axis, min=-180.0, max=180.0, step=1.0, initial_value=0.0)
                for axis in ("x", "y", "z")
            ]
            rest = gui.add_button("all as recorded")

        def chosen(_: Any) -> None:
            turn = self.wanted.turns.get(names.index(joint.value), (0.0, 0.0, 0.0))
            for slider, value in zip(axes, turn, strict=True):
                slider.value = round(float(np.degrees(value)))

        def turned(_: Any) -> None:
            turn = tuple(float(np.radians(slider.value)) for slider in axes)
            self.wanted.turns[names.index(joint.value)] = (turn[0], turn[1], turn[2])
            self.changed.set()

        def reset(_: Any) -> None:
            self.wanted.turns.clear()
            for slider in axes:
                slider.value = 0.0
            self.changed.set()

        joint.on_update(chosen)
        rest.on_click(reset)
        for slider in axes:
            slider.on_update(turned)

    def _note(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.wanted, name, value)
        self.changed.set()

    # --- the scene ---

    def _greet(self, client: viser.ClientHandle) -> None:
        eye, target, fov = self._first_view()
        client.camera.up_direction = (0.0, 1.0, 0.0)
        client.camera.position, client.camera.look_at = np.array(eye), np.array(target)
        client.camera.fov = fov
        client.camera.on_update(lambda _: self.changed.set())
        self.changed.set()

    def _first_view(self) -> tuple[tuple[float, ...], tuple[float, ...], float]:
        """Where a page begins: at the first camera, or behind it and beside where it is shown."""
        middle = self.subject.motion.transl.median(0).values
        target = tuple(float(v) for v in middle)
        if not self.subject.cameras:
            return (target[0], target[1] + 0.2, target[2] + 3.5), target, 0.7
        camera = camera_at(next(iter(self.subject.cameras.values())), 0)
        away = camera.position[0] - middle
        if self.wanted.cameras:
            turned = roma.rotvec_to_rotmat(torch.tensor([0.0, _ASIDE, 0.0])) @ away
            away = _FARTHER * turned + torch.tensor([0.0, _ABOVE, 0.0])
        return tuple((middle + away).tolist()), target, _fov(camera)

    def _frusta(self) -> None:
        self.frusta = {}
        for name, camera in self.subject.cameras.items():
            own = camera_at(camera, 0)
            wxyz, position = pose_of(own)
            self.frusta[name] = self.server.scene.add_camera_frustum(
                f"/cameras/{name}",
                _fov(own),
                own.width / own.height,
                scale=_FRUSTUM_SCALE,
                thickness=_FRUSTUM_LINE,
                wxyz=wxyz,
                position=position,
            )

    def place_cameras(self, frame: int, pictures: Mapping[str, np.ndarray]) -> None:
        """Cameras as they are at a frame, with what they see."""
        for name, frustum in self.frusta.items():
            frustum.visible = self.wanted.cameras
            wxyz, position = pose_of(camera_at(self.subject.cameras[name], frame))
            frustum.wxyz, frustum.position = wxyz, position
            if name in pictures:
                frustum.image = pictures[name]

    def show_mesh(self, vertices: np.ndarray | None, faces: np.ndarray, floor: float) -> None:
        """The posed body; None hides it."""
        if vertices is None:
            if self._mesh is not None:
                self._mesh.visible = False
            return
        if self._mesh is None:
            self._mesh = self.server.scene.add_mesh_simple(
                "/body", vertices, faces, color=(196, 170, 150), side="double"
            )
            self.server.scene.add_grid("/floor", 4, 4, plane="xz", position=(0.0, floor, 0.0))
        self._mesh.vertices, self._mesh.visible = vertices, True

    def show_gaussians(self, cloud: tuple[np.ndarray, ...] | None) -> None:
        """Centres [N, 3], covariances [N, 3, 3], colours [N, 3], opacities [N, 1]; None: none."""
        if cloud is None:
            self.server.scene.remove_by_name("/gaussians")
            return
        self.server.scene.add_gaussian_splats("/gaussians", *cloud)

    def show_panel(self, picture: np.ndarray | None, name: str) -> None:
        """A picture beside the scene."""
        if picture is None:
            if self._panel is not None:
                self._panel.visible = False
            return
        if self._panel is None:
            self._panel = self.server.gui.add_image(picture, label=name, format="jpeg")
        self._panel.image, self._panel.label, self._panel.visible = picture, name, True


def pose_of(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """How viser says where a camera stands: wxyz from camera to world, and position."""
    xyzw = roma.rotmat_to_unitquat(camera.R[0].T.contiguous())
    return xyzw.roll(1).numpy().astype(float), camera.position[0].numpy().astype(float)


def browser_camera(client: viser.ClientHandle, height: int) -> Camera:
    """The camera that a page looks through, for a picture of this height."""
    seen = client.camera
    width = 2 * max(1, round(0.5 * height * float(seen.aspect)))
    wxyz = torch.from_numpy(np.asarray(seen.wxyz, np.float32))
    R = roma.unitquat_to_rotmat(wxyz.roll(-1)).T
    position = torch.from_numpy(np.asarray(seen.position, np.float32))
    K = intrinsics(width, height, float(np.degrees(seen.fov)))
    return Camera(K, R, -R @ position, width, height)


def _fov(camera: Camera) -> float:
    return float(2 * torch.atan(0.5 * camera.height / camera.K[0, 1, 1]))
