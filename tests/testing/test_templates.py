"""What ``plugins new`` writes works as it is; and the checks find the fault that is put into it."""

import pytest

from avatar_kit.registry import KINDS

#: What makes the checks of a new project quick.
QUICK = {"dataset": {"size": 96}, "method": {}}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(k, marks=pytest.mark.slow if k in ("encoder", "method") else ())
        for k in KINDS
        if k not in ("matting", "tracker")
    ],
)
def test_a_new_project_conforms(kind, outcomes):
    found = outcomes(kind, **QUICK.get(kind, {}))
    bad = {name: o.reason for name, o in found.items() if o.bad}
    assert not bad
    assert sum(o.status == "passed" for o in found.values()) >= 12


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["matting", "tracker"])
def test_a_new_project_that_must_find_a_person_conforms(kind, outcomes):
    # films the person: half a minute
    bad = {name: o.reason for name, o in outcomes(kind).items() if o.bad}
    assert not bad


#: kind, what is replaced, by what, the check that must see it, a word of its message
FAULTS = [
    (
        "aligner",
        "replace(frame, body_pose=frame.body_pose.clamp(self.low, self.high)), None",
        "replace(frame, body_pose=self._smooth(frame.body_pose)), None\n\n"
        "    def _smooth(self, pose):\n"
        "        self.last = 0.5 * getattr(self, 'last', pose) + 0.5 * pose\n"
        "        return self.last",
        "test_streaming_equals_batch",
        "state",
    ),
    ("aligner", 'changes = ("body_pose",)', "changes = ()", "test_changes_only_what_it_declares",
     "body_pose"),
    ("aligner", "self.register_buffer(\"low\", torch.zeros(63))",
     "self.low = torch.zeros(63)", "test_no_tensor_is_left_behind", "low"),
    ("aligner", "self.low.copy_(poses.amin(0) - self.config.margin)",
     "self.low.copy_(1 + poses.amax(0))", "test_training_poses_stay_close", "rad"),
    ("body", "(turns[parent] @ bone)[..., 0]", "(turns[parent] @ bone)[..., 0].detach()",
     "test_gradients_match_finite_differences", "finite differences"),
    ("body", "+ heads[:, self.owner]", "+ 1.01 * heads[:, self.owner]",
     "test_rigid_motion_moves_the_surface_rigidly", "vertices"),
    ("body", "torch.eye(len(SMPLX_JOINTS))[owner]", "0.9 * torch.eye(len(SMPLX_JOINTS))[owner]",
     "test_weights_sum_to_one", "misses one"),
    ("body", "[parameters[\"transl\"]]", "[parameters[\"transl\"] + 0.1]",
     "test_stands_as_the_convention_says", "motion.transl"),
    ("dataset", "range(train, total))}", "range(0, total - train))}", "test_opens_a_capture",
     "must not overlap"),
    ("dataset", 'pixels(self.silhouettes[frame], "L")',
     'np.roll(pixels(self.silhouettes[frame], "L")[:, ::-1], 20, 0)',
     "test_joints_project_onto_the_person", "key points"),
    ("encoder", "nearness = fragments.mask / fragments.depth.clamp(min=0.1)[:, None]",
     "nearness = 1 / fragments.depth[:, None].amin((2, 3), keepdim=True).expand_as("
     "fragments.mask)", "test_finite_when_nothing_is_seen", "finite"),
    ("encoder", "torch.cat([normals, nearness], dim=1)",
     "torch.cat([normals, nearness], dim=1).transpose(2, 3)",
     "test_map_has_the_size_of_the_camera", "96 wide"),
    ("encoder", "return FeatureMap(self.mix(", "return FeatureMap(torch.randn(1) * self.mix(",
     "test_same_seed_same_result", "run twice"),
    ("method", "loss.backward()", "(-loss).backward()", "test_training_improves_the_picture",
     "PSNR"),
    ("method", 'return {"adam": self.optimizer}',
     'return {"adam": Adam([*self.avatar.renderer.parameters()])}', "test_resuming_is_exact",
     "differ"),
    ("exporter", "out.write_text(", "(out.parent / 'body.obj').write_text(",
     "test_writes_the_one_file", "instead of avatar.obj"),
    ("exporter", 'lines = [f"#', 'import time\n        lines = [f"# {time.time_ns()}',
     "test_the_same_source_gives_the_same_file", "chance"),
    ("exporter", "body.vertices[0]).tolist()", "source.avatar.body.rest_vertices("
     "source.avatar.shape)).tolist()", "test_another_pose_gives_another_file", "same file"),
    ("exporter", 'surface = body.topology', 'surface = body.topology\n        '
     'source.conditions["points"].means',
     "test_an_avatar_without_gaussians", "AttributeError"),
    ("exporter", "surface = body.topology", "surface = body.topology\n        "
     "source.avatar.train()", "test_leaves_the_avatar_alone", "training mode"),
    ("matting", ".resize((width, height)", ".resize((height, width)",
     "test_masks_have_the_size_of_the_picture", "(160, 96) uint8, expected (96, 160)"),
    ("matting", "return steep.clip(0, 255)", "return (255 - steep).clip(0, 255)",
     "test_nobody_has_an_empty_mask", "goes up to 255"),
    ("matting", "        height, width", "        coarse //= 2\n        height, width",
     "test_leaves_the_picture_alone", "read-only"),
    ("matting", "        height, width", "        picture[0] = 0\n        height, width",
     "test_leaves_the_picture_alone", "has changed"),
    ("matting", "return steep.clip(0, 255)",
     "self.n = getattr(self, 'n', 0) + 9\n        return (steep - self.n).clip(0, 255)",
     "test_the_same_picture_has_the_same_mask", "another one"),
    ("metric", "higher_is_better: ClassVar[bool] = False",
     "higher_is_better: ClassVar[bool] = True", "test_perfect_pictures_score_best", "worse"),
    ("metric", "math.fsum(self._errors) / len(self._errors)", "self._errors[-1]",
     "test_clips_do_not_touch", "order"),
    ("metric", "self._errors += (255 * error).tolist()",
     "self._errors.append(float(255 * error.amax()))", "test_accumulation_equals_the_whole",
     "pieces"),
    ("metric", "return list(self._errors)", "return self._errors[1:]",
     "test_frame_values_average_to_the_value", "5 values for 6 frames"),
    ("metric", "return list(self._errors)", "return [0.0 for _ in self._errors]",
     "test_frame_values_average_to_the_value", "the mean of frame_values is 0.0"),
    ("renderer", "x = self.first(torch.cat(maps, dim=1))",
     "x = self.first(torch.cat(maps, dim=1).flip(2))",
     "test_things_appear_where_the_camera_sees_them", "lower left"),
    ("renderer", "x = self.second(F.leaky_relu(x, 0.2))",
     "x = x - x.mean(0, keepdim=True)\n        x = self.second(F.leaky_relu(x, 0.2))",
     "test_batch_of_two_is_two_of_one", "another"),
    ("renderer", "self.background = nn.Parameter(torch.zeros(1, 3, setup.height, setup.width))",
     "self.background = setup.plates[0].picture[None]", "test_no_tensor_is_left_behind",
     "background"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "old", "new", "check", "word"), FAULTS)
