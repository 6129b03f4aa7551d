import cv2
import numpy as np
import pytest

from masktalk.faces.roi import Roi, overlap, roi_around


def spotted(x, y, side=200):
    picture = np.zeros((side, side, 3), np.uint8)
    cv2.circle(picture, (round(x * 8), round(y * 8)), 3 * 8, (255, 255, 255), -1, shift=3)
    return cv2.GaussianBlur(picture, (0, 0), 2)


def brightest(picture):
    weight = picture[..., 0].astype(float)
    rows, columns = np.mgrid[: len(weight), : len(weight)] + 0.5
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("angle", [0.0, 0.6, -2.0])
@pytest.mark.parametrize("size", [80.0, 150.0])
def test_a_crop_and_its_way_back_agree(angle, size):
    roi = Roi(95, 105, size, angle)
    crop = roi.crop(spotted(110, 95), 64)
    back = roi.to_picture((brightest(crop) / 64)[None].astype(np.float32))[0]
    assert back == pytest.approx((110.5, 95.5), abs=0.3)


def test_a_region_around_tilted_points_is_level_in_their_axes():
    turn = np.array([[0, -1], [1, 0]])
    points = np.array([[-20, -10], [20, -10], [20, 30], [-20, 30]]) @ turn.T + 100
    roi = roi_around(points.astype(np.float32), points[0], points[1], 1.5)
    assert roi.angle == pytest.approx(np.pi / 2, abs=1e-5)
    assert roi.size == pytest.approx(60)
    assert (roi.x, roi.y) == pytest.approx((90, 100), abs=1e-3)


def test_overlap():
    square = np.array([[0, 0], [10, 10]], np.float32)
    assert overlap(square, square) == pytest.approx(1)
    assert overlap(square, square + np.array([5, 0])) == pytest.approx(1 / 3)
    assert overlap(square, square + 20) == 0
