"""Small causal steps that turn rows into rows and give the same for every block size.

Each stage takes (N, D) rows as they come and returns the rows that have become certain;
``flush`` returns the rest, so that as many rows leave as came in.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from masktalk.types import FloatArray


class Stage(Protocol):
    """Rows in, rows out."""

    @property
    def delay(self) -> int:
        """Rows that must have come in after a row before it leaves."""
        ...

    def push(self, rows: FloatArray) -> FloatArray:
        """Push (N, columns) rows; return the (M, outputs) that have become certain."""
        ...

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        ...


class Window:
    """Gives every row together with its neighbours; both ends are held."""

    def __init__(self, past: int, future: int) -> None:
        self._past, self._future = past, future
        self._reach = np.arange(past + 1 + future)
        self._rows: FloatArray | None = None

    @property
    def delay(self) -> int:
        """Return the delay in steps."""
        return self._future

    def push(self, rows: FloatArray) -> FloatArray:
        """(N, past + 1 + future, D) for each row that has its whole neighbourhood."""
        if not len(rows):
            return self._empty(rows.shape[1])
        if self._rows is None:
            self._rows = np.repeat(rows[:1], self._past, axis=0)
        self._rows = np.concatenate([self._rows, rows])
        return self._take()

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        if self._rows is None:
            return self._empty(0)
        self._rows = np.concatenate([self._rows, np.repeat(self._rows[-1:], self._future, axis=0)])
        return self._take()

    def _take(self) -> FloatArray:
        assert self._rows is not None
        count = len(self._rows) - self._past - self._future
        if count <= 0:
            return self._empty(self._rows.shape[1])
        taken = self._rows[np.arange(count)[:, None] + self._reach]
        self._rows = self._rows[count:]
        return taken

    def _empty(self, width: int) -> FloatArray:
        return np.zeros((0, self._past + 1 + self._future, width), np.float32)


class Smoother:
    """A Gaussian over time, of its own width for every column.

    Args:
        sigmas: Standard deviation in rows, one a column.
        past: Rows it looks back.
        future: Rows it looks ahead.
    """

    def __init__(self, sigmas: tuple[float, ...], past: int, future: int) -> None:
        self._window = Window(past, future)
        offsets = np.arange(-past, future + 1)[:, None]
        kernel = np.exp(-0.5 * (offsets / np.array(sigmas)) ** 2)
        self._kernel = (kernel / kernel.sum(axis=0)).astype(np.float32)

    @property
    def delay(self) -> int:
        """Return the delay in steps."""
        return self._window.delay

    def push(self, rows: FloatArray) -> FloatArray:
        """Push (N, columns) rows; return the (M, columns) that have become certain."""
        return self._mix(self._window.push(rows))

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        return self._mix(self._window.flush())

    def _mix(self, windows: FloatArray) -> FloatArray:
        if not len(windows):
            return np.zeros((0, self._kernel.shape[1]), np.float32)
        mixed: FloatArray = (windows * self._kernel).sum(axis=1)
        return mixed


class Lockstep:
    """Lines up streams of rows that arrive with different delays."""

    def __init__(self, widths: dict[str, int]) -> None:
        self._waiting = {name: np.zeros((0, width), np.float32) for name, width in widths.items()}

    def add(self, name: str, rows: FloatArray) -> None:
        """Add the (N, columns) rows of one stream that have become certain."""
        self._waiting[name] = np.concatenate([self._waiting[name], rows])

    def take(self) -> dict[str, FloatArray]:
        """As many rows of each stream as all of them have."""
        count = min(len(rows) for rows in self._waiting.values())
        taken = {name: rows[:count] for name, rows in self._waiting.items()}
        self._waiting = {name: rows[count:] for name, rows in self._waiting.items()}
        return taken


def highest(values: FloatArray, before: FloatArray | float, decay: float) -> FloatArray:
    """Compute the running max(previous - decay, value) along the first axis, all at once.

    Args:
        values: (N, ...).
        before: The running maximum before the first of them.
        decay: How much it falls a step.
    """
    steps = np.arange(1, len(values) + 1).reshape(-1, *(1,) * (values.ndim - 1))
    fall = decay * steps
    peaks = np.maximum.accumulate(np.maximum(values + fall, before)) - fall
    return np.asarray(peaks, np.float32)


def lowest(values: FloatArray, before: FloatArray | float, rise: float) -> FloatArray:
    """Compute the running min(previous + rise, value) along the first axis, all at once."""
    return -highest(-values, -before, rise)
