"""A client of ``masktalk serve`` in twenty lines: upload a face and speech, fetch the video.

python examples/client.py http://127.0.0.1:8765 face.jpg speech.wav talking.mp4
"""

import sys
import time
from pathlib import Path

import httpx


def main(url, face, speech, output):
    """Render on a server; raise SystemExit with the server's words when a job fails."""
    with httpx.Client(base_url=url, timeout=60) as client:
        avatar = upload(client, "avatars", Path(face))
        finish(client, f"/api/avatars/{avatar}/prepare", None)
        wish = {"avatar": avatar, "speech": upload(client, "speech", Path(speech))}
        job = finish(client, "/api/renders", wish)
        Path(output).write_bytes(client.get(f"/api/renders/{job}/video").content)


def upload(client, kind, path):
    """Return the id under which the server keeps a file."""
    reply = client.post(f"/api/{kind}", content=path.read_bytes(), params={"name": path.name})
    return reply.raise_for_status().json()["id"]


def finish(client, route, wish):
    """Start a job and wait for its end; return its id."""
    job = client.post(route, json=wish).raise_for_status().json()
    while job["status"] in ("queued", "running"):
        time.sleep(0.2)
        job = client.get(f"/api/jobs/{job['id']}").raise_for_status().json()
    if job["status"] != "done":
        raise SystemExit(f"{job['kind']} {job['status']}: {job['problem']}")
    return job["id"]


if __name__ == "__main__":
    main(*sys.argv[1:])
