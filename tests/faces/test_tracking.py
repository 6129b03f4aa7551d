from fractions import Fraction

import cv2
import numpy as np
import pytest

from masktalk.faces import Finder, LocateOptions, Points, RigPoints, track
from masktalk.faces.occluders import cover_mouth
from masktalk.types import Frame

RATE = Fraction(25)


@pytest.fixture(scope="module")
def head(portrait):
    return portrait[30:260, 120:340]


def video(pictures):
    return [Frame(np.ascontiguousarray(p), i / RATE) for i, p in enumerate(pictures)]


def shifted(head, x, y=40, size=(360, 480), shade=150):
    picture = np.full((*size, 3), shade, np.uint8)
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return cv2.warpAffine(head, move, size[::-1], dst=picture, borderMode=cv2.BORDER_TRANSPARENT)


def blank(size=(360, 480)):
    return np.full((*size, 3), 150, np.uint8)


def test_a_moving_head_is_followed_without_lag(head):
    way = 60 + 50 * np.sin(np.arange(40) / 8)
    faces = list(track(video(shifted(head, x) for x in way), RATE))
    assert all(face is not None and face.located_by == "mesh" for face in faces)
    seen = np.array([face.point(6)[0] for face in faces])
    error = (seen - way) - np.median(seen - way)
    assert np.abs(error).max() < 1.5
    speed = np.gradient(way)
    assert abs(np.dot(error, speed) / np.dot(speed, speed)) < 0.15, "no part of a frame late"
    assert [face.time for face in faces] == [i / RATE for i in range(40)]


def test_short_gaps_are_filled_and_long_ones_stay_empty(head):
    there = [1] * 8 + [0] * 6 + [1] * 8 + [0] * 20 + [1] * 8
    faces = list(track(video(shifted(head, 60) if t else blank() for t in there), RATE))
    assert len(faces) == len(there)
    assert all(faces[:22])
    assert {face.located_by for face in faces[8:14]} == {"between"}
    assert not any(faces[22:42])
    assert all(faces[42:])


def test_no_face_at_all_is_none_for_every_frame():
    assert list(track(video([blank()] * 5), RATE)) == [None] * 5


def test_the_same_person_is_followed_though_another_grows(head, cartoon):
    def scene(step):
        picture = np.full((420, 900, 3), 150, np.uint8)
        picture[40:270, 20:240] = head
        other = cv2.resize(cartoon[60:420], None, fx=0.5 + 0.02 * step, fy=0.5 + 0.02 * step)
        picture[5 : 5 + len(other), 400 : 400 + other.shape[1]] = other[:415, :500]
        return picture

    faces = list(track(video(scene(i) for i in range(20)), RATE, LocateOptions(face="left")))
    assert all(face is not None and face.mouth[0] < 300 for face in faces)


def test_a_cut_starts_anew_and_nothing_is_smeared_across(head, cartoon):
    first = [shifted(head, 60)] * 10
    second = [cv2.resize(cartoon, (480, 360))] * 10
    faces = list(track(video(first + second), RATE))
    alone = next(track(video(second), RATE))
    assert np.abs(faces[10].mesh - alone.mesh).max() < 0.03 * alone.interocular
    assert np.ptp([face.mouth[0] for face in faces[:10]]) < 1


def test_a_mask_put_on_is_seen_and_taken_for_the_rest(head, finder):
    bare = shifted(head, 60)
    mesh = finder.locate(Frame(bare)).mesh
    covered = cover_mouth(bare, mesh, "mask", np.random.default_rng(3))
    faces = list(track(video([bare] * 40 + [covered] * 40), RATE))
    states = [face.mouth_state for face in faces]
    assert "occluded" not in states[:15]
    assert set(states[-15:]) == {"occluded"}
    mouths = np.array([face.mouth for face in faces[-15:]])
    away = np.linalg.norm(mouths - mesh[[61, 291, 13, 14], :2].mean(axis=0), axis=1)
    assert away.max() < 0.25 * faces[0].interocular
    assert np.ptp(mouths, axis=0).max() < 2


def test_a_covered_mouth_stays_covered_to_the_last_frame(ninja):
    for count in (1, 2, 14):
        faces = list(track(video([ninja] * count), RATE))
        assert [face.mouth_state for face in faces] == ["occluded"] * count


def test_reading_ahead_is_bounded(head):
    asked = []

    def frames():
        for frame in video([shifted(head, 60)]) * 300:
            asked.append(frame)
            yield frame

    stream = track(frames(), RATE)
    next(stream)
    assert len(asked) <= 2 * RATE
    stream.close()


def test_given_points_are_followed_through_keyframes():
    def rig(time, x):
        return RigPoints(time=time, left_corner=(x, 100), right_corner=(x + 40, 100))

    points = Points(frames=(rig(0.0, 50), rig(0.4, 90)))
    faces = list(track(video([blank()] * 11), RATE, LocateOptions(points=points)))
    assert [round(float(face.left_corner[0])) for face in faces] == list(range(50, 91, 4))


def test_closing_frees_the_networks_early(head, monkeypatch):
    closed = []
    close = Finder.close
    monkeypatch.setattr(Finder, "close", lambda self: (closed.append(self), close(self)))
    stream = track(video([shifted(head, 60)] * 60), RATE)
    next(stream)
    stream.close()
    assert len(closed) == 1


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(30000, 1001), Fraction(120)])
def test_any_rate(head, rate):
    frames = [Frame(shifted(head, 60 + i), i / rate) for i in range(4)]
    assert all(track(frames, rate))
