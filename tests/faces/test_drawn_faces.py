"""Drawn faces: found, told bare from covered, the mouth where it is drawn."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from masktalk.compose import paste
from masktalk.engines.warp.engine import FrameWarper, WarpOptions
from masktalk.engines.warp.prepared_data import load_or_make
from masktalk.faces import LocateOptions, locate
from masktalk.faces.locators import make_locator
from masktalk.preparation import prepare
from masktalk.types import CHANNELS, Frame


def line_face(mouth=True, mask=False, size=400):
    """A flat face: two dots, a bow; with a mask over it if asked."""
    pixels = np.full((size, size, 3), 230, np.uint8)
    middle = (size // 2, size // 2)
    cv2.circle(pixels, middle, size // 3, (250, 215, 180), -1, cv2.LINE_AA)
    cv2.circle(pixels, middle, size // 3, (60, 30, 20), 5, cv2.LINE_AA)
    cv2.ellipse(
        pixels, middle, (size // 3 + 8, size // 3 + 12), 0, 200, 340, (70, 45, 30), -1, cv2.LINE_AA
    )
    for side in (-1, 1):
        cv2.circle(
            pixels, (size // 2 + side * 50, size // 2 - 30), 11, (40, 25, 20), -1, cv2.LINE_AA
        )
    if mouth:
        cv2.ellipse(
            pixels, (size // 2, size // 2 + 35), (40, 22), 0, 20, 160, (60, 30, 20), 5, cv2.LINE_AA
        )
    if mask:
        hull = [[75, 195], [200, 215], [325, 195], [310, 275], [200, 338], [90, 275]]
        cv2.fillPoly(pixels, [np.array(hull)], (90, 120, 190), cv2.LINE_AA)
        cv2.polylines(pixels, [np.array(hull)], True, (40, 50, 90), 4, cv2.LINE_AA)
    return pixels


@pytest.fixture(scope="module")
def bare():
    return locate(Frame(line_face()))


def test_a_line_face_is_found_and_bare(bare):
    assert bare is not None
    assert bare.mouth_state != "occluded"
    assert bare.mouth == pytest.approx((200, 255), abs=18)
    assert bare.confidence > 0.5


def test_a_drawing_moves_its_own_paint(tmp_path, bare):
    """What the drawn locator reads is animated as a drawing, not with photographic lips."""
    assert bare.located_by == "drawn"
    Image.fromarray(line_face()).save(tmp_path / "face.png")
    with prepare(tmp_path / "face.png", tmp_path / "face.avatar") as avatar:
        assert avatar.mouth == "draw"
        shut = np.zeros(len(CHANNELS), np.float32)
        wide = shut.copy()
        wide[CHANNELS.index("jawOpen")] = 0.9
        engine = engine_for_frames(avatar)
        assert engine.patch(0, shut) is None
        opened = paste(avatar.frame(0), engine.patch(0, wide), Fraction(0)).pixels
    changed = (opened != line_face()).any(axis=-1)
    assert changed[225:300, 150:250].sum() > 200
    assert not changed[:200].any()


def engine_for_frames(avatar):
    return FrameWarper(avatar, load_or_make(avatar), WarpOptions())


def test_a_masked_drawing_is_covered():
    face = locate(Frame(line_face(mouth=False, mask=True)))
    assert face is not None
    assert face.mouth_state == "occluded"
    x, y = face.mouth  # under the mask; where exactly is a guess
    assert 150 < x < 250
    assert 200 < y < 320
    assert face.evidence


def test_what_a_person_says_of_the_mouth_goes_before_evidence():
    face = locate(Frame(line_face()), LocateOptions(mouth_state="occluded"))
    assert face is not None
    assert face.mouth_state == "occluded"


def test_the_drawn_locator_finds_a_small_head_in_a_large_picture():
    large = np.full((600, 800, 3), 200, np.uint8)
    large[330:530, 520:720] = line_face(size=400)[::2, ::2]
    with make_locator("drawn") as locator:
        found = locator.find(Frame(large))
    assert found
    best = max(found, key=lambda sighting: sighting.confidence)
    assert best.mesh[[61, 291, 13, 14], :2].mean(axis=0) == pytest.approx((620, 457), abs=15)
