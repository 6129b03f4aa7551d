"""The WebSocket of a session: control and speech in, events out, frames where asked for."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from fastapi import WebSocket, WebSocketDisconnect
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from masktalk.errors import MasktalkError
from masktalk.numerics import to_pcm16
from masktalk.server.live.manager import LiveSession
from masktalk.server.live.viewers import Viewer
from masktalk.server.messages import (
    AudioFormat,
    Close,
    Control,
    Ended,
    Failure,
    Flush,
    Interrupt,
    Play,
    Say,
    State,
    Watch,
)
from masktalk.server.problems import Problem, problem_of
from masktalk.session import Tick
from masktalk.types import Frame

logger = logging.getLogger(__name__)

CONTROLS: TypeAdapter[Any] = TypeAdapter(Control)

#: First byte of a binary message to the viewer; then the time as a float64, little-endian.
FRAME, SOUND, MP4 = 1, 2, 3
_HEADER = struct.Struct("<Bd")
_STATE_EVERY = 0.5
_TYPES: dict[str, np.dtype[Any]] = {"pcm16": np.dtype("<i2"), "float32": np.dtype("<f4")}

Speaker = Callable[[Say | Play], Awaitable[None]]


class WebSocketConnection:
    """One WebSocket.

    Args:
        socket: Accepted already.
        live: The session.
        speak: Turns say and play into speech.
        most_bytes: Size of a message.
    """

    def __init__(
        self, socket: WebSocket, live: LiveSession, speak: Speaker, most_bytes: int
    ) -> None:
        self._socket, self._live, self._speak = socket, live, speak
        self._most_bytes = most_bytes
        self._format: AudioFormat | None = None
        self._watch: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()

    async def run(self) -> bool:
        """Serve it until it or the session closes; True when the session shall end, too."""
        with self._live.viewers.attach() as viewer:
            states = asyncio.create_task(self._tell_state())
            listening = asyncio.create_task(self._listen())
            session = asyncio.create_task(_drain(viewer))
            try:
                await asyncio.wait({listening, session}, return_when=asyncio.FIRST_COMPLETED)
                return listening.done() and listening.result()
            except WebSocketDisconnect:
                return False
            finally:
                for task in (states, listening, session, self._watch):
                    if task is not None:
                        task.cancel()

    async def _listen(self) -> bool:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return False
            try:
                if message.get("bytes") is not None:
                    self._hear(message["bytes"])
                elif await self._handle_commands(message.get("text") or ""):
                    return True
            except MasktalkError as error:
                await self._complain(problem_of(error))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                text = f"{where}: {first['msg']}"
                await self._complain(Problem(type="ValidationError", message=text))

    async def _handle_commands(self, text: str) -> bool:
        control = CONTROLS.validate_json(text[: self._most_bytes])
        if isinstance(control, Close):
            return True
        if isinstance(control, AudioFormat):
            self._format = control
        elif isinstance(control, Flush):
            self._live.session.flush()
        elif isinstance(control, Interrupt):
            self._live.interrupt()
        elif isinstance(control, Watch):
            if self._watch is not None:
                self._watch.cancel()
            self._watch = asyncio.create_task(self._show(control))
        else:
            await self._speak(control)
        return False

    def _hear(self, data: bytes) -> None:
        format = self._format or AudioFormat(type="format", encoding="pcm16", rate=16_000)
        kind = _TYPES[format.encoding]
        whole = len(data) // kind.itemsize * kind.itemsize
        self._live.session.push_audio(np.frombuffer(data[:whole], kind), format.rate)

    async def _complain(self, problem: Problem) -> None:
        async with self._sending:
            await self._socket.send_text(Failure(error=problem).model_dump_json())

    async def _tell_state(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while not self._live.done:
                state = State(**self._live.info().model_dump()).model_dump_json()
                async with self._sending:
                    await self._socket.send_text(state)
                await asyncio.sleep(_STATE_EVERY)

    async def _show(self, watch: Watch) -> None:
        """Send video and audio over this socket; a slow one loses frames."""
        show = self._show_mp4() if watch.format == "mp4" else self._show_images(watch.fps)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await show

    async def _show_mp4(self) -> None:
        with self._live.viewers.attach() as viewer:
            await self._send(MP4, 0.0, self._live.session.init_segment)
            async for tick in viewer:
                if tick.encoded is not None and tick.encoded.fragments:
                    await self._send(MP4, float(tick.time), tick.encoded.fragments)

    async def _show_images(self, fps: float) -> None:
        """Send images and samples, for viewers that cannot play MP4."""
        due = 0.0
        with self._live.raw_frames(), self._live.viewers.attach() as viewer:
            async for tick in viewer:
                time = float(tick.time)
                await self._send(SOUND, time, _pcm16(tick))
                if tick.frame is not None and time >= due:
                    due = max(due + 1 / fps, time)
                    await self._send(FRAME, time, await asyncio.to_thread(_webp, tick.frame))

    async def _send(self, kind: int, time: float, body: bytes) -> None:
        async with self._sending:
            await self._socket.send_bytes(_HEADER.pack(kind, time) + body)


async def end_connection(socket: WebSocket, problem: Problem | None) -> None:
    """Say why the connection ends, then close it; harmless when the other side is gone."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_text(Ended(problem=problem).model_dump_json())
        await socket.close(1000 if problem is None else 1011)


async def _drain(viewer: Viewer) -> None:
    """Look on until the session ends."""
    async for _ in viewer:
        pass


def _pcm16(tick: Tick) -> bytes:
    return to_pcm16(tick.audio.samples).tobytes()


def _webp(frame: Frame) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(frame.pixels).save(stream, "WEBP", quality=78, method=0)
    return stream.getvalue()
