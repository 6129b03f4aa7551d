import asyncio
import inspect
from fractions import Fraction

import numpy as np
import pytest

from masktalk.engines import Capabilities
from masktalk.errors import InputError, OptionError
from masktalk.session import LiveSession, ProcessSession, Session, SessionOptions

OPTIONS = SessionOptions(delay=0.02, idle=False)


def collect(avatar, engine, articulator, count, act=None, options=OPTIONS):
    """Run a session for so many ticks; ``act(index, session)`` may do something at each."""

    async def run():
        ticks = []
        async with Session(avatar, engine, options, articulator) as session:
            async for tick in session:
                ticks.append(tick)
                if act is not None:
                    act(tick.index, session)
                if len(ticks) == count:
                    break
            return ticks, session

    return asyncio.run(run())


def test_moments_have_no_gaps_and_every_sample_is_there(avatar, engine, articulator):
    options = SessionOptions(rate=Fraction(30_000, 1001), delay=0.02, idle=False)
    ticks, _ = collect(avatar, engine, articulator, 31, options=options)
    assert [tick.index for tick in ticks] == list(range(31))
    assert all(m.audio.time == m.time == Fraction(m.index * 1001, 30_000) for m in ticks)
    total = sum(len(tick.audio.samples) for tick in ticks)
    assert total == int(31 * 48_000 * Fraction(1001, 30_000))


def test_speech_comes_out_as_it_went_in_and_its_end_is_told(avatar, engine, articulator):
    speech = np.sin(np.arange(12_000, dtype=np.float32) / 9) * 0.5

    def act(index, session):
        if index == 5:
            session.push_audio(speech, 48_000)
            session.flush()

    ticks, session = collect(avatar, engine, articulator, 25, act)
    heard = np.concatenate([tick.audio.samples for tick in ticks])
    start = int(np.flatnonzero(heard)[0]) - 1
    assert np.array_equal(heard[start : start + 12_000], speech)
    assert sum(tick.ended for tick in ticks) == 1
    assert sum(tick.onset is not None for tick in ticks) == 1
    assert session.stats.speech_seconds == pytest.approx(0.25)


def test_interrupt_silences_and_closes(avatar, engine, articulator):
    def act(index, session):
        if index == 2:
            session.push_audio(np.full(96_000, 0.5, np.float32), 48_000)
        if index == 20:
            session.interrupt()

    ticks, session = collect(avatar, engine, articulator, 32, act)
    assert ticks[19].audio.samples.any()
    assert not any(tick.audio.samples.any() for tick in ticks[22:])
    last = [m for m in ticks[25:] if m.frame is not None]
    assert last
    assert all(m.frame.pixels[0, 0, 0] == 0 for m in last)
    assert session.queued == 0
    assert session.stats.interrupts == 1


def test_a_slow_engine_drops_frames_evenly_and_no_sound(avatar, engine, articulator):
    import time

    patches = engine.speak

    def slow(avatar, speech):
        for patch in patches(avatar, speech):
            if patch is not None:
                time.sleep(0.055)
            yield patch

    engine.speak = slow
    ticks, session = collect(
        avatar, engine, articulator, 50, options=SessionOptions(delay=0.12, idle=False)
    )
    assert [m.index for m in ticks] == list(range(50))
    shown = [m.index for m in ticks if m.frame is not None]
    assert 20 <= len(shown) < 50
    assert np.diff(shown).max() <= 3
    assert session.stats.dropped == 50 - len(shown)
    assert session.stats.frames == len(shown)


def test_an_engine_that_fails_ends_the_iteration_with_its_error(avatar, engine, articulator):
    def failing(avatar, speech):
        yield None
        raise RuntimeError("lost its face")

    async def run():
        session = Session(avatar, engine, OPTIONS, articulator)
        session.delay = 0.02
        engine.speak = failing
        async for _ in session:
            pass

    with pytest.raises(RuntimeError, match="lost its face"):
        asyncio.run(run())


def test_resampled_speech_keeps_its_length(avatar, engine, articulator):
    def act(index, session):
        if index == 0:
            session.push_audio(np.full(2205, 9000, np.int16), 22_050)
            session.flush()

    ticks, _ = collect(avatar, engine, articulator, 15, act)
    heard = np.concatenate([tick.audio.samples for tick in ticks])
    assert np.count_nonzero(np.abs(heard) > 0.05) == pytest.approx(4800, abs=60)


@pytest.mark.parametrize(
    ("pcm", "rate"),
    [
        (np.array([np.nan], np.float32), 16_000),
        (np.zeros((3, 3, 3), np.float32), 16_000),
        (np.zeros(3, np.complex64), 16_000),
        (np.zeros(3, np.int64), 16_000),
        (np.zeros(3, np.float32), 10),
    ],
)
def test_what_is_no_sound_is_refused(avatar, engine, articulator, pcm, rate):
    session = Session(avatar, engine, OPTIONS, articulator)
    with pytest.raises(InputError):
        session.push_audio(pcm, rate)


def test_an_engine_that_does_not_stream_is_refused(avatar, engine, articulator):
    engine.capabilities = Capabilities(name="slowpoke", streams=False, lookahead=Fraction(0))
    with pytest.raises(OptionError, match="does not stream"):
        Session(avatar, engine, OPTIONS, articulator)


@pytest.mark.parametrize("name", ["start", "push_audio", "flush", "interrupt", "close"])
def test_a_session_in_a_process_of_its_own_is_called_the_same_way(name):
    wanted = list(inspect.signature(getattr(LiveSession, name)).parameters.values())
    for kind in (Session, ProcessSession):
        parameters = list(inspect.signature(getattr(kind, name)).parameters.values())
        assert [(p.name, p.default) for p in parameters] == [(p.name, p.default) for p in wanted]
