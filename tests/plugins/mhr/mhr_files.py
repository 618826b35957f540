"""Assets in the format of MHR that hold a mannequin of ours, and a twin of the package's forward.

The rig stands in an A-pose in centimetres, the axes of every joint are its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy.spatial.transform import Rotation

from avatar_kit.scene.joints import SMPLX_JOINTS

sys.path.append(str(Path(__file__).parents[1] / "smplx"))
from smplx_files import make_arrays

_A_POSE = np.radians(40)


def _tree() -> dict[str, tuple[str, str, float]]:
    """Joint -> parent, joint of SMPL-X at whose place it is, share of the way to that one's child.

    Twisting joints lie along the limbs, as in the rig.
    """
    tree = {"body_world": ("", "pelvis", 0.0), "root": ("body_world", "pelvis", 0.0)}
    for side, s in (("left", "l"), ("right", "r")):
        tree[f"{s}_upleg"] = ("root", f"{side}_hip", 0.0)
        tree[f"{s}_lowleg"] = (f"{s}_upleg", f"{side}_knee", 0.0)
        tree[f"{s}_foot"] = (f"{s}_lowleg", f"{side}_ankle", 0.0)
        tree[f"{s}_talocrural"] = (f"{s}_foot", f"{side}_ankle", 0.0)
        tree[f"{s}_ball"] = (f"{s}_talocrural", f"{side}_foot", 0.0)
    tree |= {
        "c_spine0": ("root", "spine1", -0.3), "c_spine1": ("c_spine0", "spine1", 0.0),
        "c_spine2": ("c_spine1", "spine2", 0.0), "c_spine3": ("c_spine2", "spine3", 0.0),
    }  # fmt: skip
    for side, s in (("right", "r"), ("left", "l")):
        tree[f"{s}_clavicle"] = ("c_spine3", f"{side}_collar", 0.0)
        tree[f"{s}_uparm"] = (f"{s}_clavicle", f"{side}_shoulder", 0.0)
        tree[f"{s}_lowarm"] = (f"{s}_uparm", f"{side}_elbow", 0.0)
        tree[f"{s}_wrist_twist"] = (f"{s}_lowarm", f"{side}_elbow", 0.9)
        tree[f"{s}_wrist"] = (f"{s}_wrist_twist", f"{side}_wrist", 0.0)
        for finger in ("pinky", "ring", "middle", "index", "thumb"):
            above = f"{s}_wrist"
            for i in (1, 2, 3):
                tree[f"{s}_{finger}{i}"] = (above, f"{side}_{finger}{i}", 0.0)
                above = f"{s}_{finger}{i}"
            tree[f"{s}_{finger}_null"] = (above, f"{side}_{finger}3", 1.0)
    tree |= {
        "c_neck": ("c_spine3", "neck", 0.0), "c_head": ("c_neck", "head", 0.0),
        "c_jaw": ("c_head", "jaw", 0.0), "c_teeth": ("c_jaw", "jaw", 0.4),
        "r_eye": ("c_head", "right_eye", 0.0), "l_eye": ("c_head", "left_eye", 0.0),
        "c_head_null": ("c_head", "head", 1.0),
    }  # fmt: skip
    return tree


def _twists() -> dict[str, tuple[str, str, float]]:
    found = {}
    for side, s in (("left", "l"), ("right", "r")):
        for limb, joint in (("uparm", "shoulder"), ("lowarm", "elbow"), ("upleg", "hip"),
                            ("lowleg", "knee")):  # fmt: skip
            for i, share in enumerate((0.1, 0.5, 0.9)):
                found[f"{s}_{limb}_twist{i}_proc"] = (f"{s}_{limb}", f"{side}_{joint}", share)
    return found


def make_rig(seed: int = 0, *, twists: bool = True) -> dict[str, np.ndarray]:
    """The arrays of ``rig.npz`` and ``lod1.npz`` together."""
    draw = np.random.default_rng(seed)
    arrays = make_arrays("smplx", seed)
    joints = arrays["J_regressor"] @ arrays["v_template"]
    tips = joints.copy()
    for i in range(55):  # each spindle ends where its bone does
        tips[i] = arrays["v_template"].reshape(55, -1, 3)[i, -1]
    tree = _tree() | (_twists() if twists else {})
    names, index = list(tree), list(tree).index
    turn = {n: _lowered(n) for n in SMPLX_JOINTS}
    where = _posed(joints, turn)
    ends = {n: where[i] + turn[n].apply(tips[i] - joints[i]) for i, n in enumerate(SMPLX_JOINTS)}
    at = np.stack([where[SMPLX_JOINTS.index(ours)] * (1 - share) + ends[ours] * share
                   for _, ours, share in tree.values()])  # fmt: skip
    axes = Rotation.create_group("O")[draw.integers(24, size=len(names))]
    axes = Rotation.concatenate([Rotation.identity(1), axes[1:]])
    parents = np.array([index(above) if above else -1 for above, _, _ in tree.values()])
    offsets, pre = 100 * at, axes.as_quat()
    for j in range(1, len(names)):
        back = axes[int(parents[j])].inv()
        offsets[j] = 100 * back.apply(at[j] - at[parents[j]])
        pre[j] = (back * axes[j]).as_quat()
    bind = np.concatenate([-axes.inv().apply(100 * at), axes.inv().as_quat(),
                           np.ones((len(names), 1))], 1)  # fmt: skip
    return {
        "schema_version": np.array(1), "lod": np.array(1),
        "joint_names": np.array(names), "joint_parents": parents, "joint_offsets": offsets,
        "joint_prerotations": pre, "inverse_bind_pose": bind,
        **_surface(arrays, names, turn, joints, where, draw), **_parameters(names),
    }  # fmt: skip


def _lowered(name: str) -> Rotation:
    """World rotation from the T-pose to the A-pose."""
    below = name.endswith(("shoulder", "elbow", "wrist")) or ("_" in name and name[-1].isdigit())
    angle = (-_A_POSE if name.startswith("left") else _A_POSE) * below
    return Rotation.from_rotvec([0, 0, angle])


def _posed(joints: np.ndarray, turn: dict[str, Rotation]) -> np.ndarray:
    from avatar_kit.scene.joints import SMPLX_PARENTS

    found = joints.copy()
    for j, above in enumerate(SMPLX_PARENTS):
        if above >= 0:
            step = turn[SMPLX_JOINTS[above]].apply(joints[j] - joints[above])
            found[j] = found[above] + step
    return found


def _surface(arrays, names, turn, joints, where, draw) -> dict[str, np.ndarray]:
    """The mannequin's mesh in the A-pose, four weights a vertex."""
    weights, template = arrays["weights"], arrays["v_template"]
    moved = np.stack([where[i] + turn[n].apply(template - joints[i])
                      for i, n in enumerate(SMPLX_JOINTS)])  # fmt: skip
    vertices = 100 * np.einsum("vj,jvd->vd", weights, moved)
    order = np.argsort(-weights, axis=1)[:, :4]
    tree, tellers = _tree(), {}
    for name, (_, ours, share) in tree.items():
        if share == 0.0 and name != "body_world":
            tellers.setdefault(ours, name)
    tellers["spine1"] = "c_spine1"
    to_rig = np.array([names.index(tellers[ours]) for ours in SMPLX_JOINTS])
    head = np.isin(weights.argmax(1), [SMPLX_JOINTS.index(n) for n in ("head", "jaw")])
    shapes = 0.4 * draw.standard_normal((117, 1, 3)) * np.ones((117, len(vertices), 1))
    shapes[:45] *= np.linspace(0.5, 1.5, len(vertices))[:, None]
    shapes[45:] *= head[:, None]
    return {
        "base_shape": vertices, "shape_vectors": shapes, "faces": arrays["f"].astype(np.int32),
        "texcoords": arrays["vt"] * (1, -1) + (0, 1), "texcoord_faces": arrays["ft"],
        "skin_indices": to_rig[order].astype(np.int32),
        "skin_weights": np.take_along_axis(weights, order, 1),
    }  # fmt: skip


