"""MHR: our forward pass is the package's, on a mannequin in its formats; the conformance kit."""

import numpy as np
import pytest
import torch
from avatar_kit_mhr.body import JAW_OPEN, MhrBody
from avatar_kit_mhr.config import MhrConfig
from avatar_kit_mhr.expression import EXPRESSIONS, expressions_of
from avatar_kit_mhr.joints import tellers
from avatar_kit_mhr.rig_file import of_model
from mhr_files import PackageTwin, correctives, make_rig, write_assets
from scipy.spatial.transform import Rotation

from avatar_kit.errors import Unavailable, UserError
from avatar_kit.scene import BodyParameters, Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_KEYPOINTS, SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.testing import BodyConformance
from avatar_kit.testing.poses import cast


@pytest.fixture(scope="session")
def assets(tmp_path_factory):
    return write_assets(tmp_path_factory.mktemp("mhr"), make_rig())


class TestConformance(BodyConformance):
    """What is asked of every body."""

    name = "mhr"

    @pytest.fixture(autouse=True)
    def _files(self, assets):
        type(self).options = {"assets": str(assets)}


def made(folder, **values) -> MhrBody:
    return MhrBody(MhrConfig(assets=folder, **values)).double().requires_grad_(False)


def parameters_of(twin, state, identity, expression, sizes) -> BodyParameters:
    """Our parameters of a pose of the package: what its joints turn by, seen from our T-pose."""
    names = twin.arrays["joint_names"].tolist()
    told = tellers(tuple(names))
    world = Rotation.from_quat(state[:, 3:7]).as_matrix()
    body = made_of(twin)
    still = body.skeleton(torch.zeros(1, 55, 3).double(), torch.zeros(1, 2).double()).turns[0]
    kept = body.skeleton.kept
    pose = np.zeros((55, 3))
    turned = []
    for j, name in enumerate(SMPLX_JOINTS):
        i = told[name]
        turned.append(world[i] @ still[kept.index(i)].numpy().T)
        above = turned[SMPLX_PARENTS[j]] if j else np.eye(3)
        pose[j] = Rotation.from_matrix(above.T @ turned[j]).as_rotvec()
    values = {
        "transl": state[names.index("root"), :3] / 100, "pose": pose,
        "expression": np.zeros(52), "expression_coefficients": expression,
        "shape": np.concatenate([identity, sizes]),
    }  # fmt: skip
    return BodyParameters({k: torch.from_numpy(v)[None].double() for k, v in values.items()})


def made_of(twin) -> MhrBody:
    return MhrBody(MhrConfig(), of_model(twin, "0" * 64)).double().requires_grad_(False)


@pytest.mark.parametrize("corrected", [False, True])
def test_the_forward_pass_is_the_packages(corrected):
    """Any identity, any expression, longer legs, every joint that SMPL-X knows turned."""
    arrays = make_rig(twists=False)
    names = arrays["joint_names"].tolist()
    if corrected:
        arrays |= correctives(len(names), len(arrays["base_shape"]))
    twin, draw = PackageTwin(arrays), np.random.default_rng(0)
    # the two lowest joints of the spine are turned together, so the lower one turns both
    told = set(tellers(tuple(names)).values()) - {names.index("c_spine1")}
    told |= {names.index("c_spine0")}
    parameters = np.zeros(len(arrays["parameter_names"]))
    for i, name in enumerate(arrays["parameter_names"]):
        if name[-3:-1] == "_r" and names.index(name[:-3]) in told:
            parameters[i] = draw.uniform(-0.5, 0.5)
    parameters[:3] = 10, 90, -20
    sizes = np.array([0.15, -0.1])
    parameters[-2:] = sizes
    identity, expression = draw.standard_normal(45), draw.uniform(-1, 1, 72)
    vertices, state = twin(identity, parameters, expression)
    body = made_of(twin)
    posed = body(parameters_of(twin, state, identity, expression, sizes))
    np.testing.assert_allclose(posed.vertices[0].numpy(), vertices / 100, atol=2e-6)
    kept = body.skeleton.kept
    np.testing.assert_allclose(posed.joints[0].numpy(), state[kept, :3] / 100, atol=2e-6)


def test_files_and_package_are_the_same_body(assets):
    ours, theirs = made(assets), made_of(PackageTwin(make_rig()))
    assert ours.joint_names == theirs.joint_names and ours.shape_names == theirs.shape_names
    assert ours.shape_names[45:] == ("scale_legs", "scale_arms")
    shape = torch.randn(47, generator=torch.Generator().manual_seed(0)).double() * 0.3
    assert torch.equal(ours.rest_vertices(shape), theirs.rest_vertices(shape))
    assert ours.asset.sha256 != theirs.asset.sha256 and len(ours.asset.sha256) == 64


