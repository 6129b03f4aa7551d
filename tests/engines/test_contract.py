"""One suite over every engine in the table: what `Engine` promises, each of them keeps."""

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from masktalk.compose import paste
from masktalk.engines import ENGINES, Speech, engine_class, frame_count, make_engine
from masktalk.errors import MissingExtraError, OptionError
from masktalk.preparation import PrepareOptions, prepare
from masktalk.types import Audio, Patch
from tests.engines.tiny import tiny_options

RATE = Fraction(30000, 1001)


@pytest.fixture(params=sorted(ENGINES))
def name(request):
    try:
        engine_class(request.param)
    except MissingExtraError as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture
def engine(name, tmp_path_factory):
    return make_engine(name, tiny_options(name, tmp_path_factory))


@pytest.fixture(params=["picture", "video", "occluded"])
def avatar(request, material, tmp_path):
    source = {"picture": "cartoon.png", "video": "talking.mp4", "occluded": "ninja.png"}
    mouth = "cloth" if request.param == "occluded" else "open"
    options = PrepareOptions(mouth=mouth)
    with prepare(material / source[request.param], options=options) as prepared:
        yield prepared


def blocks(seconds, rate=16000, size=1600):
    """A voice-like sound: harmonics of 120 Hz, loud and quiet by turns."""
    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 120 * h * time) / h for h in range(1, 12))
    loudness = np.clip(np.sin(2 * np.pi * 2 * time), 0, None)
    samples = (0.2 * voice * loudness).astype(np.float32)
    for start in range(0, len(samples), size):
        yield Audio(samples[start : start + size], rate, Fraction(start, rate))


def speak(engine, avatar, seconds, begin=Fraction(0), rate=RATE, size=1600):
    engine.prepare(avatar)
    return list(engine.speak(avatar, Speech(blocks(seconds, size=size), rate, begin)))


def same(first, second):
    if first is None or second is None:
        return first is second
    placed = (first.x, first.y, first.pixels.shape) == (second.x, second.y, second.pixels.shape)
    return placed and bool((first.pixels == second.pixels).all())


def test_it_says_who_it_is(name):
    capabilities = engine_class(name).capabilities
    assert capabilities.name == name
    assert capabilities.lookahead >= 0


@pytest.mark.parametrize("seconds", [Fraction(1, 2), Fraction(71, 100), Fraction(1, 25)])
def test_exactly_one_answer_a_frame(engine, avatar, seconds):
    answers = speak(engine, avatar, seconds)
    assert len(answers) == frame_count(seconds, RATE)
    assert all(answer is None or isinstance(answer, Patch) for answer in answers)


def test_speech_moves_something(engine, avatar):
    assert any(answer is not None for answer in speak(engine, avatar, Fraction(1, 2)))


def test_the_same_input_gives_the_same_bytes(engine, avatar):
    first = speak(engine, avatar, Fraction(1, 2))
    again = speak(engine, avatar, Fraction(1, 2))
    assert all(map(same, first, again))


def test_the_size_of_blocks_makes_no_difference(engine, avatar):
    large = speak(engine, avatar, Fraction(1, 2), size=8000)
    small = speak(engine, avatar, Fraction(1, 2), size=320)
    for first, second in zip(large, small, strict=True):
        assert (first is None) == (second is None)
        if first is not None:
            difference = np.abs(first.pixels.astype(int) - second.pixels)
            assert first.pixels.shape == second.pixels.shape
            assert difference.mean() < 0.5


def test_frames_without_a_face_are_left_as_they_are(engine, avatar):
    answers = speak(engine, avatar, Fraction(1, 2))
    for index, answer in enumerate(answers):
        if avatar.faces[avatar.index_at(index / RATE)] is None:
            assert answer is None


def test_a_patch_meets_the_frame_without_a_seam(engine, avatar):
    for index, answer in enumerate(speak(engine, avatar, Fraction(1, 2))):
        if answer is None:
            continue
        before = avatar.frame(avatar.index_at(index / RATE))
        after = paste(before, answer, index / RATE).pixels.astype(int)
        height, width = answer.pixels.shape[:2]
        rim = np.zeros((avatar.height, avatar.width), bool)
        rim[max(answer.y, 0) : answer.y + height, max(answer.x, 0) : answer.x + width] = True
        rim[
            max(answer.y, 0) + 1 : answer.y + height - 1,
            max(answer.x, 0) + 1 : answer.x + width - 1,
        ] = False
        rim[[0, -1]] = rim[:, [0, -1]] = False  # what ends at the picture's border has no rim
        assert np.abs(after - before.pixels)[rim].max(initial=0) <= 2


def test_it_streams_when_it_says_so(engine, avatar):
    if not engine.capabilities.streams:
        pytest.skip("does not claim to")
    heard = []

    def listening():
        for block in blocks(Fraction(4), size=320):
            heard.append(block.end)
            yield block

    engine.prepare(avatar)
    answers = engine.speak(avatar, Speech(listening(), RATE))
    for step, _ in enumerate(islice(answers, 40)):
        ahead = heard[-1] - step / RATE
        assert ahead <= engine.capabilities.lookahead + Fraction(3, 25)


def test_an_unknown_option_is_refused_by_name(name):
    with pytest.raises(OptionError, match=f"`no_such_thing`: does not apply to engine '{name}'"):
        make_engine(name, {"no_such_thing": 1})


def test_an_unknown_engine_lists_the_known():
    with pytest.raises(OptionError, match=", ".join(sorted(ENGINES))):
        make_engine("wrap")
