"""Curves of a review as inline SVG; its colours come from the page around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.evaluate.mouth_synchrony import Curve, Mask, runs
from masktalk.evaluate.review.highlights import Highlight
from masktalk.evaluate.review.observation import Observation

ROW_SECONDS = 12.0
MAX_ROWS = 5
_WIDTH, _LEFT, _RIGHT = 1000, 8, 992
_WAVE_MIDDLE, _WAVE_HALF = 46, 20
_TOP, _BOTTOM, _HEIGHT = 78, 190, 214


@dataclass(frozen=True)
class _Row:
    """A stretch of time drawn in one row."""

    begin: float
    seconds: float

    def x(self, time: Curve | float) -> Curve:
        """Return the column, in units of the view box, of (N,) seconds."""
        share = (np.asarray(time, np.float64) - self.begin) / self.seconds
        return np.asarray(_LEFT + share * (_RIGHT - _LEFT), np.float64)

    def holds(self, time: Curve) -> Mask:
        """Tell which of (N,) seconds lie in the row."""
        return (time >= self.begin - 0.05) & (time <= self.begin + self.seconds + 0.05)


def charts(seen: Observation, other: Observation | None, highlights: list[Highlight]) -> list[str]:
    """Draw one SVG for every twelve seconds, five at most."""
    seconds = max(seen.seconds, 0.5)
    count = min(max(int(np.ceil(seconds / ROW_SECONDS - 0.2)), 1), MAX_ROWS)
    span = seconds / count if count < MAX_ROWS else min(seconds / count, ROW_SECONDS)
    return [_chart(seen, other, highlights, _Row(i * span, span)) for i in range(count)]


def own_range(curve: Curve) -> Curve:
    """Scale an (N,) curve from its 2nd to its 98th percentile to 0..1, a little beyond allowed."""
    known = curve[np.isfinite(curve)]
    if not len(known):
        return curve
    low, high = np.percentile(known, [2, 98])
    return np.asarray(np.clip((curve - low) / max(float(high - low), 0.02), -0.05, 1.1))


def _chart(
    seen: Observation, other: Observation | None, highlights: list[Highlight], row: _Row
) -> str:
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Opening of the mouth from {row.begin:.0f} to '
        f'{row.begin + row.seconds:.0f} seconds">'
    ]
    parts += _silences(seen, row)
    parts += _wave(seen, row)
    parts += _asked(seen, row)
    if other is not None:
        parts += _line("other", other.track.t, own_range(other.track.aperture), row)
    parts += _line("tracked", seen.track.t, own_range(seen.track.aperture), row)
    parts += _marks(highlights, row)
    parts += _axis(row)
    return "".join([*parts, "</svg>"])


def _silences(seen: Observation, row: _Row) -> list[str]:
    if seen.sound is None:
        return []
    parts = []
    for begin, end in seen.sound.pauses():
        first, last = np.clip(row.x(np.array([begin, end])), _LEFT, _RIGHT)
        if last - first > 1:
            parts.append(
                f'<rect class="pause" x="{first:.1f}" y="22" width="{last - first:.1f}" '
                f'height="{_BOTTOM - 22}"/>'
            )
    return parts


def _wave(seen: Observation, row: _Row) -> list[str]:
    sound = seen.sound
    if sound is None:
        return []
    shown = row.holds(sound.time)
    x, half = row.x(sound.time[shown]), sound.loudness[shown] * _WAVE_HALF
    upper = [f"{a:.1f},{_WAVE_MIDDLE - h - 0.4:.1f}" for a, h in zip(x, half, strict=True)]
    lower = [f"{a:.1f},{_WAVE_MIDDLE + h + 0.4:.1f}" for a, h in zip(x, half, strict=True)]
    return [f'<polygon class="wave" points="{" ".join(upper + lower[::-1])}"/>']


def _asked(seen: Observation, row: _Row) -> list[str]:
    """Draw the articulated opening as an area, and ticks where the lips should meet."""
    sound = seen.sound
    if sound is None:
        return []
    shown = row.holds(sound.time)
    x, y = row.x(sound.time[shown])[::2], _y(own_range(sound.aperture)[shown])[::2]
    if not len(x):
        return []
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    edge = f"{x[-1]:.1f},{_BOTTOM} {x[0]:.1f},{_BOTTOM}"
    parts = [f'<polygon class="asked" points="{points} {edge}"/>']
    for first, last in runs((sound.closure > 0.5) & sound.speaking):
        begin, end = row.x(sound.time[[first, last]])
        if end >= _LEFT and begin <= _RIGHT:
            width = max(end - begin, 3)
            parts.append(
                f'<rect class="closure" x="{begin:.1f}" y="{_BOTTOM + 2}" width="{width:.1f}" '
                'height="4" rx="2"/>'
            )
    return parts


def _line(name: str, time: Curve, value: Curve, row: _Row) -> list[str]:
    """Draw a curve, broken where it is unknown."""
    known = np.isfinite(value) & row.holds(time)
    parts = []
    for first, last in runs(known):
        x, y = row.x(time[first : last + 1]), _y(value[first : last + 1])
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline class="{name}" points="{points}"/>')
    return parts


def _y(share: Curve) -> Curve:
    return _BOTTOM - share * (_BOTTOM - _TOP)


def _marks(highlights: list[Highlight], row: _Row) -> list[str]:
    parts = []
    for number, highlight in enumerate(highlights, start=1):
        if row.begin <= highlight.time < row.begin + row.seconds:
            x = float(row.x(highlight.time))
            parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{_BOTTOM}"/>')
            parts.append(f'<circle class="mark {highlight.kind}" cx="{x:.1f}" cy="11" r="9"/>')
            parts.append(f'<text class="number" x="{x:.1f}" y="14.5">{number}</text>')
    return parts


def _axis(row: _Row) -> list[str]:
    parts = [f'<line class="axis" x1="{_LEFT}" x2="{_RIGHT}" y1="{_BOTTOM}" y2="{_BOTTOM}"/>']
    step = 1 if row.seconds > 3 else 0.5
    first = np.ceil(row.begin / step) * step
    for time in np.arange(first, row.begin + row.seconds + 1e-6, step):
        x = float(row.x(float(time)))
        anchor = "start" if x < 20 else "end" if x > _WIDTH - 20 else "middle"
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{_HEIGHT - 2}" text-anchor="{anchor}">'
            f"{time:g} s</text>"
        )
    return parts
