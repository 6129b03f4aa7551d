"""The tracker finds near and far faces, keeps closures, and says where there is no face."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from masktalk.evaluate.mouth_synchrony import track_mouth
from masktalk.faces.mouth_tracker import follow_mouth
from masktalk.types import Frame


@pytest.fixture(scope="module")
def portrait(material):
    return np.asarray(Image.open(material / "portrait.jpg").convert("RGB"))[:384, :384]


def measured(pictures):
    frames = (Frame(np.ascontiguousarray(p), Fraction(i, 25)) for i, p in enumerate(pictures))
    return [(mesh, measures) for _, mesh, measures in follow_mouth(frames)]


def test_frames_without_a_face_are_told_and_times_are_exact(material):
    track = track_mouth(material / "talking.mp4")
    assert len(track) == 24
    assert [i for i, seen in enumerate(track.tracked) if not seen] == [10]
    assert np.isnan(track.aperture[10])
    assert track.records[7].time == Fraction(7 * 1001, 30000)
    assert np.nanstd(track.aperture) < 0.01


def test_a_far_face_is_found_and_followed(portrait):
    small = cv2.resize(portrait, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    pictures = []
    for step in range(8):
        canvas = np.full((720, 1280, 3), 120, np.uint8)
        canvas[500 : 500 + 96, 40 + 5 * step : 136 + 5 * step] = small
        pictures.append(canvas)
    found = measured(pictures)
    assert sum(mesh is not None for mesh, _ in found) == 8
    eyes = [mesh[[33, 263], 0].mean() for mesh, _ in found]
    np.testing.assert_allclose(np.diff(eyes), 5, atol=2.5)


def test_nothing_is_smoothed_between_frames(portrait):
    """A mouth painted shut for one frame is shut in that frame alone."""
    (mesh, rest), *_ = measured([portrait] * 3)[2:]
    gap = portrait.copy()
    middle = mesh[[13, 14], :2].mean(axis=0).astype(int)
    unit = np.linalg.norm(mesh[263, :2] - mesh[33, :2])
    axes = (int(0.16 * unit), int(0.12 * unit))
    cv2.ellipse(gap, tuple(int(v) for v in middle), axes, 0, 0, 360, (40, 10, 10), -1)
    pictures = [gap] * 4 + [portrait] + [gap] * 4
    openings = [measures.aperture for _, measures in measured(pictures)]
    around = (openings[3] + openings[5]) / 2
    assert openings[4] < rest.aperture + 0.3 * (around - rest.aperture)
