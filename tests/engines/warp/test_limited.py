"""Drawn mouths: a line opens in its own ink, an opening scales its own paint."""

import cv2
import numpy as np
import pytest

from masktalk.engines.warp.limited import LimitedMouth
from masktalk.engines.warp.shape import read_channels
from masktalk.faces import fit_mesh
from masktalk.types import CHANNELS, Face

SKIN, INK, RED, TEETH = (250, 215, 180), (60, 30, 20), (150, 40, 50), (255, 255, 255)


def channels(**values):
    row = np.zeros(len(CHANNELS), np.float32)
    for name, value in values.items():
        row[CHANNELS.index(name)] = value
    return read_channels(row)


def face_with(top, bottom, state):
    points = {33: (130, 170), 263: (270, 170), 61: (160, 250), 291: (240, 250)}
    mesh = fit_mesh(points | {13: (200, top), 14: (200, bottom), 152: (200, 330)})
    return Face(mesh, "drawn", 0.9, state)


@pytest.fixture
def line():
    pixels = np.full((400, 400, 3), SKIN, np.uint8)
    cv2.ellipse(pixels, (200, 235), (40, 22), 0, 20, 160, INK, 4, cv2.LINE_AA)
    return pixels, LimitedMouth.of(pixels, face_with(256, 256, "closed"))


@pytest.fixture
def opening():
    pixels = np.full((400, 400, 3), SKIN, np.uint8)
    cv2.ellipse(pixels, (200, 240), (40, 40), 0, 0, 180, RED, -1, cv2.LINE_AA)
    cv2.rectangle(pixels, (170, 240), (230, 248), TEETH, -1)
    return pixels, LimitedMouth.of(pixels, face_with(240, 280, "open"))


def pasted(pixels, patch):
    result = pixels.copy()
    height, width = patch.pixels.shape[:2]
    region = result[patch.y : patch.y + height, patch.x : patch.x + width]
    region[:] = np.where(patch.pixels[..., 3:] > 0, patch.pixels[..., :3], region)
    return result


def painted(pixels):
    """Rows in which anything differs from the skin."""
    return np.flatnonzero((np.abs(pixels.astype(int) - SKIN).max(axis=2) > 40).any(axis=1))


def test_a_line_at_rest_keeps_the_sources_pixels(line):
    assert line[1].line is not None
    assert line[1].patch(channels()) is None


def test_a_line_opens_in_its_own_ink_and_nothing_else_moves(line):
    pixels, mouth = line
    result = pasted(pixels, mouth.patch(channels(jawOpen=0.5)))
    rows = painted(result)
    assert np.ptp(rows) > 1.5 * np.ptp(painted(pixels))
    assert rows.max() < 330
    assert (np.abs(result.astype(int) - INK).max(axis=2) < 12).sum() > 100
    assert (result[:200] == pixels[:200]).all()
    assert (result[:, :120] == pixels[:, :120]).all()


def test_an_opening_scales_its_own_paint(opening):
    pixels, mouth = opening
    assert mouth.line is None
    shut, wide = (pasted(pixels, mouth.patch(channels(jawOpen=v))) for v in (0.0, 0.6))
    assert np.ptp(painted(shut)) < 0.4 * np.ptp(painted(pixels))
    assert np.ptp(painted(wide)) > 0.9 * np.ptp(painted(pixels))
    # Nothing is in the mouth that was not painted: no colour is far from the paint's mixes.
    assert wide[..., 2][np.abs(wide.astype(int) - RED).max(axis=2) < 10].size > 1000
    assert wide.min(axis=(0, 1)).tolist() >= [RED[0] - 6, RED[1] - 6, RED[2] - 6]


def test_a_pucker_narrows_a_drawn_mouth(opening):
    pixels, mouth = opening
    columns = [
        np.ptp(painted(pasted(pixels, mouth.patch(c)).transpose(1, 0, 2)))
        for c in (channels(jawOpen=0.4), channels(jawOpen=0.4, mouthPucker=1.0))
    ]
    assert columns[1] < 0.8 * columns[0]


def test_a_face_without_a_mouth_gets_one_only_when_it_speaks():
    pixels = np.full((400, 400, 3), SKIN, np.uint8)
    cv2.circle(pixels, (150, 170), 12, INK, -1)
    mouth = LimitedMouth.of(pixels, face_with(250, 250, "closed"))
    assert mouth.patch(channels()) is None
    assert len(painted(pasted(pixels, mouth.patch(channels(jawOpen=0.5)))[200:])) > 10
