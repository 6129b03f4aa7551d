"""Nonsense from the server's own description, and files that are traps."""

import io
import json
import os
import random
import string
import struct
import zlib

import psutil
import pytest

#: CI sends fewer; the whole thousand is MASKTALK_FUZZ=1000.
REQUESTS = int(os.environ.get("MASKTALK_FUZZ", "200"))
JUNK = [
    None, True, 0, -1, 1e308, 2**70, "", "x" * 5000, "../../../etc/passwd", "\x00", "🥷" * 50,
    [], [[]], {}, {"a": {"b": []}}, "0" * 32, "-1", "NaN", "%s%n", "<script>", "' OR 1=1 --",
]  # fmt: skip


class Nonsense:
    """Requests that are nearly right, from an OpenAPI description."""

    def __init__(self, described, seed):
        self.described, self.random = described, random.Random(seed)
        self.routes = [
            (method, path, route)
            for path, methods in described["paths"].items()
            for method, route in methods.items()
        ]

    def request(self):
        method, path, route = self.random.choice(self.routes)
        for part in route.get("parameters", []):
            if part["in"] == "path":
                path = path.replace(f"{{{part['name']}}}", self.path_part())
        query = {
            part["name"]: str(self.random.choice(JUNK))[:300]
            for part in route.get("parameters", [])
            if part["in"] == "query" and self.random.random() < 0.7
        }
        return method.upper(), path, query, *self.body(route)

    def path_part(self):
        letters = string.ascii_letters + "./%-_~"
        made = ["0" * 32, "f" * 32, "..%2f..", "%00", "x" * 400]
        made.append("".join(self.random.choice(letters) for _ in range(12)))
        return self.random.choice(made)

    def body(self, route):
        content = route.get("requestBody", {}).get("content", {})
        kind = next(iter(content), None)
        if kind is None or self.random.random() < 0.1:
            return None, {}
        if kind == "application/octet-stream":
            return self.random.randbytes(self.random.choice([0, 1, 50, 5000])), {}
        value = self.value(content[kind]["schema"], 0)
        text = json.dumps(value).encode()
        if self.random.random() < 0.15:
            text = text[: self.random.randrange(len(text) + 1)] + b"\xff"
        return text, {"content-type": self.random.choice([kind] * 5 + ["text/plain", "x"])}

    def value(self, schema, depth):
        if depth > 5 or self.random.random() < 0.25:
            return self.random.choice(JUNK)
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            return self.value(self.described["components"]["schemas"][name], depth + 1)
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self.value(self.random.choice(schema[choice]), depth + 1)
        if "const" in schema or "enum" in schema:
            return schema.get("const", self.random.choice(schema.get("enum", ["x"])))
        return self.plain(schema, depth)

    def plain(self, schema, depth):
        kind = schema.get("type")
        if kind == "object":
            inner = schema.get("properties", {})
            made = {name: self.value(one, depth + 1) for name, one in inner.items()}
            if self.random.random() < 0.2:
                made["surprise"] = self.random.choice(JUNK)
            return made
        if kind == "array":
            some = schema.get("prefixItems") or [schema.get("items", {})] * 3
            return [self.value(one, depth + 1) for one in some]
        if kind in ("number", "integer"):
            return self.random.choice([0, 1, -1, 24, 1e9, -1e-9])
        return self.random.choice(["en", "hello", "0" * 32, "offer", "v=0\r\n", ""])


def outside(server):
    """Every file beside the data folder that the server could reach by climbing out."""
    root = server.data.parent
    return {path for path in root.rglob("*") if server.data not in path.parents}


def memory(server):
    return psutil.Process(server.process.pid).memory_info().rss


@pytest.mark.slow
def test_nonsense_gets_a_typed_refusal_and_changes_nothing(server, client):
    nonsense = Nonsense(client.get("/api/openapi.json").json(), seed=6)
    before = outside(server)
    for _ in range(20):
        client.request(*_send(nonsense.request())[0], **_send(nonsense.request())[1])
    start = memory(server)
    statuses = {}
    for _ in range(REQUESTS):
        (method, url), sent = _send(nonsense.request())
        with client.stream(method, url, **sent) as reply:
            assert reply.status_code < 500 or reply.status_code == 501, (method, url, sent)
            if reply.status_code >= 400:
                body = json.loads(reply.read() or b"{}")
                assert set(body["error"]) == {"type", "message", "remedy"}, (method, url, sent)
        statuses[reply.status_code] = statuses.get(reply.status_code, 0) + 1
    assert len(statuses) >= 3
    assert client.get("/healthz").status_code == 200
    assert outside(server) == before
    assert memory(server) - start < 64 << 20


