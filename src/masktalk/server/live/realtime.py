"""The audio events of the OpenAI Realtime protocol, forwarded as they come from a model.

Deltas of audio are played, ``done`` ends an utterance, ``cancel`` and a user who begins to
speak interrupt it. The answers use the protocol's own names for playback over WebRTC
(``output_audio_buffer.*``), each with the milliseconds of audio that were played. Events of
other names are ignored, so a whole stream can be forwarded unseen.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections import deque
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from masktalk.errors import MasktalkError
from masktalk.server.live.manager import LiveSession
from masktalk.server.problems import Problem, RequestError, problem_of
from masktalk.session import PlaybackEvent

#: Samples per second of the protocol's ``pcm16`` audio.
SAMPLE_RATE = 24_000
#: Cancelled utterances whose late audio is recognised and left out.
_MAX_CANCELLED = 256


class Event(BaseModel):
    """A forwarded event; fields that are not needed are ignored."""

    model_config = ConfigDict(extra="ignore")

    event_id: str = ""


class AudioDelta(Event):
    """The next audio of an utterance: base64 of little-endian 16-bit mono at 24 kHz."""

    type: Literal["response.output_audio.delta", "response.audio.delta"]
    item_id: Annotated[str, Field(min_length=1, max_length=200)]
    response_id: Annotated[str, Field(max_length=200)] = ""
    delta: str


class AudioDone(Event):
    """The end of an utterance."""

    type: Literal["response.output_audio.done", "response.audio.done"]
    item_id: Annotated[str, Field(min_length=1, max_length=200)]


class Cancel(Event):
    """Stop speaking: the response is cancelled, or the user has begun to speak."""

    type: Literal[
        "response.cancel", "output_audio_buffer.clear", "input_audio_buffer.speech_started"
    ]


Forwarded = Annotated[AudioDelta | AudioDone | Cancel, Field(discriminator="type")]
_FORWARDED: TypeAdapter[AudioDelta | AudioDone | Cancel] = TypeAdapter(Forwarded)
_KNOWN = frozenset(
    name
    for model in (AudioDelta, AudioDone, Cancel)
    for name in model.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
)


class RealtimeConnection:
    """One WebSocket that speaks the protocol.

    Args:
        socket: Accepted already.
        live: The session that speaks.
        max_bytes: Size of a message.
    """

    def __init__(self, socket: WebSocket, live: LiveSession, max_bytes: int) -> None:
        self._socket, self._live, self._max_bytes = socket, live, max_bytes
        self._responses: dict[str, str] = {}  # item -> response, of what is not finished
        self._cancelled: deque[str] = deque(maxlen=_MAX_CANCELLED)

    async def run(self) -> None:
        """Serve it until it or the session closes."""
        with self._live.viewers.attach() as viewer:
            await self._send(_created(self._live))
            tasks = {
                asyncio.create_task(self._listen()),
                asyncio.create_task(self._report(viewer)),
            }
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                text = await self._socket.receive_text()
                try:
                    self._take(text)
                except MasktalkError as error:
                    await self._complain(problem_of(error))
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(str(part) for part in first["loc"])
                    message = f"{where}: {first['msg']}"
                    await self._complain(Problem(type="ValidationError", message=message))

    def _take(self, text: str) -> None:
        if len(text) > self._max_bytes:
            raise RequestError(413, "event", f"is larger than {self._max_bytes} bytes")
        if _Any.model_validate_json(text).type not in _KNOWN:
            return
        event = _FORWARDED.validate_json(text)
        if isinstance(event, Cancel):
            self._cancelled.extend(self._responses)
            self._live.interrupt()
        elif event.item_id in self._cancelled:
            return  # the model had sent it before it heard of the cancellation
        elif isinstance(event, AudioDone):
            if event.item_id in self._responses:
                self._live.session.flush()
        else:
            self._responses.setdefault(event.item_id, event.response_id)
            self._live.session.push_audio(_samples(event.delta), SAMPLE_RATE, event.item_id)

    async def _report(self, viewer: Any) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            async for tick in viewer:
                for event in tick.playback:
                    if event.utterance in self._responses:
                        await self._tell(event)

    async def _tell(self, event: PlaybackEvent) -> None:
        item, response = event.utterance, self._responses[event.utterance]
        said = {"item_id": item, "response_id": response}
        said_until = {**said, "audio_end_ms": round(event.seconds * 1000)}
        if event.kind == "started":
            await self._send({"type": "output_audio_buffer.started", **said})
            return
        del self._responses[item]
        if event.kind == "finished":
            await self._send({"type": "output_audio_buffer.stopped", **said_until})
            return
        await self._send({"type": "output_audio_buffer.cleared", **said_until})
        if event.seconds > 0:
            truncated = {"type": "conversation.item.truncated", "content_index": 0}
            await self._send({**truncated, **said_until})

    async def _complain(self, problem: Problem) -> None:
        error = {"type": "invalid_request_error", "code": problem.type, "message": problem.message}
        await self._send({"type": "error", "error": error})

    async def _send(self, event: dict[str, Any]) -> None:
        await self._socket.send_json(event)


class _Any(Event):
    """Any event at all."""

    type: str


def _samples(delta: str) -> Any:
    """Return the (N,) int16 samples of a delta."""
    try:
        data = base64.b64decode(delta, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(422, "delta", "is not base64") from error
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2")


def _created(live: LiveSession) -> dict[str, Any]:
    audio = {"output": {"format": {"type": "audio/pcm", "rate": SAMPLE_RATE}}}
    return {"type": "session.created", "session": {"id": live.id, "audio": audio}}
