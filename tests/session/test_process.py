"""The session in a process of its own, with the real avatar and engine."""

import asyncio

import numpy as np
import psutil
import pytest
from PIL import Image

from masktalk.avatar import Avatar
from masktalk.demo.faces import draw_cartoon
from masktalk.errors import BundleError, InputError, OptionError
from masktalk.preparation import PrepareOptions, prepare
from masktalk.session import ProcessSession, SessionLostError, SessionOptions, SessionSpec


@pytest.fixture(scope="module")
def bundle(material, tmp_path_factory):
    folder = tmp_path_factory.mktemp("apart") / "avatar"
    prepare(material / "cartoon.png", folder).close()
    return folder


def test_it_speaks_like_any_session(bundle):
    speech = np.sin(np.arange(24_000, dtype=np.float32) / 20) * 0.5

    async def run():
        ticks = []
        async with ProcessSession(SessionSpec(bundle)) as session:
            assert session.rate == 25
            process = session.process_id
            async for tick in session:
                if tick.index == 3:
                    session.push_audio(speech, 48_000)
                    session.flush()
                ticks.append(tick)
                if sum(one.ended for one in ticks):
                    break
            assert session.stats.speech_seconds == pytest.approx(0.5)
        return ticks, process

    ticks, process = asyncio.run(asyncio.wait_for(run(), 60))
    assert [tick.index for tick in ticks] == list(range(len(ticks)))
    heard = np.concatenate([tick.audio.samples for tick in ticks])
    assert np.count_nonzero(heard) == pytest.approx(24_000, abs=20)
    assert any(tick.frame is not None for tick in ticks)
    assert not psutil.pid_exists(process)


def transparent_image(folder):
    """An RGBA cartoon whose border is transparent."""
    pixels = draw_cartoon()
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[:8] = 0
    path = folder / "transparent.png"
    Image.fromarray(np.dstack([pixels[..., :3], alpha])).save(path)
    return path


@pytest.mark.parametrize("kind", ["video", "occluded video", "transparent"])
def test_every_kind_of_avatar_crosses_into_this_process(kind, material, tmp_path):
    source = transparent_image(tmp_path) if kind == "transparent" else material / "talking.mp4"
    mouth = "cloth" if kind == "occluded video" else "auto"
    folder = tmp_path / "avatar"
    prepare(source, folder, PrepareOptions(mouth=mouth)).close()

    async def run():
        frames = []
        async with ProcessSession(SessionSpec(folder)) as session:
            session.push_audio(np.sin(np.arange(8_000, dtype=np.float32) / 9) * 0.5, 16_000)
            session.flush()
            async for tick in session:
                if tick.frame is not None:
                    frames.append(tick.frame)
                if len(frames) == 5:
                    return frames
        raise AssertionError("it ended without five frames")

    frames = asyncio.run(asyncio.wait_for(run(), 60))
    with Avatar(folder) as avatar:
        assert {(frame.width, frame.height) for frame in frames} == {(avatar.width, avatar.height)}
        assert {frame.has_alpha for frame in frames} == {kind == "transparent"}


def test_what_cannot_be_said_is_refused_here(bundle):
    async def run():
        async with ProcessSession(
            SessionSpec(bundle, options=SessionOptions(queue=1.0))
        ) as session:
            with pytest.raises(OptionError, match="would wait"):
                session.push_audio(np.zeros(50_000, np.float32), 48_000)
            with pytest.raises(InputError):
                session.push_audio(np.array([np.nan], np.float32), 48_000)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_an_avatar_that_is_none_is_told_here(tmp_path):
    async def run():
        async with ProcessSession(SessionSpec(tmp_path)):
            raise AssertionError("it started")

    with pytest.raises(BundleError):
        asyncio.run(asyncio.wait_for(run(), 60))


def test_a_process_that_dies_ends_the_iteration_with_an_error(bundle):
    async def run():
        async with ProcessSession(SessionSpec(bundle)) as session:
            async for tick in session:
                if tick.index == 3:
                    psutil.Process(session.process_id).kill()

    with pytest.raises(SessionLostError):
        asyncio.run(asyncio.wait_for(run(), 60))
