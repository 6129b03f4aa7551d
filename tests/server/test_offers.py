"""What the server offers: options, samples, voices, lists, and a description of all of it."""

import json
import shutil

import pytest

pytest.importorskip("aiortc", reason="the server extra is not installed here")

from fastapi.testclient import TestClient

from masktalk.engines.warp.engine import WarpOptions
from masktalk.server import ServerOptions, create_app
from masktalk.server.schemas import option_schema, render_options
from masktalk.server.tasks import Render
from masktalk.server.worker import _known_words
from tests.conftest import write_speech


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    data = tmp_path_factory.mktemp("offers") / "data"
    options = ServerOptions(data=data, names=("testserver",))
    with TestClient(create_app(options)) as client:
        yield client


@pytest.fixture(scope="module")
def described(client):
    return client.get("/api/openapi.json").json()


def test_options_of_renders_come_from_the_records(described):
    wish = described["components"]["schemas"]["RenderRequest"]["properties"]
    assert set(option_schema()) <= set(wish)
    assert set(WarpOptions.model_fields) <= set(wish)
    (amplitude, _) = wish["amplitude"]["anyOf"]
    assert (amplitude["minimum"], amplitude["maximum"]) == (0, 2)
    assert wish["fps"]["anyOf"][0]["description"].startswith("Frame rate")


@pytest.mark.parametrize("name", ["text", "encoder", "engine_options", "overwrite", "provenance"])
def test_options_that_could_name_files_are_not_offered(client, name):
    wish = {"avatar": "0" * 32, "speech": "0" * 32, name: "/etc/passwd"}
    assert client.post("/api/renders", json=wish).status_code == 422


@pytest.mark.parametrize(
    ("name", "value"),
    [("background", "/etc/passwd"), ("background", "red.png"), ("fps", 900), ("amplitude", 9)],
)
def test_values_out_of_bounds_are_refused(client, name, value):
    wish = {"avatar": "0" * 32, "speech": "0" * 32, name: value}
    assert client.post("/api/renders", json=wish).status_code == 422


def test_chosen_options_reach_the_records():
    options = render_options({"fps": 29.97, "crf": 12, "amplitude": 0.5, "background": "#00b140"})
    assert float(options.fps) == pytest.approx(30000 / 1001)
    assert (options.crf, options.background) == (12, "#00b140")
    assert options.engine_options == {"amplitude": 0.5}


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="no espeak-ng here")
def test_words_are_words_even_when_they_look_like_a_file(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read me")
    speech = write_speech(tmp_path / "speech.wav", 0.5)
    task = Render(
        avatar=tmp_path, speech=speech, output=tmp_path / "o.mp4", options={}, language="en",
        text=str(secret),
    )  # fmt: skip
    secret.chmod(0)
    secret.unlink()  # reading it would fail
    assert _known_words(task) is not None


def test_a_sample_becomes_an_avatar(client):
    samples = client.get("/api/samples").json()
    assert {"ninja", "cartoon", "portrait"} == {one["id"] for one in samples}
    assert client.get("/api/samples/ninja/picture").headers["content-type"].startswith("image/")
    made = client.post("/api/samples/cartoon").json()
    assert (made["name"], made["status"], made["kind"]) == ("Cartoon", "uploaded", "picture")
    assert client.post("/api/samples/nobody").status_code == 404


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="no espeak-ng here")
def test_voices_are_listed_and_speech_has_speed_and_pitch(client):
    voices = client.get("/api/voices").json()
    assert {"en-us", "de"} <= {voice["id"] for voice in voices}
    lengths = []
    for speed in (80, 300):
        wish = {"text": "One two three four.", "voice": "en", "speed": speed, "pitch": 20}
        lengths.append(client.post("/api/speech/say", json=wish).json()["seconds"])
    assert lengths[0] > 1.5 * lengths[1]
    names = [speech["name"] for speech in client.get("/api/speech").json()]
    assert names[-2:] == ["One two three four."] * 2


def test_the_description_names_security_ids_types_and_messages(described):
    assert described["security"]
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    operations = [
        operation for methods in described["paths"].values() for operation in methods.values()
    ]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert {"upload_avatar", "create_render", "open_session", "list_speeches"} <= set(ids)
    for operation in operations:
        assert {"422", "429", "507"} <= set(operation["responses"])
    video = described["paths"]["/api/renders/{id}/video"]["get"]["responses"]["200"]["content"]
    assert {"video/mp4", "video/webm"} <= set(video)
    events = described["paths"]["/api/jobs/{id}/events"]["get"]["responses"]["200"]["content"]
    assert "text/event-stream" in events
    socket = described["x-websockets"]["/api/live/{id}/socket"]
    assert "interrupt" in json.dumps(described["components"]["schemas"]["Interrupt"])
    assert socket["sends"]["$ref"].endswith("SocketEvent")


def test_every_reference_in_the_description_leads_somewhere(described):
    text = json.dumps(described)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in described["components"]["schemas"], name


def test_the_docs_page_is_served(client):
    page = client.get("/docs")
    assert page.status_code == 200
    for part in ("docs.css", "docs.js"):
        assert part in page.text
        assert client.get(f"/{part}").status_code == 200
