"""Behaviour against published figures of people, and its determinism."""

import dataclasses

import numpy as np
import pytest

from masktalk.behaviour import (
    ARKIT_CHANNELS,
    EXPRESSIONS,
    Behaviour,
    BehaviourOptions,
    HeadPose,
    Movement,
    parse_expression,
)
from masktalk.behaviour.blinks import lid_closure
from masktalk.behaviour.gaze import GazeMotion, parse_gaze
from masktalk.errors import OptionError
from masktalk.types import CHANNELS

RATE = 25
PHRASE_S, PAUSE_S = 2.4, 0.6


def voice_at(time):
    """Phrases with pauses between them."""
    return float(time % (PHRASE_S + PAUSE_S) < PHRASE_S)


def jaw_at(time):
    """Syllables that grow and fade within a tenth of a second at a phrase's ends."""
    into = time % (PHRASE_S + PAUSE_S)
    loud = np.clip(min(into, PHRASE_S - into) / 0.1, 0, 1)
    return float(loud * (0.25 + 0.2 * np.sin(2 * np.pi * 4.5 * time)))


def behave(seconds, speaking, rate=RATE, **options):
    behaviour = Behaviour(BehaviourOptions(**options))
    times = np.arange(round(seconds * rate)) / rate
    return times, [
        behaviour.step(float(t), jaw_at(t) if speaking else 0.0, voice_at(t) if speaking else 0.0)
        for t in times
    ]


def blink_begins(times, movements):
    lids = np.array([movement.weight("eyeBlinkLeft") > 0.5 for movement in movements])
    return times[1:][lids[1:] & ~lids[:-1]]


@pytest.fixture(scope="module", params=[False, True], ids=["rest", "conversation"])
def ten_minutes(request):
    return request.param, *behave(600, request.param, seed=3)


def test_blink_rate_is_that_of_people(ten_minutes):
    # Bentivoglio et al. 1997: 17 a minute at rest, 26 in conversation.
    speaking, times, movements = ten_minutes
    rate = len(blink_begins(times, movements)) / 10
    assert rate == pytest.approx(26 if speaking else 17, rel=0.2)


def test_intervals_between_blinks_are_skewed_and_never_short(ten_minutes):
    _, times, movements = ten_minutes
    intervals = np.diff(blink_begins(times, movements))
    assert intervals.min() > 0.3
    assert intervals.mean() > 1.05 * np.median(intervals)
    assert 0.35 < intervals.std() / intervals.mean() < 0.85


