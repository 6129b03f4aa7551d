"""A driver's mouth on another face: the same movement at the same time."""

from fractions import Fraction

import numpy as np
import pytest

from masktalk.driver import DriverOptions, make_driver
from masktalk.errors import InputError, MediaError, OptionError
from masktalk.evaluate.mouth_synchrony import MouthTrack, correlation, track_mouth
from masktalk.faces.mouth_tracker import follow_mouth
from masktalk.media import Writer, WriterOptions, read_audio
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, frames, render
from masktalk.types import Frame


@pytest.fixture(scope="module")
def avatar(material, tmp_path_factory):
    with prepare(material / "portrait.jpg", tmp_path_factory.mktemp("driven") / "avatar") as made:
        yield made


@pytest.fixture(scope="module")
def driver(avatar, material, tmp_path_factory):
    """The portrait saying two seconds, as a video."""
    path = tmp_path_factory.mktemp("driver") / "driver.mp4"
    return render(avatar, material / "speech.wav", path).path


def mouth_of(made):
    return MouthTrack(tuple(measures for _, _, measures in follow_mouth(made)))


def test_the_tracked_mouth_of_the_result_is_the_drivers(avatar, driver):
    borrowed = make_driver(DriverOptions(video=driver), avatar)
    result = mouth_of(frames(avatar, driver, RenderOptions(articulator=borrowed)))
    wanted = track_mouth(driver)
    found = {
        lag: correlation(np.interp(result.t - lag, wanted.t, wanted.aperture), result.aperture)
        for lag in (-0.04, -0.02, 0.0, 0.02, 0.04)
    }
    assert found[0.0] > 0.9
    assert max(found, key=found.get) == 0.0


def test_another_engine_drives_through_its_placeholder(avatar, material):
    options = DriverOptions(engine="warp", face=material / "portrait.jpg")
    speech = read_audio(material / "speech.wav")
    borrowed = make_driver(options, avatar)
    result = mouth_of(frames(avatar, speech, RenderOptions(articulator=borrowed)))
    direct = mouth_of(frames(avatar, speech))
    assert len(result) == len(direct)
    assert correlation(result.aperture, direct.aperture) > 0.9


def test_a_driver_without_a_face_says_so_and_keeps_the_avatar_still(
    avatar, material, tmp_path, caplog
):
    path = tmp_path / "wall.mp4"
    with Writer(path, WriterOptions(64, 64, Fraction(25))) as writer:
        for index in range(10):
            writer.write(Frame(np.full((64, 64, 3), 90, np.uint8), Fraction(index, 25)))
    borrowed = make_driver(DriverOptions(video=path), avatar)
    made = [
        frame.pixels
        for frame in frames(
            avatar,
            material / "speech.wav",
            RenderOptions(
                articulator=borrowed, preview=Fraction(1, 5), engine_options={"energy": 0}
            ),
        )
    ]
    assert all((pixels == made[0]).all() for pixels in made)
    assert "wall.mp4: no face is seen in it" in caplog.text


def test_no_driver_is_no_articulator(avatar):
    assert make_driver(DriverOptions(), avatar) is None


def test_what_cannot_drive_says_so(avatar, material, tmp_path):
    with pytest.raises(InputError, match="cannot drive"):
        make_driver(DriverOptions(video=material / "portrait.jpg"), avatar)
    with pytest.raises(MediaError):
        make_driver(DriverOptions(video=tmp_path / "nowhere.mp4"), avatar)
    with pytest.raises(OptionError, match="choose one of"):
        make_driver(DriverOptions(engine="nobody", face=material / "portrait.jpg"), avatar)
    with pytest.raises(OptionError, match="does not apply to engine 'musetalk'"):
        make_driver(DriverOptions(video=material / "talking.mp4"), avatar, "musetalk")
