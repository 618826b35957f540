"""The sound of a driving video goes along: in time, and no longer than the pictures."""

import av
import numpy as np
import pytest

from avatar_kit.io.video import read_video
from tests.conftest import default_tracker, shared_file
from tests.io.test_sound import film, heard, pitch


@pytest.fixture(scope="module")
def danced(tmp_path_factory):
    """One second of an empty room, then fifteen frames of a person; a sine of 300, then 500 Hz."""
    default_tracker()
    source = read_video(shared_file("video/turntable_dress.mp4"))
    shown = [image for _, image in zip(range(15), source, strict=False)]
    room = np.full_like(shown[0], 200)
    return film(tmp_path_factory.mktemp("danced") / "me.mp4", "aac", [room] * 25 + shown)


def made(root, *parts):
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module", autouse=True)
def quick(tmp_path_factory):
    """Few iterations of the fit; landmarks are kept apart from those of other tests."""
    from avatar_kit.tracking import fit, stages
    from avatar_kit.tracking.fit import ROOT_VARIABLES, Phase

    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "cache_dir", lambda *parts: made(cache, *parts))
        patch.setattr(fit, "PHASES", (Phase(4, ROOT_VARIABLES, 0.2),))
        yield


def test_the_sound_is_that_of_the_tracked_frames(danced):
    from avatar_kit.tracking import tracked_spans

    ((start, end),) = tracked_spans(danced)
    assert 1.0 - 1e-6 <= start <= 1.2 and end == pytest.approx(1.6)


def test_render_carries_it(cli_here, anr_run, danced, tmp_path):
    words = ("render", anr_run, "--motion", danced, "--device", "cpu")
    assert "me.mp4: its sound goes along (aac, copied)" in cli_here(*words, "--out", "a.mp4")
    codec, samples = heard(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        seconds = float(stream.duration * stream.time_base)
    assert codec == "aac"
    assert len(samples) / 48000 == pytest.approx(seconds, abs=0.05)
    assert pitch(samples, 0.05, 0.3) == pytest.approx(500, abs=8)
    assert "goes along (Opus)" in cli_here(*words, "--frames", 5, "--out", "a.webm")
    assert heard(tmp_path / "a.webm")[0].endswith("opus")
    text = cli_here(*words, "--frames", 2, "--out", "a.gif")
    assert "me.mp4: its sound is left out, a.gif holds none" in text
    text = cli_here(*words, "--no-sound", "--frames", 2, "--out", "b.mp4")
    assert "its sound" not in text
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert not container.streams.audio
