from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import savgol_coeffs

from masktalk.faces.canonical import canonical_face
from masktalk.faces.smoothing import _weights, fill_gaps, smooth
from masktalk.types import Face

RATE = Fraction(25)
MESH = canonical_face().mesh * 100


def face(index, x=0.0, y=0.0, noise=None):
    mesh = MESH + np.array([300 + x, 200 + y, 0])
    if noise is not None:
        mesh[:, :2] += noise
    return Face(mesh.astype(np.float32), "mesh", 0.9, "closed", Fraction(index) / RATE)


def smoothed(faces, cuts=()):
    links = ((each, index in cuts) for index, each in enumerate(faces))
    return list(smooth(links, RATE))


def eye_line(faces):
    return np.array([each.mesh[[33, 263], 0].mean() for each in faces])


@pytest.mark.parametrize("half", [2, 3, 4, 10])
def test_the_filter_is_the_quadratic_one_of_savitzky_and_golay(half):
    assert _weights(half) == pytest.approx(savgol_coeffs(2 * half + 1, 2), abs=1e-12)


def test_noise_shrinks_and_nothing_lags():
    rng = np.random.default_rng(0)
    slow = 20 * np.sin(np.arange(60) / 9)
    noisy = [face(i, x=slow[i], noise=rng.normal(0, 0.5, (1, 2))) for i in range(60)]
    calm = eye_line(smoothed(noisy)) - 300 - slow
    raw = eye_line(noisy) - 300 - slow
    assert calm[5:-5].std() < 0.7 * raw[5:-5].std()
    speed = np.gradient(slow)
    assert abs(np.dot(calm, speed) / np.dot(speed, speed)) < 0.1, "a lag shows against speed"


def test_backwards_in_time_gives_the_same():
    rng = np.random.default_rng(1)
    noisy = [face(i, x=3 * i, noise=rng.normal(0, 0.4, (1, 2))) for i in range(20)]
    forwards = eye_line(smoothed(noisy))
    backwards = eye_line(smoothed(noisy[::-1]))[::-1]
    assert forwards == pytest.approx(backwards, abs=1e-3)


def test_a_jerk_stays_a_jerk():
    jump = [face(i, x=0 if i < 10 else 25) for i in range(20)]
    assert eye_line(smoothed(jump)) == pytest.approx(eye_line(jump), abs=0.7)


def test_a_cut_keeps_scenes_apart():
    scenes = [face(i, x=0 if i < 10 else 2) for i in range(20)]
    out = eye_line(smoothed(scenes, cuts={10}))
    assert out == pytest.approx(eye_line(scenes), abs=1e-3)


def test_missing_faces_stay_missing_and_in_place():
    faces = [None, face(1), face(2), None, face(4)]
    out = smoothed(faces)
    assert [each is None for each in out] == [True, False, False, True, False]
    assert [each.time for each in out if each] == [each.time for each in faces if each]


def test_smoothing_is_lazy():
    asked = []

    def source():
        for index in range(1000):
            asked.append(index)
            yield face(index), False

    stream = smooth(source(), RATE)
    next(stream)
    assert len(asked) < 10


def filled(pattern, cuts=(), x=lambda i: 4.0 * i):
    links = [(face(i, x(i)) if there else None, i in cuts) for i, there in enumerate(pattern)]
    return [each for each, _ in fill_gaps(iter(links), RATE, Fraction(1, 2))]


def test_a_short_gap_is_filled_evenly_and_says_so():
    out = filled([1] * 3 + [0] * 12 + [1] * 3)
    assert all(out)
    assert eye_line(out) == pytest.approx(300 + 4.0 * np.arange(18), abs=1e-3)
    assert {each.located_by for each in out[3:15]} == {"between"}
    assert all(each.confidence < 0.5 for each in out[3:15])
    assert [each.time for each in out] == [Fraction(i) / RATE for i in range(18)]


@pytest.mark.parametrize(
    ("pattern", "cuts", "x"),
    [
        ([1] * 3 + [0] * 13 + [1] * 3, (), lambda i: 0.0),
        ([0] * 4 + [1] * 3 + [0] * 4, (), lambda i: 0.0),
        ([1] * 3 + [0] * 5 + [1] * 3, (6,), lambda i: 0.0),
        ([1] * 3 + [0] * 5 + [1] * 3, (), lambda i: 0.0 if i < 5 else 500.0),
    ],
    ids=["too long", "at the ends", "across a cut", "back elsewhere"],
)
def test_other_gaps_stay(pattern, cuts, x):
    assert [each is not None for each in filled(pattern, cuts, x)] == [bool(p) for p in pattern]
