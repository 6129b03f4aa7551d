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
from masktalk.session import Cast, SessionApart, SessionLostError, SessionOptions


@pytest.fixture(scope="module")
def bundle(material, tmp_path_factory):
    folder = tmp_path_factory.mktemp("apart") / "avatar"
    prepare(material / "cartoon.png", folder).close()
    return folder


def test_it_speaks_like_any_session(bundle):
    speech = np.sin(np.arange(24_000, dtype=np.float32) / 20) * 0.5

    async def run():
        moments = []
        async with SessionApart(Cast(bundle)) as session:
            assert session.rate == 25
            process = session.process_id
            async for moment in session:
                if moment.index == 3:
                    session.push_audio(speech, 48_000)
                    session.flush()
                moments.append(moment)
                if sum(one.ended for one in moments):
                    break
            assert session.stats.speech_seconds == pytest.approx(0.5)
        return moments, process

    moments, process = asyncio.run(asyncio.wait_for(run(), 60))
    assert [moment.index for moment in moments] == list(range(len(moments)))
    heard = np.concatenate([moment.audio.samples for moment in moments])
    assert np.count_nonzero(heard) == pytest.approx(24_000, abs=20)
    assert any(moment.frame is not None for moment in moments)
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
        async with SessionApart(Cast(folder)) as session:
            session.push_audio(np.sin(np.arange(8_000, dtype=np.float32) / 9) * 0.5, 16_000)
            session.flush()
            async for moment in session:
                if moment.frame is not None:
                    frames.append(moment.frame)
                if len(frames) == 5:
                    return frames
        raise AssertionError("it ended without five frames")

    frames = asyncio.run(asyncio.wait_for(run(), 60))
    with Avatar(folder) as avatar:
        assert {(frame.width, frame.height) for frame in frames} == {(avatar.width, avatar.height)}
        assert {frame.has_alpha for frame in frames} == {kind == "transparent"}


def test_what_cannot_be_said_is_refused_here(bundle):
    async def run():
        async with SessionApart(Cast(bundle, options=SessionOptions(queue=1.0))) as session:
            with pytest.raises(OptionError, match="would wait"):
                session.push_audio(np.zeros(50_000, np.float32), 48_000)
            with pytest.raises(InputError):
                session.push_audio(np.array([np.nan], np.float32), 48_000)

    asyncio.run(asyncio.wait_for(run(), 60))


def test_an_avatar_that_is_none_is_told_here(tmp_path):
    async def run():
        async with SessionApart(Cast(tmp_path)):
            raise AssertionError("it started")

    with pytest.raises(BundleError):
        asyncio.run(asyncio.wait_for(run(), 60))


def test_a_process_that_dies_ends_the_iteration_with_an_error(bundle):
    async def run():
        async with SessionApart(Cast(bundle)) as session:
            async for moment in session:
                if moment.index == 3:
                    psutil.Process(session.process_id).kill()

    with pytest.raises(SessionLostError):
        asyncio.run(asyncio.wait_for(run(), 60))
