"""The reference's own command lines, run on tiny weights in its own layout."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from masktalk.cli.musetalk import musetalk
from masktalk.cli.musetalk_tasks import OutputPaths, clips, read_tasks
from masktalk.errors import InputError
from masktalk.media import audio_duration, open_source
from tests.conftest import write_speech

NTSC = Fraction(30000, 1001)

app = typer.Typer()
app.command()(musetalk)


@pytest.fixture
def work(tmp_path: Path, models: Path, material: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder as the reference's: models/, data/, configs/."""
    (tmp_path / "models").symlink_to(models)
    (tmp_path / "data").mkdir()
    shutil.copy(material / "talking.mp4", tmp_path / "data" / "talking.mp4")
    shutil.copy(material / "portrait.jpg", tmp_path / "data" / "portrait.jpg")
    write_speech(tmp_path / "data" / "long.wav", 0.6)
    write_speech(tmp_path / "data" / "short.wav", 0.3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(config: dict[str, Any], *arguments: str) -> Result:
    """`masktalk musetalk` on a configuration."""
    Path("tasks.yaml").write_text(json.dumps(config))
    return CliRunner().invoke(app, [*arguments, "--inference_config", "tasks.yaml"])


def shown(path: Path | str) -> tuple[int, Fraction]:
    """Frames and rate of a video."""
    source = open_source(Path(path))
    assert source.rate is not None
    return sum(1 for _ in source.frames()), source.rate


OFFLINE = {"task_0": {"video_path": "data/talking.mp4", "audio_path": "data/long.wav"}}


def test_the_command_of_the_readme(work: Path) -> None:
    result = run(
        OFFLINE,
        *("--result_dir", "results/test"),
        *("--unet_model_path", "models/musetalkV15/unet.pth"),
        *("--unet_config", "models/musetalkV15/musetalk.json"),
        *("--version", "v15", "--ffmpeg_path", "ffmpeg-4.4-amd64-static"),
    )
    assert result.exit_code == 0, result.output
    assert shown("results/test/v15/talking_long.mp4") == (18, NTSC)
    assert [p.name for p in Path("results/test/v15").iterdir()] == ["talking_long.mp4"]


def test_the_realtime_command_of_the_readme(work: Path) -> None:
    config = {
        "avator_1": {
            "preparation": True,
            "bbox_shift": 5,
            "video_path": "data/talking.mp4",
            "audio_clips": {"audio_0": "data/long.wav", "audio_1": "data/short.wav"},
        }
    }
    result = run(config, "scripts.realtime_inference", "--result_dir", "results/realtime")
    assert result.exit_code == 0, result.output
    folder = Path("results/v15/avatars/avator_1")
    assert shown(folder / "vid_output" / "audio_0.mp4") == (18, NTSC)
    assert shown(folder / "vid_output" / "audio_1.mp4") == (9, NTSC)
    assert Path("results/realtime/v15/avatars/avator_1/vid_output/audio_1.mp4").is_file()
    latents = list((folder / "avatar").rglob("*.npz"))
    assert len(latents) == 1 + 23  # the faces, and every frame that has one

    config["avator_1"]["preparation"] = False
    stamps = {path: path.stat().st_mtime_ns for path in latents}
    assert run(config, "scripts.realtime_inference").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in latents} == stamps


def test_version_1_writes_where_it_did(work: Path) -> None:
    config = {"a": {"video_path": "data/talking.mp4", "audio_clips": {"x": "data/short.wav"}}}
    result = run({**OFFLINE, **config}, "--version", "v1")
    assert result.exit_code == 0, result.output
    assert Path("results/v1/talking_long.mp4").is_file()
    assert Path("results/avatars/a/vid_output/x.mp4").is_file()


def test_a_failing_task_does_not_stop_the_others(work: Path) -> None:
    Image.new("RGB", (160, 120), (90, 90, 90)).save("data/wall.png")
    config = {
        "missing": {"video_path": "data/nothing.mp4", "audio_path": "data/short.wav"},
        "faceless": {"video_path": "data/wall.png", "audio_path": "data/short.wav"},
        "fine": {"video_path": "data/portrait.jpg", "audio_path": "data/short.wav"},
    }
    result = run(config)
    assert result.exit_code == 1
    assert "missing" in result.stderr
    assert "faceless" in result.stderr
    assert "fine" not in result.stderr
    assert shown("results/v15/portrait_short.mp4")[0] == 8
    assert len(list(Path("results/v15").iterdir())) == 1


