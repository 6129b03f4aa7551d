"""Work in a process of its own, for a library that may take its process down."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class Apart:
    """Runs functions elsewhere, one at a time, and starts anew when that process dies."""

    def __init__(self) -> None:
        self._pool = self._start()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()

    def run(self, work: Callable[[str], Result], text: str) -> Result | None:
        """Return ``work(text)``, or None when the process died of it."""
        try:
            return self._pool.submit(work, text).result()
        except BrokenProcessPool:
            log.warning("a process died of %r", text)
            self._pool.shutdown()
            self._pool = self._start()
            return None

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
