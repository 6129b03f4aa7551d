"""The adapter under LiveKit's own AvatarRunner; only the room and its sources are fakes."""

import asyncio
import random
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("livekit.agents", reason="livekit-agents is not installed here")

from livekit import rtc
from livekit.agents.voice.avatar import (
    AudioSegmentEnd,
    AvatarRunner,
    QueueAudioOutput,
)
from livekit.agents.voice.avatar import _runner as runner_module
from session_fakes import GaugeEngine, LoudnessArticulator, PlainAvatar

from masktalk.livekit import DISCLOSURE, MasktalkAvatar, MasktalkVideo
from masktalk.session import Session, SessionOptions

RATE = 24_000


class FakeRoom(rtc.EventEmitter):
    """Connected, and content with any track."""

    class _Participant:
        async def publish_track(self, track, options):
            class Publication:
                async def wait_for_subscription(self):
                    return None

            return Publication()

        identity = "agent-7"
        track_publications: ClassVar[dict] = {}
        attributes: ClassVar[dict] = {}

        async def set_attributes(self, attributes):
            self.attributes.update(attributes)

    local_participant = _Participant()
    name = "room"
    remote_participants: ClassVar[dict] = {}

    def isconnected(self):
        return True


class Sink:
    """Takes the place of LiveKit's native synchroniser: keeps what the runner pushed."""

    def __init__(self, **_):
        self.pushed = []

    async def push(self, frame):
        self.pushed.append(frame)

    async def aclose(self):
        pass


class NoSource:
    def __init__(self, *_, **__):
        pass

    async def aclose(self):
        pass


@pytest.fixture
def fake_rtc(monkeypatch):
    monkeypatch.setattr(runner_module.rtc, "AVSynchronizer", Sink)
    monkeypatch.setattr(runner_module.rtc, "AudioSource", NoSource)
    monkeypatch.setattr(runner_module.rtc, "VideoSource", NoSource)
    for kind in ("LocalAudioTrack", "LocalVideoTrack"):
        track = getattr(runner_module.rtc, kind)
        name = "create_audio_track" if "Audio" in kind else "create_video_track"
        monkeypatch.setattr(track, name, staticmethod(lambda *_: object()))


def tone(seconds):
    samples = np.full(int(seconds * RATE), 9000, np.int16)
    return rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples))


def with_runner(act):
    """Run the adapter under the runner; returns what ``act`` returns and the sink."""

    async def run():
        options = SessionOptions(audio_rate=RATE, delay=0.02, idle=False)
        session = Session(PlainAvatar(), GaugeEngine(), options, LoudnessArticulator())
        async with MasktalkVideo(session) as video:
            receiver = QueueAudioOutput(sample_rate=RATE)
            runner = AvatarRunner(
                FakeRoom(), audio_recv=receiver, video_gen=video, options=video.options
            )
            await runner.start()
            finished = []
            receiver.on("playback_finished", finished.append)
            result = await act(receiver, finished)
            pushed = list(runner.av_sync.pushed)
            await runner.aclose()
        return result, pushed

    return asyncio.run(asyncio.wait_for(run(), 30))


async def until(condition):
    while not condition():
        await asyncio.sleep(0.02)


