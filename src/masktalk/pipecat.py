"""An avatar for Pipecat (extra ``pipecat``): a video service for after the speech synthesiser.

session = ProcessSession(SessionSpec(folder, options=SessionOptions(audio_rate=24_000)))
pipeline = Pipeline([..., tts, MasktalkVideoService(session), transport.output()])
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from masktalk.errors import MissingExtraError
from masktalk.numerics import to_pcm16
from masktalk.session import LiveSession, Tick
from masktalk.types import Audio, Frame

try:
    from pipecat.frames.frames import (
        InterruptionFrame,
        OutputImageRawFrame,
        TTSAudioRawFrame,
        TTSStartedFrame,
        TTSStoppedFrame,
    )
    from pipecat.services.ai_service import AIService
    from pipecat.services.settings import ServiceSettings
except ImportError as error:
    raise MissingExtraError(
        "masktalk.pipecat", "pipecat-ai is not installed", "pip install 'masktalk[pipecat]'"
    ) from error

#: Seconds of speech that may wait before the pipeline does.
_AHEAD = 20.0


class MasktalkVideoService(AIService):  # type: ignore[misc, unused-ignore]
    """Pipecat's video service over a session.

    It swallows the synthesiser's audio and gives it back in step with the frames:
    ``TTSStartedFrame`` with the first sample of an utterance that is heard, then
    ``TTSAudioRawFrame``, then one ``TTSStoppedFrame``, after its last sample or at an
    ``InterruptionFrame``. So the output transport says truly when the bot speaks.

    Args:
        session: Not started yet; its audio rate is what the transport gets.
    """

    def __init__(self, session: LiveSession, **more: Any) -> None:
        super().__init__(settings=ServiceSettings(model=None), **more)
        self._session = session
        self._task: asyncio.Task[None] | None = None
        self._playing = False

    async def start(self, frame: Any) -> None:
        """Start the session; frames come from now on."""
        await super().start(frame)
        await self._session.start()
        self._task = self.create_task(self._play())

    async def stop(self, frame: Any) -> None:
        """Stop after the frames that are on their way."""
        await super().stop(frame)
        await self._close()

    async def cancel(self, frame: Any) -> None:
        """Stop at once."""
        await super().cancel(frame)
        await self._close()

    async def process_frame(self, frame: Any, direction: Any) -> None:
        """Take the synthesiser's frames; pass on all others."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            await self._push_speech(frame)
        elif isinstance(frame, TTSStoppedFrame):
            self._session.flush()
        elif not isinstance(frame, TTSStartedFrame):
            if isinstance(frame, InterruptionFrame):
                self._session.interrupt()
                await self._stop_speaking()
            await self.push_frame(frame, direction)

    async def _push_speech(self, frame: Any) -> None:
        while self._session.queued > _AHEAD:
            await asyncio.sleep(0.05)
        samples = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
        self._session.push_audio(samples, frame.sample_rate)

    async def _play(self) -> None:
        async for tick in self._session:
            if tick.frame is not None:
                await self.push_frame(image_frame(tick.frame))
            await self._push_sound(tick)
            if tick.ended:
                await self._stop_speaking()

    async def _push_sound(self, tick: Tick) -> None:
        starts = tick.onset is not None or (tick.speaking and tick.audio.samples.any())
        if starts and not self._playing:
            self._playing = True
            await self.push_frame(TTSStartedFrame())
        if self._playing and tick.speaking:
            await self.push_frame(audio_frame(tick.audio))

    async def _stop_speaking(self) -> None:
        if self._playing:
            self._playing = False
            await self.push_frame(TTSStoppedFrame())

    async def _close(self) -> None:
        if self._task is not None:
            await self.cancel_task(self._task)
            self._task = None
            await self._session.close()


def image_frame(frame: Frame) -> Any:
    """Return an ``OutputImageRawFrame`` (RGB) with the same pixels."""
    pixels = np.ascontiguousarray(frame.pixels[..., :3])
    return OutputImageRawFrame(pixels.tobytes(), (frame.width, frame.height), "RGB")


def audio_frame(audio: Audio) -> Any:
    """Return a ``TTSAudioRawFrame`` (mono, 16 bit) with the same samples."""
    return TTSAudioRawFrame(to_pcm16(audio.samples).tobytes(), audio.sample_rate, 1)
