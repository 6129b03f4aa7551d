"""Playback positions: every named utterance starts and ends exactly once, at the right sample."""

import numpy as np
import pytest

from masktalk.session.speech_buffer import SpeechBuffer

RATE, TICK = 48_000, 1920


def make_buffer():
    return SpeechBuffer(RATE, block=960, hold=960, tail=9600, limit=RATE * 60, clock=lambda: 0.0)


class FeaturePipeline:
    """Reads a buffer tick by tick with some look-ahead, as a session does."""

    def __init__(self, buffer, lookahead=7680):
        self.buffer, self.lookahead = buffer, lookahead
        self.at, self.heard, self.events = 0, {}, []

    def tick(self):
        end = self.at + TICK
        self.buffer.read(end, end + self.lookahead)  # what the engine hears ahead
        samples = self.buffer.read(self.at, end)
        for level in np.unique(samples[samples > 0]):
            name = f"u{round(float(level) * 1000)}"
            count = int(np.count_nonzero(samples == level))
            self.heard[name] = self.heard.get(name, 0) + count
        for event in self.buffer.playback(end):
            self.events.append(event)
        self.at = end


def level_of(number):
    """An utterance's samples all have a level of their own."""
    return np.float32(number / 1000)


def test_two_hundred_utterances_with_fifty_interrupts():
    random = np.random.default_rng(4)
    buffer = make_buffer()
    listener, flushed = FeaturePipeline(buffer), []
    for number in range(1, 201):
        length = int(random.integers(2_000, 30_000))
        samples = np.full(length, level_of(number), np.float32)
        for part in np.array_split(samples, 3):
            buffer.push(part, f"u{number}")
            if random.random() < 0.3:
                listener.tick()
        buffer.flush()
        flushed.append(f"u{number}")
        for _ in range(int(random.integers(0, 12))):
            listener.tick()
        if number % 4 == 0:
            buffer.interrupt(listener.at, 0)
    for _ in range(2000):
        listener.tick()
    started = [event.utterance for event in listener.events if event.kind == "started"]
    ended = [event for event in listener.events if event.kind != "started"]
    assert len(started) == len(set(started))
    assert sorted(event.utterance for event in ended) == sorted(flushed)
    assert set(started) == set(listener.heard)
    assert sum(event.kind == "interrupted" for event in ended) >= 50
    for event in ended:
        truth = listener.heard.get(event.utterance, 0) / RATE
        assert event.seconds == pytest.approx(truth, abs=0.04), event


def test_an_utterance_that_was_not_heard_yet_is_interrupted_at_zero():
    buffer = make_buffer()
    buffer.push(np.full(4800, 0.5, np.float32), "first")
    buffer.push(np.full(4800, 0.25, np.float32), "second")
    buffer.interrupt(0, 0)
    ended = {event.utterance: (event.kind, event.seconds) for event in buffer.playback(TICK)}
    assert ended == {"first": ("interrupted", 0.0), "second": ("interrupted", 0.0)}


def test_a_pause_in_an_utterance_does_not_count_as_played():
    buffer = make_buffer()
    listener = FeaturePipeline(buffer, lookahead=0)
    buffer.push(np.full(9600, 0.5, np.float32), "slow")
    for _ in range(30):
        listener.tick()
    buffer.push(np.full(9600, 0.5, np.float32), "slow")
    buffer.flush()
    for _ in range(30):
        listener.tick()
    assert [event.kind for event in listener.events] == ["started", "finished"]
    assert listener.events[-1].seconds == pytest.approx(0.4)


def test_done_that_comes_after_the_audio_ended_still_finishes():
    buffer = make_buffer()
    listener = FeaturePipeline(buffer)
    buffer.push(np.full(4800, 0.5, np.float32), "late")
    for _ in range(40):
        listener.tick()
    buffer.flush()
    listener.tick()
    assert [event.kind for event in listener.events] == ["started", "finished"]
