"""A capture of ours, written as the field's data sets write theirs: small and exact."""

from __future__ import annotations

import csv
import io
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from avatar_kit.capture import Capture
from avatar_kit.io import VideoWriter, save_motion
from avatar_kit.io.motion.smplx_rest import to_smplx_rest

#: Pelvis of the mean SMPL and SMPL-X person at rest, metres.
PELVIS = {
    "smpl": np.array([-0.0018, -0.2233, 0.0282]),
    "smplx": np.array([0.0031, -0.3514, 0.0120]),
}
#: From our world to one whose z is up, and to one whose y points down.
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
Y_DOWN = np.diag([1.0, -1.0, -1.0])


COLUMNS = ("name", "w", "h", "rx", "ry", "rz", "tx", "ty", "tz", "fx", "fy", "px", "py")


class Scene:
    """What a writer needs of a capture, in another world."""

    def __init__(self, capture: Capture, world: np.ndarray | None = None):
        self.capture, self.world = capture, np.eye(3) if world is None else world
        motion = capture.motion
        self.frames = len(motion)
        self.fields = {
            name: getattr(motion, name).double().numpy()
            for name in ("body_pose", "left_hand_pose", "right_hand_pose", "jaw_pose")
        }
        # a relaxed hand of round figures, from which some files count: joints 1, 2, 3 of index,
        # middle, little and ring finger, about -z on the left
        bent = np.zeros((15, 3))
        bent[:12, 2] = (0.1, 0.4, 0.25, 0.1, 0.5, 0.3, 0.5, 0.5, 0.4, 0.35, 0.5, 0.35)
        self.from_mean_hand = {
            "left_hand_pose": self.fields["left_hand_pose"] + bent.ravel(),
            "right_hand_pose": self.fields["right_hand_pose"] - bent.ravel(),
        }
        # SMPL-X turns from a rest pose whose arms hang
        self.smplx_body = to_smplx_rest(motion).body_pose.double().numpy()
        orient = Rotation.from_rotvec(motion.global_orient.double().numpy()).as_matrix()
        self.turn = self.world @ orient
        self.orient = Rotation.from_matrix(self.turn).as_rotvec()
        self.pelvis = motion.transl.double().numpy() @ self.world.T

    def transl(self, family: str) -> np.ndarray:
        """Where the model's origin is moved; the pelvis turns about itself."""
        return self.pelvis - PELVIS[family]

    def camera(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """K, R and t, world-to-camera."""
        camera = self.capture.cameras[name]
        K, R, t = (getattr(camera, key)[0].double().numpy() for key in ("K", "R", "t"))
        return K, R @ self.world.T, t

    def images(self, name: str):
        return zip(self.capture.images(None, name), self.capture.masks(None, name), strict=True)

    def smpl(self) -> np.ndarray:
        """[T, 72]."""
        return np.concatenate(
            [self.orient, self.fields["body_pose"], np.zeros((self.frames, 6))], 1
        )

    def smplx_npz(self, path: Path) -> None:
        rows = {"global_orient": self.orient, "transl": self.transl("smplx"), **self.fields}
        rows["body_pose"] = self.smplx_body
        np.savez(path, betas=np.zeros((1, 10)), expression=np.zeros((self.frames, 10)), **rows)


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def _size(capture: Capture) -> tuple[int, int]:
    return capture.camera.width, capture.camera.height


def instant_avatar(capture: Capture, root: Path) -> Path:
    scene = Scene(capture, Y_DOWN)
    K, R, t = scene.camera("main")
    outer = np.eye(4)
    outer[:3, :3], outer[:3, 3] = R, t
    width, height = _size(capture)
    root.mkdir(parents=True)
    np.savez(root / "cameras.npz", intrinsic=K, extrinsic=outer, width=width, height=height)
    for i, (image, mask) in enumerate(scene.images("main")):
        save(root / "images" / f"image_{i:04d}.png", image)
        (root / "masks").mkdir(exist_ok=True)
        np.save(root / "masks" / f"mask_{i:04d}.npy", mask > 127)
    np.savez(
        root / "poses.npz",
        betas=np.zeros((1, 10)),
        thetas=scene.smpl(),
        transl=scene.transl("smpl"),
    )
    return root


def people_snapshot(capture: Capture, root: Path) -> Path:
    import h5py

    scene = Scene(capture, Y_DOWN)
    K, R, t = scene.camera("main")
    width, height = _size(capture)
    root.mkdir(parents=True)
    camera = {
        "camera_f": K[[0, 1], [0, 1]],
        "camera_c": K[:2, 2],
        "camera_k": np.zeros(5),
        "camera_rt": Rotation.from_matrix(R).as_rotvec(),
        "camera_t": t,
        "width": width,
        "height": height,
    }
    (root / "camera.pkl").write_bytes(pickle.dumps(camera, protocol=2))
    masks = []
    with VideoWriter(root / f"{root.name}.mp4", capture.fps, (width, height), crf=1) as video:
        for image, mask in scene.images("main"):
            video.write(image)
            masks.append(mask > 127)
    with h5py.File(root / "masks.hdf5", "w") as file:
        file["masks"] = np.stack(masks).astype(np.uint8)
    with h5py.File(root / "reconstructed_poses.hdf5", "w") as file:
        file["betas"], file["pose"] = np.zeros(10), scene.smpl()
        file["trans"] = scene.transl("smpl")
    return root


def actorshq(capture: Capture, root: Path) -> Path:
    scene, width, height = Scene(capture, Z_UP), *_size(capture)
    root.mkdir(parents=True)
    rows = []
    for i, name in enumerate(capture.cameras, 1):
        K, R, t = scene.camera(name)
        rotvec, at = Rotation.from_matrix(R.T).as_rotvec(), -R.T @ t
        focal = [K[0, 0] / width, K[1, 1] / height, K[0, 2] / width, K[1, 2] / height]
        rows.append([f"Cam{i:03d}", width, height, *rotvec, *at, *focal])
        for k, (image, mask) in enumerate(scene.images(name)):
            save(root / "rgbs" / f"Cam{i:03d}" / f"Cam{i:03d}_rgb{k:06d}.png", image)
            save(root / "masks" / f"Cam{i:03d}" / f"Cam{i:03d}_mask{k:06d}.png", mask)
    with (root / "calibration.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["name", "w", "h", "rx", "ry", "rz", "tx", "ty", "tz", "fx", "fy", "px", "py"]
        )
        writer.writerows(rows)
    scene.smplx_npz(root / "smpl_params.npz")
    return root


def avatarrex(capture: Capture, root: Path, *, thuman: bool = False) -> Path:
    scene = Scene(capture, Y_DOWN)
    known = {}
    for i, name in enumerate(capture.cameras):
        serial = f"cam{i:02d}" if thuman else f"220103{i:02d}"
        K, R, t = scene.camera(name)
        known[serial] = {
            "K": K.ravel().tolist(),
            "R": R.ravel().tolist(),
            "T": t.tolist(),
            "distCoeff": [0.0] * 5,
            "imgSize": list(_size(capture)),
        }
        for k, (image, mask) in enumerate(scene.images(name)):
            pictures = root / "images" / serial if thuman else root / serial
            masks = root / "masks" / serial if thuman else root / serial / "mask" / "pha"
            save(pictures / f"{k:08d}.png", image)
            save(masks / f"{k:08d}.png", mask)
    file = root / ("calibration.json" if thuman else "calibration_full.json")
    file.write_text(json.dumps(known))
    scene.smplx_npz(root / "smpl_params.npz")
    return root


def thuman4(capture: Capture, root: Path) -> Path:
    return avatarrex(capture, root, thuman=True)


def _easymocap_row(scene: Scene, frame: int, family: str) -> dict:
    """Rh and Th: the model turns about its origin, and its own root is zero."""
    poses = np.concatenate([np.zeros(3), scene.fields["body_pose"][frame]])
    shift = scene.pelvis[frame] - scene.turn[frame] @ PELVIS[family]
    return {"Rh": scene.orient[frame][None], "Th": shift[None], "poses": poses}


def zju_mocap(capture: Capture, root: Path) -> Path:
    scene = Scene(capture, Z_UP)
    cams: dict = {"K": [], "D": [], "R": [], "T": []}
    ims = [{"ims": []} for _ in range(scene.frames)]
    for i, name in enumerate(capture.cameras, 1):
        K, R, t = scene.camera(name)
        for key, value in {"K": K, "D": np.zeros((5, 1)), "R": R, "T": t[:, None] * 1000}.items():
            cams[key].append(value)
        for k, (image, mask) in enumerate(scene.images(name)):
            place = f"Camera_B{i}/{k:06d}"
            save(root / f"{place}.png", image)
            labels = np.where(mask > 127, 5 + k % 3, 0).astype(np.uint8)
            save(root / "mask_cihp" / f"{place}.png", labels)
            ims[k]["ims"].append(f"{place}.png")
    np.save(root / "annots.npy", {"cams": cams, "ims": ims}, allow_pickle=True)
    (root / "params").mkdir()
    for k in range(scene.frames):
        row = _easymocap_row(scene, k, "smpl")
        row["poses"] = np.concatenate([row["poses"], np.zeros(6)])[None]
        np.save(
            root / "params" / f"{k}.npy", {**row, "shapes": np.zeros((1, 10))}, allow_pickle=True
        )
    return root


def _opencv(values: dict[str, np.ndarray | list[str]]) -> str:
    lines = ["%YAML:1.0", "---"]
    for key, value in values.items():
        if isinstance(value, list):
            lines += [f"{key}:", *(f'  - "{word}"' for word in value)]
            continue
        rows, cols = np.atleast_2d(value).shape
        data = ", ".join(map(repr, map(float, np.ravel(value))))
        lines += [f"{key}: !!opencv-matrix", f"  rows: {rows}", f"  cols: {cols}", "  dt: d"]
        lines.append(f"  data: [{data}]")
    return "\n".join(lines) + "\n"


def easymocap(capture: Capture, root: Path) -> Path:
    scene = Scene(capture, Z_UP)
    names = [f"{i:02d}" for i in range(1, len(capture.cameras) + 1)]
    inner: dict = {"names": names}
    outer: dict = {"names": names}
    for number, name in zip(names, capture.cameras, strict=True):
        K, R, t = scene.camera(name)
        inner |= {f"K_{number}": K, f"dist_{number}": np.zeros((1, 5))}
        outer |= {f"R_{number}": Rotation.from_matrix(R).as_rotvec()[:, None]}
        outer |= {f"Rot_{number}": R, f"T_{number}": t[:, None]}
        for k, (image, mask) in enumerate(scene.images(name)):
            save(root / "images" / number / f"{k:06d}.png", image)
            save(root / "mask" / number / f"{k:06d}.png", mask)
    (root / "intri.yml").write_text(_opencv(inner))
    (root / "extri.yml").write_text(_opencv(outer))
    (root / "smpl").mkdir()
    for k in range(scene.frames):
        row = _easymocap_row(scene, k, "smpl")
        row["poses"] = np.concatenate([row["poses"], np.zeros(6)])[None]
        row = {key: value.tolist() for key, value in row.items()}
        person = {"id": 0, **row, "shapes": [[0.0] * 10]}
        (root / "smpl" / f"{k:06d}.json").write_text(json.dumps([person]))
    return root


def exavatar(capture: Capture, root: Path) -> Path:
    scene = Scene(capture, Y_DOWN)
    K, R, t = scene.camera("main")
    for folder in ("cam_params", "smplx_optimized/smplx_params_smoothed"):
        (root / folder).mkdir(parents=True)
    for k, (image, mask) in enumerate(scene.images("main")):
        save(root / "frames" / f"{k}.png", image)
        save(root / "masks" / f"{k}.png", mask)
        camera = {"R": R, "t": t, "focal": K[[0, 1], [0, 1]], "princpt": K[:2, 2]}
        _json(root / "cam_params" / f"{k}.json", camera)
        pose = {
            "root_pose": scene.orient[k],
            "body_pose": scene.smplx_body[k].reshape(21, 3),
            "jaw_pose": scene.fields["jaw_pose"][k],
            "leye_pose": np.zeros(3),
            "reye_pose": np.zeros(3),
            "lhand_pose": scene.fields["left_hand_pose"][k].reshape(15, 3),
            "rhand_pose": scene.fields["right_hand_pose"][k].reshape(15, 3),
            "expr": np.zeros(50),
            "trans": scene.transl("smplx")[k],
        }
        _json(root / "smplx_optimized" / "smplx_params_smoothed" / f"{k}.json", pose)
    _json(root / "smplx_optimized" / "shape_param.json", np.zeros(100))
    for name, split in capture.splits.items():
        (root / f"frame_list_{name}.txt").write_text("\n".join(map(str, split.frames)))
    return root


def _json(path: Path, values) -> None:
    plain = (
        values.tolist()
        if isinstance(values, np.ndarray)
        else {k: v.tolist() for k, v in values.items()}
    )
    path.write_text(json.dumps(plain))


def neuman(capture: Capture, root: Path) -> Path:
    """COLMAP's scene is 3.7 times as large as the world, turned and shifted."""
    import joblib

    scale, shift = 3.7, np.array([0.4, -1.0, 2.0])
    turn = Rotation.from_rotvec([0.0, 0.7, 0.0]).as_matrix() @ Y_DOWN
    scene = Scene(capture)
    K, R, t = scene.camera("main")
    width, height = _size(capture)
    (root / "sparse").mkdir(parents=True)
    R_scene = R @ turn.T
    t_scene = scale * t - R_scene @ shift
    x, y, z, w = Rotation.from_matrix(R_scene).as_quat()
    (root / "sparse" / "cameras.txt").write_text(
        f"# cameras\n1 PINHOLE {width} {height} {K[0, 0]} {K[1, 1]} {K[0, 2]} {K[1, 2]}\n"
    )
    lines = ["# images"]
    rows = []
    for k, (image, mask) in enumerate(scene.images("main")):
        save(root / "images" / f"{k:05d}.png", image)
        save(root / "segmentations" / f"{k:05d}.png", 255 - mask)
        numbers = " ".join(map(repr, map(float, (w, x, y, z, *t_scene))))
        lines += [f"{k + 1} {numbers} 1 {k:05d}.png", "1.0 2.0 -1"]
        # SMPL as a tracker gives it stands at its own origin; the alignment carries it to the scene
        own = scene.pelvis[k] - PELVIS["smpl"]
        rows.append(np.concatenate([(scale * turn).T, (scale * turn @ own + shift)[None]]))
    (root / "sparse" / "images.txt").write_text("\n".join(lines) + "\n")
    np.save(root / "alignments.npy", np.stack(rows))
    track = {1: {"pose": scene.smpl(), "betas": np.zeros((scene.frames, 10))}}
    joblib.dump(track, root / "smpl_output_optimized.pkl")
    for name, split in capture.splits.items():
        (root / f"{name}_split.txt").write_text("\n".join(f"{i:05d}.png" for i in split.frames))
    return root


def _encoded(array: np.ndarray) -> np.ndarray:
    held = io.BytesIO()
    Image.fromarray(array).save(held, "PNG")
    return np.frombuffer(held.getvalue(), np.uint8)


def dna_rendering(capture: Capture, root: Path) -> Path:
    import h5py

    scene = Scene(capture, Y_DOWN)
    root.mkdir(parents=True)
    path = root / "0012_11.smc"
    with h5py.File(path, "w") as main, h5py.File(root / "0012_11_annots.smc", "w") as annots:
        for i, name in enumerate(capture.cameras):
            K, R, t = scene.camera(name)
            to_world = np.eye(4)
            to_world[:3, :3], to_world[:3, 3] = R.T, -R.T @ t
            group = f"Camera_Parameter/{i:02d}"
            annots[f"{group}/K"], annots[f"{group}/RT"] = K, to_world
            annots[f"{group}/D"] = np.zeros(5)
            for k, (image, mask) in enumerate(scene.images(name)):
                main[f"Camera_5mp/{i}/color/{k}"] = _encoded(image)
                annots[f"Mask/{i}/mask/{k}"] = _encoded(mask)
        pose = np.zeros((scene.frames, 55, 3))
        pose[:, 0] = scene.orient
        pose[:, 1:22] = scene.smplx_body.reshape(-1, 21, 3)
        pose[:, 22] = scene.fields["jaw_pose"]
        pose[:, 25:40] = scene.from_mean_hand["left_hand_pose"].reshape(-1, 15, 3)
        pose[:, 40:] = scene.from_mean_hand["right_hand_pose"].reshape(-1, 15, 3)
        annots["SMPLx/fullpose"], annots["SMPLx/betas"] = pose, np.zeros((scene.frames, 10))
        annots["SMPLx/transl"] = scene.transl("smplx")
        annots["SMPLx/expression"], annots["SMPLx/scale"] = np.zeros((scene.frames, 10)), np.ones(1)
    return path


def zju_refined(capture: Capture, root: Path) -> Path:
    """Instant-NVR's: pictures below images/, masks of two values, parameters in smpl_params/."""
    own = zju_mocap(capture, root)
    (root / "params").rename(root / "smpl_params")
    annots = np.load(root / "annots.npy", allow_pickle=True).item()
    annots["cams"]["T"] = [t / 1000 for t in annots["cams"]["T"]]
    for i in range(len(capture.cameras)):
        (root / "images").mkdir(exist_ok=True)
        (root / f"Camera_B{i + 1}").rename(root / "images" / f"{i:02d}")
    for frame in annots["ims"]:
        frame["ims"] = [f"images/{i:02d}/{Path(p).name}" for i, p in enumerate(frame["ims"])]
    np.save(root / "annots.npy", annots, allow_pickle=True)
    for path in (root / "mask_cihp").rglob("*.png"):
        number = int(path.parent.name.removeprefix("Camera_B")) - 1
        labels = np.asarray(Image.open(path))
        save(root / "mask" / f"{number:02d}" / path.name, (labels > 0).astype(np.uint8))
        path.unlink()
    shutil.rmtree(root / "mask_cihp")
    return own


def x_humans(capture: Capture, root: Path) -> Path:
    """A camera that circles: the world turns below the person and the camera alike."""
    scene, root = Scene(capture), root / "train" / "Take1"
    K, R, t = scene.camera("main")
    outer = []
    for k, (image, mask) in enumerate(scene.images("main")):
        save(root / "render" / "image" / f"color_{k + 1:06d}.png", image)
        depth = np.where(mask > 127, 2.5 + 0.001 * np.arange(mask.shape[1]), 100.0)
        save(root / "render" / "depth" / f"depth_{k + 1:06d}.tiff", depth.astype(np.float32))
        turn = Rotation.from_rotvec([0, 0.3 * k, 0]).as_matrix()
        outer.append(np.eye(4))
        outer[-1][:3] = np.concatenate([R @ turn.T, t[:, None]], 1)
        pelvis = turn @ scene.pelvis[k]
        row = {
            "global_orient": Rotation.from_matrix(turn @ scene.turn[k]).as_rotvec(),
            "transl": pelvis - PELVIS["smplx"],
            "body_pose": scene.smplx_body[k],
            **{name: values[k] for name, values in scene.from_mean_hand.items()},
            "jaw_pose": scene.fields["jaw_pose"][k],
            "leye_pose": np.zeros(3),
            "reye_pose": np.zeros(3),
            "expression": np.zeros(10),
            "betas": np.ones(10),
        }
        path = root / "SMPLX" / f"mesh-f{k + 1:05d}_smplx.pkl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(row))
    np.savez(root / "render" / "cameras.npz", intrinsic=K, extrinsic=np.stack(outer))
    np.save(root.parent.parent / "mean_shape_smplx.npy", np.zeros(10))
    return root


def hf_nhmt(capture: Capture, root: Path) -> Path:
    """Pictures and the empty scene; beside them the camera and what a tracker would say."""
    plain = pictures(capture, root)
    for path in (root / "masks").glob("*.png"):
        path.unlink()
    (root / "masks").rmdir()
    first = next(iter(capture.images()))
    save(root / "background.png", np.full_like(first, first[0, 0]))  # an even wall
    return plain.parent


def pictures(capture: Capture, root: Path) -> Path:
    scene = Scene(capture)
    rows = []
    for name, camera in capture.cameras.items():
        K, R, t = scene.camera(name)
        size = {"width": camera.width, "height": camera.height}
        rows.append({"name": name, **size, "K": K.tolist(), "R": R.tolist(), "t": t.tolist()})
        for k, (image, mask) in enumerate(scene.images(name)):
            place = f"{name}/{k:06d}.png" if len(capture.cameras) > 1 else f"{k:06d}.png"
            save(root / "images" / place, image)
            save(root / "masks" / place, mask)
    (root / "cameras.json").write_text(json.dumps(rows))
    save_motion(root / "motion.npz", capture.motion)
    return root / "images"


#: Name of the writer -> dataset, and whether it is of several cameras.
FORMATS = {
    "pictures": ("pictures", True),
    "instant_avatar": ("people_snapshot", False),
    "people_snapshot": ("people_snapshot", False),
    "neuman": ("neuman", False),
    "zju_mocap": ("zju_mocap", True),
    "actorshq": ("actorshq", True),
    "avatarrex": ("avatarrex", True),
    "thuman4": ("avatarrex", True),
    "dna_rendering": ("dna_rendering", True),
    "easymocap": ("easymocap", True),
    "exavatar": ("exavatar", False),
    "zju_refined": ("zju_mocap", True),
    "x_humans": ("x_humans", False),
    "hf_nhmt": ("hf_nhmt", False),
}
