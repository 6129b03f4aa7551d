"""HTTP connections that bring no whole request in time are closed."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

#: Bytes that a request line with its headers may take.
MAX_HEADER_BYTES = 32 << 10


class TimedProtocol(H11Protocol):
    """uvicorn's HTTP connection, with a time limit on the headers of every request.

    uvicorn itself waits for ever for the rest of a request that has begun.
    """

    #: Seconds from the connection, or from the end of the last response, until the headers
    #: of the next request must be complete.
    header_seconds = 15.0

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._expect_request()

    def _expect_request(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.header_seconds, self._close_unless_busy)

    def _close_unless_busy(self) -> None:
        is_busy = self.cycle is not None and not self.cycle.response_complete
        is_websocket = self.transport.get_protocol() is not self
        if not is_busy and not is_websocket:
            self.transport.close()


def timed_protocol(header_seconds: float) -> type[asyncio.Protocol]:
    """Return the class of connections with another time limit."""
    return type("TimedProtocol", (TimedProtocol,), {"header_seconds": header_seconds})
