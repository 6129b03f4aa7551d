"""What a session encoded once reaches a WebRTC viewer as it is; others get their own encoding."""

import asyncio
import contextlib
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("aiortc", reason="the server extra is not installed here")

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from masktalk.server.live.viewers import Viewers
from masktalk.server.live.webrtc import Peer
from masktalk.server.messages import SessionDescription
from masktalk.session.encoding import EncodingOptions, LiveEncoder
from masktalk.session.options import Tick
from masktalk.types import Audio, Frame

RATE, SIZE = Fraction(25), (96, 64)


class Live:
    """A session that shows one colour and a tone."""

    id = "live"

    def __init__(self):
        self.encoder = LiveEncoder(SIZE, RATE, 48_000, EncodingOptions())
        self.session = SimpleNamespace(request_keyframe=self.encoder.request_keyframe, queued=0)
        self.viewers = Viewers(4, self.encoder.request_keyframe)
        self.wants_frames = False

    @contextlib.contextmanager
    def raw_frames(self):
        self.wants_frames = True
        yield

    async def run(self):
        tone = np.sin(np.arange(1920, dtype=np.float32) / 9) * 0.5
        frame = np.full((SIZE[1], SIZE[0], 3), (200, 60, 30), np.uint8)
        for index in range(10_000):
            time = index / RATE
            tick = Tick(index, time, Frame(frame, time), Audio(tone, 48_000, time), False)
            shown = replace(tick, encoded=self.encoder.encode(tick))
            self.viewers.show(shown if self.wants_frames else replace(shown, frame=None))
            await asyncio.sleep(0.04)


@pytest.mark.parametrize(("codec", "wants_frames"), [("video/H264", False), ("video/VP8", True)])
def test_a_viewer_sees_and_hears(codec, wants_frames):
    async def run():
        live = Live()
        peer, viewer = Peer(live), RTCPeerConnection(RTCConfiguration(iceServers=[]))
        tracks = {}
        viewer.add_listener("track", lambda track: tracks.__setitem__(track.kind, track))
        video = viewer.addTransceiver("video", direction="recvonly")
        known = RTCRtpSender.getCapabilities("video").codecs
        video.setCodecPreferences([one for one in known if one.mimeType == codec])
        viewer.addTransceiver("audio", direction="sendrecv")
        await viewer.setLocalDescription(await viewer.createOffer())
        offer = SessionDescription(sdp=viewer.localDescription.sdp, type="offer")
        answer = await peer.answer(offer)
        await viewer.setRemoteDescription(RTCSessionDescription(answer.sdp, answer.type))
        showing = asyncio.create_task(live.run())
        pictures = [await tracks["video"].recv() for _ in range(5)]
        heard = [(await tracks["audio"].recv()).to_ndarray() for _ in range(25)]
        showing.cancel()
        await peer.close()
        await viewer.close()
        return live, pictures[-1].to_ndarray(format="rgb24"), np.concatenate(heard, axis=1)

    live, picture, heard = asyncio.run(asyncio.wait_for(run(), 60))
    assert live.wants_frames is wants_frames
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert picture.reshape(-1, 3).mean(axis=0) == pytest.approx([200, 60, 30], abs=8)
    assert np.abs(heard).max() > 8000
