"""The field report that started masktalk: each of its faults stays put to rest.

A 289x512 picture of a ninja in a black mask, on a machine whose FFmpeg had no libx264.
"""

import os
import subprocess
import sys

import av
import cv2
import pytest
from PIL import Image

from masktalk.demo.faces import draw_ninja
from masktalk.errors import OptionError
from masktalk.media import encoders
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, render


@pytest.fixture
def ninja(tmp_path):
    path = tmp_path / "ninja.png"
    picture = cv2.resize(draw_ninja()[:, 48:337], (289, 512), interpolation=cv2.INTER_AREA)
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture
def no_libx264(monkeypatch):
    """A machine whose FFmpeg lacks NVENC and libx264."""
    really = encoders.refusal

    def refusal(name, *size):
        return "not built in" if name in ("h264_nvenc", "libx264") else really(name, *size)

    monkeypatch.setattr(encoders, "refusal", refusal)


def test_a_masked_face_is_found_and_speaks_through_its_cloth(ninja, material, tmp_path):
    with prepare(ninja) as avatar:
        assert avatar.mouth == "cloth"
        face = avatar.faces[0]
        # Drawn: eyes around y 208, chin at y 394, the face's middle at x 144.
        assert abs(face.mouth[0] - 144) < 0.15 * face.interocular
        assert 270 < face.mouth[1] < 345
        made = render(avatar, material / "speech.wav", tmp_path / "out.mp4")
    assert made.frames == 50


def test_without_libx264_the_next_encoder_is_taken(ninja, material, tmp_path, no_libx264):
    with prepare(ninja) as avatar:
        made = render(avatar, material / "speech.wav", tmp_path / "out.mp4")
        rated = RenderOptions(crf=30, overwrite=True)
        again = render(avatar, material / "speech.wav", tmp_path / "out.mp4", rated)
    assert made.encoder == again.encoder
    assert made.encoder in ("libopenh264", "mpeg4")
    with av.open(str(made.path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50
        assert container.streams.video[0].codec_context.width in (289, 290)


def test_nothing_warns_while_pasting(ninja, material, tmp_path):
    # Two libraries that disagree about NumPy print "C subclassed NumPy array" while pasting.
    code = "import sys; from masktalk.cli import main; main()"
    done = subprocess.run(
        [
            *(sys.executable, "-W", "default", "-c", code),
            *("render", str(ninja), str(material / "speech.wav")),
            *("-o", str(tmp_path / "out.mp4"), "--preview", "0.4"),
        ],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "numpy" not in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_one_opencv_is_installed_and_mediapipe_is_not():
    from importlib.metadata import distributions

    names = {dist.metadata["Name"].lower() for dist in distributions()}
    opencvs = {name for name in names if name.startswith("opencv-")}
    assert opencvs == {"opencv-python-headless"}, "several packages write one cv2 folder"
    assert "mediapipe" not in names


def test_an_option_an_engine_does_not_have_is_never_ignored(ninja, material, tmp_path):
    options = RenderOptions(engine_options={"bbox_shift": 5})
    with pytest.raises(OptionError, match="`bbox_shift`: does not apply to engine 'warp'"):
        render(ninja, material / "speech.wav", tmp_path / "out.mp4", options)
    assert not (tmp_path / "out.mp4").exists()


def test_a_single_picture_leaves_nothing_behind_but_the_video(ninja, material, tmp_path):
    before = set(tmp_path.iterdir())
    render(ninja, material / "speech.wav", tmp_path / "out.mp4")
    assert set(tmp_path.iterdir()) - before == {tmp_path / "out.mp4"}
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50
