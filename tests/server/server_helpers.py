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
