"""The documentation's nginx in front of the server: uploads, events and sockets pass."""

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

pytest.importorskip("websockets", reason="the server extra is not installed here")

CONFIG = Path(__file__).resolve().parents[2] / "docs" / "howto" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def proxy(server, tmp_path):
    """The address of nginx with the documentation's file, without TLS."""
    if NGINX is None:
        pytest.skip("no nginx here; CI installs the Debian package of that name")
    port = free_port()
    text = CONFIG.read_text().replace("listen      443 ssl", f"listen 127.0.0.1:{port}")
    text = text.replace("127.0.0.1:8765", f"127.0.0.1:{server.port}")
    text = text.replace("faces.example.org;", "localhost;")
    text = re.sub(r"\n *ssl_certificate[^\n]*", "", text)
    folders = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off;\n{folders}{text}\n}}\n"
    )
    process = subprocess.Popen([NGINX, "-c", str(main), "-p", str(tmp_path), "-e", "stderr"])
    url = f"http://localhost:{port}"
    for _ in range(200):
        try:
            httpx.get(f"{url}/healthz")
            break
        except httpx.TransportError:
            assert process.poll() is None, "nginx did not start"
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(10)


def test_everything_passes_the_proxy(proxy, material):
    from websockets.sync.client import connect

    with httpx.Client(base_url=proxy, timeout=60) as client:
        reply = client.post("/api/avatars", content=(material / "cartoon.png").read_bytes())
        assert reply.status_code == 201, reply.text
        assert client.get("/").status_code == 200
        client.delete(f"/api/avatars/{reply.json()['id']}")
    address = proxy.replace("http", "ws") + f"/api/live/{'0' * 32}/socket"
    with connect(address) as connection:
        assert '"type":"ended"' in connection.recv(timeout=30)
