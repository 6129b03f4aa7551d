"""One failure never takes the server, its other users or its data along."""

import asyncio
import errno
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from masktalk.errors import InputError
from masktalk.server.jobs import Jobs
from masktalk.server.live.viewers import Viewers
from masktalk.server.live.webrtc import Peer
from masktalk.server.messages import SessionDescription
from masktalk.server.metrics import Metrics
from masktalk.server.options import Limits
from masktalk.server.problems import RequestError
from masktalk.server.store import AvatarRecord, JobRecord, Store
from tests.server.server_helpers import upload_speech


def make_avatar(store):
    avatar = AvatarRecord(name="a", kind="image", suffix=".png", width=9, height=9, seconds=0)
    store.put(avatar)
    store.make_folder(AvatarRecord, avatar.id)
    return avatar


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "data")
    yield made
    made.close()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("unforeseen")]
)
def test_a_job_that_fails_unforeseen_leaves_the_queue_working(store, monkeypatch, error):
    async def fail(*_):
        raise error

    monkeypatch.setattr("masktalk.server.jobs.run_task", fail)

    async def run():
        jobs = Jobs(store, Limits(), Metrics())
        await jobs.start()
        statuses = []
        for _ in range(2):
            job = jobs.submit(JobRecord(kind="prepare", avatar=make_avatar(store).id))
            async for now in jobs.watch(job.id):
                status = now.status
            statuses.append(status)
        working = jobs.is_working
        await jobs.stop()
        return statuses, working

    statuses, working = asyncio.run(asyncio.wait_for(run(), 30))
    assert statuses == ["failed", "failed"]
    assert working


def test_a_database_that_fails_leaves_the_queue_working(store, monkeypatch):
    async def done(*_):
        return None

    monkeypatch.setattr("masktalk.server.jobs.run_task", done)
    monkeypatch.setattr("masktalk.server.jobs._READ_AGAIN_S", 0.01)
    find, failures = store.find, [sqlite3.OperationalError("disk I/O error")]

    def find_later(kind, id):
        if failures:
            raise failures.pop()
        return find(kind, id)

    monkeypatch.setattr(store, "find", find_later)

    async def run():
        jobs = Jobs(store, Limits(), Metrics())
        await jobs.start()
        job = jobs.submit(JobRecord(kind="prepare", avatar=make_avatar(store).id))
        while failures:
            await asyncio.sleep(0.01)
        async for now in jobs.watch(job.id):
            status = now.status
        working = jobs.is_working
        await jobs.stop()
        return status, working

    assert asyncio.run(asyncio.wait_for(run(), 30)) == ("done", True)


def test_a_job_whose_end_cannot_be_written_is_not_shown_as_running(store, monkeypatch):
    async def fill_the_disk(*_):
        def full(_):
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(store, "put", full)

    monkeypatch.setattr("masktalk.server.jobs.run_task", fill_the_disk)

    async def run():
        jobs = Jobs(store, Limits(), Metrics())
        await jobs.start()
        job = jobs.submit(JobRecord(kind="prepare", avatar=make_avatar(store).id))
        async for now in jobs.watch(job.id):
            status = now.status
        shown = jobs.look(job.id).status
        monkeypatch.undo()
        await jobs.stop()
        return status, shown

    assert asyncio.run(asyncio.wait_for(run(), 30)) == ("failed", "failed")


def test_dead_workers_are_reported(store):
    async def run():
        jobs = Jobs(store, Limits(), Metrics())
        assert not jobs.is_working
        await jobs.start()
        assert jobs.is_working
        await jobs.stop()
        assert not jobs.is_working

    asyncio.run(run())


def test_a_folder_has_one_server(store):
    with pytest.raises(InputError, match="another server uses this folder"):
        Store(store.data)


def test_a_second_start_is_one_line_and_harms_nothing(make_server, tmp_path):
    first = make_server()
    command = [sys.executable, "-m", "masktalk", "serve", "--data", str(first.data), "--port", "0"]
    second = subprocess.run(command, capture_output=True, text=True)
    assert second.returncode == 2
    (line,) = second.stderr.strip().splitlines()
    assert "another server uses this folder" in line
    assert "`" not in line
    with first.client() as client:
        assert client.get("/healthz").json()["status"] == "ok"


