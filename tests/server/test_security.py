"""Who may ask, under which name, and how much."""

import pytest
from pydantic import ValidationError

from masktalk.server import ServerOptions

TOKEN = "a-token-of-enough-length"


def test_beyond_loopback_a_token_is_needed(tmp_path):
    with pytest.raises(ValidationError, match="needs a token"):
        ServerOptions(data=tmp_path, host="0.0.0.0")
    assert ServerOptions(data=tmp_path, host="0.0.0.0", token=TOKEN).token == TOKEN
    assert ServerOptions(data=tmp_path, host="::1").is_loopback


def test_the_command_refuses_to_be_open(tmp_path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "masktalk", "serve", "--host", "0.0.0.0"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "needs a token" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_name_is_refused(client, host):
    reply = client.get("/api/avatars", headers={"host": host})
    assert reply.status_code in (400, 403)


def test_a_foreign_page_is_refused(client, server):
    reply = client.get("/api/avatars", headers={"origin": "https://evil.example"})
    assert (reply.status_code, reply.json()["error"]["type"]) == (403, "ForeignOrigin")
    assert client.get("/api/avatars", headers={"origin": server.url}).status_code == 200
    assert "access-control-allow-origin" not in reply.headers


def test_the_page_may_load_nothing_from_elsewhere(client):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy.replace("https", "").replace("'self'", "")
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/app.py"])
def test_nothing_but_the_page_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("id", ["x", "../../etc", "0" * 31, "0" * 33, "G" * 32])
def test_ids_are_ids(client, id):
    assert client.get(f"/api/avatars/{id}").status_code in (404, 422)
    assert client.delete(f"/api/speech/{id}").status_code in (404, 405, 422)


def test_a_large_body_is_refused_early(client):
    reply = client.patch(f"/api/avatars/{'0' * 32}", content=b" " * (2 << 20))
    assert reply.status_code in (400, 413)


def test_with_a_token_everything_is_closed_without_it(make_server):
    server = make_server("--token", TOKEN)
    with server.client() as client:
        for path in ("/", "/api/avatars", "/metrics", "/api/openapi.json", "/style.css"):
            reply = client.get(path)
            assert (reply.status_code, reply.json()["error"]["type"]) == (401, "TokenNeeded")
        wrong = {"authorization": "Bearer " + TOKEN[:-1] + "x"}
        assert client.get("/api/avatars", headers=wrong).status_code == 401
        right = {"authorization": f"Bearer {TOKEN}"}
        assert client.get("/api/avatars", headers=right).status_code == 200
        assert client.get("/healthz").status_code == 200
        moved = client.get("/", params={"token": TOKEN})
        assert moved.status_code == 303
        assert "HttpOnly" in moved.headers["set-cookie"]
        assert "SameSite=strict" in moved.headers["set-cookie"]
        assert client.get("/api/avatars").status_code == 200  # the cookie is enough now


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://[x]y", "null"])
def test_a_malformed_origin_is_refused(client, origin):
    reply = client.get("/api/avatars", headers={"origin": origin})
    assert (reply.status_code, reply.json()["error"]["type"]) == (403, "ForeignOrigin")
