"""Plans of comparisons: read, refused, grown."""

import json
from pathlib import Path

import pytest

from avatar_kit.engine.comparison.plan import Cell, keep_plan, read_plan
from avatar_kit.errors import UserError
from tests.engine.plans import PLAN, made


def test_a_plan_is_read_from_yaml_and_written_back(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(json.dumps(PLAN))
    plan = read_plan(file)
    assert plan.contenders["ram"] == {"type": "ram"} and plan.captures["ada"] == {"type": "studio"}
    assert keep_plan(plan, tmp_path / "out") == plan == read_plan(tmp_path / "out" / "plan.yaml")
    slugs = [cell.slug for cell in plan.cells()]
    assert len(set(slugs)) == 8 and slugs[0] == "ram_ada_0"
    config = plan.config(Cell("anr", "ben", 1))
    found = (config.type, config.seed, config.size, config.data.subject)
    assert found == ("anr", 1, 256, "ben")


def test_a_comparison_may_grow(tmp_path):
    out = tmp_path / "out"
    keep_plan(made(seeds=(0,)), out)
    more = made(seeds=(2,), contenders={"dnr": {"type": "dnr", "preset": "demo"}})
    grown = keep_plan(more, out)
    assert list(grown.contenders) == ["ram", "anr", "dnr"] and grown.seeds == (0, 2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"contenders": {"x": {"type": "ram", "stesp": 3}}}, "x: stesp: unknown key; did you mean"),
        ({"contenders": {"x": {"type": "rma"}}}, "x: unknown method 'rma'; did you mean 'ram'"),
        ({"captures": {"c": {"type": "studio", "subject": "eve"}}}, "ram: data.subject"),
        ({"values": {}}, "anr uses size=256, ram uses size=1024"),
        (
            {"contenders": {"x": {"type": "ram"}, "y": {"type": "ram", "evaluation.x": 1}}},
            "y: evaluation.x: unknown key",
        ),
        (
            {
                "contenders": {
                    "x": {"type": "ram"},
                    "y": {"type": "ram", "evaluation": {"max_frames": 2}},
                }
            },
            "y and x differ in 'evaluation'",
        ),
        (
            {
                "contenders": {"splat": {"type": "splat"}, "ram": {"type": "ram"}},
                "values": {"encoders": {"cloud": {"points": 60}}},
            },
            "^ram: .*; the values encoders apply to every method: give values for one method",
        ),
        (
            {"captures": {"a b": {"type": "studio"}, "a-b": {"type": "studio", "subject": "ben"}}},
            "'ram, a b, seed 0' and 'ram, a-b, seed 0' would share the folder runs/ram_a-b_0",
        ),
    ],
)
def test_plans_that_cannot_be_leave_nothing(changes, says, tmp_path):
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        keep_plan(made(**changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"values": {"size": 128}}, "'values' was .*256.* before, not .*128"),
        ({"contenders": {"ram": {"type": "anr"}}}, "'ram' of contenders was defined differently"),
        ({"benchmark": "studio-1"}, "'benchmark' was None before, not studio-1"),
    ],
)
def test_a_comparison_does_not_change_its_mind(changes, says, tmp_path):
    out = tmp_path / "out"
    keep_plan(made(), out)
    before = (out / "plan.yaml").read_text()
    with pytest.raises(UserError, match=says):
        keep_plan(made(**changes), out)
    assert (out / "plan.yaml").read_text() == before


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match=r"not empty and not a comparison \(no plan.yaml\)"):
        keep_plan(made(), tmp_path)


def test_a_plan_file_names_the_key(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text("contenders: {a: ram}\nseed: 3\n")
    with pytest.raises(UserError, match=r"plan\.yaml: seed: unknown key; did you mean 'seeds'"):
        read_plan(file)
    file.write_text("contenders: {a: {preset: demo}}\n")
    with pytest.raises(
        UserError, match=r"contenders.a.type: expected the name of a method, got None"
    ):
        read_plan(file)


@pytest.mark.parametrize(
    ("name", "count"), [("ablation_ram", 8), ("ablation_anr", 7), ("released_ram", 4)]
)
def test_the_plans_of_the_project_can_be_trained(name, count):
    plan = read_plan(Path(__file__).parents[2] / "benchmarks" / f"{name}.yaml")
    plan.check()
    configs = [plan.config(cell) for cell in plan.cells() if cell.seed == 0]
    assert len({config.model_dump_json() for config in configs}) == count
