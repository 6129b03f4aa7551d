"""A session's ticks are encoded once, as packets and as fragments of MP4."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from masktalk.session.encoding import EncodingOptions, LiveEncoder
from masktalk.session.options import Tick
from masktalk.types import Audio, Frame

RATE, AUDIO_RATE = Fraction(25), 48_000


def tick(index, pixels):
    time = index / RATE
    samples = np.sin(np.arange(1920, dtype=np.float32) / 9) * 0.5
    frame = None if pixels is None else Frame(pixels, time)
    return Tick(index, time, frame, Audio(samples, AUDIO_RATE, time), speaking=False)


def shade(level, size=(96, 128), channels=3):
    return np.full((*size, channels), level, np.uint8)


def encode(frames, **options):
    encoder = LiveEncoder(frames[0].shape[1::-1], RATE, AUDIO_RATE, EncodingOptions(**options))
    return encoder, [encoder.encode(tick(index, pixels)) for index, pixels in enumerate(frames)]


def test_fragments_play_as_one_mp4_with_picture_and_sound():
    encoder, made = encode([shade(8 * index) for index in range(25)])
    data = encoder.init_segment + b"".join(each.fragments for each in made)
    with av.open(io.BytesIO(data)) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == 24  # the last one waits until its duration is known
    assert [round(float(each.mean())) for each in shown] == pytest.approx(
        [8 * index for index in range(24)], abs=3
    )
    with av.open(io.BytesIO(data)) as container:
        heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert len(heard) == pytest.approx(AUDIO_RATE, abs=2000)
    assert np.sqrt((heard**2).mean()) == pytest.approx(0.5 / np.sqrt(2), abs=0.05)


def test_a_viewer_can_begin_at_any_keyframe_and_ask_for_one():
    encoder, made = encode([shade(10) for _ in range(10)], keyframe_s=60)
    assert [packet.is_keyframe for each in made for packet in each.video] == [True] + [False] * 9
    encoder.request_keyframe()
    (packet,) = encoder.encode(tick(10, shade(200))).video
    assert packet.is_keyframe
    decoder = av.CodecContext.create("h264", "r")
    frames = decoder.decode(av.Packet(packet.data)) + decoder.decode(None)
    assert frames[0].to_ndarray(format="rgb24").mean() == pytest.approx(200, abs=3)


def test_a_dropped_frame_sends_sound_only():
    _, made = encode([shade(10), None, shade(20)])
    assert [len(each.video) for each in made] == [1, 0, 1]
    assert all(each.audio for each in made)
    assert made[2].video[0].time == Fraction(2, 25)


@pytest.mark.parametrize(
    ("size", "expected"), [((2160, 2160), (720, 720)), ((1920, 1081), (720, 404)), ((9, 7), (8, 6))]
)
def test_large_frames_are_scaled_down_and_sizes_are_even(size, expected):
    assert EncodingOptions().size_for(*size) == expected


def test_a_transparent_frame_is_shown_on_the_background():
    pixels = shade(250, channels=4)
    pixels[..., 3] = 0
    _, made = encode([pixels] * 2, background=(40, 90, 140))
    decoder = av.CodecContext.create("h264", "r")
    frames = decoder.decode(av.Packet(made[0].video[0].data)) + decoder.decode(None)
    shown = frames[0].to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
    assert shown == pytest.approx([40, 90, 140], abs=4)
