"""A server for the matrix, and the calls that its surfaces make."""

import signal

import httpx

from tests.contract.surfaces import FPS
from tests.server.conftest import RunningServer
from tests.server.server_helpers import follow, upload, upload_speech


class MatrixServer:
    """One server; each kind of avatar is uploaded and prepared once."""

    def __init__(self, sources, folder):
        self._sources = sources
        self._server = RunningServer(folder / "data", folder / "server.log").start()
        self.client = httpx.Client(base_url=self._server.url, timeout=120)
        self._avatars, self._speeches = {}, {}

    def stop(self):
        """Close the client and end the server."""
        self.client.close()
        self._server.stop(signal.SIGTERM)

    def avatar(self, kind):
        """Return the id of a prepared avatar of a kind."""
        if kind not in self._avatars:
            source = self._sources(kind)
            id = upload(self.client, source.path)["id"]
            if source.rig is not None:
                reply = self.client.put(f"/api/avatars/{id}/rig", json=source.rig)
                assert reply.status_code == 200, reply.text
            job = self.client.post(f"/api/avatars/{id}/prepare").json()
            ended = self.follow(job["id"])
            assert ended["status"] == "done", ended
            self._avatars[kind] = id
        return self._avatars[kind]

    def speech(self, path):
        """Return the id of an uploaded speech."""
        if path not in self._speeches:
            self._speeches[path] = upload_speech(self.client, path)["id"]
        return self._speeches[path]

    def follow(self, job):
        """Return a job when it has ended."""
        return follow(self.client, job)

    def open_live(self, kind):
        """Open a live session; return its id."""
        reply = self.client.post("/api/live", json={"avatar": self.avatar(kind), "fps": FPS})
        assert reply.status_code == 201, reply.text
        return reply.json()["id"]

    def close_live(self, live):
        """End a live session that may have ended by itself."""
        self.client.delete(f"/api/live/{live}")

    def socket_url(self, live):
        """Return the address of a session's WebSocket."""
        return self._server.url.replace("http", "ws") + f"/api/live/{live}/socket"

    def offer(self, live, description):
        """Return the answer to a WebRTC offer."""
        reply = self.client.post(f"/api/live/{live}/offer", json=description)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def play(self, live, path):
        """Let a session speak an uploaded speech."""
        wish = {"control": {"type": "play", "speech": self.speech(path)}}
        reply = self.client.post(f"/api/live/{live}/control", json=wish)
        assert reply.status_code == 200, reply.text
