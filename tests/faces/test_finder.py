import cv2
import numpy as np
import pytest

from masktalk.faces import Finder, LocateOptions, locate, locate_all
from masktalk.faces.occluders import COVERS, cover_mouth
from masktalk.types import Frame


@pytest.fixture(scope="module")
def crowd(portrait, cartoon):
    """Two faces: the portrait's at the left, the larger cartoon's at the right."""
    height = max(len(portrait), len(cartoon))
    sides = [
        cv2.copyMakeBorder(p, 0, height - len(p), 0, 0, cv2.BORDER_CONSTANT, value=(120, 120, 120))
        for p in (portrait, cartoon)
    ]
    return Frame(np.hstack(sides))


def test_finds_a_portrait_and_a_drawing(finder, portrait, cartoon):
    for pixels, mouth in ((portrait, (224, 143)), (cartoon, (192, 326))):
        face = finder.locate(Frame(pixels))
        assert face.located_by == "mesh"
        assert face.mouth == pytest.approx(mouth, abs=0.08 * face.interocular)
        assert face.mouth_state in ("open", "closed")
        assert face.confidence > 0.9


def test_a_ninjas_mouth_is_covered_and_below_his_eyes(finder, ninja):
    face = finder.locate(Frame(ninja))
    assert face.mouth_state == "occluded"
    assert face.mouth == pytest.approx((192, 300), abs=0.15 * face.interocular)
    assert face.chin == pytest.approx((192, 360), abs=0.3 * face.interocular)


@pytest.mark.parametrize("kind", COVERS)
def test_tells_covered_from_bare_and_places_what_is_hidden(finder, cartoon, portrait, kind):
    for seed, pixels in enumerate((cartoon, portrait)):
        bare = finder.locate(Frame(pixels))
        covered = cover_mouth(pixels, bare.mesh, kind, np.random.default_rng(seed))
        face = finder.locate(Frame(covered))
        assert face.mouth_state == "occluded"
        away = np.linalg.norm(face.mouth - bare.mouth) / bare.interocular
        assert away < 0.25


@pytest.mark.parametrize("degrees", [-80, -30, 45, 150, 180])
def test_tilted_heads(finder, portrait, degrees):
    upright = finder.locate(Frame(portrait))
    middle = (256.0, 160.0)
    turn = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    turned = cv2.warpAffine(portrait, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    face = finder.locate(Frame(turned))
    expected = turn[:, :2] @ upright.mouth + turn[:, 2]
    assert face.mouth == pytest.approx(expected, abs=0.1 * upright.interocular)
    assert face.roll == pytest.approx(upright.roll - np.deg2rad(degrees), abs=0.15) or (
        degrees == 180 and abs(face.roll) > 2.9
    )


def test_small_faces_in_large_pictures_and_faces_cut_by_the_border(finder, portrait):
    small = cv2.resize(portrait, None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA)
    large = np.full((720, 1280, 3), 140, np.uint8)
    large[400 : 400 + len(small), 900 : 900 + small.shape[1]] = small
    face = finder.locate(Frame(large))
    assert face.mouth == pytest.approx((900 + 224 * 0.35, 400 + 143 * 0.35), abs=3)
    cut = finder.locate(Frame(np.ascontiguousarray(portrait[60:, 205:])))
    assert cut.mouth == pytest.approx((224 - 205, 143 - 60), abs=6)


def test_everybody_is_found_from_left_to_right(crowd):
    faces = locate_all(crowd)
    assert len(faces) == 2
    assert faces[0].mouth[0] < crowd.width / 2 < faces[1].mouth[0]


@pytest.mark.parametrize(
    ("choice", "at_right"),
    [
        ("largest", True),
        ("left", False),
        ("right", True),
        (0, False),
        (1, True),
        ((200, 120), False),
    ],
)
def test_the_chosen_face(crowd, choice, at_right):
    face = locate(crowd, LocateOptions(face=choice))
    assert (face.mouth[0] > crowd.width / 2) == at_right


def test_a_number_beyond_the_last_face_is_no_face(crowd):
    assert locate(crowd, LocateOptions(face=2)) is None


def test_no_face_is_none(finder):
    assert finder.locate(Frame(np.full((90, 120, 3), 200, np.uint8))) is None


def test_alpha_does_not_matter_where_it_is_opaque(finder, portrait):
    alpha = np.full((*portrait.shape[:2], 1), 255, np.uint8)
    face = finder.locate(Frame(np.concatenate([portrait, alpha], axis=2)))
    assert np.abs(face.mesh - finder.locate(Frame(portrait)).mesh).max() < 1e-3


def test_the_state_can_be_forced(portrait):
    face = locate(Frame(portrait), LocateOptions(mouth_state="occluded"))
    assert face.mouth_state == "occluded"


def test_only_the_named_locators_are_asked(portrait):
    face = locate(Frame(portrait), LocateOptions(locators=("detector",)))
    assert face.located_by == "detector"


def test_nothing_reaches_standard_error(portrait, capfd):
    with Finder(LocateOptions(locators=("mesh", "detector"))) as finder:
        finder.locate(Frame(portrait))
        finder.locate(Frame(np.zeros((64, 64, 3), np.uint8)))
    assert capfd.readouterr() == ("", "")
