"""The audio events of the OpenAI Realtime protocol, over the application without a network."""

import base64
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("aiortc", reason="the server extra is not installed here")

from fastapi.testclient import TestClient

from masktalk.server import ServerOptions, create_app
from masktalk.session import PlaybackEvent
from tests.server.server_helpers import FakeLive


def show(live, events):
    live.viewers.show(SimpleNamespace(playback=events))


@pytest.fixture
def live():
    return FakeLive()


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    data = tmp_path_factory.mktemp("realtime") / "data"
    app = create_app(ServerOptions(data=data, names=("testserver",)))
    with TestClient(app) as client:
        yield client


@pytest.fixture
def socket(live, client):
    client.app.state.services.sessions._sessions[live.id] = live
    with client.websocket_connect(f"/v1/realtime?session={live.id}") as socket:
        assert socket.receive_json()["type"] == "session.created"
        socket.play = lambda *events: client.portal.call(show, live, events)
        yield socket


def delta(item="i1", values=(1, -2, 3), name="response.output_audio.delta"):
    pcm = base64.b64encode(np.array(values, "<i2").tobytes()).decode()
    return {"type": name, "response_id": "r1", "item_id": item, "delta": pcm, "output_index": 0}


def settle(socket):
    """Wait until everything sent so far was taken: a bad event is answered at once."""
    socket.send_json({"type": "response.audio.done"})
    return socket.receive_json()


@pytest.mark.parametrize("prefix", ["response.output_audio", "response.audio"])
def test_deltas_are_played_and_done_ends_the_utterance(socket, live, prefix):
    socket.send_json(delta(name=f"{prefix}.delta"))
    socket.send_json({"type": "response.output_item.added", "item": {}})  # not audio: ignored
    socket.send_json({"type": f"{prefix}.done", "item_id": "i1"})
    assert settle(socket)["type"] == "error"
    assert live.told == [("i1", 24_000, [1, -2, 3]), "flush"]


def test_playback_is_told_once_each(socket):
    socket.send_json(delta())
    settle(socket)
    socket.play(PlaybackEvent("started", "i1", 0), PlaybackEvent("started", "of others", 0))
    socket.play(PlaybackEvent("finished", "i1", 1.25))
    started, stopped = socket.receive_json(), socket.receive_json()
    assert started == {
        "type": "output_audio_buffer.started", "item_id": "i1", "response_id": "r1"
    }  # fmt: skip
    assert (stopped["type"], stopped["audio_end_ms"]) == ("output_audio_buffer.stopped", 1250)


@pytest.mark.parametrize(
    "cancel",
    ["response.cancel", "output_audio_buffer.clear", "input_audio_buffer.speech_started"],
)
def test_cancel_truncates_and_drops_late_audio(socket, live, cancel):
    socket.send_json(delta())
    socket.send_json({"type": cancel})
    socket.send_json(delta())  # it was on its way already
    socket.send_json({"type": "response.audio.done", "item_id": "i1"})
    socket.send_json(delta("i2"))
    settle(socket)
    assert [each if isinstance(each, str) else each[0] for each in live.told] == [
        "i1", "interrupt", "i2"
    ]  # fmt: skip
    socket.play(PlaybackEvent("interrupted", "i1", 0.48))
    cleared, truncated = socket.receive_json(), socket.receive_json()
    assert (cleared["type"], cleared["audio_end_ms"]) == ("output_audio_buffer.cleared", 480)
    assert (truncated["type"], truncated["item_id"], truncated["audio_end_ms"]) == (
        "conversation.item.truncated", "i1", 480
    )  # fmt: skip


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "response.audio.delta", "item_id": "a"}'])
def test_what_cannot_be_understood_is_an_error_event(socket, text):
    socket.send_text(text)
    said = socket.receive_json()
    assert said["type"] == "error"
    assert said["error"]["type"] == "invalid_request_error"
    assert settle(socket)["type"] == "error"  # and the connection stays