def test_blinks_last_as_long_as_those_of_people():
    # VanderWerf et al. 2003: 334 ms with a deviation of 67 ms.
    _, movements = behave(240, False, rate=200, gaze=None, head=False)
    shut = np.array([movement.weight("eyeBlinkLeft") > 0 for movement in movements])
    edges = np.flatnonzero(np.diff(shut.astype(int)))
    durations = (edges[1::2] - edges[: 2 * (len(edges) // 2) : 2])[: len(edges) // 2] / 200
    assert durations.mean() == pytest.approx(0.334, abs=0.03)
    assert 0.03 < durations.std() < 0.09


def test_lids_close_about_twice_as_fast_as_they_open():
    closure = np.array([lid_closure(step / 1000) for step in range(400)])
    peak = np.flatnonzero(closure == 1)
    speed = np.abs(np.diff(closure))
    assert 1.5 < speed[: peak[0]].max() / speed[peak[-1] :].max() < 3


def test_every_blink_shows_closed_lids_at_25_frames_a_second():
    times, movements = behave(300, False)
    begins = blink_begins(times, movements)
    lids = np.array([movement.weight("eyeBlinkLeft") for movement in movements])
    deepest = [lids[round(b * RATE) : round(b * RATE) + 8].max() for b in begins]
    assert np.mean(np.array(deepest) > 0.95) > 0.95


def test_blinks_gather_where_phrases_end():
    times, movements = behave(600, True, seed=5)
    begins = blink_begins(times, movements) % (PHRASE_S + PAUSE_S)
    around_end = ((begins > PHRASE_S) & (begins < PHRASE_S + 0.5)).mean()
    assert around_end > 1.4 * 0.5 / (PHRASE_S + PAUSE_S)


def test_saccades_follow_the_main_sequence():
    # Bahill, Clark and Stark 1975: 21 ms and 2.2 ms a degree.
    motion, rate = GazeMotion("wander", seed=2), 1000
    looks = np.array([motion.step(step / rate, 1 / rate, 1.0) for step in range(60 * rate)])
    moving = np.linalg.norm(np.diff(looks, axis=0), axis=1) > 0
    edges = np.flatnonzero(np.diff(moving.astype(int)))
    pairs = edges[: 2 * (len(edges) // 2)].reshape(-1, 2)
    sizes = np.array([np.linalg.norm(looks[b + 1] - looks[a]) for a, b in pairs])
    durations = np.array([b - a for a, b in pairs]) / rate
    large = sizes > 2
    assert large.sum() > 10
    late = np.abs(durations[large] - (0.021 + 0.0022 * sizes[large]))
    assert np.median(late) < 0.002


def test_the_viewer_is_looked_at_most_of_the_time_and_more_while_listening():
    on_viewer = {}
    for voice in (0.0, 1.0):
        motion = GazeMotion("viewer", seed=4)
        looks = np.array([motion.step(step / RATE, 1 / RATE, voice) for step in range(240 * RATE)])
        on_viewer[voice] = (np.linalg.norm(looks, axis=1) < 3).mean()
    assert 0.7 < on_viewer[1.0] < on_viewer[0.0] <= 1


def test_a_direction_is_held():
    motion = GazeMotion(parse_gaze("10,-5"), seed=0)
    looks = np.array([motion.step(step / RATE, 1 / RATE, 1.0) for step in range(60 * RATE)])
    assert looks.mean(axis=0) == pytest.approx([10, 5], abs=0.5)


@pytest.mark.parametrize("text", ["up", "1", "40,0", "nan,0", "1,2,3"])
def test_other_gazes_are_refused(text):
    with pytest.raises(OptionError, match="`gaze`"):
        parse_gaze(text)


@pytest.mark.parametrize("speaking", [False, True])
def test_the_head_moves_by_a_few_degrees_without_jumps(speaking):
    _, movements = behave(120, speaking, blink=False)
    poses = np.array([dataclasses.astuple(movement.pose) for movement in movements])
    assert 0.5 < np.rad2deg(poses[:, :3].std(axis=0)).max() < 4
    assert np.rad2deg(np.abs(poses[:, :3])).max() < 9
    # Half an inter-ocular distance before its pivot and 120 px long, one pixel is 0.0167 rad.
    assert np.abs(np.diff(poses[:, :3], axis=0)).max() < 0.0167
    assert np.abs(np.diff(poses[:, 3:], axis=0)).max() * 120 < 0.5


def test_brows_rise_with_stress_only():
    _, silent = behave(30, False)
    _, spoken = behave(30, True)
    assert max(movement.weight("browInnerUp") for movement in silent) == 0
    assert max(movement.weight("browInnerUp") for movement in spoken) > 0.05


def test_the_same_seed_gives_the_same_movements():
    assert behave(20, True, seed=1)[1] == behave(20, True, seed=1)[1]
    assert behave(20, True, seed=1)[1] != behave(20, True, seed=2)[1]


def test_no_energy_is_no_movement():
    _, movements = behave(60, True, energy=0.0)
    assert all(not movement.weights and movement.pose == HeadPose() for movement in movements)


def test_mouth_channels_are_arkit_channels():
    assert len(ARKIT_CHANNELS) == len(set(ARKIT_CHANNELS)) == 52
    assert set(CHANNELS) <= set(ARKIT_CHANNELS)
    for weights in EXPRESSIONS.values():
        assert weights.keys() <= set(ARKIT_CHANNELS)
    with pytest.raises(ValueError, match="not ARKit channels"):
        Movement({"smile": 1.0})


def test_expressions_are_read_with_their_strength():
    assert parse_expression("happy:0.5")["mouthSmileLeft"] == pytest.approx(0.45)
    assert parse_expression("neutral") == parse_expression("") == {}
    assert parse_expression("happy:0.5+surprised:0.5").keys() > parse_expression("happy").keys()


@pytest.mark.parametrize("text", ["glad", "happy:2", "happy:x", "happy:-1"])
def test_other_expressions_are_refused(text):
    with pytest.raises(OptionError, match="`expression`"):
        parse_expression(text)
