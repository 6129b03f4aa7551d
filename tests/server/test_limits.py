"""Processes, connections and the data folder are bounded."""

import asyncio
import time

import pytest

pytest.importorskip("aiortc", reason="the server extra is not installed here")

import uvicorn
from starlette.responses import PlainTextResponse

from masktalk.server.connections import timed_protocol
from masktalk.server.housekeeping import Housekeeper, folder_bytes
from masktalk.server.jobs import Jobs
from masktalk.server.metrics import Metrics
from masktalk.server.options import Limits
from masktalk.server.problems import RequestError
from masktalk.server.sandbox import ProcessLimit
from masktalk.server.store import AvatarRecord, JobRecord, SpeechRecord, Store


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "data")
    yield made
    made.close()


def test_processes_beyond_the_limit_wait_and_then_are_refused():
    async def run():
        processes, gate = ProcessLimit(running=2, waiting=3), asyncio.Event()
        inside, most, statuses = 0, 0, []

        async def ask():
            nonlocal inside, most
            try:
                async with processes.slot():
                    inside += 1
                    most = max(most, inside)
                    await gate.wait()
                    inside -= 1
                    statuses.append(200)
            except RequestError as error:
                statuses.append(error.status)

        tasks = [asyncio.create_task(ask()) for _ in range(24)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)
        async with processes.slot():  # free again
            return most, statuses

    most, statuses = asyncio.run(asyncio.wait_for(run(), 30))
    assert most == 2
    assert statuses.count(429) == 19
    assert statuses.count(200) == 5


async def serve(protocol):
    server = uvicorn.Server(
        uvicorn.Config(
            PlainTextResponse("hello"), port=0, http=protocol, lifespan="off", log_config=None
        )
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    return server, task, server.servers[0].sockets[0].getsockname()[1]


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nhost: a\r\n"])
def test_half_a_request_is_closed(sent):
    async def run():
        server, task, port = await serve(timed_protocol(0.2))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await reader.read() == b""  # closed without an answer
        writer.close()
        server.should_exit = True
        await task

    asyncio.run(asyncio.wait_for(run(), 30))


def test_half_a_second_request_is_closed_too():
    async def run():
        server, task, port = await serve(timed_protocol(0.3))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        head = await reader.readuntil(b"hello")
        writer.write(b"GET / HTTP/1.1\r\n")
        assert await reader.read() == b""
        writer.close()
        server.should_exit = True
        await task
        return head

    assert asyncio.run(asyncio.wait_for(run(), 30)).startswith(b"HTTP/1.1 200")


def add_render(store, status, ended, size=1_000_000):
    job = JobRecord(kind="render", avatar="a" * 32, status=status, ended=ended)
    store.put(job)
    (store.make_folder(JobRecord, job.id) / "video.mp4").write_bytes(b"v" * size)
    return job.id


def housekeeper(store, **limits):
    bounds = Limits(**limits)
    return Housekeeper(store, Jobs(store, bounds, Metrics()), bounds)


def kept(store, kind):
    return [record.id for record in store.all(kind)]


def test_renders_expire(store):
    now = time.time()
    add_render(store, "done", now - 3 * 86_400)
    fresh, running = add_render(store, "done", now), add_render(store, "running", None)
    housekeeper(store, render_days=2).expire(now)
    assert kept(store, JobRecord) == [fresh, running]
    assert len(list((store.data / "jobs").iterdir())) == 2


def test_a_full_quota_takes_the_oldest_renders_and_never_an_avatar(store):
    avatar = AvatarRecord(name="a", kind="picture", suffix=".png", width=9, height=9, seconds=0)
    store.put(avatar)
    (store.make_folder(AvatarRecord, avatar.id) / "source.png").write_bytes(b"a" * 5_000_000)
    renders = [add_render(store, "done", time.time()) for _ in range(3)]
    running = add_render(store, "running", None)
    speech = SpeechRecord(name="s", seconds=1, suffix=".wav")
    store.put(speech)
    (store.make_folder(SpeechRecord, speech.id) / "source.wav").write_bytes(b"s" * 1_000_000)
    used = folder_bytes(store.data)

    asyncio.run(housekeeper(store, data_bytes=used - 500_000).make_room(0))
    assert kept(store, JobRecord) == [*renders[1:], running]
    with pytest.raises(RequestError, match="quota") as refused:
        asyncio.run(housekeeper(store, data_bytes=used - 4_500_000).make_room(0))
    assert refused.value.status == 507
    assert kept(store, JobRecord) == [running]
    assert kept(store, SpeechRecord) == []
    assert kept(store, AvatarRecord) == [avatar.id]


def test_cancelled_jobs_do_not_count_as_waiting(store):
    async def run():
        jobs = Jobs(store, Limits(queued_jobs=2), Metrics())
        for _ in range(5):
            job = jobs.submit(JobRecord(kind="render", avatar="a" * 32))
            await jobs.cancel(job.id)
        assert jobs.waiting == 0
        for _ in range(2):
            jobs.submit(JobRecord(kind="render", avatar="a" * 32))
        with pytest.raises(RequestError, match="wait already"):
            jobs.submit(JobRecord(kind="render", avatar="a" * 32))

    asyncio.run(run())
