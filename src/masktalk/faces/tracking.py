"""Follows one face through a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from masktalk.faces.finder import Finder
from masktalk.faces.options import LocateOptions
from masktalk.types import Face, Frame


def track(
    frames: Iterable[Frame], rate: Fraction, options: LocateOptions | None = None
) -> Iterator[Face | None]:
    """Yield the chosen face of every frame, or None where it is not seen.

    Lazy, with less than a second of look-ahead.
    """
    with Finder(options) as finder:
        for frame in frames:
            yield finder.locate(frame)
