"""A borrowed mouth keeps its time, its shape and its stillness."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from masktalk.driver.borrowed import EngineArticulator, VideoArticulator
from masktalk.driver.calibration import Calibration, RunningQuantiles
from masktalk.driver.driving_video import DriverOptions
from masktalk.driver.lockstep import Lockstep
from masktalk.errors import OptionError
from masktalk.faces.measures import MouthMeasures
from masktalk.speech import measures
from masktalk.types import Articulation, Audio

FPS = Fraction(25)


def opening(second):
    """A mouth that says something for two seconds, then holds, then is gone, then speaks."""
    return 0.02 + 0.1 * (1 - np.cos(2 * np.pi * 3 * second)) * (1 + 0.4 * np.sin(5 * second))


def records(seconds, *, still=(), lost=(), scale=1.0):
    for index in range(int(seconds * FPS)):
        time = index / FPS
        if any(a <= time < b for a, b in lost):
            yield MouthMeasures(time)
            continue
        frozen = next((a for a, b in still if a <= time < b), None)
        at = float(time if frozen is None else frozen)
        yield MouthMeasures(
            time, True, opening(at) * scale, 0.55 + 0.05 * np.sin(4 * at), 0.5, 0.3, 0.7, 0.1
        )


def sound(seconds, block=0.02):
    size = int(16000 * block)
    for index in range(round(seconds / block)):
        yield Audio(np.zeros(size, np.float32), 16000, Fraction(index * size, 16000))


def said_by(articulator, seconds, block=0.02):
    parts = [articulator.push(audio) for audio in sound(seconds, block)]
    parts.append(articulator.flush())
    for before, after in pairwise(parts):
        assert after.time == before.end
    return Articulation(np.concatenate([part.values for part in parts]), 100)


def borrowed(seconds, speech=None, block=0.02, **how):
    articulator = VideoArticulator(records(seconds, **how), Calibration())
    return said_by(articulator, seconds if speech is None else speech, block)


def test_the_opening_is_the_drivers_at_the_same_time():
    result = borrowed(4)
    assert len(result) == 400
    curve = measures(result).aperture
    at = np.arange(400) / 100
    fits = {
        shift: np.corrcoef(curve[30:-30], opening(at[30:-30] + shift))[0, 1]
        for shift in (-0.02, -0.01, 0, 0.01, 0.02)
    }
    assert max(fits, key=fits.get) == 0
    assert fits[0] > 0.98


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_amplitude_is_fitted_to_an_average_face(scale):
    small_or_large = measures(borrowed(8, scale=scale)).aperture
    average = measures(borrowed(8)).aperture
    assert np.percentile(small_or_large, 95) == pytest.approx(np.percentile(average, 95), rel=0.25)


def test_a_still_stretch_gives_rest():
    result = borrowed(6, still=[(2, 5)])
    assert np.abs(result.values[270:430]).max() == 0
    assert measures(result).aperture[:180].max() > 0.05
    assert measures(result).aperture[520:].max() > 0.05


def test_a_stretch_without_a_face_gives_rest_and_a_lost_frame_does_not():
    result = borrowed(6, lost=[(2, 5)])
    assert np.abs(result.values[230:470]).max() == 0
    blink = borrowed(4, lost=[(2, Fraction(51, 25))])
    whole = borrowed(4)
    assert np.abs(blink.values - whole.values).mean() < 0.02


def test_a_driver_that_never_moves_or_has_no_face_gives_rest():
    assert np.abs(borrowed(2, still=[(0, 9)]).values).max() == 0
    nobody = borrowed(2, lost=[(0, 9)])
    assert len(nobody) == 200
    assert np.abs(nobody.values).max() == 0


def test_speech_longer_than_the_driver_ends_at_rest():
    result = borrowed(2, speech=4)
    assert len(result) == 400
    assert np.abs(result.values[230:]).max() == 0


def test_blocks_of_any_size_give_the_same():
    small, large = borrowed(3, block=0.02), borrowed(3, block=0.5)
    np.testing.assert_array_equal(small.values, large.values)


def engine_mouth(blocks):
    """Stands for another engine: a frame is ready once a tenth of a second more was heard."""
    ready = records(60)
    record = next(ready)
    end = Fraction(0)
    for audio in blocks:
        end = audio.end
        while record.time + Fraction(1, 10) <= end:
            yield record
            record = next(ready)
    while record.time < end:
        yield record
        record = next(ready)


def test_another_engine_drives_while_the_speech_comes_in():
    articulator = EngineArticulator(engine_mouth, Fraction(1, 10), Calibration())
    steps = 0
    for audio in sound(3):
        part = articulator.push(audio)
        steps += len(part)
        assert part.end >= audio.end - articulator.lookahead - Fraction(2, 25)
    steps += len(articulator.flush())
    assert steps == 300


def test_another_engines_mouth_keeps_its_time():
    articulator = EngineArticulator(engine_mouth, Fraction(1, 10), Calibration())
    curve = measures(said_by(articulator, 6)).aperture
    at = np.arange(600) / 100
    fits = [np.corrcoef(curve[200:-20], opening(at[200:-20] + s))[0, 1] for s in (-0.02, 0, 0.02)]
    assert fits[1] == max(fits)
    assert fits[1] > 0.95


def test_an_error_of_the_other_engine_reaches_the_caller():
    def broken(blocks):
        yield next(records(1))
        next(blocks)
        raise OptionError("placeholder", "broke")

    articulator = EngineArticulator(broken, Fraction(0), Calibration())
    with pytest.raises(OptionError, match="broke"):
        articulator.push(next(sound(1)))


def test_lockstep_hands_back_what_came_of_each_item_and_can_be_left():
    def doubled(items):
        for item in items:
            yield item * 2
            yield item * 2 + 1
        yield -1

    steps = Lockstep(doubled)
    assert [steps.send(item) for item in (1, 2)] == [[2, 3], [4, 5]]
    assert steps.finish() == [-1]
    left = Lockstep(doubled)
    assert left.send(4) == [8, 9]
    left.close()
    assert left.send(5) == []


def test_quantiles_of_a_stream():
    seen = RunningQuantiles(top=1.0)
    values = np.random.default_rng(3).random(4000)
    for value in values:
        seen.add(value)
    assert seen.at(0.05) == pytest.approx(0.05, abs=0.02)
    assert seen.at(0.95) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"video": "a.mp4", "engine": "musetalk", "face": "b.jpg"},
        {"engine": "musetalk"},
        {"face": "b.jpg"},
    ],
)
def test_options_that_do_not_go_together(wrong):
    with pytest.raises(OptionError, match=r"`driver\."):
        DriverOptions(**wrong)