def test_a_fault_is_found(kind, old, new, check, word, outcomes):
    found = outcomes(kind, old, new, only=[check], **QUICK.get(kind, {}))[check]
    assert found.bad, f"{check} says {found.status}"
    assert word in found.reason


@pytest.mark.parametrize(
    ("old", "new", "check", "word"),
    [
        ("from typing import ClassVar", "import torch\nfrom typing import ClassVar",
         "test_reading_its_names_imports_nothing_heavy", "imports torch"),
        (', description="Channels of the hidden layers."', "", "test_every_field_is_described",
         "width"),
        ('    """Three convolutions over the feature maps, shifted by the vectors."""\n', "",
         "test_every_field_is_described", "docstring"),
        ('consumes: ClassVar[frozenset] = frozenset({"feature_map", "vector"})',
         "consumes: ClassVar[frozenset] = frozenset()", "test_consumes_something", "empty"),
        ('type: Literal["fresh_renderer"] = "fresh_renderer"', 'type: str = "another"',
         "test_type_is_the_registered_name", "another"),
        ("    width: int", '    model_config = {"extra": "ignore", "frozen": False}\n'
         '    width: int',
         "test_unknown_keys_are_refused", "extra='forbid'"),
        ("    width: int", '    model_config = {"extra": "ignore", "frozen": False}\n'
         '    width: int',
         "test_config_is_frozen", "frozen=True"),
    ],
)  # fmt: skip
def test_a_faulty_config_is_found(old, new, check, word, outcomes):
    found = outcomes("renderer", old, new, file="config.py", only=[check])[check]
    assert found.bad, f"{check} says {found.status}"
    assert word in found.reason


def test_a_target_of_another_kind_is_found(outcomes):
    check = "test_target_is_of_its_kind"
    found = outcomes("renderer", "component:FreshRenderer", "config:FreshRendererConfig",
                     file="plugin.py", only=[check])[check]  # fmt: skip
    assert "derived from avatar_kit.interfaces.Renderer" in found.reason