def _parameters(names: list[str]) -> dict[str, np.ndarray]:
    """A place of the root, three angles of every joint, and sizes: of legs, of arms."""
    columns: dict[str, np.ndarray] = {}
    for i, axis in enumerate("xyz"):
        columns[f"root_t{axis}"] = np.zeros((len(names), 7))
        columns[f"root_t{axis}"][names.index("root"), i] = 1
    for j, name in enumerate(names):
        for i, axis in enumerate("xyz"):
            columns[f"{name}_r{axis}"] = np.zeros((len(names), 7))
            columns[f"{name}_r{axis}"][j, 3 + i] = 1
    for name, part in (("scale_legs", "upleg"), ("scale_arms", "uparm")):
        columns[name] = np.zeros((len(names), 7))
        columns[name][[names.index(f"{s}_{part}") for s in "lr"], 6] = 1
    return {
        "parameter_names": np.array(list(columns)),
        "parameter_transform": np.stack([c.ravel() for c in columns.values()], 1),
        "scaling_parameters": np.array([n.startswith("scale") for n in columns]),
    }


def correctives(names: int, vertices: int, seed: int = 1) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    joints = names - 2
    mask = draw.random((24 * joints, 6 * joints)) < 0.02
    return {
        "posedirs_sparse_mask": mask, "0.sparse_indices": np.stack(mask.nonzero()),
        "0.sparse_weight": draw.standard_normal(int(mask.sum())).astype(np.float32),
        "corrective_blendshapes": 0.1 * draw.standard_normal((24 * joints, vertices, 3)),
    }  # fmt: skip


