"""An avatar that is trained: drive it, or show it in one pose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from avatar_kit.api.motion import as_motion
from avatar_kit.engine.aligning import Alignment
from avatar_kit.engine.background import Background, check_background, read_background
from avatar_kit.engine.cameras import along_path, check_cameras, orbit_around
from avatar_kit.engine.driving import contexts, render_motion
from avatar_kit.engine.export_target import ExportMotion
from avatar_kit.engine.exporting import ExportResult, export
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.preview import to_uint8
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.staging import stage
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar
from avatar_kit.scene import Camera, Condition, Motion

Picture = np.ndarray | Tensor
Output = Literal["numpy", "torch"]


def load(
    run: str | Path, *, step: int | None = None, device: str | torch.device = "auto"
) -> TrainedAvatar:
    """Load the avatar of a run; the capture it was trained on is not needed.

    Args:
        run: Run folder of one person. Of a run of several people name one: ``RUN/people/NAME``.
        step: Checkpoint to take; None takes the last one that is whole.
        device: auto, cpu, cuda or cuda:N; auto takes CUDA where there is one.

    Raises:
        UserError: No run folder, no whole checkpoint, or the device or the body model it needs is
            not here.
    """
    folder = RunFolder.open_person(Path(run))
    return TrainedAvatar(load_avatar(folder, step=step, device=str(device)))


class TrainedAvatar:
    """An avatar read back from its run folder; made by :func:`avatar_kit.load`.

    It lives in the world of its capture: y up, metres.

    Attributes:
        model: Body, encoders, renderer and aligner, in evaluation mode.
        run: The run folder.
        step: Training steps of the checkpoint.
        fps: Frame rate of the capture, and of a drive where nothing else is asked for.
        device: Where it is rendered.
    """

    def __init__(self, loaded: LoadedAvatar):
        self._loaded = loaded
        self.model: Avatar = loaded.avatar
        self.run: Path = loaded.run.root
        self.step: int = loaded.step
        self.fps: float = loaded.subject.fps
        self.device: torch.device = loaded.device

    def __repr__(self) -> str:
        size = f"{self.camera.width}x{self.camera.height}"
        return f"TrainedAvatar({str(self.run)!r}, step {self.step}, {size}, {self.device})"

    @property
    def camera(self) -> Camera:
        """The main camera of the training: size, lens and place of the trained picture."""
        return self._loaded.subject.camera

    @property
    def cameras(self) -> dict[str, Camera]:
        """Name -> camera of the training, the main one first.

        One that moves is given as it was at the first training frame.
        """
        return dict(self._loaded.subject.cameras)

    def training_motion(self) -> Motion:
        """[T] the poses it was trained on, one clip after another, in its world."""
        motion = self._loaded.training_motion
        return motion[list(range(len(motion)))]  # a copy: placing goes by the poses themselves

    def drive(
        self,
        motion: Motion | str | Path | None = None,
        *,
        align: str | Mapping[str, Any] | None = None,
        strength: float = 1.0,
        camera: Camera | str | Path | None = None,
        orbit: float | None = None,
        fps: float | None = None,
        in_place: bool = False,
        background: str | Path = "plate",
        output: Output = "numpy",
    ) -> Iterator[Picture]:
        """Drive it with a motion, picture by picture.

        The motion is aligned, resampled and then *placed*: it is shifted as a whole, so that the
        pelvis of its first frame lies over the middle (the median) of the training positions, and
        raised or lowered as a whole, so that its feet stand on the training floor (the fifth
        percentile of the lowest point of the body, in both). It is not turned.

        Arguments are checked at once, pictures are made as they are taken. Only the frame at work
        and the one before are kept, however long the motion is.

        Args:
            motion: A motion in a world of its own, or a file for :func:`avatar_kit.read_motion`.
                None: the first training pose, held for six seconds.
            align: Name of an aligner, or its config (``{"type": "pca_clamp", "sigmas": 2}``);
                ``"none"`` for the motion as it is. None: the avatar's own aligner.
            strength: 0 is the motion as it is, 1 the aligned one.
            camera: One camera for all frames, or one for each frame of the resampled motion, in
                the avatar's world; or a camera path, a JSON file. None: the avatar's own camera.
                Before an avatar that paints its background the person makes the opposite movement
                instead, and size and lens must be those of ``self.camera``.
            orbit: Degrees that the camera goes around the person by, instead of ``camera``.
            fps: Frames a second; None: those of the capture.
            in_place: Also keep the pelvis over the middle of the training positions throughout.
            background: What is behind the person: "plate", the recorded scene as the renderer shows
                it; "transparent"; the name of a colour or "#rrggbb"; or a picture file, which fills
                the frame.
            output: "numpy" gives [H, W, 3] uint8; "torch" [3, H, W] float in [0, 1] on
                ``self.device``. With a transparent background there is a fourth channel, alpha; the
                colours are not multiplied by it.

        Raises:
            UserError: The file cannot be read, the aligner, the cameras or the background do not
                fit, or the renderer cannot draw pictures of the camera's size.
        """
        converted, behind = _converter(output), self._behind(background)
        if fps is not None and not fps > 0:
            raise UserError(f"fps {fps:g}: must be a positive number of frames a second")
        placed = stage(
            self._loaded,
            None if motion is None else as_motion(motion),
            _alignment(align, strength),
            fps=fps,
            in_place=in_place,
        )
        cameras = self._cameras_of(placed, camera, orbit)
        return map(converted, render_motion(self._loaded, placed, cameras, behind))

    def render(
        self,
        pose: Motion,
        camera: Camera | None = None,
        *,
        background: str | Path = "plate",
        output: Output = "numpy",
    ) -> Picture:
        """One picture of a pose, exactly where it says: neither aligned nor placed.

        For a pose from another world take ``next(avatar.drive(pose))``, which places it.

        Args:
            pose: A motion of one frame in the avatar's world, such as
                ``avatar.training_motion()[0]``.
            camera: See :meth:`drive`.
            background: See :meth:`drive`.
            output: See :meth:`drive`.

        Raises:
            UserError: The pose is no single one or no rotation, or the camera or the background
                does not fit.
        """
        converted, behind = _converter(output), self._behind(background)
        pose = _single(pose)
        cameras = self._cameras_of(pose, camera, None)
        return converted(next(render_motion(self._loaded, pose, cameras, behind)))

    @torch.no_grad()
    def conditions(self, pose: Motion) -> dict[str, Condition]:
        """What the encoders make of a pose: what the renderer, or its export as .onnx, takes.

        Args:
            pose: See :meth:`render`; it is seen by ``self.camera``.

        Returns:
            Encoder's name -> feature map [1, C, H, W], vector [1, C] or Gaussians, in float32.
        """
        context = next(contexts(self._loaded, _single(pose), self.camera.to(self.device)))
        return self.model.encode(context, None)[0]

    def _behind(self, background: str | Path) -> Background | None:
        found = read_background(background)
        check_background(self._loaded, found)
        return found

    def export(
        self,
        to: str | Path,
        *,
        motion: Motion | str | Path | None = None,
        fps: float | None = None,
        frames: int | None = None,
        frame: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ExportResult:
        """Write it for other programs, all files or none; the suffix says in which format.

        A driving motion goes through the avatar's own aligner and is placed, as in :meth:`drive`.

        Args:
            to: The file. ``%05d`` in its name stands for the number of a frame: one file for each.
            motion: See :meth:`drive`. None: a training pose, where it was recorded, for formats of
                one pose.
            fps: Frames a second of the driving motion; None: those of the capture.
            frames: At most this many frames of it.
            frame: Which frame of the driving motion or of the training poses a file of one pose
                holds; None: the first.
            options: Options of the format, such as ``{"axes": "y_up"}``; ``type`` names an exporter
                where several write such files.

        Returns:
            Its ``files``, their ``bytes``, and as text one line that says what they hold and what
            the format could not.

        Raises:
            UserError: The file, an option or a frame does not fit, or the format cannot hold this
                avatar.
            MissingExtra: The format needs a package that is not installed.
        """
        title = motion.name if isinstance(motion, Path) else str(motion)
        shown = ExportMotion(
            motion=None if motion is None else as_motion(motion),
            title="the motion" if isinstance(motion, Motion) else Path(title).name,
            fps=fps,
            frames=frames,
            frame=frame,
        )
        return export(self._loaded, Path(to), shown, options)

    def _cameras_of(
        self, placed: Motion, camera: Camera | str | Path | None, orbit: float | None
    ) -> Camera | None:
        if camera is not None and orbit is not None:
            raise UserError("camera and orbit: the camera can follow one of them; drop the other")
        if orbit is not None:
            return orbit_around(self._loaded, placed, orbit)
        if camera is None or isinstance(camera, Camera):
            if camera is not None:
                check_cameras(self._loaded, camera, len(placed))
            return camera
        return along_path(self._loaded, placed, Path(camera))


def _single(pose: Motion) -> Motion:
    pose = as_motion(pose, "pose")
    if len(pose) != 1:
        raise UserError(f"pose: {len(pose)} frames; choose one, such as motion[0]")
    return pose


def _alignment(align: str | Mapping[str, Any] | None, strength: float) -> Alignment:
    if not isinstance(align, Mapping):
        return Alignment(align, strength=strength)
    if "type" not in align:
        raise UserError("align: the key 'type' is missing; name the aligner, e.g. pca_clamp")
    values = {key: value for key, value in align.items() if key != "type"}
    return Alignment(align["type"], values, strength)


def _converter(output: str) -> Callable[[Tensor], Picture]:
    if output == "numpy":
        return to_uint8
    if output == "torch":
        return lambda picture: picture
    raise UserError(f"output '{output}': expected numpy or torch")