def test_a_t_pose_is_one(assets):
    """The rig stands in an A-pose with axes of its own; at zero its arms are level."""
    body = made(assets)
    still = cast(Motion.rest(1), torch.float64)
    at = body.keypoints(body.from_motion(still, body.default_shape()))[0]
    points = dict(zip(BODY_KEYPOINTS, at[:23].tolist(), strict=True))
    for side, sign in (("left", 1), ("right", -1)):
        shoulder, wrist = (np.array(points[f"{side}_{n}"]) for n in ("shoulder", "wrist"))
        along = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
        assert along @ [sign, 0, 0] > 0.9999
        hip, ankle = (np.array(points[f"{side}_{n}"]) for n in ("hip", "ankle"))
        assert (hip - ankle)[1] / np.linalg.norm(hip - ankle) > 0.9999


def test_a_twist_is_spread_along_the_limb(assets):
    """The upper arm twists at the elbow and not at the shoulder."""
    body = made(assets)
    pose = torch.zeros(1, 55, 3).double()
    pose[0, SMPLX_JOINTS.index("left_shoulder"), 0] = 1.0
    state = body.skeleton(pose, torch.zeros(1, 2).double())
    still = body.skeleton(0 * pose, torch.zeros(1, 2).double())
    for i, share in enumerate((0.1, 0.5, 0.9)):
        j = body.joint_names.index(f"l_uparm_twist{i}_proc")
        turn = Rotation.from_matrix((state.turns[0, j] @ still.turns[0, j].mT).numpy())
        np.testing.assert_allclose(turn.as_rotvec(), [share, 0, 0], atol=1e-5)


def test_every_channel_but_the_tongue_is_an_expression(assets):
    body = made(assets)
    assert [c for c in ARKIT_CHANNELS if not expressions_of(c)] == ["tongueOut"]
    used = {name for channel in ARKIT_CHANNELS for name in expressions_of(channel)}
    assert used <= set(EXPRESSIONS) and len(EXPRESSIONS) == len(set(EXPRESSIONS)) == 72
    # places in the package's own table
    places = {"browLowerer_L": 0, "cheekSuck_R": 7, "eyesLookLeft_L": 16, "jawDrop": 24,
              "lipCornerPuller_L": 32, "lipSuck_LB": 44, "upperLipRaiser_R": 71}  # fmt: skip
    assert {name: EXPRESSIONS.index(name) for name in places} == places
    face = torch.zeros(1, 52)
    face[0, ARKIT_CHANNELS.index("mouthSmileLeft")] = 0.7
    held = body.channels.float().mT @ face[0]
    assert held[32] == pytest.approx(0.7) and held.sum() == pytest.approx(0.7)


def test_a_jaw_that_turns_counts_once(assets):
    body = made(assets)
    face = torch.zeros(1, 52)
    face[0, ARKIT_CHANNELS.index("jawOpen")] = 1.0
    motion = Motion.rest(1, expression=face, jaw_pose=torch.tensor([[0.5 * JAW_OPEN, 0, 0]]))
    values = body.from_motion(motion, body.default_shape().float())
    assert values["expression"][0, ARKIT_CHANNELS.index("jawOpen")] == pytest.approx(0.5)
    assert body.to_motion(values, 30.0).expression.max() == pytest.approx(1.0)


def test_what_is_missing_is_named(tmp_path, assets):
    with pytest.raises(
        Unavailable, match=r"neither rig.npz with lod1.npz .*Apache-2.0, https://git"
    ):
        made(tmp_path)
    (tmp_path / "lod1.fbx").write_bytes(b"Kaydara FBX Binary")
    with pytest.raises(Unavailable, match=r"lod1.fbx: is read by the packages mhr and pymomentum"):
        made(tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema_version": np.array(2)}, "version 2 of MHR's assets, expected 1"),
        ({"joint_offsets": np.zeros((3, 3))}, r"key 'joint_offsets' is \(3, 3\), expected"),
        ({"skin_weights": np.zeros((5, 4))}, "key 'skin_weights' is"),
        ({"joint_names": np.array(["a"] * 200)}, "key 'parameter_transform' is"),
    ],
)
def test_damaged_assets(changes, says, tmp_path):
    write_assets(tmp_path, {**make_rig(), **changes})
    with pytest.raises(UserError, match=says):
        made(tmp_path)
