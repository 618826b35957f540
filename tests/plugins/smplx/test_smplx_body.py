"""The forward pass: the library's, a closed form, and the conformance kit."""

import numpy as np
import pytest
import torch
from avatar_kit_smplx.body import SmplxBody
from avatar_kit_smplx.config import SmplxConfig
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from smplx_files import make_arrays, names_of, parents_of, write_model

from avatar_kit.io.motion.smplx_rest import from_smplx_rest
from avatar_kit.scene import BodyParameters, Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_KEYPOINTS
from avatar_kit.testing import BodyConformance
from avatar_kit.testing.poses import cast, random_motion

FAMILIES = ("smplx", "smplh", "smpl")


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A file of each model, and one of SMPL-X whose name says nothing."""
    pytest.importorskip("xatlas", reason="SMPL and SMPL-H have no texture coordinates")
    folder = tmp_path_factory.mktemp("models")
    return {family: write_model(folder, family) for family in FAMILIES}


def made(path, **values) -> SmplxBody:
    return SmplxBody(SmplxConfig(model=path, **values)).double().requires_grad_(False)


class TestConformance(BodyConformance):
    """What is asked of every body."""

    name = "smplx"

    @pytest.fixture(autouse=True)
    def _file(self, smplx_file):
        type(self).options = {"model": str(smplx_file)}


class TestConformanceOfComponents(TestConformance):
    """The same with hands by principal components about the mean hand."""

    @pytest.fixture(autouse=True)
    def _file(self, smplx_file):
        more = {"hands": "pca", "hand_components": 45, "flat_hand_mean": False}
        type(self).options = {"model": str(smplx_file), **more}


class TestConformanceOfSmpl(BodyConformance):
    """SMPL: no fingers, no face."""

    name = "smplx"

    @pytest.fixture(autouse=True)
    def _file(self, models):
        type(self).options = {"model": str(models["smpl"])}


def library(path, **values):
    """The model as the field's own package reads it."""
    package = pytest.importorskip("smplx", reason="the second opinion needs the package smplx")
    kind = path.name.partition("_")[0]
    fingers = [s + f for s in "lr" for f in ("thumb", "index", "middle", "ring", "pinky")]
    feet = [s + f for s in "LR" for f in ("BigToe", "SmallToe", "Heel")]
    extra = ["nose", "reye", "leye", "rear", "lear", *fingers, *feet]
    ids = dict.fromkeys(extra, 0)  # further points of its own mesh, which is not ours
    known = package.body_models.VERTEX_IDS
    with pytest.MonkeyPatch.context() as patch:
        for name in known:
            patch.setitem(known, name, ids)
        build = getattr(package, kind)
        return build(str(path), ext=path.suffix[1:], dtype=torch.float64, **values)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("components", [0, 9])
def test_smplx_equals_the_library(smplx_file, flat, components):
    draw = torch.Generator().manual_seed(3)
    settings = {"use_pca": bool(components), "num_pca_comps": components or 6}
    theirs = library(smplx_file, flat_hand_mean=flat, num_betas=10, **settings)
    hands = "pca" if components else "joints"
    ours = made(smplx_file, flat_hand_mean=flat, hands=hands, hand_components=components or 12)
    n = 3
    normal = lambda *size, s=0.4: s * torch.randn(n, *size, generator=draw, dtype=torch.float64)  # noqa: E731
    pose, betas, coefficients = normal(25, 3), normal(10, s=1.5), normal(10, s=1.0)
    hand = [normal(components or 45) for _ in range(2)]
    transl = normal(3)
    out = theirs(
        betas=betas,
        expression=coefficients,
        global_orient=pose[:, 0],
        body_pose=pose[:, 1:22].flatten(1),
        jaw_pose=pose[:, 22],
        leye_pose=pose[:, 23],
        reye_pose=pose[:, 24],
        left_hand_pose=hand[0],
        right_hand_pose=hand[1],
        transl=transl,
    )
    given = {"shape": betas, "expression_coefficients": coefficients}
    given["expression"] = torch.zeros(n, 52, dtype=torch.float64)
    if components:
        given |= {"pose": pose, "left_hand": hand[0], "right_hand": hand[1]}
    else:
        given["pose"] = torch.cat([pose, *(h.view(n, 15, 3) for h in hand)], 1)
    # theirs moves the origin, ours the pelvis
    posed = ours(BodyParameters(given | {"transl": out.joints[:, 0]}))
    assert (posed.vertices - out.vertices).abs().max() < 1e-5
    assert (posed.joints - out.joints[:, :55]).abs().max() < 1e-5


