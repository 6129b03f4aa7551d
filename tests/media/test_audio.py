"""Sound of any kind as mono float32 of exact length."""

import tracemalloc
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from masktalk.errors import MediaError
from masktalk.media import audio_duration, read_audio, stream_audio
from tests.media.conftest import tone


def write_wav(path, samples, rate):
    wavfile.write(path, rate, samples)
    return path


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_rates_and_channels(tmp_path, rate, channels):
    samples = (tone(0.7, rate, channels).T * 0.5 * 32767).astype(np.int16)
    path = write_wav(tmp_path / "s.wav", samples, rate)
    audio = read_audio(path)
    assert audio.sample_rate == 16000
    assert len(audio.samples) == round(Fraction(len(samples) * 16000, rate))
    assert audio_duration(path) == Fraction(len(samples), rate)
    # Front, centre and surround add up (ITU-R BS.775) in a downmix of six equal channels.
    gain = 1 + 2 * 0.5**0.5 if channels == 6 else 1
    wanted = tone(0.7, 16000)[0] * 0.5 * gain
    middle = slice(1600, -1600)
    assert np.abs(audio.samples[middle] - wanted[: len(audio.samples)][middle]).max() < 0.01


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(count=st.integers(30, 5000), rate=st.integers(4000, 96000), target=st.integers(4000, 48000))
def test_lengths_are_exact(tmp_path, count, rate, target):
    path = write_wav(tmp_path / "s.wav", np.zeros(count, np.int16), rate)
    assert len(read_audio(path, target).samples) == round(Fraction(count * target, rate))


def test_channels_are_averaged(tmp_path):
    left, right = tone(0.5, 16000)[0], 0.25 * np.ones(8000, np.float32)
    path = write_wav(tmp_path / "s.wav", np.stack([left, right], axis=1), 16000)
    assert np.abs(read_audio(path).samples - (left + right) / 2).max() < 1e-6


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_sample_formats(tmp_path, kind):
    samples = tone(0.2, 16000)[0]
    if np.issubdtype(kind, np.integer):
        middle, scale = (128, 127) if kind == np.uint8 else (0, np.iinfo(kind).max)
        stored = (samples.astype(float) * scale + middle).astype(kind)
    else:
        stored = samples.astype(kind)
    path = write_wav(tmp_path / "s.wav", stored, 16000)
    assert np.abs(read_audio(path).samples - samples).max() < 0.02


def test_loud_samples_are_bounded(tmp_path):
    path = write_wav(tmp_path / "s.wav", np.full(1600, 3.0, np.float32), 16000)
    assert read_audio(path).samples.max() == 1.0
    step = np.sign(tone(0.1, 48000)[0]).astype(np.float32)
    assert np.abs(read_audio(write_wav(tmp_path / "t.wav", step, 48000)).samples).max() <= 1.0


@pytest.mark.parametrize(
    ("name", "codec", "rate", "slack"),
    [
        ("s.flac", "flac", 44100, 0), ("s.mp3", "libmp3lame", 44100, 2400),
        ("s.m4a", "aac", 48000, 1024), ("s.opus", "libopus", 48000, 0),
        ("s.mka", "aac", 22050, 1024), ("s.aiff", "pcm_s16be", 16000, 0),
        ("s.aac", "aac", 16000, 2048), ("s.mov", "pcm_s24le", 48000, 0),
    ],
)  # fmt: skip
def test_codecs(make_sound, name, codec, rate, slack):
    path = make_sound(name, tone(1.5, rate, 2), rate, codec, "stereo")
    audio = read_audio(path, rate)
    assert 0 <= len(audio.samples) - round(1.5 * rate) <= slack
    assert audio_duration(path) == Fraction(len(audio.samples), rate)
    assert 0.3 < np.sqrt(np.mean(audio.samples**2)) < 0.4


def test_blocks_follow_one_another(tmp_path):
    samples = (tone(1.03, 44100)[0] * 32767).astype(np.int16)
    path = write_wav(tmp_path / "s.wav", samples, 44100)
    blocks = list(stream_audio(path, 16000, Fraction(1, 25)))
    assert [len(block.samples) for block in blocks[:-1]] == [640] * (len(blocks) - 1)
    assert 0 < len(blocks[-1].samples) <= 640
    for before, after in pairwise(blocks):
        assert after.time == before.end
    joined = np.concatenate([block.samples for block in blocks])
    assert np.array_equal(joined, read_audio(path).samples)


def test_streaming_is_lazy_and_holds_little(tmp_path):
    minutes = np.zeros(16000 * 60 * 4, np.int16)
    path = write_wav(tmp_path / "s.wav", minutes, 16000)
    del minutes

    def peak(limit):
        tracemalloc.start()
        for index, _ in enumerate(stream_audio(path, 16000, Fraction(1, 10))):
            if index >= limit:
                break
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(5)
    assert peak(2400) < 1.2 * peak(50) + 50_000


def test_sound_of_a_video_is_read(tmp_path, make_video):
    from masktalk.media import Writer, WriterOptions
    from masktalk.types import Audio, Frame

    speech = Audio(tone(0.5, 48000)[0], 48000)
    with Writer(tmp_path / "v.mp4", WriterOptions(64, 64, Fraction(25)), [speech]) as writer:
        for _ in range(12):
            writer.write(Frame(np.zeros((64, 64, 3), np.uint8)))
    assert abs(audio_duration(tmp_path / "v.mp4") - Fraction(1, 2)) < Fraction(1, 25)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path, bad):
    samples = tone(0.5, 16000)[0]
    samples[4000] = bad
    path = write_wav(tmp_path / "s.wav", samples, 16000)
    with pytest.raises(MediaError, match=r"s\.wav: has samples that are not numbers"):
        read_audio(path)
    with pytest.raises(MediaError, match="not numbers"):
        audio_duration(path)


def test_no_sound_stream(make_video):
    with pytest.raises(MediaError, match="has no sound in it; give an audio file"):
        read_audio(make_video())


def test_no_samples(tmp_path):
    path = write_wav(tmp_path / "s.wav", np.zeros(0, np.int16), 16000)
    with pytest.raises(MediaError, match="has 0 seconds of sound"):
        read_audio(path)


@pytest.mark.parametrize(
    ("name", "codec"), [("s.wav", "pcm_s16le"), ("s.flac", "flac"), ("s.m4a", "aac"),
                        ("s.mka", "aac"), ("s.mp3", "libmp3lame"), ("s.aiff", "pcm_s16be")]
)  # fmt: skip
def test_cut_sound_is_an_error(make_sound, name, codec):
    path = make_sound(name, tone(3, 44100), 44100, codec, "mono")
    whole = path.read_bytes()
    assert read_audio(path).duration > Fraction(29, 10)
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.raises(MediaError, match=r"cut short|damaged") as caught:
        read_audio(path)
    assert str(path) in str(caught.value)


def test_a_streamed_wav_without_its_size_is_whole(tmp_path):
    path = write_wav(tmp_path / "s.wav", (tone(1, 16000)[0] * 9000).astype(np.int16), 16000)
    data = bytearray(path.read_bytes())
    for size in (0xFFFFFFFF, 0, 0x7FFFFFFF):
        data[40:44] = size.to_bytes(4, "little")
        path.write_bytes(data)
        assert len(read_audio(path).samples) == 16000
