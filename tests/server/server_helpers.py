"""What tests do with a server again and again."""

import time


def follow(client, job, seconds=240):
    """The job when it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = client.get(f"/api/jobs/{job}").json()
        if now["status"] in ("done", "failed", "cancelled"):
            return now
        time.sleep(0.2)
    raise AssertionError(f"job {job} did not end: {now}")


def upload(client, path, name=None):
    """An avatar, uploaded."""
    reply = client.post(
        "/api/avatars", content=path.read_bytes(), params={"name": name or path.name}
    )
    assert reply.status_code == 201, reply.text
    return reply.json()


def upload_speech(client, path):
    """Speech, uploaded."""
    reply = client.post("/api/speech", content=path.read_bytes(), params={"name": path.name})
    assert reply.status_code == 201, reply.text
    return reply.json()


class FakeLive:
    """A live session without a process, which notes what it is told."""

    id, problem, done = "1" * 32, None, False

    def __init__(self, viewers=4):
        from masktalk.server.live.viewers import Viewers

        self.viewers, self.session, self.told = Viewers(viewers), self, []

    def info(self):
        from masktalk.server.messages import LiveInfo

        return LiveInfo(
            id=self.id, avatar="2" * 32, width=8, height=8, fps=25, audio_rate=48_000,
            speaking=False, queued_seconds=0, frames=0, dropped=0, late_audio=0, viewers=1,
        )  # fmt: skip

    async def close(self, problem=None):
        self.problem = self.problem or problem
        self.viewers.end()

    def push_audio(self, samples, rate, utterance=""):
        self.told.append((utterance, rate, samples.tolist()))

    def flush(self):
        self.told.append("flush")

    def interrupt(self):
        self.told.append("interrupt")
