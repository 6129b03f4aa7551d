"""A video of two people in two shots, and recordings: material for dubs, made here."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from masktalk.media import Writer, WriterOptions
from masktalk.types import Audio, Frame
from tests.conftest import write_speech

RATE = Fraction(25)
SHOT = 20  # frames; there are three shots
SIDE = 256


@pytest.fixture(scope="session")
def heads(material):
    """(256, 256, 3) uint8 pictures of two people."""
    one = np.asarray(Image.open(material / "portrait.jpg").crop((0, 0, 384, 384)))
    one = cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    # Another person: mirrored, narrower, with other colours.
    other = cv2.resize(np.ascontiguousarray(one[:, ::-1]), (round(SIDE * 0.88), SIDE))
    other = cv2.copyMakeBorder(other, 0, 0, 0, SIDE - other.shape[1], cv2.BORDER_REPLICATE)
    return one, np.ascontiguousarray(255 - (255 - other[..., [2, 0, 1]]) // 5 * 4)


@pytest.fixture(scope="session")
def interview(heads, tmp_path_factory):
    """An .mkv: both people, then they change places, then the second alone; with subtitles."""
    folder = tmp_path_factory.mktemp("interview")
    one, other = heads
    layouts = [
        np.hstack([one, other]),
        np.hstack([other, one])[::1],
        np.hstack([np.full_like(one, 40), other]),
    ]
    layouts[1] = np.clip(layouts[1].astype(int) - 60, 0, 255).astype(np.uint8)
    tone = np.sin(np.arange(round(3 * SHOT / RATE * 48000)) * 440 * 2 * np.pi / 48000) / 5
    bare = folder / "bare.mov"
    options = WriterOptions(2 * SIDE, SIDE, RATE, crf=1)
    with Writer(bare, options, [Audio(tone.astype(np.float32), 48000)]) as writer:
        for index in range(3 * SHOT):
            pixels = np.roll(layouts[index // SHOT], round(2 * np.sin(index / 3)), axis=0)
            writer.write(Frame(np.ascontiguousarray(pixels), index / RATE))
    video = folder / "interview.mkv"
    add_subtitles(bare, video)
    return video


def add_subtitles(bare, video):
    srt = bare.with_suffix(".srt")
    srt.write_text("1\n00:00:00,400 --> 00:00:01,400\nGuten Tag\n", encoding="utf-8")
    with (
        av.open(str(bare)) as source,
        av.open(str(srt)) as words,
        av.open(str(video), "w") as output,
    ):
        output.metadata["title"] = "Interview, ünï"
        streams = {s.index: output.add_stream_from_template(s) for s in source.streams}
        subtitles = output.add_stream_from_template(words.streams.subtitles[0])
        subtitles.metadata["language"] = "deu"
        output.set_chapters(
            [{"id": 1, "start": 0, "end": 800, "time_base": Fraction(1, 1000), "metadata": {}}]
        )
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
        for packet in words.demux():
            if packet.dts is not None:
                packet.stream = subtitles
                output.mux(packet)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    write_speech(folder / "half.wav", 0.5)
    write_speech(folder / "whole.wav", 2.4)
    return folder
