"""A real server on loopback, started as a user would start it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.server.server_helpers import follow, upload


class RunningServer:
    """``masktalk serve`` in a process of its own."""

    def __init__(self, data: Path, log: Path, *flags: str) -> None:
        self.data, self.log, self.flags = data, log, flags
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self) -> "RunningServer":
        command = [sys.executable, "-m", "masktalk", "serve", "--data", str(self.data)]
        command += ["--port", str(self.port), *self.flags]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log)
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.1)
        self.process.kill()
        self.process.wait()
        raise AssertionError(f"the server did not start:\n{self.log.read_text()[-3000:]}")

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)

    def log_lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def client(self, **kwargs) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, **kwargs)


@pytest.fixture
def make_server(tmp_path):
    """Starts servers; whatever still runs is ended."""
    made = []

    def make(*flags, data=None):
        server = RunningServer(data or tmp_path / "data", tmp_path / "server.log", *flags)
        made.append(server)
        return server.start()

    yield make
    for server in made:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("server")
    running = RunningServer(folder / "data", folder / "server.log").start()
    yield running
    running.stop()


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def portrait_file():
    from importlib.resources import files

    return Path(str(files("masktalk.demo") / "material" / "portrait.jpg"))


@pytest.fixture(scope="session")
def speech_file():
    from importlib.resources import files

    return Path(str(files("masktalk.demo") / "material" / "speech.flac"))


@pytest.fixture(scope="session")
def ready_avatar(server, portrait_file):
    """A prepared avatar on the shared server."""
    with server.client() as client:
        avatar = upload(client, portrait_file)
        job = client.post(f"/api/avatars/{avatar['id']}/prepare").json()
        ended = follow(client, job["id"])
        assert ended["status"] == "done", ended
        return client.get(f"/api/avatars/{avatar['id']}").json()


os.environ.setdefault("OMP_NUM_THREADS", "1")
