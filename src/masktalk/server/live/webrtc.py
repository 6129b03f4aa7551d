"""WebRTC: a session's ticks as a video and a sound track, a microphone as speech."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError, VideoStreamTrack
from av.audio.resampler import AudioResampler

from masktalk.errors import MasktalkError
from masktalk.server.live.manager import AUDIO_RATE, LiveSession
from masktalk.server.live.viewers import Reservation, Viewer
from masktalk.server.messages import SessionDescription
from masktalk.server.problems import RequestError
from masktalk.session.encoding import VIDEO_CLOCK_HZ, EncodedPacket
from masktalk.types import Frame

logger = logging.getLogger(__name__)

_VIDEO_CLOCK = Fraction(1, VIDEO_CLOCK_HZ)
#: Seconds that Opus runs ahead of the first sample; time stamps must not be negative.
_AUDIO_DELAY = Fraction(1, 50)
#: Frames and packets a track holds for a network that does not take them.
_FRAMES, _PACKETS = 3, 25
#: Seconds from the answer until a connection must stand.
_CONNECT_S = 15.0
#: ICE candidates that an offer may bring.
_MAX_CANDIDATES = 64
#: Seconds a microphone may run ahead of what is heard before some of it is left out.
_MICROPHONE_AHEAD = 0.4


#: What aiortc raises on offers that it cannot use.
_UNUSABLE = (
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)


class PacketTrack(MediaStreamTrack):
    """Encoded packets of a session, passed on as they are.

    Args:
        kind: ``video`` or ``audio``.
        clock: Ticks per second of its time stamps.
        on_loss: Called when packets were left out.
    """

    def __init__(self, kind: str, clock: int, on_loss: Callable[[], None]) -> None:
        super().__init__()
        self.kind = kind
        self._clock, self._on_loss = clock, on_loss
        self._packets: asyncio.Queue[EncodedPacket] = asyncio.Queue(_PACKETS)
        self._waits_for_keyframe = kind == "video"

    def show(self, packets: Sequence[EncodedPacket]) -> None:
        """Put packets in; when too many wait, all go, and video goes on at a keyframe."""
        for packet in packets:
            if self._packets.full():
                while not self._packets.empty():
                    self._packets.get_nowait()
                self._on_loss()
                self._waits_for_keyframe = self.kind == "video"
            if packet.is_keyframe:
                self._waits_for_keyframe = False
            if not self._waits_for_keyframe:
                self._packets.put_nowait(packet)

    async def recv(self) -> av.Packet[Any]:
        """Return the next packet, when there is one."""
        packet = await self._packets.get()
        sent = av.Packet(packet.data)
        sent.pts = max(round((packet.time + _AUDIO_DELAY) * self._clock), 0)
        sent.time_base = Fraction(1, self._clock)
        return sent


class FrameTrack(VideoStreamTrack):
    """The newest frames of a session, for viewers that cannot take H.264."""

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[Frame] = asyncio.Queue(_FRAMES)

    def show(self, frame: Frame) -> None:
        """Put a frame in; the oldest goes when the network is slow."""
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(frame)

    async def recv(self) -> av.VideoFrame:
        """Return the next frame, when there is one."""
        frame = await self._frames.get()
        pixels = np.ascontiguousarray(_even(frame.pixels[..., :3]))
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        picture.pts = int(frame.time / _VIDEO_CLOCK)
        picture.time_base = _VIDEO_CLOCK
        return picture


class Peer:
    """One browser's connection to a session.

    Args:
        live: What it sees and hears.
        ice_servers: STUN and TURN addresses; none are contacted unless named here.
    """

    def __init__(self, live: LiveSession, ice_servers: Sequence[str] = ()) -> None:
        self._live = live
        servers = [RTCIceServer(urls=address) for address in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._connected = asyncio.Event()
        keyframe = live.session.request_keyframe
        self._video = PacketTrack("video", VIDEO_CLOCK_HZ, keyframe)
        self._frames = FrameTrack()
        self._sound = PacketTrack("audio", AUDIO_RATE, keyframe)
        self._sends_h264 = False
        self._tasks: deque[asyncio.Task[None]] = deque()
        self._closed = False
        self._place: Reservation | None = None
        self._when_closed: list[Callable[[], None]] = []

    async def answer(self, offer: SessionDescription) -> SessionDescription:
        """Take an offer, give the answer.

        Raises:
            RequestError: 422, it is no usable offer; 429, too many viewers are connected.
        """
        connection = self._connection
        try:
            self._place = self._live.viewers.reserve()
        except RequestError:
            await self.close()
            raise
        if offer.sdp.count("a=candidate") > _MAX_CANDIDATES:
            await self.close()
            raise RequestError(422, "offer", f"has more than {_MAX_CANDIDATES} candidates")
        connection.add_listener("track", self._on_track)
        connection.add_listener("connectionstatechange", self._on_state)
        try:
            self._add_tracks(offer.sdp)
            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, offer.type))
            await connection.setLocalDescription(await connection.createAnswer())
        except _UNUSABLE as error:
            await self.close()
            raise RequestError(422, "offer", f"cannot be used ({error})") from error
        except Exception:
            await self.close()
            raise
        self._tasks.append(asyncio.create_task(self._show()))
        local = connection.localDescription
        return SessionDescription(sdp=local.sdp, type="answer")

    async def close(self) -> None:
        """Hang up."""
        if self._closed:
            return
        self._closed = True
        if self._place is not None:
            self._place.release()
        for told in self._when_closed:
            told()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        await self._connection.close()

    def on_closed(self, told: Callable[[], None]) -> None:
        """Be told once when it hangs up."""
        self._when_closed.append(told)

    async def _show(self) -> None:
        """Wait for the connection, then be a viewer until the session or the network ends."""
        try:
            await asyncio.wait_for(self._connected.wait(), _CONNECT_S)
            await self._send()
        except (TimeoutError, asyncio.TimeoutError):  # two classes before Python 3.11
            logger.info("webrtc not connected in time", extra={"session": self._live.id})
        except RequestError as refusal:
            logger.info("webrtc refused", extra={"session": self._live.id, "why": str(refusal)})
        await self.close()

    async def _send(self) -> None:
        frames = contextlib.nullcontext() if self._sends_h264 else self._live.raw_frames()
        with self._live.viewers.attach(self._place) as viewer, frames:
            await self._pass_on(viewer)

    def _add_tracks(self, sdp: str) -> None:
        """Prepare for the media that an offer asks for: H.264 as the session encodes it
        wherever the offer allows, else frames that are encoded for this viewer alone."""
        if "m=audio" in sdp:
            self._connection.addTransceiver(self._sound, direction="sendrecv")
        if "m=video" in sdp:
            self._sends_h264 = "H264/90000" in sdp
            track = self._video if self._sends_h264 else self._frames
            transceiver = self._connection.addTransceiver(track, direction="sendonly")
            if self._sends_h264:
                self._prefer_h264(transceiver)
        if not self._connection.getTransceivers():
            raise ValueError("it has neither audio nor video")

    def _prefer_h264(self, transceiver: RTCRtpTransceiver) -> None:
        known = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([one for one in known if one.mimeType == "video/H264"])
        # aiortc offers no public way to hear of lost pictures when packets are passed on.
        keyframe = self._live.session.request_keyframe
        transceiver.sender._send_keyframe = keyframe  # type: ignore[method-assign]

    async def _pass_on(self, viewer: Viewer) -> None:
        async for tick in viewer:
            if self._connection.connectionState != "connected":
                continue
            if tick.encoded is not None:
                self._sound.show(tick.encoded.audio)
                self._video.show(tick.encoded.video)
            if tick.frame is not None:
                self._frames.show(tick.frame)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._tasks.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        """Feed a microphone to the avatar."""
        mono = AudioResampler(format="s16", layout="mono", rate=AUDIO_RATE)
        session = self._live.session
        try:
            while True:
                sound = await track.recv()
                if session.queued > _MICROPHONE_AHEAD:
                    continue
                assert isinstance(sound, av.AudioFrame)
                for part in mono.resample(sound):
                    session.push_audio(part.to_ndarray()[0], AUDIO_RATE)
        except MediaStreamError:
            session.flush()
        except MasktalkError as error:
            logger.warning("microphone refused: %s", error)

    async def _on_state(self) -> None:
        state = self._connection.connectionState
        logger.info("webrtc", extra={"session": self._live.id, "state": state})
        if state == "connected":
            self._connected.set()
        if state in ("failed", "closed"):
            await self.close()


def _even(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Without the odd last row or column that 4:2:0 video cannot have."""
    height, width = pixels.shape[:2]
    return pixels[: height - height % 2, : width - width % 2]
