"""Killed at the worst moment, the server goes on or says why not."""

import signal
import time

import psutil
import pytest

from tests.server.server_helpers import follow, upload, upload_speech

pytestmark = pytest.mark.slow


def wait_until_running(client, job, stage=None):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        now = client.get(f"/api/jobs/{job}").json()
        if now["status"] == "running" and (stage is None or now["stage"] == stage):
            return
        assert now["status"] in ("queued", "running"), now
        time.sleep(0.02)
    raise AssertionError(f"job {job} never ran")


def restart(server):
    children = psutil.Process(server.process.pid).children(recursive=True)
    server.stop(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, "a worker outlived its server"
    return server.start()


def test_killed_in_a_prepare_it_is_done_after_the_restart(make_server, portrait_file):
    server = make_server()
    with server.client() as client:
        avatar = upload(client, portrait_file)
        job = client.post(f"/api/avatars/{avatar['id']}/prepare").json()
        wait_until_running(client, job["id"])
    restart(server)
    with server.client() as client:
        assert follow(client, job["id"])["status"] == "done"
        assert client.get(f"/api/avatars/{avatar['id']}").json()["status"] == "ready"
        assert len(client.get(f"/api/avatars/{avatar['id']}/rig").json()["mesh"]) == 478


def test_killed_in_a_render_twice_it_fails_with_a_reason(make_server, portrait_file, speech_file):
    server = make_server()
    with server.client() as client:
        avatar = upload(client, portrait_file)
        ready = client.post(f"/api/avatars/{avatar['id']}/prepare").json()
        assert follow(client, ready["id"])["status"] == "done"
        speech = upload_speech(client, speech_file)
        wish = {"avatar": avatar["id"], "speech": speech["id"]}
        job = client.post("/api/renders", json=wish).json()
        wait_until_running(client, job["id"])
    restart(server)
    with server.client() as client:
        wait_until_running(client, job["id"], "rendering")
    restart(server)
    with server.client() as client:
        ended = client.get(f"/api/jobs/{job['id']}").json()
        assert ended["status"] == "failed"
        assert "the server stopped while it ran" in ended["problem"]["message"]
        again = client.post("/api/renders", json={**wish, "preview": 0.5}).json()
        assert follow(client, again["id"])["status"] == "done"
        video = client.get(f"/api/renders/{again['id']}/video").content
        assert video[4:8] == b"ftyp"
    left = [path for path in server.data.rglob("*") if path.name.endswith(".part")]
    assert not left


def test_a_clean_stop_parks_what_runs(make_server, portrait_file):
    server = make_server()
    with server.client() as client:
        avatar = upload(client, portrait_file)
        job = client.post(f"/api/avatars/{avatar['id']}/prepare").json()
        wait_until_running(client, job["id"])
    assert server.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
    server.start()
    with server.client() as client:
        assert follow(client, job["id"])["status"] == "done"
