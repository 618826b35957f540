"""The sound of one video in another, read back by FFmpeg."""

from fractions import Fraction

import av
import numpy as np
import pytest

from avatar_kit.io import VideoWriter
from avatar_kit.io.sound import Sound
from tests.io.test_video_files import SIZE, picture

RATE = 44100


def melody(seconds):
    """[n] a sine of another pitch in each second: 300, 500, 700 Hz, ..."""
    t = np.arange(round(seconds * RATE)) / RATE
    return 0.4 * np.sin(2 * np.pi * (300 + 200 * t.astype(int)) * t)


def film(path, codec, images, channels=1, delay=0.0):
    """A video of 25 frames a second, with that melody, which may begin later."""
    layout = "mono" if channels == 1 else "stereo"
    with av.open(str(path), "w") as container:
        coded = "libx264" if path.suffix != ".webm" else "libvpx-vp9"
        video = container.add_stream(coded, rate=25)
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuv420p"
        audio = container.add_stream(codec, rate=48000 if "opus" in codec else RATE)
        audio.layout = layout
        samples = np.tile(melody(len(images) / 25).astype(np.float32), (channels, 1))
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, round(delay * RATE), Fraction(1, RATE)
        for image in images:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        fitted = av.AudioResampler(format=audio.format.name, layout=layout, rate=audio.rate)
        for part in [*fitted.resample(frame), *fitted.resample(None)]:
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))
    return path


@pytest.fixture
def filmed(tmp_path):
    """Makes a video of three seconds."""

    def make(codec, suffix, channels=1):
        images = [picture(i % 50) for i in range(75)]
        return film(tmp_path / f"filmed{suffix}", codec, images, channels)

    return make


def heard(path):
    """Codec, rate, and the samples [n] of the first channel from time 0 on."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        plain = av.AudioResampler(format="fltp", layout="mono", rate=48000)
        decoded = list(container.decode(stream))
        parts = [f.to_ndarray()[0] for d in decoded for f in plain.resample(d)]
        parts += [f.to_ndarray()[0] for f in plain.resample(None)]
        samples = np.concatenate(parts)
        first = round(decoded[0].time * 48000)
        samples = samples[-first:] if first < 0 else np.pad(samples, (first, 0))
        return stream.codec_context.name, samples


def pitch(samples, start, seconds=0.4):
    """The loudest frequency from a time on, in Hz."""
    part = samples[round(start * 48000) : round((start + seconds) * 48000)]
    spectrum = abs(np.fft.rfft(part * np.hanning(len(part))))
    return float(spectrum.argmax() * 48000 / len(part))


def silent_copy(path, sound, frames):
    with VideoWriter(path, 25, SIZE, sound=sound) as video:
        for i in range(frames):
            video.write(picture(i % 50))
    return path


CASES = [
    ("aac", ".mp4", ".mp4", "aac, copied", "aac"),
    ("aac", ".mov", ".mkv", "aac, copied", "aac"),
    ("libopus", ".webm", ".webm", "opus, copied", "opus"),
    ("aac", ".mp4", ".webm", "Opus", "opus"),
    ("libopus", ".webm", ".mp4", "AAC", "aac"),
    ("aac", ".mkv", ".mp4", "aac, copied", "aac"),
    ("libopus", ".mp4", ".webm", "opus, copied", "opus"),
    ("libmp3lame", ".mkv", ".mp4", "mp3, copied", "mp3float"),
    ("libmp3lame", ".mp4", ".mov", "mp3, copied", "mp3float"),
    ("flac", ".mkv", ".mkv", "flac, copied", "flac"),
    ("pcm_s16le", ".mov", ".mkv", "pcm_s16le, copied", "pcm_s16le"),
    ("pcm_s16le", ".mkv", ".mov", "AAC", "aac"),
    ("pcm_s16le", ".mkv", ".mp4", "AAC", "aac"),
]


@pytest.mark.parametrize(("codec", "suffix", "out", "words", "expected"), CASES)
def test_it_is_carried_trimmed_and_in_time(filmed, tmp_path, codec, suffix, out, words, expected):
    sound = Sound.of(filmed(codec, suffix), [(0.5, 3.0)]).trimmed(2.0)
    path = tmp_path / f"b{out}"
    assert sound.becomes(path) == words
    silent_copy(path, sound, 50)
    found, samples = heard(path)
    assert found.removeprefix("lib") == expected
    assert len(samples) / 48000 == pytest.approx(2.0, abs=0.06)
    # half a second of the first pitch, then one second of the next
    for start, wanted in ((0.05, 300), (0.55, 500), (1.05, 500), (1.55, 700)):
        assert pitch(samples, start) == pytest.approx(wanted, abs=6), start
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50


def test_stretches_follow_one_another(filmed, tmp_path):
    sound = Sound.of(filmed("aac", ".mp4"), [(0.0, 0.5), (2.0, 3.0)])
    path = silent_copy(tmp_path / "b.mp4", sound, 37)
    assert sound.becomes(path) == "AAC"
    _, samples = heard(path)
    assert pitch(samples, 0.05) == pytest.approx(300, abs=6)
    assert pitch(samples, 0.6, 0.8) == pytest.approx(700, abs=6)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_sound_that_begins_later_does_so(tmp_path, suffix):
    path = film(tmp_path / "a.mp4", "aac", [picture(i) for i in range(25)], delay=0.5)
    out = silent_copy(tmp_path / f"b{suffix}", Sound.of(path, [(0.2, 1.0)]), 20)
    _, samples = heard(out)
    assert abs(samples[: round(0.25 * 48000)]).max() < 0.02
    assert abs(samples[round(0.35 * 48000) : round(0.45 * 48000)]).max() > 0.2


def test_a_damaged_sound_is_said(tmp_path, filmed):
    from avatar_kit.errors import UserError

    path = filmed("aac", ".mp4")
    sound = Sound.of(path, [(0.0, 2.0), (2.5, 3.0)])
    path.write_bytes(b"no video any more" * 100)
    with pytest.raises(UserError, match="cannot be opened"):
        silent_copy(tmp_path / "b.mp4", sound, 5)
    assert not (tmp_path / "b.mp4").exists()


def test_two_channels_stay_two(filmed, tmp_path):
    sound = Sound.of(filmed("aac", ".mp4", channels=2), [(0.0, 1.0)])
    with av.open(str(silent_copy(tmp_path / "b.webm", sound, 25))) as container:
        assert container.streams.audio[0].codec_context.channels == 2


def test_a_silent_video_has_none(tmp_path):
    assert Sound.of(silent_copy(tmp_path / "a.mp4", None, 5), [(0, 1)]) is None


def test_trimming():
    sound = Sound("a.mp4", "aac", RATE, 1, ((1.0, 2.0), (4.0, 6.0)))
    assert sound.trimmed(0.5).spans == ((1.0, 1.5),)
    assert sound.trimmed(2.0).spans == ((1.0, 2.0), (4.0, 5.0))
    assert sound.trimmed(9.0).spans == sound.spans
    assert sound.trimmed(0.0).spans == ()
