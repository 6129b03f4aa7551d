"""Constant frame rate out of any timestamps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")

#: Rates that recordings are made at. NTSC's are exact: 1000/1001 of a whole number.
STANDARD_FRAME_RATES: tuple[Fraction, ...] = (
    *(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)),
    *(Fraction(n) for n in (5, 6, 8, 10, 12, 15, 18, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)),
    Fraction(25, 2),
)

_FALLBACK = Fraction(25)
_FASTEST = Fraction(120)

#: MPEG-4 counts time in parts of at most 1/65535 s.
_LARGEST = 500

#: Parts of a frame by which rounded timestamps may be early; the last frame of a file then
#: still counts, however short its duration claims to be.
_EARLY = Fraction(1, 4)

#: Share of equal steps in a recording of one constant rate with a few faults.
_MOSTLY = Fraction(9, 10)

#: Half of what lies between 24 and 24000/1001.
_NTSC_GAP = Fraction(1, 2002)


def pace(
    timed: Iterable[tuple[Fraction, Fraction, T]],
    rate: Fraction,
    start: Fraction | None = None,
) -> Iterator[T]:
    """Repeat or drop items so that item number i is the one shown at i / rate.

    Each item goes to the output frame nearest to its own time, and stays until the next
    one comes. The first is shown from time 0.

    Args:
        timed: (time, duration, item) in seconds, in order of time.
        rate: Items per second to yield.
        start: Time stamp of time 0; None for that of the first item.
    """
    first = True
    waiting: list[T] = []
    due = shown = end = 0
    for time, duration, item in timed:
        if start is None:
            start = time
        exact = max(time - start, Fraction(0)) * rate
        if first:
            # Held from time 0 when it comes later.
            waiting, first = [item], False
        due = _nearest(exact)
        while waiting and shown < due:
            yield waiting[0]
            shown += 1
        waiting = [item]
        end = _nearest(exact + duration * rate)
        if due - exact <= _EARLY:
            end = max(end, due + 1)
    while waiting and shown < max(end, 1):
        yield waiting[0]
        shown += 1


def estimate_frame_rate(
    times: Sequence[Fraction], tick: Fraction, declared: Fraction | None
) -> Fraction:
    """Return the constant rate that fits timestamps best.

    Args:
        times: When frames are shown, sorted, in seconds.
        tick: The timestamps' own resolution in seconds.
        declared: What the file says its average rate is, if it does.
    """
    if len(times) < 2 or times[-1] == times[0]:
        return standard(declared) if declared else _FALLBACK
    average = (len(times) - 1) / (times[-1] - times[0])
    steps = sorted(b - a for a, b in pairwise(times))
    if steps[-1] - steps[0] <= 2 * tick:
        # Constant: any rate that explains all timestamps to the tick will do.
        slack = tick / (times[-1] - times[0])
        agrees = declared is not None and abs(declared / average - 1) <= slack
        likely = declared if agrees and declared else average
        nearest = _nearest_standard(likely)
        if abs(nearest / average - 1) <= slack and abs(nearest / likely - 1) < _NTSC_GAP:
            return nearest
        return min(likely.limit_denominator(_LARGEST), _FASTEST)
    middle = steps[len(steps) // 2]
    alike = sum(abs(step - middle) <= 2 * tick for step in steps)
    if middle > 0 and alike >= _MOSTLY * len(steps):
        # A piece is missing, or one overlaps the next: the recording's own rate stays.
        return standard(min(1 / middle, _FASTEST))
    typical = 1 / middle if middle > 0 else average
    return standard(min(max(typical, average), _FASTEST))


def standard(rate: Fraction) -> Fraction:
    """Return the standard rate within 2 % of a rate, or the rate itself, simplified."""
    nearest = _nearest_standard(rate)
    if abs(nearest / rate - 1) <= Fraction(2, 100):
        return nearest
    return rate.limit_denominator(_LARGEST)


def _nearest_standard(rate: Fraction) -> Fraction:
    return min(STANDARD_FRAME_RATES, key=lambda known: abs(known / rate - 1))


def _nearest(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))