def test_pictures_folders_and_names_that_are_no_numbers(work: Path) -> None:
    frames = [frame.pixels for frame in islice(open_source(Path("data/talking.mp4")).frames(), 6)]
    Path("data/frames").mkdir()
    for name, pixels in zip("abcdef", frames, strict=True):
        Image.fromarray(pixels[:383, :381]).save(f"data/frames/frame {name}.jpg", quality=95)
    config = {"odd": {"video_path": "data/frames", "audio_path": "data/long.wav"}}
    result = run(config, "--fps", "20")
    assert result.exit_code == 0, result.output
    assert shown("results/v15/frames_long.mp4") == (12, Fraction(20))


@pytest.mark.parametrize("fps", ["50", "60"])
def test_high_rates_and_very_short_sound(work: Path, fps: str) -> None:
    write_speech(Path("data/blink.wav"), 0.055)
    config = {"t": {"video_path": "data/portrait.jpg", "audio_path": "data/blink.wav"}}
    result = run(config, "--fps", fps)
    assert result.exit_code == 0, result.output
    assert shown("results/v15/portrait_blink.mp4")[0] == 3


def test_names_reach_no_shell(work: Path) -> None:
    shutil.copy("data/portrait.jpg", "data/a; touch pwned #.jpg")
    config = {
        "t": {"video_path": "data/a; touch pwned #.jpg", "audio_path": "data/short.wav"},
        "u": {"video_path": "data/portrait.jpg", "audio_path": "data/$(touch pwned).wav"},
    }
    shutil.copy("data/short.wav", "data/$(touch pwned).wav")
    assert run(config).exit_code == 0
    assert not list(work.rglob("pwned"))
    assert Path("results/v15/a; touch pwned #_short.mp4").is_file()


def test_nothing_of_an_earlier_run_is_mixed_in(work: Path) -> None:
    assert run(OFFLINE).exit_code == 0
    write_speech(Path("data/long.wav"), 0.3)
    assert run(OFFLINE).exit_code == 0
    assert shown("results/v15/talking_long.mp4")[0] == 9


def test_a_changed_source_makes_a_new_avatar(work: Path) -> None:
    config = {"a": {"video_path": "data/talking.mp4", "audio_clips": {"x": "data/short.wav"}}}
    config["a"]["preparation"] = False
    assert run(config).exit_code == 0
    picture = np.asarray(Image.open("data/portrait.jpg"))[:300, :300]
    Path("data/talking.mp4").unlink()
    Image.fromarray(picture).save("data/other.png")
    config["a"]["video_path"] = "data/other.png"
    assert run(config).exit_code == 0
    made = open_source(Path("results/v15/avatars/a/vid_output/x.mp4"))
    assert (made.width, made.height) == (300, 300)


def test_colour_and_sound_survive(work: Path) -> None:
    assert run(OFFLINE).exit_code == 0
    before = open_source(Path("data/talking.mp4"))
    assert open_source(Path("results/v15/talking_long.mp4")).color == before.color
    heard = audio_duration(Path("results/v15/talking_long.mp4"))
    assert abs(heard - Fraction(6, 10)) < Fraction(1, 20)


def test_names_of_results_neither_leak_nor_collide() -> None:
    tasks = {
        "t0": {"video_path": "a/face.mp4", "audio_path": "x.wav", "result_name": "mine.mp4"},
        "t1": {"video_path": "a/face.mp4", "audio_path": "x.wav"},
        "t2": {"video_path": "b/face.mp4", "audio_path": "x.wav"},
    }
    names = [clip.output.name for clip in clips(parsed(tasks), OutputPaths(Path("r"), "v15"))]
    assert names == ["mine.mp4", "face_x.mp4", "face_x_t2.mp4"]


def parsed(tasks: dict[str, Any]) -> Any:
    """Tasks read from a file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "t.yaml").write_text(json.dumps(tasks))
        return read_tasks(Path(folder) / "t.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no tasks"),
        ("task_0: 3", "task_0"),
        ("task_0: {video_path: a.mp4}", "audio_path"),
        ("a: [", "is not a configuration"),
    ],
)
def test_a_wrong_configuration_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        read_tasks(tmp_path / "t.yaml")
