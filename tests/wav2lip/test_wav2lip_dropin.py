"""The reference's command line on tiny weights, and each fault that it had."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from scipy.io import wavfile
from typer.testing import CliRunner, Result

from masktalk.cli.wav2lip import wav2lip
from masktalk.errors import MasktalkError
from masktalk.media import audio_duration, open_source, read_audio
from tests.conftest import write_speech
from tests.wav2lip.test_wav2lip_checkpoint import traced
from tests.wav2lip.tiny import tiny_generator, write_checkpoint

NTSC = Fraction(30000, 1001)

app = typer.Typer()
app.command()(wav2lip)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "wav2lip.pth")


@pytest.fixture
def work(tmp_path: Path, checkpoint: Path, material: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without the reference's temp/ and results/."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "wav2lip.pth").symlink_to(checkpoint)
    portrait = Image.open(material / "portrait.jpg").convert("RGB")
    portrait.crop((0, 0, 384, 384)).resize((256, 256)).save(tmp_path / "face.png")
    shutil.copy(material / "talking.mp4", tmp_path / "face.mp4")
    write_speech(tmp_path / "speech.wav", 0.4)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, face: str = "face.png", audio: str = "speech.wav") -> Result:
    """`masktalk wav2lip` with the three arguments it cannot do without."""
    required = ("--checkpoint_path", "checkpoints/wav2lip.pth", "--face", face, "--audio", audio)
    return CliRunner().invoke(app, [*required, "--runtime", "torch", *arguments])


def refused(result: Result) -> str:
    """The message of a run that was refused, before anything was written."""
    assert isinstance(result.exception, MasktalkError), result.output
    assert not Path("results").exists()
    return str(result.exception)


def shown(path: str = "results/result_voice.mp4") -> list[np.ndarray]:
    return [frame.pixels for frame in open_source(Path(path)).frames()]


def rate_of(path: str = "results/result_voice.mp4") -> Fraction | None:
    return open_source(Path(path)).rate


def test_the_command_of_the_readme(work: Path) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert len(shown()) == 10  # all of the 0.4 s, of which inference.py leaves out 0.12 s
    assert rate_of() == 25
    assert abs(audio_duration("results/result_voice.mp4") - Fraction(2, 5)) < Fraction(1, 20)
    assert {path.name for path in work.iterdir()} == {
        *("checkpoints", "face.png", "face.mp4", "speech.wav", "results")
    }


def test_every_option_of_the_reference_is_taken(work: Path) -> None:
    result = run(
        *("--outfile", "out/a b.mp4", "--static", "True", "--fps", "20"),
        *("--pads", "0", "20", "-3", "5", "--face_det_batch_size", "4"),
        *("--wav2lip_batch_size", "3", "--resize_factor", "1", "--crop", "0", "-1", "10", "-1"),
        *("--box", "-1", "-1", "-1", "-1", "--rotate", "--nosmooth"),
        face="face.mp4",
    )
    # Turned by a quarter, the face lies on its side; it may or may not be found.
    assert result.exit_code == 0 or "no face" in str(result.exception)


def test_names_reach_no_shell(work: Path) -> None:
    for name in ("$(touch pwned).wav", "a; touch pwned #.wav", 'x" && touch pwned ".wav'):
        shutil.copy("speech.wav", name)
        assert run("--outfile", f"{name}.mp4", audio=name).exit_code == 0
        assert not list(work.rglob("pwned"))
        assert len(shown(f"{name}.mp4")) == 10


def test_a_blank_in_the_audio_s_name_takes_that_audio(work: Path) -> None:
    write_speech(Path("my speech.wav"), 0.8)
    assert run().exit_code == 0
    assert run(audio="my speech.wav").exit_code == 0
    assert len(shown()) == 20
    assert audio_duration("results/result_voice.mp4") > Fraction(7, 10)


def test_a_missing_folder_is_made_or_is_an_error(work: Path) -> None:
    assert run("--outfile", "new/folder/a.mp4").exit_code == 0
    assert len(shown("new/folder/a.mp4")) == 10
    Path("taken").write_text("a file")
    result = run("--outfile", "taken/a.mp4")
    assert result.exit_code != 0
    assert "taken" in str(result.exception)


def test_a_faceless_frame_passes_through(work: Path) -> None:
    result = run("--animate_silence", face="face.mp4")  # frame 10 shows a wall
    assert result.exit_code == 0, result.output
    before = [frame.pixels for frame in open_source(Path("face.mp4")).frames()]
    after = shown()
    assert len(after) == 12
    changed = [np.abs(a.astype(int) - b).max() for a, b in zip(after, before, strict=False)]
    assert changed[10] < 12 < changed[9]


def test_no_face_at_all_is_an_error(work: Path) -> None:
    Image.new("RGB", (160, 120), (90, 90, 90)).save("wall.png")
    assert "face" in refused(run(face="wall.png"))


def test_a_box_needs_no_face(work: Path) -> None:
    rows, columns = np.mgrid[0:120, 0:150]
    wall = np.dstack([40 + columns, 30 + rows, 128 + 90 * np.sin(columns / 17)]).astype(np.uint8)
    Image.fromarray(wall).save("wall.png")
    result = run("--box", "20", "110", "30", "120", "--compat", "upstream", face="wall.png")
    assert result.exit_code == 0, result.output
    changed = np.abs(shown()[0].astype(int) - wall).max(axis=2) > 24
    rows, columns = np.nonzero(changed)
    assert 18 <= rows.min() < 24
    assert 106 < rows.max() <= 111
    assert 28 <= columns.min() < 34
    assert 116 < columns.max() <= 121


def test_rotate_and_crop_and_resize(work: Path) -> None:
    Image.open("face.png").rotate(90, expand=True).save("turned.png")  # counter-clockwise
    result = run("--rotate", "--crop", "0", "-1", "6", "250", face="turned.png")
    assert result.exit_code == 0, result.output
    upright = np.asarray(Image.open("face.png").convert("RGB"))[:, 6:250]
    first = shown()[0]
    assert first.shape == upright.shape
    assert np.abs(first.astype(int) - upright)[:60].mean() < 6
    assert run("--resize_factor", "2", face="face.mp4").exit_code == 0
    assert shown()[0].shape == (192, 192, 3)


def test_a_video_shorter_than_the_speech_goes_on(work: Path) -> None:
    write_speech(Path("long.wav"), 1.2)
    own = [frame.pixels[:40].astype(int) for frame in open_source(Path("face.mp4")).frames()]

    def nearest(frame: np.ndarray) -> int:
        return int(np.argmin([np.abs(frame[:40] - each).mean() for each in own]))

    assert run("--compat", "upstream", audio="long.wav", face="face.mp4").exit_code == 0
    assert [nearest(shown()[index]) for index in (0, 5, 25, 29)] == [0, 5, 1, 5]
    assert run(audio="long.wav", face="face.mp4").exit_code == 0
    assert [nearest(shown()[index]) for index in (0, 5, 25, 29)] == [0, 5, 21, 17]


@pytest.mark.parametrize(("text", "moves"), [("False", True), ("True", False), ("0", True)])
def test_static_means_what_it_says(work: Path, text: str, moves: bool) -> None:
    assert run("--static", text, face="face.mp4").exit_code == 0
    top = [frame[:40].astype(int) for frame in shown()]
    assert (np.abs(top[0] - top[5]).mean() > 2) == moves


def test_fps_is_honoured(work: Path) -> None:
    assert run("--fps", "50").exit_code == 0
    assert (len(shown()), rate_of()) == (20, 50)
    assert run("--fps", "29.97").exit_code == 0
    assert (len(shown()), rate_of()) == (12, NTSC)
    assert run(face="face.mp4").exit_code == 0
    assert (len(shown()), rate_of()) == (12, NTSC)


def test_only_the_frames_that_show_are_looked_at(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import write_talking

    write_talking(work / "long.mp4", frames=300, faceless=())
    looked: list[Any] = []
    from masktalk import preparation

    locate = preparation._locate_all
    monkeypatch.setattr(
        preparation, "_locate_all", lambda *args: (looked.append(f) or f for f in locate(*args))
    )
    assert run(face="long.mp4").exit_code == 0
    assert 12 <= len(looked) <= 70


def test_odd_sizes_are_kept(work: Path) -> None:
    Image.open("face.png").crop((0, 0, 255, 253)).save("odd.png")
    assert run(face="odd.png").exit_code == 0
    height, width = shown()[0].shape[:2]
    assert (abs(height - 253), abs(width - 255)) <= (1, 1)
    assert (height, width) >= (253, 255)


def test_torchscript_archives_are_taken(work: Path) -> None:
    traced(tiny_generator(), work / "scripted.pth")
    assert run("--checkpoint_path", "scripted.pth").exit_code == 0


def test_sound_that_is_no_number_is_an_error_or_is_finite(work: Path) -> None:
    samples = read_audio(Path("speech.wav")).samples.copy()
    samples[2000:2100] = np.nan
    wavfile.write("nan.wav", 16000, samples)
    result = run(audio="nan.wav")
    if result.exit_code:
        assert "nan.wav" in refused(result)
    else:
        assert len(shown()) == 10


@pytest.mark.parametrize("seconds", [0.02, 0.03, 0.1])
def test_sound_shorter_than_a_window(work: Path, seconds: float) -> None:
    write_speech(Path("short.wav"), seconds)
    assert run(audio="short.wav").exit_code == 0
    assert len(shown()) == int(Fraction(str(seconds)) * 25 + Fraction(1, 2))


def test_digital_silence_leaves_the_picture_alone(work: Path) -> None:
    wavfile.write("silence.wav", 16000, np.zeros(6400, np.int16))
    assert run(audio="silence.wav").exit_code == 0
    before = np.asarray(Image.open("face.png").convert("RGB")).astype(int)
    assert len(shown()) == 10
    assert max(np.abs(frame - before).mean() for frame in shown()) < 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--static", "perhaps"), "static"),
        (("--resize_factor", "0"), "resize_factor"),
        (("--crop", "0", "-1", "300", "200"), "crop"),
        (("--box", "0", "500", "0", "100"), "box"),
        (("--fps", "fast"), "fps"),
        (("--outfile", "results/a.xyz"), "a.xyz"),
        (("--compat", "downstream"), "compat"),
        (("--checkpoint_path", "nothing.pth"), "nothing.pth"),
        (("--checkpoint_path", "speech.wav"), "speech.wav"),
        (("--face", "nothing.png"), "nothing.png"),
        (("--audio", "nothing.wav"), "nothing.wav"),
        (("--audio", "face.png"), "face.png"),
    ],
)
def test_bad_input_is_refused(work: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(run(*arguments))


def test_a_full_gpu_ends_with_one_frame_at_a_time(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from masktalk.engines.wav2lip.runtime import TorchRuntime

    decode, asked = TorchRuntime.decode, []

    def small(self: TorchRuntime, mels: np.ndarray, features: Any) -> np.ndarray:
        asked.append(len(mels))
        if len(mels) > limit:
            raise torch.OutOfMemoryError("full")
        return decode(self, mels, features)

    monkeypatch.setattr("masktalk.engines.wav2lip.model._seconds_per_frame", lambda _: 0.01)
    monkeypatch.setattr(TorchRuntime, "decode", small)
    limit = 3
    assert run("--wav2lip_batch_size", "8").exit_code == 0
    assert len(shown()) == 10
    limit = 0
    result = run("--outfile", "results/none.mp4")
    assert isinstance(result.exception, MasktalkError)
    assert "memory" in str(result.exception)
    assert not Path("results/none.mp4").exists()
    assert len(asked) < 40