def _send(request):
    method, path, query, body, headers = request
    return (method, path), {"params": query, "content": body, "headers": headers}


def png(width, height, rows=b""):
    """A PNG that claims a size; its pixels compress to nearly nothing."""

    def chunk(kind, body):
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bomb():
    """40,000 x 40,000 pixels in a few megabytes."""
    return png(40_000, 40_000, zlib.compress(b"\0" * (120_001 * 300), 9))


def traps(material):
    video = (material / "talking.mp4").read_bytes()
    sound = (material / "speech.wav").read_bytes()
    picture = (material / "portrait.jpg").read_bytes()
    cut = io.BytesIO(picture[: len(picture) // 3]).getvalue()
    yield "pixel bomb", "/api/avatars", bomb()
    yield "one pixel", "/api/avatars", png(1, 1, zlib.compress(b"\0\0\0\0"))
    yield "lying png", "/api/avatars", png(2000, 2000, zlib.compress(b"\0" * 100))
    yield "cut jpeg", "/api/avatars", cut
    for share in (0.02, 0.3, 0.7, 0.95):
        yield f"video cut at {share}", "/api/avatars", video[: int(len(video) * share)]
    yield "headless video", "/api/avatars", video[:40] + video[4000:]
    yield "no sound in it", "/api/speech", video
    yield "cut wav", "/api/speech", sound[:50]
    yield "empty wav", "/api/speech", sound[:44]
    yield "text as wav", "/api/speech", b"RIFF\0\0\0\0WAVE" + b"text " * 100
    yield "svg", "/api/avatars", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    yield "playlist", "/api/speech", b"#EXTM3U\nhttp://127.0.0.1:1/x.ts\n"
    yield "concat", "/api/speech", b"ffconcat version 1.0\nfile /etc/passwd\n"


@pytest.mark.slow
def test_traps_are_refused_in_time_and_leave_nothing(server, client, material):
    start, kept = memory(server), set((server.data / "avatars").iterdir())
    for name, url, body in traps(material):
        reply = client.post(url, content=body)
        assert reply.status_code in (201, 422), (name, reply.text)
        if reply.status_code == 201:  # what is left of it was enough to read
            assert client.delete(f"{url}/{reply.json()['id']}").status_code == 204
        else:
            assert reply.json()["error"]["message"], name
    assert set((server.data / "avatars").iterdir()) == kept
    assert memory(server) - start < 64 << 20


@pytest.mark.slow
def test_nonsense_over_the_websocket_is_answered_and_the_session_lives(
    server, client, ready_avatar
):
    from websockets.sync.client import connect

    live = client.post("/api/live", json={"avatar": ready_avatar["id"]}).json()
    chance = random.Random(3)
    url = server.url.replace("http", "ws") + f"/api/live/{live['id']}/socket"
    with connect(url) as socket:
        for _ in range(60):
            socket.send(json.dumps(chance.choice(JUNK)))
            socket.send(chance.randbytes(chance.randrange(200)))
        socket.send(json.dumps({"type": "format", "encoding": "float32", "rate": 16000}))
        socket.send(struct.pack("<4f", float("nan"), float("inf"), 0, 0))
        problems = [json.loads(socket.recv(timeout=20)) for _ in range(40)]
    assert {"error", "state"} >= {one["type"] for one in problems}
    assert client.get(f"/api/live/{live['id']}").status_code == 200
    assert client.delete(f"/api/live/{live['id']}").status_code == 204


def test_a_websocket_from_a_foreign_page_or_to_no_session_is_refused(server):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    url = server.url.replace("http", "ws") + f"/api/live/{'0' * 32}/socket"
    with pytest.raises(InvalidStatus), connect(url, origin="https://evil.example"):
        pass
    with connect(url) as socket:
        said = json.loads(socket.recv(timeout=10))
    assert (said["type"], said["problem"]["type"]) == ("ended", "RequestError")
