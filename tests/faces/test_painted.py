"""A line, bars, or nothing where a drawn mouth should be."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from masktalk.faces.painted import is_drawing, look_at_mouth

CORNERS = np.array([[120.0, 200.0], [280.0, 200.0]], np.float32)


def paper(tone=240):
    return np.full((400, 400, 3), tone, np.uint8)


def arch(picture, depth, thick=6):
    across = np.linspace(-1, 1, 80)
    curve = np.stack([200 + 80 * across, 200 + depth * (1 - across**2)], axis=1)
    cv2.polylines(picture, [np.rint(curve).astype(np.int32)], False, (30, 20, 20), thick)
    return picture


@pytest.mark.parametrize("depth", [-40, 0, 12, 50])
def test_a_line_bends_as_it_is_drawn(depth):
    painted = look_at_mouth(arch(paper(), depth), CORNERS)
    assert painted.kind == "line"
    assert painted.bend == pytest.approx(depth, abs=4)
    assert painted.thickness == pytest.approx(6, rel=0.5)


def test_a_slanted_line_bends_no_more():
    picture = arch(paper(), 40)
    turn = cv2.getRotationMatrix2D((200, 200), 20, 1)
    turned = cv2.warpAffine(picture, turn, (400, 400), borderValue=(240, 240, 240))
    corners = (CORNERS @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    assert look_at_mouth(turned, corners).bend == pytest.approx(40, abs=4)


def test_of_two_lines_the_one_at_the_corners_is_the_mouth():
    picture = arch(paper(), 20)
    cv2.line(picture, (100, 140), (300, 140), (30, 20, 20), 4)
    painted = look_at_mouth(picture, CORNERS)
    assert painted.bend == pytest.approx(20, abs=4)


def test_lips_are_told_from_skin():
    lips = paper()
    cv2.ellipse(lips, (200, 200), (80, 16), 0, 0, 360, (200, 90, 90), -1)
    assert look_at_mouth(arch(lips, 0), CORNERS).lips
    assert not look_at_mouth(arch(paper(), 0), CORNERS).lips


@pytest.mark.parametrize("pitch", [12, 20, 32])
def test_bars_are_a_grille(pitch):
    picture = paper(150)
    for column in range(125, 280, pitch):
        cv2.line(picture, (column, 180), (column, 220), (40, 40, 40), 3)
    painted = look_at_mouth(picture, CORNERS)
    assert painted.kind == "grille"
    assert painted.pitch == pytest.approx(pitch, abs=1)
    assert (painted.slot - 125) % pitch == pytest.approx(0, abs=2) or (
        painted.slot - 125
    ) % pitch == pytest.approx(pitch, abs=2)


def test_nothing_is_blank_and_texture_is_neither():
    noise = np.random.default_rng(0).integers(60, 200, (400, 400, 3)).astype(np.uint8)
    assert look_at_mouth(paper(), CORNERS).kind == "blank"
    assert look_at_mouth(cv2.GaussianBlur(noise, (0, 0), 3) * 2, CORNERS).kind == "other"


@pytest.mark.parametrize("corners", [[[0, 0], [3, 1]], [[380, 395], [400, 400]]])
def test_a_mouth_at_the_picture_s_edge(corners):
    assert look_at_mouth(paper(), np.array(corners, np.float32)).kind == "blank"


def test_a_photograph_is_not_a_drawing(spotted_photograph):
    assert is_drawing(arch(paper(), 20), (50, 50, 350, 350))
    assert not is_drawing(spotted_photograph, (50, 50, 350, 350))


@pytest.fixture
def spotted_photograph():
    """Shading and grain, as every photograph has."""
    rows, columns = np.mgrid[:400, :400]
    shade = 120 + 60 * np.sin(rows / 70) * np.cos(columns / 90)
    grain = np.random.default_rng(0).normal(0, 3, (400, 400, 3))
    return np.clip(shade[..., None] + grain, 0, 255).astype(np.uint8)
