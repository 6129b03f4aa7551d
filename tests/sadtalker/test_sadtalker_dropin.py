"""The reference's own command line, run on tiny weights in its own layout."""

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from masktalk.cli.sadtalker import AngleListCommand, free_name, join_angles, sadtalker
from masktalk.errors import InputError, NoFaceError, OptionError
from masktalk.media import audio_duration, open_source
from tests.conftest import write_speech
from tests.sadtalker.tiny import tiny_checkpoints

app = typer.Typer()
app.command(cls=AngleListCommand)(sadtalker)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return tiny_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def work(tmp_path, checkpoints, material, monkeypatch):
    (tmp_path / "checkpoints").symlink_to(checkpoints)
    shutil.copy(material / "portrait.jpg", tmp_path / "face.jpg")
    write_speech(tmp_path / "speech.wav", 0.12)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments, source="face.jpg", audio="speech.wav"):
    words = ["--driven_audio", audio, "--source_image", source, "--cpu", *arguments]
    return CliRunner().invoke(app, words)


def results():
    return sorted(Path("results").glob("*.mp4"))


def test_a_crop_has_the_references_size_rate_and_place(work):
    result = run("--preprocess", "crop", "--input_yaw", "-20", "30", "10", "--batch_size", "2")
    assert result.exit_code == 0, result.output
    (made,) = results()
    source = open_source(made)
    assert (source.width, source.height, source.rate) == (256, 256, Fraction(25))
    assert sum(1 for _ in source.frames()) == 3
    assert audio_duration(made) == pytest.approx(0.12, abs=0.05)
    assert made.name[4] == "_"
    assert made.stem.count(".") == 2
    assert not [path for path in Path("results").iterdir() if path != made]


def test_a_resized_picture_keeps_its_proportions_and_any_height(work):
    pixels = np.asarray(Image.open("face.jpg"))
    Image.fromarray(np.pad(pixels, ((0, 43), (0, 0), (0, 0)), "edge")).save("tall.png")
    result = run("--preprocess", "resize", source="tall.png")
    assert result.exit_code == 0, result.output
    source = open_source(results()[0])
    height, width = pixels.shape[0] + 43, pixels.shape[1]
    assert source.width == 256
    assert abs(source.height - 256 * height / width) <= 2


def test_full_shows_the_whole_picture_and_names_reach_no_shell(work):
    name = "a; touch pwned #$(touch pwned).jpg"
    shutil.copy("face.jpg", name)
    shutil.copy("speech.wav", "-b c.wav")
    result = run("--preprocess", "full", "--still", source=name, audio="./-b c.wav")
    assert result.exit_code == 0, result.output
    source, before = open_source(results()[0]), np.asarray(Image.open("face.jpg"))
    assert (source.height, source.width) == before.shape[:2]
    assert not list(work.rglob("pwned"))
    frame = next(iter(source.frames())).pixels
    assert np.abs(frame[-8:].astype(int) - before[-8:]).mean() < 4


def test_two_runs_in_one_second_do_not_meet(tmp_path):
    path = tmp_path / "2024_01_01_00.00.00.mp4"
    assert free_name(path) == path
    path.touch()
    assert free_name(path).name == "2024_01_01_00.00.00_2.mp4"
    free_name(path).touch()
    assert free_name(path).name == "2024_01_01_00.00.00_3.mp4"


def test_two_faces_are_no_fault(work):
    pixels = np.asarray(Image.open("face.jpg").convert("RGB").resize((300, 300)))
    Image.fromarray(np.hstack([pixels, pixels])).save("two.png")
    result = run(source="two.png")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("--enhancer", "gfpgan"), OptionError, "--enhancer"),
        (("--pose_style", "46"), OptionError, "pose_style"),
        (("--size", "300"), OptionError, "size"),
        (("--checkpoint_dir", "nowhere"), OptionError, "nowhere"),
        (("--ref_pose", "nothing.mp4"), InputError, "nothing.mp4"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(work, arguments, error, said):
    result = run(*arguments)
    assert isinstance(result.exception, error)
    assert said in str(result.exception)
    assert not Path("results").exists()


def test_a_picture_without_a_face_is_named(work):
    Image.new("RGB", (200, 160), (90, 90, 90)).save("wall.png")
    result = run(source="wall.png")
    assert isinstance(result.exception, NoFaceError)
    assert "wall.png" in str(result.exception)
    assert results() == []


def test_a_face_that_the_crop_loses_keeps_its_points(work, monkeypatch):
    import masktalk.preparation as preparation

    given, prepare = [], preparation.prepare

    def losing(source, folder=None, options=None, progress=None):
        given.append(options)
        if options is None:
            raise NoFaceError(source, "no face was found")
        return prepare(source, folder, options)

    monkeypatch.setattr(preparation, "prepare", losing)
    result = run()
    assert result.exit_code == 0, result.output
    assert given[1].points is not None


def test_angles_are_joined_to_their_flag():
    words = ["--input_yaw", "-20", "30", "10", "--still", "--input_roll", "5", "x"]
    assert join_angles(words) == ["--input_yaw= -20 30 10", "--still", "--input_roll= 5", "x"]
