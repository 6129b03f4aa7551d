"""Reenactment measures what it says: a video that says the same again is nearer than a still."""

from fractions import Fraction

import pytest

from masktalk.errors import InputError, NoFaceError
from masktalk.evaluate.reenact import reenact, reenact_all
from masktalk.media import Writer, WriterOptions
from masktalk.preparation import prepare
from masktalk.rendering import render
from masktalk.types import Frame


def test_the_engines_own_video_is_reenacted_nearly(material, tmp_path):
    from tests.conftest import write_speech

    speech = write_speech(tmp_path / "long.wav", 3.0)
    (tmp_path / "videos").mkdir()
    with prepare(material / "portrait.jpg", tmp_path / "avatar") as avatar:
        render(avatar, speech, tmp_path / "videos" / "own.mp4")
    (found,) = reenact_all(tmp_path / "videos")
    assert found.name == "own.mp4"
    assert found.frames > 40
    assert found.gain > 0.25
    assert found.aperture_r > 0.7
    assert found.as_dict()["gain"] == found.gain


def test_what_cannot_be_reenacted_says_so(material, tmp_path):
    with pytest.raises(InputError, match="is a picture"):
        reenact(material / "portrait.jpg")
    with pytest.raises(InputError, match="shorter than two seconds"):
        reenact(material / "talking.mp4")
    with pytest.raises(InputError, match="no talking videos"):
        reenact_all(tmp_path)


def test_a_wall_has_no_face_to_reenact(material, tmp_path):
    import numpy as np

    path = tmp_path / "wall.mp4"
    wall = np.full((96, 96, 3), 80, np.uint8)
    options = WriterOptions(96, 96, Fraction(10))
    with Writer(path, options, soundtrack=material / "speech.wav") as writer:
        for index in range(20):
            writer.write(Frame(wall, Fraction(index, 10)))
    with pytest.raises(NoFaceError):
        reenact(path)
