"""An avatar for LiveKit Agents (extra ``livekit``): hand it to that package's AvatarRunner.

session = ProcessSession(SessionSpec(folder, options=SessionOptions(audio_rate=24_000)))
async with MasktalkVideo(session) as video:
    runner = AvatarRunner(room, audio_recv=..., video_gen=video, options=video.options)
    await runner.start()

or, in an agent that has a face itself:

    await MasktalkAvatar(session).start(agent_session, room)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from masktalk.errors import MissingExtraError
from masktalk.numerics import to_pcm16
from masktalk.session import LiveSession, Tick
from masktalk.types import Audio, Frame

try:
    from livekit import rtc
    from livekit.agents.voice.avatar import (
        AudioSegmentEnd,
        AvatarOptions,
        AvatarRunner,
        AvatarSession,
        QueueAudioOutput,
        VideoGenerator,
    )
except ImportError as error:
    raise MissingExtraError(
        "masktalk.livekit",
        "livekit-agents >= 1.8 is not installed",
        "pip install 'masktalk[livekit]'",
    ) from error

#: Seconds of speech that may wait before ``push_audio`` does.
_AHEAD = 20.0


class MasktalkVideo(VideoGenerator):  # type: ignore[misc, unused-ignore]
    """LiveKit's ``VideoGenerator`` over a session.

    Frames come all the time. Sound comes while an utterance plays, so that the runner's
    playback position is that of the speech; after its last sample comes an
    ``AudioSegmentEnd``.

    Args:
        session: Not started yet; its audio rate is what the room gets.
    """

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._playing = False

    @property
    def options(self) -> AvatarOptions:
        """Return the runner's options; available once the session has started."""
        return AvatarOptions(
            video_width=self._session.width,
            video_height=self._session.height,
            video_fps=float(self._session.rate),
            audio_sample_rate=self._session.options.audio_rate,
            audio_channels=1,
        )

    async def __aenter__(self) -> MasktalkVideo:
        await self._session.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def push_audio(self, frame: Any) -> None:
        """Take an ``rtc.AudioFrame`` or an ``AudioSegmentEnd``; waits while much is queued."""
        if isinstance(frame, AudioSegmentEnd):
            self._session.flush()
            return
        while self._session.queued > _AHEAD:
            await asyncio.sleep(0.05)
        samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
        self._session.push_audio(samples, frame.sample_rate)

    def clear_buffer(self) -> None:
        """Be silent now."""
        self._playing = False
        self._session.interrupt()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for tick in self._session:
            if tick.frame is not None:
                yield video_frame(tick.frame)
            if self._speech_in(tick):
                yield audio_frame(tick.audio)
            for _ in range(tick.ended):
                self._playing = False
                yield AudioSegmentEnd()

    def _speech_in(self, tick: Tick) -> bool:
        starts = tick.onset is not None or (tick.speaking and tick.audio.samples.any())
        self._playing = tick.speaking and (self._playing or bool(starts))
        return self._playing


#: Attribute of the participant that says, as the law wants it, that the face is generated.
DISCLOSURE = {"masktalk.generated": "true"}


class MasktalkAvatar(AvatarSession):  # type: ignore[misc, type-arg, unused-ignore]
    """LiveKit's ``AvatarSession``: the agent's own participant gets the face.

    The agent's speech goes through the session, which publishes sound and frames in step. The
    framework hears when playback starts, ends and is interrupted, and at which position.

    Args:
        session: Not started yet; its audio rate is what the room gets.
    """

    def __init__(self, session: LiveSession) -> None:
        super().__init__()
        self._video = MasktalkVideo(session)
        self._runner: AvatarRunner | None = None

    @property
    def avatar_identity(self) -> str:
        """Return the identity of the participant that publishes the face."""
        assert self._room is not None, "the session has not started"
        return str(self._room.local_participant.identity)

    @property
    def provider(self) -> str:
        """Return the name that metrics carry."""
        return "masktalk"

    async def start(self, agent_session: Any, room: Any) -> None:
        """Start the face and let the agent speak through it.

        Args:
            agent_session: LiveKit's ``AgentSession``, not started yet.
            room: LiveKit's ``Room``.
        """
        await super().start(agent_session, room)
        await self._video.__aenter__()
        speech = QueueAudioOutput(
            sample_rate=self._video.options.audio_sample_rate, wait_playback_start=True
        )
        self._runner = AvatarRunner(
            room, audio_recv=speech, video_gen=self._video, options=self._video.options
        )
        await self._runner.start()
        agent_session.output.audio = speech
        if room.isconnected():
            await room.local_participant.set_attributes(DISCLOSURE)

    async def aclose(self) -> None:
        """Stop the face; safe to call twice."""
        if self._runner is not None:
            await self._runner.aclose()
            self._runner = None
            await self._video.__aexit__(None, None, None)
        await super().aclose()


def video_frame(frame: Frame) -> Any:
    """Return an ``rtc.VideoFrame`` (RGBA) with the same pixels."""
    pixels = frame.pixels
    rgba = pixels if frame.has_alpha else cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    return rtc.VideoFrame(
        width=frame.width,
        height=frame.height,
        type=rtc.VideoBufferType.RGBA,
        data=np.ascontiguousarray(rgba).tobytes(),
    )


def audio_frame(audio: Audio) -> Any:
    """Return an ``rtc.AudioFrame`` (mono, 16 bit) with the same samples."""
    samples = to_pcm16(audio.samples)
    return rtc.AudioFrame(
        data=samples.tobytes(),
        sample_rate=audio.sample_rate,
        num_channels=1,
        samples_per_channel=len(samples),
    )
