"""Faces that are hard to animate are refused or warned of, never a silent still."""

import pytest
from PIL import Image

from masktalk.errors import NoFaceError
from masktalk.preparation import prepare


@pytest.fixture
def portrait(material):
    return Image.open(material / "portrait.jpg").convert("RGB")


def test_a_face_cut_off_above_its_mouth_is_refused(portrait, tmp_path, material):
    with prepare(material / "portrait.jpg") as avatar:
        face = avatar.faces[0]
    line = int(face.mouth[1] - 0.35 * face.interocular)
    portrait.crop((0, 0, portrait.width, line)).save(tmp_path / "cut.png")
    with pytest.raises(NoFaceError, match=r"cut\.png: (its mouth lies outside|no face detected)"):
        prepare(tmp_path / "cut.png")


def test_a_very_small_face_is_warned_of(portrait, tmp_path, caplog):
    small = portrait.resize((portrait.width * 30 // portrait.height, 30), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (64, 64), (120, 120, 120))
    canvas.paste(small, (20, 20))
    canvas.save(tmp_path / "small.png")
    prepare(tmp_path / "small.png").close()
    assert "small.png: the face is very small" in caplog.text


def test_a_face_upside_down_is_warned_of(portrait, tmp_path, caplog):
    portrait.rotate(180).save(tmp_path / "turned.png")
    prepare(tmp_path / "turned.png").close()
    assert "turned.png: the face is upside down" in caplog.text
