"""Any timestamps become a constant rate."""

from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktalk.media.constant_frame_rate import STANDARD_FRAME_RATES, estimate_frame_rate, pace

rates = st.sampled_from(STANDARD_FRAME_RATES)
TICKS = [Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 12800)]


def timed(times, last=Fraction(1, 25)):
    durations = [b - a for a, b in pairwise(times)] + [last]
    return [(t, d, i) for i, (t, d) in enumerate(zip(times, durations, strict=True))]


@settings(deadline=None, max_examples=60)
@given(rates, st.integers(1, 300), st.fractions(-10, 1000))
def test_a_constant_rate_is_left_alone(rate, count, start):
    times = [start + index / rate for index in range(count)]
    assert list(pace(timed(times, 1 / rate), rate)) == list(range(count))


@settings(deadline=None, max_examples=60)
@given(rates, st.integers(2, 300), st.sampled_from(TICKS), st.integers(0, 10**6))
def test_rounded_timestamps_lose_no_frame(rate, count, tick, start):
    times = [(start + round(index / rate / tick)) * tick for index in range(count)]
    guessed = estimate_frame_rate(times, tick, rate)
    assert guessed == rate
    assert list(pace(timed(times, 1 / rate), guessed)) == list(range(count))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.fractions(Fraction(1, 1000), 2), min_size=1, max_size=12), rates)
def test_each_output_frame_shows_what_is_on_then(steps, rate):
    times = list(accumulate(steps, initial=Fraction(0)))
    shown = list(pace(timed(times), rate))
    assert shown == sorted(shown)
    half = 1 / (2 * rate)
    for index, item in enumerate(shown):
        assert times[item] <= index / rate + half
        if item + 1 < len(times):
            assert times[item + 1] > index / rate - half
    assert abs(len(shown) / rate - (times[-1] + Fraction(1, 25))) <= Fraction(3, 2) / rate


def test_one_frame_has_a_rate():
    assert estimate_frame_rate([Fraction(0)], Fraction(1, 1000), None) == 25
    assert estimate_frame_rate([Fraction(0)], Fraction(1, 1000), Fraction(2997, 100)) == Fraction(
        30000, 1001
    )


@pytest.mark.parametrize("typical", [Fraction(30), Fraction(24)])
def test_dropped_frames_do_not_lower_the_rate(typical):
    times = [index / typical for index in range(200) if index % 7]
    assert estimate_frame_rate(times, Fraction(1, 90000), Fraction(2571, 100)) == typical


def test_nothing_gives_nothing():
    assert list(pace([], Fraction(25))) == []