def test_a_damaged_database_is_one_line(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "masktalk.sqlite").write_bytes(b"no database at all" * 99)
    with pytest.raises(InputError, match="is not a usable database"):
        Store(data)


def test_a_damaged_record_is_skipped(store, caplog):
    kept, damaged = make_avatar(store), make_avatar(store)
    with sqlite3.connect(store.data / "masktalk.sqlite") as database:
        database.execute("UPDATE records SET body = '{' WHERE id = ?", (damaged.id,))
    database.close()
    assert [avatar.id for avatar in store.all(AvatarRecord)] == [kept.id]
    assert store.find(AvatarRecord, damaged.id) is None
    assert "record skipped" in caplog.text


def watched(viewers):
    """A live session that is only looked at by so many."""
    session = SimpleNamespace(request_keyframe=lambda: None)
    return SimpleNamespace(id="watched", viewers=Viewers(viewers), session=session)


def answer(live, sdp):
    async def run():
        await Peer(live).answer(SessionDescription(sdp=sdp, type="offer"))

    with pytest.raises(RequestError) as refused:
        asyncio.run(run())
    return refused.value


@pytest.mark.parametrize(
    "sdp",
    [
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
        "junk",
        "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n" * 65,
    ],
)
def test_offers_that_lead_nowhere_are_refused(sdp):
    assert answer(watched(1), sdp).status == 422


def test_an_offer_of_unknown_codecs_is_refused():
    async def offer():
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        sdp = (await offer_of(connection)).sdp
        await connection.close()
        return sdp.replace("VP8", "XX8").replace("H264", "XX4")

    assert answer(watched(1), asyncio.run(offer())).status == 422


def test_a_viewer_too_many_is_refused_before_the_answer():
    live = watched(1)
    with live.viewers.attach():
        assert answer(live, "v=0\r\n").status == 429


async def offer_of(connection):
    connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    return SessionDescription(sdp=connection.localDescription.sdp, type="offer")


def test_viewers_that_are_still_connecting_count():
    async def run():
        live = watched(1)
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        offer, first, second = await offer_of(connection), Peer(live), Peer(live)
        await first.answer(offer)
        with pytest.raises(RequestError) as refused:
            await second.answer(offer)
        await first.close()
        place = live.viewers.reserve()  # free again
        place.release()
        await connection.close()
        return refused.value.status

    assert asyncio.run(run()) == 429


def test_no_third_party_is_asked_for_addresses():
    async def run():
        peer = Peer(watched(1))
        servers = peer._connection._RTCPeerConnection__configuration.iceServers
        await peer.close()
        return servers

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//"])
def test_a_malformed_origin_is_refused(client, origin):
    assert client.get("/healthz", headers={"origin": origin}).status_code == 403


def test_unknown_methods_are_counted_together(client):
    client.request("FROBNICATE", "/healthz")
    text = client.get("/metrics").text
    assert "FROBNICATE" not in text
    assert 'method="other"' in text


def test_the_token_comes_with_its_scheme(make_server):
    token = "sixteen-characters-or-more"
    server = make_server("--token", token)
    for shown, status in ((f"bearer {token}", 200), (f"Bearer {token}", 200), (token, 401)):
        reply = httpx.get(f"{server.url}/api/avatars", headers={"authorization": shown})
        assert reply.status_code == status, shown


def test_interrupt_drops_every_speech_that_waits(client, ready_avatar, speech_file):
    speech = upload_speech(client, Path(speech_file))
    live = client.post("/api/live", json={"avatar": ready_avatar["id"]}).json()
    try:
        control = f"/api/live/{live['id']}/control"
        for _ in range(5):
            play = {"control": {"type": "play", "speech": speech["id"]}}
            assert client.post(control, json=play).status_code == 200
        deadline = time.monotonic() + 60
        while not client.get(f"/api/live/{live['id']}").json()["speaking"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client.post(control, json={"control": {"type": "interrupt"}})
        time.sleep(1.5)  # what was still fed would be speaking by now
        now = client.get(f"/api/live/{live['id']}").json()
        assert not now["speaking"]
        assert now["queued_seconds"] == 0
    finally:
        client.delete(f"/api/live/{live['id']}")
