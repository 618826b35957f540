"""FBX files that Blender writes and reads, where Blender is installed."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch

from avatar_kit.io.fbx import read_fbx
from avatar_kit.io.motion import read_file
from avatar_kit.io.motion.axes import to_y_up
from avatar_kit.io.motion.bvh import read_bvh
from avatar_kit.io.motion.fbx_animation import animations_in
from avatar_kit.io.motion.fbx_axes import axes_of, in_axes, metres_of
from avatar_kit.io.motion.fbx_skeleton import skeleton_of
from tests.io import motion_writers as files
from tests.io.fbx_mixamo import mixamo
from tests.io.test_fbx_files import straight
from tests.io.test_motion_formats import furthest, same_hands

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("blender") is None, reason="needs Blender"),
]

WALK = files.walking(hands=True)

SETTINGS = {
    "plain": {}, "no_leaf_bones": {"add_leaf_bones": False},
    "z_up": {"axis_forward": "-Y", "axis_up": "Z"}, "x_up": {"axis_forward": "Y", "axis_up": "X"},
    "x_ahead": {"axis_forward": "X", "axis_up": "Y"},
    "metres": {"apply_scale_options": "FBX_SCALE_UNITS"},
    "all_scaled": {"apply_scale_options": "FBX_SCALE_ALL"}, "no_unit": {"apply_unit_scale": False},
    "bones_along_x": {"primary_bone_axis": "X", "secondary_bone_axis": "Y"},
    "baked_axes": {"bake_space_transform": True}, "joint_on_top": {"armature_nodetype": "LIMBNODE"},
}  # fmt: skip

#: A skin of one triangle for each bone, so that the file tells the pose in which it was built.
_EXPORT = """
import builtins, bpy, json, sys
opened = builtins.open  # Blender 3.4 opens BVH files in a mode that Python 3.11 does not know
builtins.open = lambda file, mode="r", *a, **k: opened(file, mode.replace("U", ""), *a, **k)
folder, settings = sys.argv[-2], json.loads(sys.argv[-1])
for name, given in settings.items():
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.import_anim.bvh(filepath=folder + "/walk.bvh", global_scale=0.01,
                            update_scene_fps=True, update_scene_duration=True)
    first, last = bpy.data.actions[0].frame_range
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = int(first), int(last)
    armature = bpy.data.objects[0]
    points, groups = [], []
    for bone in armature.data.bones:
        at = armature.matrix_world @ bone.head_local
        points += [(at.x, at.y, at.z), (at.x + 0.01, at.y, at.z), (at.x, at.y + 0.01, at.z)]
        groups += [bone.name] * 3
    mesh = bpy.data.meshes.new("skin")
    mesh.from_pydata(points, [], [(i, i + 1, i + 2) for i in range(0, len(points), 3)])
    skin = bpy.data.objects.new("skin", mesh)
    bpy.context.collection.objects.link(skin)
    for i, group in enumerate(groups):
        of = skin.vertex_groups.get(group) or skin.vertex_groups.new(name=group)
        of.add([i], 1.0, "REPLACE")
    skin.modifiers.new("skin", "ARMATURE").object = armature
    skin.parent = armature
    skin.matrix_parent_inverse = armature.matrix_world.inverted()
    bpy.ops.export_scene.fbx(
        filepath=folder + "/" + name + ".fbx", bake_anim_use_all_actions=False,
        bake_anim_use_nla_strips=False, bake_anim_simplify_factor=0.0, **given)
"""

_IMPORT = """
import bpy, json, sys
bpy.ops.wm.read_homefile(use_empty=True)
bpy.ops.import_scene.fbx(filepath=sys.argv[-2], anim_offset=0)
armature = next(o for o in bpy.data.objects if o.type == "ARMATURE")
frames = []
for frame in range(int(sys.argv[-1])):
    bpy.context.scene.frame_set(frame)
    frames.append({b.name: list(armature.matrix_world @ b.head) for b in armature.pose.bones})
json.dump(frames, open(sys.argv[-2] + ".json", "w"))
"""


def blender(folder, script, *words):
    (folder / "script.py").write_text(script)
    command = ["blender", "-b", "-noaudio", "-t", "1", "--python-exit-code", "1", "--python"]
    done = subprocess.run([*command, str(folder / "script.py"), "--", *map(str, words)],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blender")
    files.bvh(folder / "walk.bvh", WALK)
    blender(folder, _EXPORT, folder, json.dumps(SETTINGS))
    return folder


def posed(path):
    """Names of the joints, and their places in metres with y up."""
    scene = read_fbx(path)
    (animation,) = animations_in(skeleton_of(scene))
    up, turn = axes_of(scene)
    found = in_axes(animation.clip(None).skeleton, to_y_up(up) @ turn, metres_of(scene))
    return found.names, found.positions * found.metres


@pytest.mark.parametrize("name", list(SETTINGS))
def test_what_blender_writes(name, exported):
    names, places = posed(exported / f"{name}.fbx")
    wanted = read_bvh(exported / "walk.bvh").animated()
    shared = [joint for joint in wanted.names if joint in names]
    assert len(shared) >= 52
    torch.testing.assert_close(
        places[:, [names.index(joint) for joint in shared]],
        wanted.positions[:, [wanted.names.index(joint) for joint in shared]] / 100,
        atol=1e-5, rtol=0,
    )  # fmt: skip
    found = read_file(exported / f"{name}.fbx").motion
    assert furthest(straight(found), straight(WALK)) < 1e-4
    same_hands(found, WALK, 2e-4)


def test_what_blender_reads_of_a_file_of_the_tests(tmp_path):
    """Who writes the files of the other tests writes what Blender understands likewise."""
    mixamo(tmp_path / "a.fbx", WALK, bound=False)
    blender(tmp_path, _IMPORT, tmp_path / "a.fbx", len(WALK))
    frames = json.loads((tmp_path / "a.fbx.json").read_text())
    names, places = posed(tmp_path / "a.fbx")
    x, y, z = np.array([[frame[name] for name in names] for frame in frames]).transpose(2, 0, 1)
    np.testing.assert_allclose(places, np.stack([x, z, -y], -1), atol=1e-5)
