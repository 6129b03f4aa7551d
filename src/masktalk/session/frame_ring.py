"""Frames between processes: pixels in shared memory, of which only a slot's number is sent."""

from __future__ import annotations

from ctypes import c_uint8
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np

from masktalk.types import UInt8Array

#: Frames that may lie in shared memory at once; the writer then waits for the reader.
_SLOTS = 4


class FrameRing:
    """A ring of frames in shared memory, for one writing and one reading process.

    It is handed to the other process as an argument of that process. The memory has no
    name, so nothing is left behind when either process is killed.

    Args:
        context: Starts the other process.
        width: Width of every frame in pixels.
        height: Height of every frame in pixels.
        channels: 3 for RGB, 4 for RGBA.
    """

    def __init__(self, context: BaseContext, width: int, height: int, channels: int) -> None:
        self._shape = (_SLOTS, height, width, channels)
        self._memory: Any = context.RawArray(c_uint8, _SLOTS * height * width * channels)
        self._free: Any = context.Semaphore(_SLOTS)
        self._next = 0

    def write(self, pixels: UInt8Array) -> int:
        """Copy a frame into the next free slot and return the slot's number.

        Args:
            pixels: (H, W, C) uint8 of the ring's own size.
        """
        self._free.acquire()
        slot = self._next
        self._next = (slot + 1) % _SLOTS
        self._slots()[slot] = pixels
        return slot

    def read(self, slot: int) -> UInt8Array:
        """Return a copy of a slot's frame, (H, W, C) uint8, and free the slot."""
        pixels = self._slots()[slot].copy()
        self._free.release()
        return pixels

    def _slots(self) -> UInt8Array:
        flat = np.frombuffer(self._memory, np.uint8)
        return flat.reshape(self._shape)
