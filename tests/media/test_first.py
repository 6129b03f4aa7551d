"""One way through the media layer: read, store, write, read again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from masktalk.media import FrameStore, Writer, WriterOptions, audio_duration, open_source
from masktalk.types import Audio, Frame


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    pixels = np.full((96, 128, 3), (200, 90, 40), np.uint8)
    speech = Audio(np.sin(np.arange(48000) / 20).astype(np.float32) * 0.5, 48000)
    with Writer(tmp_path / "out.mp4", WriterOptions(128, 96, rate), [speech]) as writer:
        for index in range(30):
            writer.write(Frame(pixels, index / rate))
    source = open_source(tmp_path / "out.mp4")
    assert (source.rate, source.frame_count, source.color.matrix) == (rate, 30, "bt709")
    frames = list(source.frames())
    assert len(frames) == 30
    assert frames[29].time == 29 / rate
    assert np.abs(frames[5].pixels.astype(int) - pixels).max() <= 3
    assert abs(audio_duration(tmp_path / "out.mp4") - 30 / rate) < 1 / rate

    store = FrameStore.create(tmp_path, source)
    for index in (0, 29, 7, 8, 16, 3):
        assert np.array_equal(store.frame(index).pixels, frames[index].pixels)
    with av.open(str(tmp_path / "frames.mkv")) as container:
        assert container.streams.video[0].codec_context.name in ("h264", "ffv1")
