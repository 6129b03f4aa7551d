"""Every surface that makes an avatar speak; a new surface is a line in SURFACES.

A surface takes a ``Cell`` and returns the frames it showed, (H, W, 3 or 4) uint8 each, in order.
"""

import asyncio
import io
import json
import struct
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from masktalk.avatar import Avatar
from masktalk.driver import DriverOptions, make_driver
from masktalk.engines import make_engine
from masktalk.media import open_source, read_audio
from masktalk.rendering import RenderOptions, frames, render
from masktalk.session import ProcessSession, Session, SessionOptions, SessionSpec

#: Seconds of speech: enough for an engine with look-ahead to open the mouth.
SECONDS = Fraction(2, 5)
FPS = 25
_LIVE_TIMEOUT_S = 120
#: Share of the change that speech makes that a surface must show, beyond what lossy video takes.
MIN_SHARE = 0.6
#: The same where the avatar idles: blinking and swaying alone reach 0.77.
MIN_SHARE_IDLING = 0.9
_MIN_CHANGE_LEVELS = 8.0


class Reference:
    """Lossless frames of an avatar and engine in silence and in speech, to compare with.

    Args:
        silent: (H, W, 3 or 4) uint8 frames rendered from silence.
        spoken: The same from the speech.
    """

    def __init__(self, silent: list[np.ndarray], spoken: list[np.ndarray]) -> None:
        self.size = silent[0].shape[:2]
        self._silent = [_smooth(each) for each in silent]
        changes = [self._change(_smooth(each)) for each in spoken]
        region = np.max(changes, axis=0) > _MIN_CHANGE_LEVELS
        self.pixels = int(region.sum())
        # Live frames are judged as they come, so only where speech changes something.
        rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
        self._crop = (
            (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            if self.pixels
            else (slice(0), slice(0))
        )
        self._region = region[self._crop]
        self._silent = [each[self._crop] for each in self._silent]
        self._signal = max(float(each[region].mean()) for each in changes)

    def level(self, pixels: np.ndarray) -> float:
        """Return the change of a frame against silence as a share of that which speech makes."""
        smooth = _smooth(pixels)[self._crop]
        height, width = smooth.shape[:2]
        fitted = np.zeros((*self._region.shape, 3), np.float32)
        fitted[:height, :width] = smooth
        return float(self._change(fitted)[self._region].mean()) / self._signal

    def _change(self, smooth: np.ndarray) -> np.ndarray:
        """Return the change against the silent frame that is nearest, (H, W) grey levels."""
        every = [np.abs(smooth - each).max(axis=2) for each in self._silent]
        return min(every, key=lambda each: float(each.mean()))


def _smooth(pixels: np.ndarray) -> np.ndarray:
    return cv2.blur(pixels[..., :3].astype(np.float32), (7, 7))


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix.

    Attributes:
        avatar: The prepared folder.
        kind: Its name in KINDS.
        engine: Its name in ENGINES.
        options: The engine's options, with tiny weights where it needs any.
        speech: A recording of SECONDS.
        driver: A talking video.
        work: An empty folder.
        reference: Frames of this avatar and engine in silence and in speech.
        server: A running server and its avatars; None for surfaces without one.
    """

    avatar: Path
    kind: str
    engine: str
    options: dict[str, Any]
    speech: Path
    driver: Path
    work: Path
    reference: "Reference"
    server: Any = None

    def rendering(self, **more: Any) -> RenderOptions:
        """Return render options for the cell's engine."""
        return RenderOptions(
            engine=self.engine, engine_options=self.options, fps=Fraction(FPS), **more
        )

    @property
    def min_share(self) -> float:
        """Return the share that a live session of the server must show: only stills idle."""
        still = self.kind not in ("video", "masked_video")
        return MIN_SHARE_IDLING if still else MIN_SHARE

    def spoke(self, shown: list[np.ndarray], min_share: float = MIN_SHARE) -> bool:
        """Tell if any frame shows speech, not silence."""
        return any(self.reference.level(each) > min_share for each in shown)


def render_file(cell: Cell) -> list[np.ndarray]:
    """Render to a file and read it back."""
    with Avatar(cell.avatar) as avatar:
        suffix = ".mov" if avatar.has_alpha else ".mp4"
        result = render(avatar, cell.speech, cell.work / f"out{suffix}", cell.rendering())
    shown = [frame.pixels for frame in open_source(result.path).frames()]
    assert len(shown) == result.frames == SECONDS * FPS
    return shown


def render_frames(cell: Cell) -> list[np.ndarray]:
    """Take frames one by one."""
    with Avatar(cell.avatar) as avatar:
        shown = [frame.pixels for frame in frames(avatar, cell.speech, cell.rendering())]
    assert len(shown) == SECONDS * FPS
    return shown


def drive(cell: Cell) -> list[np.ndarray]:
    """Let a talking video drive the mouth."""
    with Avatar(cell.avatar) as avatar:
        articulator = make_driver(DriverOptions(video=cell.driver), avatar, cell.engine)
        made = frames(avatar, cell.driver, cell.rendering(articulator=articulator))
        return [frame.pixels for frame in made]


def review(cell: Cell) -> list[np.ndarray]:
    """Review a rendered file: the page and the contact sheet are written."""
    from masktalk.evaluate.review.publish import write_review

    with Avatar(cell.avatar) as avatar:
        suffix = ".mov" if avatar.has_alpha else ".mp4"
        made = render(avatar, cell.speech, cell.work / f"out{suffix}", cell.rendering())
    written = write_review(made.path, cell.work / "review.html")
    assert written.page.stat().st_size > 0
    assert np.asarray(Image.open(written.sheet)).shape[1] == 1600
    return [frame.pixels for frame in open_source(made.path).frames()]


def session_in_process(cell: Cell) -> list[np.ndarray]:
    """Speak in a live session of this process."""
    with Avatar(cell.avatar) as avatar:
        session = Session(avatar, make_engine(cell.engine, cell.options), _session_options())
        return asyncio.run(_attend(session, cell))


def session_in_own_process(cell: Cell) -> list[np.ndarray]:
    """Speak in a live session of another process."""
    session = ProcessSession(
        SessionSpec(cell.avatar, cell.engine, cell.options, _session_options())
    )
    return asyncio.run(_attend(session, cell))


def livekit(cell: Cell) -> list[np.ndarray]:
    """Speak through the LiveKit adapter."""
    import pytest

    pytest.importorskip("livekit.agents")
    with Avatar(cell.avatar) as avatar:
        session = Session(avatar, make_engine(cell.engine, cell.options), _session_options())
        return asyncio.run(_attend_livekit(session, cell))


def server_job(cell: Cell) -> list[np.ndarray]:
    """Render by a job of the server."""
    client, avatar = cell.server.client, cell.server.avatar(cell.kind)
    speech = cell.server.speech(cell.speech)
    job = client.post("/api/renders", json={"avatar": avatar, "speech": speech, "fps": FPS}).json()
    ended = cell.server.follow(job["id"])
    assert ended["status"] == "done", ended
    path = cell.work / f"video.{ended['container']}"
    path.write_bytes(client.get(f"/api/renders/{job['id']}/video").content)
    return [frame.pixels for frame in open_source(path).frames()]


def server_websocket(cell: Cell) -> list[np.ndarray]:
    """Speak live and watch over a WebSocket."""
    from websockets.sync.client import connect

    live = cell.server.open_live(cell.kind)
    shown: list[np.ndarray] = []
    try:
        with connect(cell.server.socket_url(live), max_size=2**24) as socket:
            socket.send(json.dumps({"type": "watch", "fps": FPS}))
            _until_frame(socket, shown)
            socket.send(json.dumps({"type": "format", "encoding": "pcm16", "rate": 16000}))
            socket.send(_pcm16(cell.speech))
            socket.send(json.dumps({"type": "flush"}))
            deadline = time.monotonic() + 20
            while not cell.spoke(shown[-1:], cell.min_share) and time.monotonic() < deadline:
                _until_frame(socket, shown)
    finally:
        cell.server.close_live(live)
    return shown


def server_webrtc(cell: Cell) -> list[np.ndarray]:
    """Speak live and watch over WebRTC."""
    live = cell.server.open_live(cell.kind)
    try:
        return asyncio.run(asyncio.wait_for(_attend_webrtc(cell, live), _LIVE_TIMEOUT_S))
    finally:
        cell.server.close_live(live)


SURFACES = {
    "render": render_file,
    "frames": render_frames,
    "session": session_in_process,
    "own_process": session_in_own_process,
    "livekit": livekit,
    "driver": drive,
    "review": review,
    "server_job": server_job,
    "server_websocket": server_websocket,
    "server_webrtc": server_webrtc,
}
LIVE_SURFACES = {"session", "own_process", "livekit", "server_websocket", "server_webrtc"}
IDLING_SURFACES = {"server_websocket", "server_webrtc"}
SERVER_SURFACES = {"server_job", "server_websocket", "server_webrtc"}


def _session_options() -> SessionOptions:
    # Few frames and much time for each, so that a busy machine drops none of them.
    return SessionOptions(rate=Fraction(10), audio_rate=16000, delay=0.4, idle=False)


async def _attend(session: Any, cell: Cell) -> list[np.ndarray]:
    speech = read_audio(cell.speech).samples

    async def run() -> list[np.ndarray]:
        shown = []
        async with session:
            async for tick in session:
                if tick.index == 1:
                    session.push_audio(speech, 16000)
                    session.flush()
                if tick.frame is not None:
                    shown.append(np.asarray(tick.frame.pixels))
                if tick.ended:
                    return shown
        return shown

    return await asyncio.wait_for(run(), _LIVE_TIMEOUT_S)


async def _attend_livekit(session: Any, cell: Cell) -> list[np.ndarray]:
    from livekit import rtc
    from livekit.agents.voice.avatar import AudioSegmentEnd

    from masktalk.livekit import MasktalkVideo

    pcm = _pcm16(cell.speech)

    async def run() -> list[np.ndarray]:
        shown = []
        async with MasktalkVideo(session) as video:
            await video.push_audio(rtc.AudioFrame(pcm, 16000, 1, len(pcm) // 2))
            await video.push_audio(AudioSegmentEnd())
            async for each in video:
                if isinstance(each, rtc.VideoFrame):
                    flat = np.frombuffer(each.data, np.uint8)
                    shown.append(flat.reshape(each.height, each.width, 4))
                if isinstance(each, AudioSegmentEnd):
                    break
        return shown

    return await asyncio.wait_for(run(), _LIVE_TIMEOUT_S)


async def _attend_webrtc(cell: Cell, live: str) -> list[np.ndarray]:
    from aiortc import RTCPeerConnection, RTCSessionDescription

    connection = RTCPeerConnection()
    tracks: asyncio.Queue[Any] = asyncio.Queue()
    connection.add_listener("track", tracks.put_nowait)
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    offer = {"sdp": connection.localDescription.sdp, "type": "offer"}
    answer = await asyncio.to_thread(cell.server.offer, live, offer)
    await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    video = await tracks.get()
    while video.kind != "video":
        video = await tracks.get()
    shown = []
    try:
        shown.append((await video.recv()).to_ndarray(format="rgb24"))
        # The encoder begins with a low bit rate, so the speech is repeated until it is seen.
        for _ in range(5):
            await asyncio.to_thread(cell.server.play, live, cell.speech)
            deadline = time.monotonic() + 4
            while time.monotonic() < deadline:
                shown.append((await video.recv()).to_ndarray(format="rgb24"))
                if cell.spoke(shown[-1:], cell.min_share):
                    return shown
    finally:
        await connection.close()
    return shown


def _until_frame(socket: Any, shown: list[np.ndarray]) -> None:
    while True:
        message = socket.recv(timeout=30)
        if isinstance(message, bytes) and message[0] == 1:
            body = message[struct.calcsize("<Bd") :]
            shown.append(np.asarray(Image.open(io.BytesIO(body)).convert("RGB")))
            return


def _pcm16(path: Path) -> bytes:
    return (read_audio(path).samples * 32767).astype("<i2").tobytes()