@pytest.mark.parametrize("family", ["smplh", "smpl"])
def test_the_older_models_equal_the_library(models, family):
    path = models[family]
    if family == "smpl":  # the library reads SMPL as a pickle alone
        path = write_model(path.parent, "smpl", "pkl")
        assert made(path).asset.sha256 != made(models["smpl"]).asset.sha256
    theirs = library(
        path, **({"flat_hand_mean": True, "use_pca": False} if family == "smplh" else {})
    )
    ours = made(path)
    motion = random_motion(2, dtype=torch.float64)
    parameters = ours.from_motion(motion, ours.default_shape())
    pose = parameters["pose"]
    given = {
        "global_orient": pose[:, 0],
        "body_pose": pose[:, 1 : 24 if family == "smpl" else 22].flatten(1),
    }
    if family == "smplh":
        given |= {
            "left_hand_pose": pose[:, 22:37].flatten(1),
            "right_hand_pose": pose[:, 37:].flatten(1),
        }
    pelvis = ours.rest_transforms(ours.default_shape())[0, :3, 3]
    zeros = torch.zeros(2, 10, dtype=torch.float64)
    out = theirs(betas=zeros, transl=motion.transl - pelvis, **given)
    assert (ours(parameters).vertices - out.vertices).abs().max() < 1e-5


def skinned(arrays, names, parents, pose, betas, coefficients) -> np.ndarray:
    """Linear blend skinning in closed form, vertex by vertex, with scipy's rotations."""
    rest = arrays["v_template"] + arrays["shapedirs"][..., :10] @ betas
    if arrays["shapedirs"].shape[2] == 20:
        rest = rest + arrays["shapedirs"][..., 10:] @ coefficients
    joints = arrays["J_regressor"] @ rest
    turns = Rotation.from_rotvec(pose).as_matrix()
    rest = rest + arrays["posedirs"] @ (turns[1:] - np.eye(3)).ravel()
    world = []
    for i, parent in enumerate(parents):
        own = np.eye(4)
        own[:3, :3] = turns[i]
        own[:3, 3] = joints[i] - (joints[parent] if parent >= 0 else 0)
        world.append(own if parent < 0 else world[parent] @ own)
    found = np.zeros_like(rest)
    for v, vertex in enumerate(rest):
        for j in np.flatnonzero(arrays["weights"][v]):
            local = np.append(vertex - joints[j], 1.0)
            found[v] += arrays["weights"][v, j] * (world[j] @ local)[:3]
    return found - joints[0]


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_closed_form(models, family, seed):
    ours, arrays, draw = made(models[family]), make_arrays(family), np.random.default_rng(seed)
    names, parents = names_of(family), parents_of(family)
    pose = 0.5 * draw.standard_normal((len(names), 3))
    betas, coefficients = draw.standard_normal((2, 10)) * 3  # unbounded
    expected = skinned(arrays, names, parents, pose, betas, coefficients)
    tensor = lambda a: torch.from_numpy(a)[None]  # noqa: E731
    values = {"pose": tensor(pose), "shape": tensor(betas), "transl": torch.zeros(1, 3).double()}
    if family == "smplx":
        values["expression"] = torch.zeros(1, 52).double()
        values["expression_coefficients"] = tensor(coefficients)
    found = ours(BodyParameters(values)).vertices[0].numpy()
    assert np.abs(found - expected).max() < 1e-5


