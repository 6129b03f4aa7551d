"""A live session's queue of speeches, with the session's process replaced by a fake."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("aiortc", reason="the server extra is not installed here")

from masktalk.server.live.manager import LiveSession
from masktalk.server.live.webrtc import Peer


class FullSession:
    """Always has more queued than the feed may push ahead."""

    queued = 10.0

    def __init__(self):
        self.pushed = []
        self.interrupts = 0

    def push_audio(self, samples, rate):
        self.pushed.append(len(samples))

    def flush(self):
        self.pushed.append("flush")

    def interrupt(self):
        self.interrupts += 1
        self.queued = 0.0


def live_session():
    live = LiveSession.__new__(LiveSession)
    live.session = FullSession()
    live._plays, live._feeder, live.interruptions = asyncio.Queue(), None, 0
    return live


def test_interrupt_drops_every_queued_speech(tmp_path):
    path = tmp_path / "samples.npy"
    np.save(path, np.zeros(4800, np.int16))

    async def run():
        live = live_session()
        for _ in range(5):
            live.play(path, 48_000)
        await asyncio.sleep(0)
        feeder = live._feeder
        live.interrupt()
        await asyncio.gather(feeder, return_exceptions=True)
        assert live._plays.empty()
        return live

    live = asyncio.run(asyncio.wait_for(run(), 30))
    assert live.session.interrupts == 1
    assert live.session.pushed == []


def test_speeches_are_played_in_order(tmp_path):
    async def run():
        live = live_session()
        live.session.queued = 0.0
        for count in (100, 200, 300):
            np.save(tmp_path / f"{count}.npy", np.zeros(count, np.int16))
            live.play(tmp_path / f"{count}.npy", 48_000)
        await live._feeder
        return live.session.pushed

    pushed = asyncio.run(asyncio.wait_for(run(), 30))
    assert pushed == [100, "flush", 200, "flush", 300, "flush"]


def test_no_third_party_stun_server_is_configured():
    async def run():
        session = SimpleNamespace(request_keyframe=lambda: None)
        peer = Peer(SimpleNamespace(session=session))
        servers = peer._connection._RTCPeerConnection__configuration.iceServers
        await peer.close()
        return servers

    assert asyncio.run(run()) == []
