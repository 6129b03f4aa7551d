"""Audio that real files hold: many channels, holes, late starts, stale headers, joined pieces."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from masktalk.media import audio_duration, read_audio
from masktalk.media.resampling import StreamResampler

RATE = 48000


def noise(seconds, seed=1):
    return (np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 0.1).astype("f4")


def wav(samples, data=None, riff=None, mask=None):
    """A 16 bit WAV file of (n, channels); ``data`` and ``riff`` replace its lengths."""
    body = (samples * 32767).astype("<i2").tobytes()
    channels = samples.shape[1]
    fmt = struct.pack("<HHIIHH", 1, channels, RATE, RATE * channels * 2, channels * 2, 16)
    if mask is not None:
        guid = bytes.fromhex("0100000000001000800000aa00389b71")
        fmt = struct.pack("<H", 0xFFFE) + fmt[2:] + struct.pack("<HHI", 22, 16, mask) + guid
    size = 4 + 8 + len(fmt) + 8 + len(body)
    return (
        b"RIFF" + struct.pack("<I", size if riff is None else riff) + b"WAVE"
        + b"fmt " + struct.pack("<I", len(fmt)) + fmt
        + b"data" + struct.pack("<I", len(body) if data is None else data) + body
    )  # fmt: skip


def mp3(samples, rate=RATE):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as out:
        stream = out.add_stream("libmp3lame", rate=rate)
        stream.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for part in av.AudioResampler("fltp", "mono", rate, 1152).resample(frame):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.fixture
def talking(tmp_path):
    """A function that writes a video whose audio packets are at chosen times."""

    def make(name, keep, first_frame=Fraction(0)):
        path = tmp_path / name
        samples = noise(4)
        with av.open(str(path), "w") as out:
            video = out.add_stream("libx264", rate=25, options={"bf": "0"})
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
            audio = out.add_stream("pcm_s16le", rate=RATE)
            audio.codec_context.layout = "mono"
            for index in range(100):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index, np.uint8))
                frame.pts, frame.time_base = index + int(first_frame * 25), Fraction(1, 25)
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
            for start in range(0, len(samples), 960):
                if keep(start / RATE):
                    block = (samples[None, start : start + 960] * 32767).astype(np.int16)
                    frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                    frame.sample_rate, frame.pts = RATE, start
                    frame.time_base = Fraction(1, RATE)
                    out.mux(audio.encode(frame))
        return path, samples

    return make


@pytest.mark.parametrize("channels", [3, 6, 8, 12, 24])
def test_many_channels_are_read_as_they_are(tmp_path, channels):
    samples = np.zeros((RATE, channels), np.float32)
    samples[:, 2] = noise(1)
    masks = {3: 0x7, 6: 0x3F, 8: 0x63F}
    path = tmp_path / "surround.wav"
    path.write_bytes(wav(samples, mask=masks.get(channels)))
    heard = read_audio(path, RATE).samples
    assert len(heard) == RATE
    assert np.corrcoef(heard, samples[:, 2])[0, 1] > 0.999
    if channels in masks:
        loudness = 20 * np.log10(heard.std() / samples[:, 2].std())
        assert abs(loudness) < 3.1


def test_planar_channels_are_read_as_they_are(tmp_path):
    path = tmp_path / "eight.flac"
    samples = np.zeros((8, RATE), np.float32)
    samples[2] = noise(1)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=RATE)
        stream.codec_context.layout = "7.1"
        block = np.ascontiguousarray((samples.T * 32767).astype(np.int16)).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="7.1")
        frame.sample_rate, frame.pts = RATE, 0
        for part in av.AudioResampler("s16", "7.1", RATE, 4608).resample(frame):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    heard = read_audio(path, RATE).samples
    assert np.corrcoef(heard[: RATE - 5000], samples[2, : RATE - 5000])[0, 1] > 0.999


def test_an_inverted_side_does_not_cancel(tmp_path):
    voice = noise(1)
    path = tmp_path / "inverted.wav"
    path.write_bytes(wav(np.stack([voice, -voice], 1)))
    heard = read_audio(path, RATE).samples
    assert np.abs(heard - voice).max() < 1e-3
    live = StreamResampler(RATE)
    assert np.allclose(live.push(np.stack([voice, -voice], 1), RATE), voice, atol=1e-6)


def test_a_hole_is_silence(talking):
    path, samples = talking("hole.mkv", lambda time: not 1 <= time < 2)
    heard = read_audio(path, RATE).samples
    assert audio_duration(path) == 4
    assert not heard[RATE + 2000 : 2 * RATE - 2000].any()
    assert np.corrcoef(heard[2 * RATE + 2000 :], samples[2 * RATE + 2000 :])[0, 1] > 0.99


def test_a_late_start_keeps_its_time(talking):
    path, samples = talking("late.mkv", lambda time: time >= 0.6)
    heard = read_audio(path, RATE).samples
    assert not heard[: round(0.59 * RATE)].any()
    assert np.corrcoef(heard[RATE:], samples[RATE:])[0, 1] > 0.99


def test_joined_pieces_are_all_heard(tmp_path):
    piece = mp3(noise(1))
    path = tmp_path / "joined.mp3"
    path.write_bytes(piece + piece + b"LYRICSBEGIN" + b"la " * 500 + piece)
    assert abs(audio_duration(path) - 3) < Fraction(1, 5)


def test_pieces_of_other_rates_are_all_heard(tmp_path):
    path = tmp_path / "mixed.mp3"
    path.write_bytes(mp3(noise(1)) + mp3(noise(1)[:44100], 44100))
    assert abs(audio_duration(path) - 2) < Fraction(1, 5)


@pytest.mark.parametrize(
    ("data", "riff"),
    [(2_000_000_000, 2_000_000_036), (96_000 * 3, None), (96_100, 96_136), (0x7FFFFFFF, 0)],
)
def test_lengths_that_are_not_to_be_believed(tmp_path, data, riff):
    path = tmp_path / "stale.wav"
    path.write_bytes(wav(noise(1)[:, None], data=data, riff=riff))
    assert audio_duration(path) == 1
