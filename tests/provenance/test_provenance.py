"""Results say that they were generated; what was changed afterwards is found out."""

import json
import logging
import subprocess
import sys
from importlib.util import find_spec

import av
import numpy as np
import pytest
from PIL import Image

from masktalk.errors import InputError, OptionError, OutputError
from masktalk.files import file_digest
from masktalk.media import open_source
from masktalk.preparation import PrepareOptions, prepare
from masktalk.provenance import Ingredient, Marker, Origin, verify
from masktalk.provenance.certificate import CERTIFICATE_VARIABLE, KEY_VARIABLE
from masktalk.rendering import RenderOptions, render
from tests.conftest import write_speech

needs_c2pa = pytest.mark.skipif(find_spec("c2pa") is None, reason="c2pa-python is not installed")
ORIGIN = Origin("warp", (Ingredient("avatar", "ünï.png", "ab" * 32),), consent="signed, 3 May")


@pytest.fixture(autouse=True)
def own_certificate(tmp_path_factory, monkeypatch):
    """No test sees or makes the user's certificate; all share a generated one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    for name in (CERTIFICATE_VARIABLE, KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def speech(tmp_path_factory):
    return write_speech(tmp_path_factory.mktemp("speech") / "short.wav", 0.2)


@pytest.fixture
def cartoon(material):
    with prepare(material / "cartoon.png", options=PrepareOptions(consent="by letter")) as avatar:
        yield avatar


def damage(path):
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + 200
    content[middle] ^= 0xFF
    path.write_bytes(content)


@needs_c2pa
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_a_video_is_signed_and_names_what_it_was_made_from(cartoon, speech, tmp_path, suffix):
    made = render(cartoon, speech, tmp_path / f"out{suffix}", RenderOptions(provenance="c2pa"))
    found = verify(made.path)
    assert found.is_marked
    assert (found.signature, found.signer) == ("untrusted", "masktalk generated certificate")
    assert found.problems == ("signingCredential.untrusted",)
    assert found.origin.engine == "warp"
    assert found.origin.consent == "by letter"
    assert found.origin.digital_source_type.endswith("/compositeWithTrainedAlgorithmicMedia")
    assert found.origin.ingredients == (
        Ingredient("avatar", "cartoon.png", cartoon.manifest.source.digest),
        Ingredient("speech", "short.wav", file_digest(speech)),
    )
    assert open_source(made.path).frame_count == made.frames
    assert [path.name for path in tmp_path.iterdir()] == [f"out{suffix}"]


@needs_c2pa
def test_c2pas_own_reader_finds_the_action_and_the_ingredients(cartoon, speech, tmp_path):
    import c2pa

    made = render(cartoon, speech, tmp_path / "out.mp4")
    with made.path.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    actions = next(a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
    assert store["validation_state"] == "Valid"
    assert actions["data"]["actions"][0]["action"] == "c2pa.created"
    assert [each["title"] for each in manifest["ingredients"]] == ["cartoon.png", "short.wav"]


@needs_c2pa
def test_a_changed_video_is_found_out(cartoon, speech, tmp_path):
    made = render(cartoon, speech, tmp_path / "out.mp4", RenderOptions(provenance="c2pa"))
    damage(made.path)
    found = verify(made.path)
    assert found.signature == "invalid"
    assert not found.is_marked
    assert "assertion.bmffHash.mismatch" in found.problems


@needs_c2pa
def test_images_and_recordings_are_signed_too(material, speech, tmp_path):
    picture, sound = tmp_path / "sheet.png", tmp_path / "speech.wav"
    plain = np.asarray(Image.open(material / "ninja.png"))
    Image.fromarray(plain).save(picture)
    sound.write_bytes(speech.read_bytes())
    for path in (picture, sound):
        Marker(path, ORIGIN).sign(path)
        found = verify(path)
        assert found.signature == "untrusted"
        assert found.origin == ORIGIN
    assert np.array_equal(np.asarray(Image.open(picture)), plain)


@needs_c2pa
def test_the_users_certificate_signs(cartoon, speech, tmp_path, monkeypatch):
    from masktalk.provenance.certificate import _generated_pem

    chain, mark, key = _generated_pem().partition(b"-----BEGIN PRIVATE KEY-----")
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(mark + key)
    monkeypatch.setenv(CERTIFICATE_VARIABLE, str(tmp_path / "chain.pem"))
    options = RenderOptions(provenance="c2pa")
    with pytest.raises(OptionError, match=f"{KEY_VARIABLE}: is not set"):
        render(cartoon, speech, tmp_path / "out.mp4", options)
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "chain.pem"))
    with pytest.raises(InputError, match="is no private key"):
        render(cartoon, speech, tmp_path / "out.mp4", options)
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key.pem"))
    made = render(cartoon, speech, tmp_path / "out.mp4", options)
    assert verify(made.path).signature == "untrusted"


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_every_container_tells_its_origin_without_c2pa_too(cartoon, speech, tmp_path, suffix):
    options = RenderOptions(provenance="metadata")
    made = render(cartoon, speech, tmp_path / f"out{suffix}", options)
    found = verify(made.path)
    assert found.is_marked
    assert found.origin.ingredients[0].name == "cartoon.png"
    assert found.signature in ("none", "unread")
    with av.open(str(made.path)) as container:
        told = {name.lower(): text for name, text in container.metadata.items()}
    assert told["comment"].startswith("Generated with masktalk")


def test_it_is_off_only_by_a_flag_that_is_logged(cartoon, speech, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        made = render(cartoon, speech, tmp_path / "out.mp4", RenderOptions(provenance="off"))
    assert "gets no mark of its origin" in caplog.text
    assert not verify(made.path).is_marked
    with pytest.raises(OptionError, match="`provenance` none: is unknown"):
        RenderOptions(provenance="none")


@needs_c2pa
def test_c2pa_that_is_asked_for_and_cannot_be_is_refused_before_work_begins(
    cartoon, speech, tmp_path
):
    with pytest.raises(OptionError, match="keeps no C2PA manifest"):
        render(cartoon, speech, tmp_path / "out.mkv", RenderOptions(provenance="c2pa"))
    assert not list(tmp_path.iterdir())


@needs_c2pa
def test_without_a_place_for_a_certificate_results_are_made_but_not_signed(
    cartoon, speech, tmp_path, monkeypatch, caplog
):
    (tmp_path / "config").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(OutputError, match="cannot be written"):
        render(cartoon, speech, tmp_path / "out.mp4", RenderOptions(provenance="c2pa"))
    made = render(cartoon, speech, tmp_path / "out.mp4")
    assert "is not signed" in caplog.text
    assert verify(made.path).signature == "none"
    assert verify(made.path).is_marked


def test_a_label_is_in_the_corner_of_every_frame(cartoon, speech, tmp_path):
    plain, labelled = (
        render(cartoon, speech, tmp_path / name, RenderOptions(label=text))
        for name, text in (("plain.mp4", None), ("label.mp4", "AI generated"))
    )
    pairs = zip(open_source(plain.path).frames(), open_source(labelled.path).frames(), strict=True)
    for without, with_label in pairs:
        change = np.abs(without.pixels.astype(int) - with_label.pixels).max(axis=2) > 40
        rows, columns = np.flatnonzero(change.any(axis=1)), np.flatnonzero(change.any(axis=0))
        assert rows.min() > 0.9 * cartoon.height
        assert columns.max() < 0.5 * cartoon.width
        assert change.sum() > 500


def test_comments_of_others_tell_no_origin():
    assert Origin.from_comment(ORIGIN.comment()) == ORIGIN
    for comment in ("", "Lavf", "Generated with masktalk: ", "Generated with masktalk: {}"):
        assert Origin.from_comment(comment) is None


def test_the_command_says_it_in_json_and_by_its_code(cartoon, speech, material, tmp_path):
    made = render(cartoon, speech, tmp_path / "out.mp4")
    command = [sys.executable, "-m", "masktalk", "verify"]
    marked = subprocess.run([*command, made.path], capture_output=True, text=True)
    assert marked.returncode == 0
    assert json.loads(marked.stdout)["origin"]["engine"] == "warp"
    plain = subprocess.run([*command, material / "speech.wav"], capture_output=True, text=True)
    assert plain.returncode == 1
    assert json.loads(plain.stdout)["marked"] is False