def test_the_runner_gets_frames_speech_and_its_end(fake_rtc):
    async def act(receiver, finished):
        await asyncio.sleep(0.3)
        for _ in range(5):
            await receiver.capture_frame(tone(0.1))
        receiver.flush()
        await until(lambda: finished)
        return finished

    finished, pushed = with_runner(act)
    assert len(finished) == 1
    assert finished[0].interrupted is False
    assert finished[0].playback_position == pytest.approx(0.5, abs=0.1)
    frames = [one for one in pushed if isinstance(one, rtc.VideoFrame)]
    sounds = [one for one in pushed if isinstance(one, rtc.AudioFrame)]
    assert len(frames) > 10
    assert (frames[0].width, frames[0].height) == (64, 48)
    heard = np.concatenate([np.frombuffer(one.data, np.int16) for one in sounds])
    assert np.count_nonzero(heard) == pytest.approx(RATE // 2, abs=2)
    mouths = [np.frombuffer(one.data, np.uint8)[0] for one in frames]
    assert mouths[0] == 0
    assert max(mouths) == 255


def test_clear_buffer_stops_the_speech_at_once(fake_rtc):
    async def act(receiver, finished):
        await receiver.capture_frame(tone(5.0))
        await asyncio.sleep(1.0)
        receiver.clear_buffer()
        await until(lambda: finished)
        return finished

    finished, pushed = with_runner(act)
    assert finished[0].interrupted is True
    assert 0.2 < finished[0].playback_position < 2
    sounds = [one for one in pushed if isinstance(one, rtc.AudioFrame)]
    assert sum(one.duration for one in sounds) < 2.2


def test_a_second_utterance_plays_after_the_first(fake_rtc):
    async def act(receiver, finished):
        for count in (1, 2):
            await receiver.capture_frame(tone(0.3))
            receiver.flush()
            await until(lambda want=count: len(finished) == want)
        return finished

    finished, _ = with_runner(act)
    assert [one.interrupted for one in finished] == [False, False]
    assert all(one.playback_position == pytest.approx(0.3, abs=0.1) for one in finished)


def test_a_segment_end_is_what_livekit_calls_so():
    assert AudioSegmentEnd.__module__.startswith("livekit.agents.voice.avatar")


class FakeAgentSession(rtc.EventEmitter):
    """As much of LiveKit's AgentSession as an avatar touches."""

    class _Output:
        audio = None

    def __init__(self):
        super().__init__()
        self.output = self._Output()


def with_avatar(act):
    """Run an agent's avatar; returns what ``act`` returns."""

    async def run():
        options = SessionOptions(audio_rate=RATE, delay=0.02, idle=False)
        session = Session(PlainAvatar(), GaugeEngine(), options, LoudnessArticulator())
        agent, room = FakeAgentSession(), FakeRoom()
        avatar = MasktalkAvatar(session)
        await avatar.start(agent, room)
        try:
            return await act(agent, avatar)
        finally:
            await avatar.aclose()
            await avatar.aclose()

    return asyncio.run(asyncio.wait_for(run(), 100))


def test_an_agents_avatar_gives_it_its_voice_and_says_that_it_is_generated(fake_rtc):
    async def act(agent, avatar):
        events = []
        for name in ("playback_started", "playback_finished"):
            agent.output.audio.on(name, lambda event, name=name: events.append((name, event)))
        await asyncio.sleep(0.2)
        assert not events
        await agent.output.audio.capture_frame(tone(0.4))
        agent.output.audio.flush()
        await until(lambda: len(events) == 2)
        return [name for name, _ in events], events[1][1], avatar.avatar_identity

    names, finished, identity = with_avatar(act)
    assert names == ["playback_started", "playback_finished"]
    assert finished.playback_position == pytest.approx(0.4, abs=0.041)
    assert identity == "agent-7"
    assert FakeRoom.local_participant.attributes == DISCLOSURE


def test_every_utterance_starts_and_finishes_once_with_barge_ins(fake_rtc):
    chance = random.Random(3)
    interrupted = [chance.random() < 0.4 for _ in range(12)]

    async def act(agent, avatar):
        finished, started = [], []
        voice = agent.output.audio
        voice.on("playback_finished", finished.append)
        voice.on("playback_started", started.append)
        for number, cut in enumerate(interrupted, start=1):
            await voice.capture_frame(tone(0.5 if cut else 0.2))
            if cut:
                await until(lambda want=number: len(started) == want)
                await asyncio.sleep(0.1)
                voice.clear_buffer()
            voice.flush()
            await until(lambda want=number: len(finished) == want)
        await asyncio.sleep(0.3)
        return finished, started

    finished, started = with_avatar(act)
    assert [event.interrupted for event in finished] == interrupted
    assert len(started) == len(interrupted)
    for event in finished:
        if not event.interrupted:
            assert event.playback_position == pytest.approx(0.2, abs=0.041)  # a frame
        else:
            assert 0 < event.playback_position < 0.5


def test_the_example_gives_an_agent_a_face(fake_rtc, monkeypatch):
    from examples import livekit_agent

    started = []

    class FakeAgent(FakeAgentSession):
        async def start(self, agent, room):
            started.append((agent.instructions, room, self.output.audio))

    class FakeContext:
        room = FakeRoom()

        async def connect(self):
            started.append("connected")

    def in_process(spec):
        return Session(PlainAvatar(), GaugeEngine(), spec.options, LoudnessArticulator())

    monkeypatch.setattr(livekit_agent, "AgentSession", FakeAgent)
    monkeypatch.setattr(livekit_agent, "ProcessSession", in_process)

    async def run():
        agent = await livekit_agent.entrypoint(FakeContext())
        finished = []
        agent.output.audio.on("playback_finished", finished.append)
        await agent.output.audio.capture_frame(tone(0.2))
        agent.output.audio.flush()
        await until(lambda: finished)
        return finished

    (event,) = asyncio.run(asyncio.wait_for(run(), 60))
    assert event.interrupted is False
    assert started[0] == "connected"
    instructions, _, voice = started[1]
    assert instructions == "Be brief."
    assert isinstance(voice, QueueAudioOutput)
