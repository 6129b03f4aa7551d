"""The application without a network: signing in, and how connections end."""

import pytest

pytest.importorskip("aiortc", reason="the server extra is not installed here")

from fastapi.testclient import TestClient

from masktalk.server import ServerOptions, create_app
from masktalk.server.problems import Problem
from tests.server.server_helpers import FakeLive

TOKEN = "a-token-of-enough-length"
PAGE = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    data = tmp_path_factory.mktemp("ended") / "data"
    return create_app(ServerOptions(data=data, names=("testserver",)))


@pytest.fixture
def guarded(tmp_path):
    options = ServerOptions(data=tmp_path / "data", token=TOKEN, names=("testserver",))
    with TestClient(create_app(options), follow_redirects=False) as client:
        yield client


def test_a_browser_without_a_token_is_asked_for_it(guarded):
    moved = guarded.get("/", headers=PAGE)
    assert (moved.status_code, moved.headers["location"]) == (303, "/sign-in")
    page = guarded.get("/sign-in")
    assert page.status_code == 200
    assert 'name="token"' in page.text
    assert page.headers["referrer-policy"] == "same-origin"  # or the form's Origin is "null"
    for part in ("sign-in.css", "icon.svg"):
        assert guarded.get(f"/{part}").status_code == 200
    assert guarded.get("/api/avatars", headers=PAGE).json()["error"]["type"] == "TokenNeeded"


def test_signing_in_leaves_a_cookie_that_opens_the_page(guarded):
    wrong = guarded.post("/sign-in", data={"token": TOKEN[:-1] + "x"})
    assert wrong.status_code == 401
    assert "not the token" in wrong.text
    assert "set-cookie" not in wrong.headers
    right = guarded.post("/sign-in", data={"token": f" {TOKEN} "})
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert "HttpOnly" in right.headers["set-cookie"]
    assert guarded.get("/", headers=PAGE).status_code == 200
    assert guarded.get("/api/avatars").status_code == 200


def last_words(socket):
    """The messages until the connection closes; its close code."""
    said = []
    while (message := socket.receive())["type"] == "websocket.send":
        said.append(message["text"])
    return said, message["code"]


def attach(app, client, live):
    app.state.services.sessions._sessions[live.id] = live
    return client.websocket_connect(f"/api/live/{live.id}/socket")


@pytest.fixture(scope="module")
def client(app):
    with TestClient(app) as client:
        yield client


def test_a_session_that_is_not_there_is_told_before_the_close(client):
    with client.websocket_connect(f"/api/live/{'0' * 32}/socket") as socket:
        said, code = last_words(socket)
    assert '"type":"ended"' in said[-1]
    assert "there is none of that id" in said[-1]
    assert code == 1011


def test_a_viewer_too_many_is_told_before_the_close(app, client):
    live = FakeLive(viewers=1)
    with live.viewers.attach(), attach(app, client, live) as socket:
        said, _ = last_words(socket)
    assert "too many connections" in said[-1]


def test_a_session_that_fails_is_told_before_the_close(app, client):
    live = FakeLive()
    with attach(app, client, live) as socket:
        assert socket.receive_json()["type"] == "state"
        live.problem = Problem(type="SessionLostError", message="session: its process ended")
        client.portal.call(live.viewers.end)
        said, code = last_words(socket)
    assert '"type":"ended"' in said[-1]
    assert "its process ended" in said[-1]
    assert code == 1011


def test_a_session_closed_on_demand_ends_without_a_problem(app, client):
    with attach(app, client, FakeLive()) as socket:
        socket.send_json({"type": "close"})
        said, code = last_words(socket)
    assert said[-1] == '{"type":"ended","problem":null}'
    assert code == 1000


def test_a_server_that_stops_tells_its_sessions(app, client):
    live = FakeLive()
    with attach(app, client, live) as socket:
        assert socket.receive_json()["type"] == "state"
        sessions = app.state.services.sessions
        client.portal.call(sessions.stop)
        sessions.closing = False  # the application goes on for the other tests
        said, _ = last_words(socket)
    assert "shutting down" in said[-1]
