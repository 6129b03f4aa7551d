"""Expressions: told apart by the landmarks of whoever locates the face again."""

import pytest

from masktalk.behaviour import EXPRESSIONS, Movement
from masktalk.engines.warp.engine import FrameWarper, WarpOptions
from masktalk.engines.warp.prepared_data import load_or_make
from masktalk.errors import OptionError
from masktalk.faces import locate
from masktalk.landmarks import LEFT_MOUTH_CORNER, LOWER_LIP_INNER, RIGHT_MOUTH_CORNER
from masktalk.preparation import prepare
from masktalk.types import Frame
from tests.engines.warp.drawn import laid_over, values_of


@pytest.fixture(scope="module")
def located(material, tmp_path_factory):
    """The demo's portrait, located with every expression at full strength."""
    avatar = prepare(material / "portrait.jpg", tmp_path_factory.mktemp("mood") / "avatar")
    talker = FrameWarper(avatar, load_or_make(avatar), WarpOptions(expression="happy"))
    found = {}
    for name, weights in (("neutral", {}), *EXPRESSIONS.items()):
        patch = talker.patch(0, values_of(), Movement(dict(weights)))
        found[name] = locate(Frame(laid_over(avatar.frame(0).pixels, patch)))
    return found


def corners(face):
    """Height of the mouth's corners above the lower lip, in inter-ocular distances."""
    ends = face.mesh[[LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER], 1].mean()
    return (face.mesh[LOWER_LIP_INNER, 1] - ends) / face.interocular


def brows(face, *indices):
    """Height of points of the brows above the eyes, in inter-ocular distances."""
    eyes = face.mesh[[33, 133, 263, 362], 1].mean()
    return (eyes - face.mesh[list(indices), 1].mean()) / face.interocular


def test_smiles_raise_the_corners_and_sadness_lowers_them(located):
    assert corners(located["happy"]) > corners(located["neutral"]) + 0.015
    assert corners(located["sad"]) < corners(located["neutral"]) - 0.01


def test_brows_tell_anger_from_surprise(located):
    inner = {name: brows(face, 107, 336) for name, face in located.items()}
    outer = {name: brows(face, 70, 300) for name, face in located.items()}
    assert inner["angry"] < inner["neutral"] - 0.01 < inner["surprised"] - 0.04
    assert inner["sad"] - outer["sad"] > inner["neutral"] - outer["neutral"] + 0.02


def test_speech_goes_on_under_an_expression(material, tmp_path):
    avatar = prepare(material / "portrait.jpg", tmp_path / "avatar")
    talker = FrameWarper(avatar, load_or_make(avatar), WarpOptions(expression="happy"))
    happy = Movement(dict(EXPRESSIONS["happy"]))
    patches = [talker.patch(0, values_of(jawOpen=jaw), happy) for jaw in (0.0, 0.6)]
    closed, opened = (locate(Frame(laid_over(avatar.frame(0).pixels, p))) for p in patches)
    gaps = [(face.mesh[14, 1] - face.mesh[13, 1]) / face.interocular for face in (closed, opened)]
    assert gaps[1] > gaps[0] + 0.08


@pytest.mark.parametrize("options", [{"expression": "glad"}, {"gaze": "up"}])
def test_unknown_names_are_refused(options):
    with pytest.raises(OptionError):
        WarpOptions(**options)
