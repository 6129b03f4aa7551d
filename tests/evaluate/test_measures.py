"""Mouth measures do not see how the head turns; pictures are compared as they should be."""

import numpy as np
import pytest

from masktalk.evaluate.image_quality import (
    downward_flow,
    edge_ring,
    lip_distance,
    psnr,
    sharpness,
    slope_along,
    ssim,
)
from masktalk.faces.canonical import canonical_face, rotation
from masktalk.faces.measures import frontal_mesh, measure_mesh, measure_mouth
from masktalk.landmarks import LIP_CONTOURS


def head(yaw=0.0, pitch=0.0, roll=0.0, scale=90.0, open_by=0.0):
    mesh = canonical_face().mesh.astype(np.float32).copy()
    lower = [14, 17, 87, 317, 178, 402, 88, 318, 95, 324]
    mesh[lower, 1] += open_by
    mesh[152, 1] += open_by
    return np.asarray(mesh @ rotation(yaw, pitch, roll).T * scale + [200, 150, 0], np.float32)


@pytest.mark.parametrize(
    "pose",
    [{"yaw": 0.4}, {"pitch": -0.3}, {"roll": 0.5}, {"scale": 300.0}, {"yaw": -0.3, "roll": 1}],
)
def test_measures_are_freed_of_head_pose(pose):
    front, turned = measure_mesh(head(open_by=0.1)), measure_mesh(head(**pose, open_by=0.1))
    for name in ("aperture", "width", "inner_width", "height", "jaw", "protrusion"):
        assert getattr(turned, name) == pytest.approx(getattr(front, name), abs=0.004)


def test_an_opening_is_measured_in_eye_distances():
    shut = measure_mesh(head())
    wide = measure_mesh(head(open_by=0.15))
    assert wide.aperture - shut.aperture == pytest.approx(0.15, abs=0.02)
    assert wide.jaw - shut.jaw == pytest.approx(0.15, abs=0.02)
    assert wide.width == pytest.approx(shut.width, abs=1e-6)


def test_no_face_has_no_lengths():
    nothing = measure_mouth(None)
    assert not nothing.tracked
    assert np.isnan(nothing.aperture)


def test_the_frontal_mesh_is_upright_and_of_unit_size():
    turned = frontal_mesh(head(yaw=0.3, roll=-0.7, scale=222))
    across = turned[263] - turned[33]
    assert np.linalg.norm(across) == pytest.approx(1, abs=0.05)
    assert abs(across[1]) < 0.03


def test_lip_distance_counts_the_lips_alone():
    assert lip_distance(head(), head(yaw=0.3, roll=0.2)) < 0.005
    moved = head()
    moved[list(LIP_CONTOURS), 0] += 9
    assert lip_distance(head(), moved) == pytest.approx(0.1, abs=0.01)


@pytest.fixture
def picture():
    rng = np.random.default_rng(0)
    import cv2

    small = rng.integers(0, 256, (16, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (96, 96), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_likeness(picture):
    assert ssim(picture, picture) == pytest.approx(1)
    noisy = np.clip(picture + np.random.default_rng(1).normal(0, 30, picture.shape), 0, 255)
    assert ssim(picture, noisy.astype(np.uint8)) < 0.9
    assert psnr(picture, picture) == float("inf")
    off = picture.copy()
    off[:48] ^= 8
    assert psnr(picture, off) < 40
    lower = np.zeros((96, 96), np.bool_)
    lower[48:] = True
    assert psnr(picture, off, lower) == float("inf")


def test_blur_is_seen_as_less_sharp_and_contrast_is_not(picture):
    import cv2

    grain = np.random.default_rng(1).normal(0, 20, picture.shape)
    sharp = np.clip(picture * 0.6 + 50 + grain, 0, 255).astype(np.uint8)
    assert sharpness(cv2.GaussianBlur(sharp, (0, 0), 2)) < 0.5 * sharpness(sharp)
    pale = (sharp // 2 + 60).astype(np.uint8)
    assert sharpness(pale) == pytest.approx(sharpness(sharp), rel=0.15)


def test_a_seam_is_seen_along_the_ring(picture):
    alpha = np.zeros((96, 96), np.uint8)
    alpha[30:60, 30:60] = 255
    ring = edge_ring(alpha)
    assert ring[30, 40]
    assert not ring[45, 45]
    seamed = picture.copy()
    seamed[30:60, 30:60] = np.clip(seamed[30:60, 30:60].astype(int) + 40, 0, 255)
    assert slope_along(seamed, ring) > 1.2 * slope_along(picture, ring)


def test_flow_says_how_far_down(picture):
    lowered = np.roll(picture, 3, axis=0)
    flow = downward_flow(picture, lowered)[20:76, 20:76]
    assert np.median(flow) == pytest.approx(3, abs=0.5)
