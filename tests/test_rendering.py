"""Offline rendering: every frame in its place, sound and picture of one length, flat memory."""

from fractions import Fraction

import av
import numpy as np
import pytest

import masktalk
from masktalk.engines import Speech, make_engine
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, compose, frames, render
from masktalk.types import Audio
from tests.conftest import write_speech


@pytest.fixture
def cartoon(material):
    with prepare(material / "cartoon.png") as avatar:
        yield avatar


@pytest.fixture
def talking(material):
    with prepare(material / "talking.mp4") as avatar:
        yield avatar


def decoded(path):
    """(frames, seconds of sound, codec names) as decoding finds them."""
    with av.open(str(path)) as container:
        count = sum(1 for _ in container.decode(video=0))
    with av.open(str(path)) as container:
        sound = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(audio=0))
        codecs = (container.streams.video[0].codec_context.name, sound.codec_context.name)
        return count, Fraction(samples, sound.rate), codecs


@pytest.mark.parametrize("seconds", [0.2, 1.16, 2.32])
@pytest.mark.parametrize("fps", ["25", "30000/1001", "24000/1001", "12"])
def test_frames_are_seconds_times_rate_and_sound_is_as_long(cartoon, tmp_path, seconds, fps):
    rate = Fraction(fps)
    speech = write_speech(tmp_path / "speech.wav", seconds)
    made = render(cartoon, speech, tmp_path / "out.mp4", RenderOptions(fps=rate))
    count, sound, codecs = decoded(made.path)
    assert count == made.frames == int(Fraction(str(seconds)) * rate + Fraction(1, 2))
    assert abs(sound - count / rate) < 1 / rate
    assert codecs == ("h264", "aac")


def test_a_video_keeps_its_own_exact_rate(talking, material, tmp_path):
    made = render(talking, material / "speech.wav", tmp_path / "out.mp4")
    assert made.rate == Fraction(30000, 1001)
    assert made.frames == 60
    with av.open(str(made.path)) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


def test_frames_without_a_face_keep_their_place(talking, material):
    # A public project's report: frames without a face shifted every later mouth.
    shown = list(frames(talking, material / "speech.wav"))
    for index, frame in enumerate(shown):
        stored = talking.index_at(index / Fraction(30000, 1001))
        source = talking.frame(stored).pixels
        changed = (frame.pixels != source).any(axis=2)
        if talking.faces[stored] is None:
            assert not changed.any()
        else:
            x0, y0, x1, y1 = map(int, talking.faces[stored].box)
            margin = (x1 - x0) // 2
            changed[max(y0 - margin, 0) : y1 + margin, max(x0 - margin, 0) : x1 + margin] = False
            assert not changed.any(), "a pixel outside the face region changed"


def test_times_are_exact(talking, material):
    times = [frame.time for frame in frames(talking, material / "speech.wav")]
    assert times == [index * Fraction(1001, 30000) for index in range(60)]


def test_live_sound_and_a_file_take_the_same_way(cartoon):
    rng = np.random.default_rng(3)
    samples = (0.1 * rng.standard_normal(16000)).astype(np.float32)
    whole = list(frames(cartoon, Audio(samples, 16000)))
    blocks = (
        Audio(samples[start : start + 320], 16000, Fraction(start, 16000))
        for start in range(0, 16000, 320)
    )
    engine = make_engine("warp")
    engine.prepare(cartoon)
    live = list(compose(cartoon, engine, Speech(blocks, Fraction(25))))
    assert len(whole) == len(live) == 25
    for first, second in zip(whole, live, strict=True):
        assert np.abs(first.pixels.astype(int) - second.pixels).mean() < 0.05


def test_silence_keeps_the_mouth_still():
    # A public project's report: lips that quiver in silence.
    rng = np.random.default_rng(3)
    silence = (1e-4 * rng.standard_normal(32000)).astype(np.float32)
    with prepare_picture() as avatar:
        still = RenderOptions(engine_options={"energy": 0.0})
        shown = [frame.pixels for frame in frames(avatar, Audio(silence, 16000), still)]
    face = avatar.faces[0]
    x, y = face.mouth.astype(int)
    reach = int(face.interocular / 2)
    mouths = [pixels[y - reach : y + reach, x - reach : x + reach] for pixels in shown]
    assert all((mouth == mouths[0]).all() for mouth in mouths[12:])


def prepare_picture():
    from importlib.resources import files
    from pathlib import Path

    return prepare(Path(str(files("masktalk.demo") / "material" / "portrait.jpg")))


def test_preview_renders_the_first_seconds_only(cartoon, material, tmp_path):
    options = RenderOptions(preview=Fraction(1, 2))
    made = render(cartoon, material / "speech.wav", tmp_path / "out.mp4", options)
    count, sound, _ = decoded(made.path)
    assert count == 13
    assert abs(sound - Fraction(13, 25)) < Fraction(1, 25)


def test_the_public_names(material, tmp_path):
    avatar = masktalk.prepare(material / "cartoon.png")
    masktalk.render(avatar, material / "speech.wav", tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").stat().st_size > 1000
    first = next(iter(masktalk.frames(avatar, material / "speech.wav")))
    assert isinstance(first, masktalk.Frame)
    assert callable(masktalk.prepare)
    assert callable(masktalk.render)
    with pytest.raises(AttributeError):
        masktalk.nothing  # noqa: B018


def test_names_do_not_leak_from_one_job_into_the_next(cartoon, material, tmp_path):
    # A public project's report: a name from one job named the next one's output.
    for name in ("first", "second; touch x", 'it\'s a %03d "test"'):
        made = render(
            cartoon,
            material / "speech.wav",
            tmp_path / f"{name}.mp4",
            RenderOptions(preview=Fraction(1, 5)),
        )
        assert made.path.name == f"{name}.mp4"
    assert len(list(tmp_path.iterdir())) == 3