def write_assets(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shape = {"base_shape", "shape_vectors", "faces", "texcoords", "texcoord_faces", "skin_indices",
             "skin_weights", "lod", "corrective_blendshapes"}  # fmt: skip
    lod = {k: v for k, v in arrays.items() if k in shape or k == "schema_version"}
    np.savez(folder / "lod1.npz", **lod)
    np.savez(folder / "rig.npz", **{k: v for k, v in arrays.items() if k not in shape})
    return folder


class PackageTwin:
    """What ``mhr.mhr.MHR`` has: the same attributes and the same forward, written in numpy."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        a = self.arrays = arrays
        self.pose_correctives_model = None
        if "corrective_blendshapes" in a:
            shapes = a["corrective_blendshapes"]
            first = SimpleNamespace(
                sparse_indices=a["0.sparse_indices"], sparse_weight=a["0.sparse_weight"]
            )
            last = SimpleNamespace(weight=shapes.reshape(len(shapes), -1).T)
            layers = (first, None, last)
            self.pose_correctives_model = SimpleNamespace(pose_dirs_predictor=layers)
        transform = SimpleNamespace(
            names=a["parameter_names"].tolist(), scaling_parameters=a["scaling_parameters"],
            parameter_transform=a["parameter_transform"],
        )  # fmt: skip
        self.character = SimpleNamespace(
            skeleton=SimpleNamespace(
                joint_names=a["joint_names"].tolist(), joint_parents=a["joint_parents"].tolist()
            ),
            parameter_transform=transform,
            mesh=SimpleNamespace(
                faces=a["faces"], texcoords=a["texcoords"], texcoord_faces=a["texcoord_faces"]
            ),
            skin_weights=SimpleNamespace(index=a["skin_indices"], weight=a["skin_weights"]),
        )
        self.character_torch = SimpleNamespace(
            skeleton=SimpleNamespace(
                joint_translation_offsets=a["joint_offsets"],
                joint_prerotations=a["joint_prerotations"],
            ),
            linear_blend_skinning=SimpleNamespace(inverse_bind_pose=a["inverse_bind_pose"]),
            parameter_transform=transform,
            blend_shape=SimpleNamespace(
                base_shape=a["base_shape"], shape_vectors=a["shape_vectors"]
            ),
        )

    def __call__(self, identity_coeffs, model_parameters, face_expr_coeffs, apply_correctives=True):
        """Vertices [V, 3] and joints [J, 8] of one frame, centimetres."""
        a = self.arrays
        coefficients = np.concatenate([identity_coeffs, face_expr_coeffs])
        surface = a["base_shape"] + np.einsum("s,svd->vd", coefficients, a["shape_vectors"])
        local = (a["parameter_transform"] @ model_parameters).reshape(-1, 7)
        angles = Rotation.from_euler("xyz", local[:, 3:6])
        if apply_correctives and self.pose_correctives_model is not None:
            matrices = angles.as_matrix()[2:]
            features = np.concatenate([matrices[:, :, 0], matrices[:, :, 1]], 1)
            features[:, [0, 4]] -= 1
            dense = np.zeros(a["posedirs_sparse_mask"].shape)
            dense[tuple(a["0.sparse_indices"])] = a["0.sparse_weight"]
            hidden = np.maximum(dense @ features.ravel(), 0)
            surface = surface + np.einsum("h,hvd->vd", hidden, a["corrective_blendshapes"])
        pre = Rotation.from_quat(a["joint_prerotations"])
        places, sizes = a["joint_offsets"] + local[:, :3], np.exp2(local[:, 6])
        turns = [pre[j] * angles[j] for j in range(len(places))]
        for j, above in enumerate(a["joint_parents"].tolist()):
            if above >= 0:
                places[j] = places[above] + sizes[above] * turns[above].apply(places[j])
                turns[j], sizes[j] = turns[above] * turns[j], sizes[above] * sizes[j]
        bind = a["inverse_bind_pose"]
        found = np.zeros_like(surface)
        for column in range(a["skin_indices"].shape[1]):
            for j in np.unique(a["skin_indices"][:, column]):
                own = a["skin_indices"][:, column] == j
                bound = Rotation.from_quat(bind[j, 3:7]).apply(surface[own]) + bind[j, :3]
                moved = places[j] + sizes[j] * turns[j].apply(bound)
                found[own] += a["skin_weights"][own, column, None] * moved
        quats = np.stack([turn.as_quat() for turn in turns])
        return found, np.concatenate([places, quats, sizes[:, None]], 1)
