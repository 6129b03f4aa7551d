"""Run something that pulls its input as if it were pushed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class Lockstep(Generic[In, Out]):
    """A generator that reads an iterator, driven by pushing into that iterator.

    It runs in a thread of its own, but never at the same time as its owner: ``send``
    hands one item over and waits until the generator asks for the next or ends. What
    comes out depends only on what went in.

    Args:
        make: Given the iterator of what is sent, yields results.
    """

    def __init__(self, make: Callable[[Iterator[In]], Iterator[Out]]) -> None:
        self._make = make
        self._turn = threading.Condition()
        self._inbox: list[In] = []
        self._outbox: list[Out] = []
        self._error: BaseException | None = None
        self._running = False
        self._ended = self._closed = self._done = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="lockstep")
        self._started = False

    def send(self, item: In) -> list[Out]:
        """Hand one item over; returns what came out until the next is asked for.

        Raises:
            BaseException: Whatever the generator raised.
        """
        self._inbox.append(item)
        return self._let_run()

    def finish(self) -> list[Out]:
        """Say that there is no more; returns the rest."""
        self._ended = True
        return self._let_run()

    def close(self) -> None:
        """End the generator where it stands."""
        self._closed = self._ended = True
        if self._started and not self._done:
            self._let_run()

    def _let_run(self) -> list[Out]:
        with self._turn:
            if not self._done:
                self._running = True
                if self._started:
                    self._turn.notify_all()
                else:
                    self._started = True
                    self._thread.start()
                self._turn.wait_for(lambda: not self._running)
            results, self._outbox = self._outbox, []
            error, self._error = self._error, None
        if error is not None:
            raise error
        return results

    def _items(self) -> Iterator[In]:
        while True:
            while self._inbox:
                yield self._inbox.pop(0)
            if self._ended:
                return
            with self._turn:
                self._running = False
                self._turn.notify_all()
                self._turn.wait_for(lambda: self._running)

    def _work(self) -> None:
        try:
            for result in self._make(self._items()):
                if self._closed:
                    break
                self._outbox.append(result)
        except BaseException as error:  # noqa: BLE001 - handed to the owner, who raises it
            self._error = error
        with self._turn:
            self._done = True
            self._running = False
            self._turn.notify_all()
