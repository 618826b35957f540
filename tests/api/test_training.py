"""``ak.train``: what ``avatar-kit train`` does, without a word."""

import json
import signal
from threading import Thread

import pytest

import avatar_kit as ak
from avatar_kit.errors import UserError
from tests.api.tiny import TINY


def test_a_training_is_quiet_measured_and_reported(capture_folder, tmp_path, capfd):
    told = []
    run = ak.train(
        "anr",
        data=str(capture_folder),
        out=str(tmp_path / "run"),
        steps=3,
        report_every=1,
        values=TINY["anr"],
        progress=lambda *state: told.append(state),
    )
    assert run == tmp_path / "run"
    assert capfd.readouterr() == ("", "")
    assert [(step, of) for step, of, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert all(isinstance(value, float) for value in told[-1][2].values())
    assert json.loads((run / "summary.json").read_text())["steps"] == 3
    for name in ("preview.png", "preview.mp4", "eval/test.json", "eval/frames.json"):
        assert (run / name).stat().st_size > 0
    assert ak.load(run, device="cpu").step == 3


def test_a_run_goes_on_where_it_stopped(capture_folder, tmp_path):
    words = {"data": capture_folder, "steps": 3, "values": TINY["anr"]}
    straight = ak.train("anr", out=tmp_path / "straight", **words)
    run = ak.train("anr", out=tmp_path / "halves", stop_at=1, **words)
    assert not (run / "summary.json").exists()
    assert ak.train(resume=run) == run
    weights = "checkpoints/step-000003/weights.safetensors"
    assert (run / weights).read_bytes() == (straight / weights).read_bytes()
    with pytest.raises(UserError, match="must keep batch_size"):
        ak.train(resume=run, batch_size=3)


def test_a_signal_saves_and_is_passed_on(capture_folder, tmp_path):
    def interrupt(step, of, losses):
        if step == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="saved at step 2; continue with resume"):
        ak.train(
            "anr",
            data=capture_folder,
            out=tmp_path / "run",
            steps=9,
            report_every=1,
            values=TINY["anr"],
            progress=interrupt,
        )
    assert ak.load(tmp_path / "run", device="cpu").step == 2


def test_a_thread_may_train(capture_folder, tmp_path):
    words = {"data": capture_folder, "out": tmp_path / "run", "steps": 1, "values": TINY["anr"]}
    thread = Thread(target=ak.train, args=("anr",), kwargs=words)
    thread.start()
    thread.join()
    assert (tmp_path / "run" / "summary.json").exists()


def test_several_people(capture_folder, tmp_path):
    import shutil

    captures = [tmp_path / name for name in ("ada", "ben")]
    for folder in captures:
        shutil.copytree(capture_folder, folder)
        record = folder / "capture.json"
        record.write_text(record.read_text().replace('"normals"', f'"{folder.name}"', 1))
    run = ak.train("anr", data=captures, out=tmp_path / "both", steps=2, values=TINY["anr"])
    for name in ("ada", "ben"):
        assert ak.load(run / "people" / name, device="cpu").step == 2
        assert (run / "people" / name / "summary.json").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({}, "which method"),
        ({"method": "rum"}, "unknown method 'rum'; did you mean 'ram'?"),
        ({"method": "ram", "preset": "huge"}, "has no preset 'huge'"),
        ({"method": "ram", "data": "no/such"}, "data no/such: no such folder; make one with"),
        (
            {"method": "ram", "stepz": 4},
            r"stepz: unknown key; did you mean 'steps'\?  \(argument\)",
        ),
        ({"method": "ram", "values": {"loss.pixxel": 1}}, "loss.pixxel: unknown key"),
        ({"resume": "run", "method": "ram", "out": "x"}, "drop method, out"),
        ({"resume": "nowhere"}, "nowhere: not a run folder"),
    ],
)
def test_what_cannot_be_trained(words, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=says):
        ak.train(**words)
    assert not list(tmp_path.iterdir())