def test_pose_correctives_can_be_left_out(smplx_file):
    plain, whole = made(smplx_file, pose_correctives=False), made(smplx_file)
    motion = random_motion(1, dtype=torch.float64)
    shape = plain.default_shape()
    a, b = (body(body.from_motion(motion, shape)).vertices for body in (plain, whole))
    assert 1e-4 < (a - b).abs().max() < 0.2
    still = from_smplx_rest(cast(Motion.rest(1), torch.float64))
    rest = plain(plain.from_motion(still, shape))
    pelvis = plain.rest_transforms(shape)[0, :3, 3]
    assert (rest.vertices[0] + pelvis - plain.rest_vertices(shape)).abs().max() < 1e-7


def test_components_are_the_nearest_hands(smplx_file):
    """With fewer than 45 components a hand is its projection on them, found by numpy."""
    motion = random_motion(2, dtype=torch.float64)
    exact = made(smplx_file).from_motion(motion, torch.zeros(10).double())["pose"]
    body = made(smplx_file, hands="pca", hand_components=7)
    found = body.hands.pose(body.from_motion(motion, torch.zeros(10).double()))
    basis = make_arrays("smplx")["hands_componentsl"][:7]
    hand = exact[:, 25:40].flatten(1).numpy()
    expected = np.linalg.lstsq(basis.T, hand.T, rcond=None)[0].T @ basis
    assert np.abs(found[:, 25:40].flatten(1).numpy() - expected).max() < 1e-6
    assert torch.equal(found[:, :25], exact[:, :25])


def test_channels_open_the_jaw_and_turn_the_eyes(smplx_file):
    body = made(smplx_file)
    channels = torch.zeros(1, 52)
    channels[0, ARKIT_CHANNELS.index("jawOpen")] = 1
    channels[0, ARKIT_CHANNELS.index("eyeLookOutLeft")] = 1
    channels[0, ARKIT_CHANNELS.index("eyeLookUpRight")] = 1
    pose = body.from_motion(Motion.rest(1, expression=channels), body.default_shape())["pose"][0]
    assert pose[22, 0] > 0.4 and pose[22, 1:].abs().max() == 0  # down, about x
    assert pose[23, 1] > 0.2  # the left eye turns to its left, +x: about +y
    assert pose[24, 0] < -0.15  # up


def test_channels_become_the_nearest_coefficients(tmp_path):
    """An expression basis that holds a smile is given the smile; one that does not stays still."""
    from avatar_kit_smplx.expression import channel_moves

    arrays = make_arrays("smplx")
    faces, corners = arrays["f"].astype(int)[arrays["lmk_faces_idx"]], np.eye(3)[np.zeros(51, int)]
    smile = channel_moves()[ARKIT_CHANNELS.index("mouthSmileLeft")]
    basis = np.zeros_like(arrays["shapedirs"][..., 10:])
    basis[faces[:, 0], :, 0] = smile  # landmark k lies on the first corner of its triangle
    order = np.unique(faces[:, 0], return_index=True)[1]
    shapes = np.concatenate([arrays["shapedirs"][..., :10], basis], -1)
    path = write_model(tmp_path, "smplx", lmk_bary_coords=corners, shapedirs=shapes)
    coefficients = made(path).channels[ARKIT_CHANNELS.index("mouthSmileLeft")]
    assert len(order) < 51 or coefficients[0] > 0.9
    assert coefficients[1:].abs().max() < 1e-9


def test_keypoints_lie_where_a_person_has_them(models):
    still = cast(Motion.rest(1), torch.float64)
    for family in FAMILIES:
        body = made(models[family])
        points = body.keypoints(body.from_motion(still, body.default_shape()))[0]
        at = dict(zip(BODY_KEYPOINTS, points.tolist(), strict=False))
        assert at["left_ear"][0] > at["left_eye"][0] > 0 > at["right_eye"][0]
        assert at["nose"][2] > at["left_eye"][2] > at["left_ear"][2]
        assert at["left_heel"][2] < at["left_ankle"][2] < at["left_big_toe"][2]
        assert at["left_small_toe"][0] > at["left_big_toe"][0]
        left, right = points[23:44], points[44:]
        assert (left[1:, 0] > left[0, 0]).all() and (right[1:, 0] < right[0, 0]).all()
        assert left[12, 0] == left[:, 0].max()  # the tip of the middle finger
