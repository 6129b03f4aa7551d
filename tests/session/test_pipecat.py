"""The Pipecat service in a pipeline of Pipecat's own."""

import asyncio
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Pipecat's own
    pytest.importorskip("pipecat.frames.frames", reason="pipecat-ai is not installed here")
    from examples.pipecat_bot import talking_pipeline
    from pipecat.frames.frames import (
        InterruptionFrame,
        OutputImageRawFrame,
        TTSAudioRawFrame,
        TTSStartedFrame,
        TTSStoppedFrame,
    )
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.tests.utils import SleepFrame, run_test

    from masktalk.pipecat import MasktalkVideoService

from session_fakes import GaugeEngine, LoudnessArticulator, PlainAvatar

from masktalk.session import Session, SessionOptions

RATE = 24_000

pytestmark = pytest.mark.filterwarnings("ignore")  # Pipecat's own


def tone(seconds):
    samples = np.full(int(seconds * RATE), 9000, np.int16)
    return TTSAudioRawFrame(samples.tobytes(), RATE, 1)


def make_session():
    options = SessionOptions(audio_rate=RATE, delay=0.02, idle=False)
    return Session(PlainAvatar(), GaugeEngine(), options, LoudnessArticulator())


def through(*frames, processor=None):
    """Return the frames that come out below the service."""
    service = processor or MasktalkVideoService(make_session())
    down, _ = asyncio.run(run_test(service, frames_to_send=frames, start_timeout=20))
    return down


def of(kind, frames):
    return [frame for frame in frames if isinstance(frame, kind)]


def test_speech_comes_out_in_step_with_frames_between_one_start_and_one_stop():
    sent = (
        SleepFrame(0.3), TTSStartedFrame(), tone(0.3), tone(0.2), TTSStoppedFrame(), SleepFrame(1.5)
    )  # fmt: skip
    down = through(*sent)
    images = of(OutputImageRawFrame, down)
    assert len(images) > 20
    assert (images[0].size, images[0].format) == ((64, 48), "RGB")
    mouths = [image.image[0] for image in images]
    assert mouths[0] == 0
    assert max(mouths) == 255
    marks = of((TTSStartedFrame, TTSAudioRawFrame, TTSStoppedFrame), down)
    assert isinstance(marks[0], TTSStartedFrame)
    assert isinstance(marks[-1], TTSStoppedFrame)
    assert len(of((TTSStartedFrame, TTSStoppedFrame), down)) == 2
    heard = np.concatenate([np.frombuffer(f.audio, np.int16) for f in of(TTSAudioRawFrame, down)])
    assert np.count_nonzero(heard) == pytest.approx(RATE // 2, abs=2)


def test_a_barge_in_stops_the_speech_and_the_next_plays():
    sent = (
        SleepFrame(0.3), tone(5.0), SleepFrame(0.8), InterruptionFrame(), SleepFrame(0.5),
        tone(0.2), TTSStoppedFrame(), SleepFrame(1.2),
    )  # fmt: skip
    down = through(*sent)
    marks = of((TTSStartedFrame, TTSStoppedFrame), down)
    assert [type(mark) for mark in marks] == [TTSStartedFrame, TTSStoppedFrame] * 2
    sounds = of(TTSAudioRawFrame, down)
    assert sum(len(f.audio) for f in sounds) / 2 / RATE < 2.5
    assert len(of(InterruptionFrame, down)) == 1


def test_the_example_is_a_pipeline():
    from pipecat.processors.frame_processor import FrameProcessor

    made = talking_pipeline([FrameProcessor()], FrameProcessor(), session=make_session())
    assert isinstance(made, Pipeline)
    assert any(isinstance(each, MasktalkVideoService) for each in made.processors)
