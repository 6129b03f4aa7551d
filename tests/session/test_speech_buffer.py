import numpy as np
import pytest

from masktalk.errors import OptionError
from masktalk.session.speech_buffer import SpeechBuffer


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def buffer(clock):
    return SpeechBuffer(rate=1000, block=20, hold=100, tail=200, limit=5000, clock=clock)


def ramp(count, start=1):
    return np.arange(start, start + count, dtype=np.float32)


def test_nothing_pushed_is_silence(buffer):
    assert not buffer.read(0, 50).any()
    assert buffer.end == 60
    assert buffer.span(10) is None


def test_an_utterance_begins_at_the_next_block_once_enough_waits(buffer):
    buffer.read(0, 40)
    buffer.push(ramp(100))
    heard = buffer.read(40, 140)
    assert np.array_equal(heard, ramp(100))
    span = buffer.onset(0, 140)
    assert span is not None
    assert (span.start, span.pushed) == (40, 100.0)


def test_a_first_crumb_waits_for_more_but_not_for_ever(buffer, clock):
    buffer.push(ramp(20))
    assert not buffer.read(0, 40).any()
    clock.now += 0.11
    assert np.array_equal(buffer.read(40, 60), ramp(20))


def test_a_flushed_crumb_is_said_at_once_and_its_end_is_told_once(buffer):
    buffer.push(ramp(30))
    buffer.flush()
    assert np.array_equal(buffer.read(0, 30), ramp(30))
    buffer.read(30, 100)
    assert buffer.ended(20) == 0
    assert buffer.ended(40) == 1
    assert buffer.ended(100) == 0


def test_two_utterances_in_a_row_have_no_gap(buffer):
    buffer.push(ramp(110))
    buffer.flush()
    buffer.push(ramp(50, start=111))
    buffer.flush()
    assert np.array_equal(buffer.read(0, 160), ramp(160))
    buffer.read(160, 200)
    assert buffer.ended(200) == 2


def test_an_utterance_ends_after_its_tail(buffer):
    buffer.push(ramp(100))
    buffer.flush()
    buffer.read(0, 280)
    assert buffer.speaking
    buffer.read(280, 320)
    assert not buffer.speaking
    span = buffer.span(250)
    assert span is not None
    assert buffer.span(320) is None


def test_interrupt_cuts_with_an_ebb_and_forgets_the_queue(buffer):
    buffer.push(np.ones(1000, np.float32))
    buffer.read(0, 300)
    buffer.interrupt(100, fade=10)
    assert buffer.queued == 0
    assert not buffer.speaking
    after = buffer.read(100, 300)
    assert after[0] == 1
    assert (np.diff(after[:10]) < 0).all()
    assert not after[10:].any()


def test_speech_after_an_interrupt_is_said(buffer):
    buffer.push(np.ones(500, np.float32))
    buffer.read(0, 100)
    buffer.interrupt(100, fade=10)
    buffer.push(ramp(100))
    after = buffer.read(100, 230)
    assert np.array_equal(after[after > 1], ramp(99, start=2))


def test_the_queue_is_bounded(buffer):
    buffer.push(np.zeros(5000, np.float32))
    with pytest.raises(OptionError, match="more than 5 s would wait"):
        buffer.push(np.zeros(1, np.float32))


def test_what_was_forgotten_reads_as_silence_and_memory_stays_flat(buffer):
    for start in range(0, 100_000, 20):
        buffer.push(np.ones(20, np.float32))
        buffer.read(start, start + 20)
        buffer.forget(start - 100)
    assert len(buffer._sound) < 3000
    assert not buffer.read(10, 20).any()
    assert buffer.read(99_990, 100_000).all()
