"""A client that a public generator makes of the description talks to the server."""

import importlib
import json
import subprocess
import sys

import pytest

pytest.importorskip("openapi_python_client", reason="openapi-python-client is not installed here")


@pytest.fixture
def generated(client, tmp_path, monkeypatch):
    """The generated package, imported."""
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(client.get("/api/openapi.json").json()))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    folder = tmp_path / "generated_masktalk"
    subprocess.run(
        [*command, "--path", description, "--output-path", folder], check=True, capture_output=True
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return importlib.import_module("generated_masktalk")


def test_it_lists_makes_and_reports(generated, server):
    package = generated.__name__
    avatars = {
        name: importlib.import_module(f"{package}.api.avatars.{name}")
        for name in ("list_samples", "use_sample", "read_avatar", "delete_avatar")
    }
    with generated.Client(base_url=server.url) as client:
        assert "cartoon" in [sample.id for sample in avatars["list_samples"].sync(client=client)]
        made = avatars["use_sample"].sync("cartoon", client=client)
        assert avatars["read_avatar"].sync(made.id, client=client).name == "Cartoon"
        avatars["delete_avatar"].sync_detailed(made.id, client=client)
        problem = avatars["read_avatar"].sync(made.id, client=client)
    assert problem.error.type_ == "RequestError"
