"""Avatars, speech, renders and their jobs over HTTP, against the real server."""

import json
import shutil
import time

import av
import pytest

from tests.server.server_helpers import follow, upload, upload_speech


def test_health_says_what_is_there(client):
    said = client.get("/healthz").json()
    assert said["status"] == "ok"
    assert said["say"] is (shutil.which("espeak-ng") is not None)


def test_an_avatar_from_upload_to_deletion(client, server, material):
    avatar = upload(client, material / "cartoon.png", "../../etc/My Cartoon.png")
    assert avatar["name"] == "My Cartoon"
    assert avatar["status"] == "uploaded"
    assert (avatar["kind"], avatar["seconds"]) == ("picture", 0)
    url = f"/api/avatars/{avatar['id']}"
    for part in ("preview", "thumbnail"):
        reply = client.get(f"{url}/{part}")
        assert reply.headers["content-type"] == "image/jpeg"
        assert reply.content[:3] == b"\xff\xd8\xff"
    renamed = client.patch(url, json={"name": "Toon"}).json()
    assert renamed["name"] == "Toon"
    assert avatar["id"] in [one["id"] for one in client.get("/api/avatars").json()]
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
    assert not (server.data / "avatars" / avatar["id"]).exists()


def test_prepare_tells_its_progress(client, material):
    avatar = upload(client, material / "cartoon.png")
    job = client.post(f"/api/avatars/{avatar['id']}/prepare").json()
    assert job["kind"] == "prepare"
    steps = []
    with client.stream("GET", f"/api/jobs/{job['id']}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        for line in events.iter_lines():
            if line.startswith("data: "):
                steps.append(json.loads(line[6:]))
    assert steps[-1]["status"] == "done"
    assert {"running", "done"} <= {step["status"] for step in steps}
    assert client.get(f"/api/avatars/{avatar['id']}").json()["status"] == "ready"
    client.delete(f"/api/avatars/{avatar['id']}")


def test_the_rig_is_read_and_written(client, ready_avatar):
    url = f"/api/avatars/{ready_avatar['id']}/rig"
    rig = client.get(url).json()
    assert len(rig["mesh"]) == 478
    assert rig["by_hand"] is False
    left, right = rig["points"]["left_corner"], rig["points"]["right_corner"]
    assert 0 < left[0] < right[0] < rig["width"]
    points = {"left_corner": left, "right_corner": right, "chin": [right[0], right[1] + 20]}
    written = client.put(url, json={"points": points, "mouth": "cloth"}).json()
    assert (written["by_hand"], written["mouth"]) == (True, "cloth")
    assert written["points"]["chin"] == [right[0], right[1] + 20]
    back = client.put(url, json={"points": None}).json()
    assert (back["by_hand"], back["mouth"]) == (False, "auto")


def test_points_outside_the_picture_are_refused(client, ready_avatar):
    points = {"left_corner": [-5, 10], "right_corner": [50, 10]}
    reply = client.put(f"/api/avatars/{ready_avatar['id']}/rig", json={"points": points})
    assert reply.status_code == 422
    assert reply.json()["error"]["type"] == "PointsError"


def test_a_picture_without_a_face_asks_for_points(client, tmp_path):
    from PIL import Image

    path = tmp_path / "grey.png"
    Image.new("RGB", (200, 160), (120, 120, 120)).save(path)
    avatar = upload(client, path)
    job = client.post(f"/api/avatars/{avatar['id']}/prepare").json()
    ended = follow(client, job["id"])
    assert (ended["status"], ended["problem"]["type"]) == ("failed", "NoFaceError")
    assert client.get(f"/api/avatars/{avatar['id']}").json()["status"] == "needs_points"
    rig = client.get(f"/api/avatars/{avatar['id']}/rig").json()
    assert rig["mesh"] is None
    client.put(f"/api/avatars/{avatar['id']}/rig", json={"points": rig["points"]})
    job = client.post(f"/api/avatars/{avatar['id']}/prepare").json()
    assert follow(client, job["id"])["status"] == "done"
    client.delete(f"/api/avatars/{avatar['id']}")


def test_a_render_from_speech_to_video(client, ready_avatar, material, tmp_path):
    speech = upload_speech(client, material / "speech.wav")
    assert speech["seconds"] == pytest.approx(2.0)
    wish = {"avatar": ready_avatar["id"], "speech": speech["id"], "preview": 1.0}
    job = client.post("/api/renders", json=wish).json()
    early = client.get(f"/api/renders/{job['id']}/video")
    assert early.status_code == 409
    assert follow(client, job["id"])["status"] == "done"
    path = tmp_path / "video.mp4"
    path.write_bytes(client.get(f"/api/renders/{job['id']}/video").content)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 25
    assert job["id"] in [one["id"] for one in client.get("/api/renders").json()]
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert client.delete(f"/api/speech/{speech['id']}").status_code == 204


def test_a_render_can_be_cancelled(client, ready_avatar, speech_file):
    speech = upload_speech(client, speech_file)
    wish = {"avatar": ready_avatar["id"], "speech": speech["id"]}
    first = client.post("/api/renders", json=wish).json()
    second = client.post("/api/renders", json=wish).json()
    assert client.post(f"/api/jobs/{second['id']}/cancel").json()["status"] == "cancelled"
    deadline = time.monotonic() + 60
    while client.get(f"/api/jobs/{first['id']}").json()["status"] == "queued":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert client.post(f"/api/jobs/{first['id']}/cancel").json()["status"] == "cancelled"
    assert follow(client, first["id"])["status"] == "cancelled"


def test_a_render_needs_a_prepared_avatar(client, material):
    avatar = upload(client, material / "cartoon.png")
    speech = upload_speech(client, material / "speech.wav")
    wish = {"avatar": avatar["id"], "speech": speech["id"]}
    reply = client.post("/api/renders", json=wish)
    assert reply.status_code == 409
    assert "prepare it first" in reply.json()["error"]["remedy"]
    client.delete(f"/api/avatars/{avatar['id']}")


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="no espeak-ng here")
def test_text_becomes_speech(client):
    said = client.post("/api/speech/say", json={"text": "Hello, you.", "voice": "en"}).json()
    assert 0.4 < said["seconds"] < 3
    sound = client.get(f"/api/speech/{said['id']}").content
    assert sound[:4] == b"RIFF"
    unknown = client.post("/api/speech/say", json={"text": "hi", "voice": "nolanguage"})
    assert unknown.status_code == 422


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "neither picture, video nor sound"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "the file"),
        (b"\xff\xd8\xff\xe0" + b"\1" * 2000, "the file"),
        (b"\0\0\0\x20ftypisom" + b"\2" * 4000, "the file"),
    ],
    ids=["empty", "text", "png", "jpeg", "mp4"],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(client, server, body, words):
    before = sorted((server.data / "avatars").glob("*"))
    reply = client.post("/api/avatars", content=body)
    assert reply.status_code == 422
    error = reply.json()["error"]
    assert words in error["message"]
    assert str(server.data) not in reply.text
    assert sorted((server.data / "avatars").glob("*")) == before


def test_metrics_are_prometheus_text(client):
    text = client.get("/metrics").text
    for name in ("masktalk_sessions", "masktalk_frames_total", "masktalk_onset_seconds_bucket"):
        assert name in text


def test_every_route_is_described_with_typed_errors(client):
    described = client.get("/api/openapi.json").json()
    assert len(described["paths"]) > 15
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            assert route.get("description") or route.get("summary"), (method, path)
            assert "ProblemReply" in json.dumps(route["responses"]["422"]), (method, path)
