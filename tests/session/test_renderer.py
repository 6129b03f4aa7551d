from fractions import Fraction

import numpy as np
import pytest

from masktalk.session.frame_renderer import FrameRenderer
from masktalk.session.speech_buffer import SpeechBuffer

RATE = 48_000


@pytest.fixture
def buffer():
    return SpeechBuffer(RATE, block=960, hold=8640, tail=17_280, limit=RATE * 60)


@pytest.fixture(params=[Fraction(25), Fraction(30), Fraction(30_000, 1001)], ids=str)
def renderer(request, avatar, engine, buffer, articulator):
    return FrameRenderer(
        avatar, engine, buffer, request.param, articulator, Fraction(6, 100), False
    )


def level(frame):
    return int(frame.pixels[0, 0, 0])


def test_frame_shows_the_sound_it_leaves_with(renderer, buffer):
    for index in range(10):
        assert level(renderer.render(index)) == 0
        buffer.read(0, renderer.position(index + 1))
    buffer.push(np.full(RATE // 2, 0.5, np.float32))
    buffer.flush()
    loud, mouth = [], []
    for index in range(10, 60):
        mouth.append(level(renderer.render(index)) > 127)
        sound = buffer.read(renderer.position(index), renderer.position(index + 1))
        loud.append(bool(sound[: len(sound) // 4].any()))
    first_loud, first_open = loud.index(True), mouth.index(True)
    assert 0 <= first_open - first_loud <= 2  # the onset is faded over 60 ms
    assert abs(sum(mouth) - sum(loud)) <= 2


def test_idle_pulls_nothing_ahead(renderer, buffer):
    for index in range(50):
        renderer.render(index)
        assert buffer.end <= renderer.position(index) + 2 * 960


def test_skipped_frames_are_not_made(renderer, engine):
    for index in (0, 1, 5, 6, 20):
        renderer.render(index)
    assert engine.made == [0, 1, 5, 6, 20]


def test_far_behind_the_engine_begins_anew_at_the_right_time(renderer, engine):
    renderer.render(0)
    frame = renderer.render(500)
    assert frame.time == engine.begun[-1]
    assert len(engine.made) == 2


def test_interrupt_stills_the_mouth_within_two_frames(renderer, buffer, engine):
    buffer.push(np.full(RATE * 2, 0.5, np.float32))
    for index in range(20):
        frame = renderer.render(index)
    assert level(frame) == 255
    renderer.interrupt(20, 480)
    after = [level(renderer.render(index)) for index in range(20, 30)]
    assert after[0] < 255
    assert after[1:] == [0] * 9
    assert len(engine.begun) == 1


def test_an_engine_that_listens_by_itself_begins_anew(
    avatar, engine, buffer, articulator, monkeypatch
):
    heard = []

    def listen(avatar, speech):
        for block in speech.blocks:
            heard.append((speech.begin + block.time, bool(block.samples.any())))
            if block.time * 25 % 1 == 0:
                yield None

    monkeypatch.setattr(engine, "speak", listen)
    renderer = FrameRenderer(
        avatar, engine, buffer, Fraction(25), articulator, Fraction(6, 100), False
    )
    buffer.push(np.full(RATE * 2, 0.5, np.float32))
    for index in range(10):
        renderer.render(index)
    renderer.interrupt(8, 0)
    heard.clear()
    renderer.render(10)
    assert heard[0] == (Fraction(8, 25), False)


def test_speech_after_an_interrupt_is_heard_from_its_first_sample(renderer, buffer):
    buffer.push(np.full(RATE * 2, 0.5, np.float32))
    for index in range(20):
        renderer.render(index)
    renderer.interrupt(20, 0)
    buffer.push(np.full(RATE // 2, 0.25, np.float32))
    buffer.flush()
    mouth = [level(renderer.render(index)) for index in range(20, 60)]
    sound = buffer.read(renderer.position(20), renderer.position(60))
    assert np.count_nonzero(sound == np.float32(0.25)) == RATE // 2
    opens = next(i for i, value in enumerate(mouth[3:], 3) if value > 127)
    begins = np.flatnonzero(sound == np.float32(0.25))[0] / renderer.position(1)
    assert 0 <= opens - begins <= 3
