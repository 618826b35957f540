"""A walk as Mixamo writes it in FBX."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS
from tests.io import fbx_writers as fbx
from tests.io.motion_writers import MIXAMO, NAMED, all_offsets, world_turns


def mixamo_nodes(motion, *, bound=True, lcl="rest", turn=None, given=None, seed=3, version=7400,
                 expressions=()):  # fmt: skip
    """Mixamo's skeleton in centimetres, whose joints are turned before they are animated.

    Args:
        motion: A walk.
        bound: Whether a skin says that the skeleton was built with arms out.
        lcl: "rest": without an animation, joints stand in the T-pose; "frame": as in frame 3.
        turn: Rotation (or a mirror) from y up and z to the front to the axes of ``given``.
        given: Node of GlobalSettings.
        seed: Of the directions of the joints' axes.
        version: Of the file.
        expressions: Names of blend shapes; each one is animated.
    """
    file, offsets, world = fbx.Animation(), all_offsets(), world_turns(motion)
    axes = Rotation.random(55, random_state=seed)
    turn = np.eye(3) if turn is None else np.asarray(turn, float)
    times = np.arange(len(motion)) / motion.fps
    layer = file.stack("mixamo.com", times[-1])
    file.stack("Take 001")
    file.objects.append(fbx.model(1, "mixamorig:Reference", "Null"))

    def local(at, i, above):
        own = _turned(at[i] * axes[i], turn)
        return own if above < 0 else _turned(at[above] * axes[above], turn).inv() * own

    places = np.zeros((55, 3))
    for i in NAMED:
        above = SMPLX_PARENTS[i] if SMPLX_PARENTS[i] in NAMED else -1
        places[i] = places[above] + offsets[i] if above >= 0 else (0, 0.9, 0)
        still = {j: Rotation.identity() for j in (i, above)}
        stands = local(still, i, above)
        pre = stands if lcl == "rest" else Rotation.random(random_state=i)
        angles = _degrees(pre.inv() * local(world, i, above))
        shown = np.zeros(3) if lcl == "rest" else angles[3]
        if above < 0:
            offset = 100 * motion.transl.double().numpy() @ turn.T
        else:
            offset = 100 * _turned(axes[above], turn).inv().apply(turn @ offsets[i])[None]
        file.objects.append(fbx.model(
            100 + i, f"mixamorig:{MIXAMO[SMPLX_JOINTS[i]]}", "LimbNode",
            fbx.p("RotationActive", 1, kind="bool"), fbx.p("InheritType", 1, kind="enum"),
            fbx.p("PreRotation", *_degrees(pre)), fbx.p("Lcl Translation", *offset[0].tolist()),
            fbx.p("Lcl Rotation", *shown.tolist()),
        ))  # fmt: skip
        file.links.append((100 + i, 100 + above if above >= 0 else 1))
        file.animate(layer, 100 + i, "Lcl Rotation", times, angles.T)
        if above < 0:
            file.animate(layer, 100 + i, "Lcl Translation", times, offset.T)
        if bound:
            bind = np.eye(4)
            bind[:3, :3] = _turned(axes[i], turn).as_matrix()
            bind[:3, 3] = 100 * turn @ places[i]
            cluster = file.number()
            file.objects.append(("Deformer", [cluster, fbx.named("", "SubDeformer"), "Cluster"],
                                 [("TransformLink", [bind.T.ravel()], [])]))  # fmt: skip
            file.links.append((100 + i, cluster))
    for name in expressions:
        channel = file.number()
        file.objects.append(("Deformer", [channel, fbx.named(name, "SubDeformer"),
                                          "BlendShapeChannel"], []))  # fmt: skip
        file.animate(layer, channel, "DeformPercent", times, [100 * np.sin(times) ** 2],
                     ["DeformPercent"])  # fmt: skip
    file.links.append((1, 0))
    return fbx.document(file.objects, file.links, given, version=version)


def _degrees(turns):
    """Euler angles about x, then y, then z, without jumps."""
    angles = np.atleast_2d(turns.as_euler("xyz"))
    found = np.degrees(np.unwrap(angles, axis=0))
    return found if len(found) > 1 else found[0].tolist()


def _turned(turns, by):
    """Rotations in other axes: ``by`` may mirror."""
    return Rotation.from_matrix(by @ turns.as_matrix() @ by.T)


def mixamo(path, motion, *, text=False, version=7400, packed=True, **kept):
    """Write a walk as Mixamo does."""
    nodes = mixamo_nodes(motion, version=version, **kept)
    content = fbx.ascii_file(nodes, version) if text else fbx.binary(nodes, version, packed=packed)
    path.write_bytes(content)
