import json

import pytest

from masktalk.errors import OptionError, PointsError
from masktalk.faces import LocateOptions, Points, RigPoints, locate, read_points
from masktalk.types import Frame

MOUTH = {"left_corner": [80, 150], "right_corner": [120, 150]}


def written(folder, content):
    path = folder / "points.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_reads_one_set_for_a_picture(tmp_path):
    rig = read_points(written(tmp_path, {**MOUTH, "chin": [100, 190]})).at(3.0)
    assert rig.left_corner == (80, 150)
    assert rig.chin == (100, 190)
    assert rig.left_eye is None


def test_keyframes_move_evenly_and_hold_at_both_ends(tmp_path):
    later = {"left_corner": [90, 170], "right_corner": [130, 170]}
    frames = [{"time": 1, **MOUTH}, {"time": 3, **later}]
    points = read_points(written(tmp_path, {"frames": frames}))
    assert read_points(written(tmp_path, frames)).frames == points.frames
    assert points.at(0).left_corner == (80, 150)
    assert points.at(2).left_corner == (85, 160)
    assert points.at(9).right_corner == (130, 170)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no json", "is not valid JSON"),
        ("3", "holds no object"),
        ("[1, 2]", "valid dictionary"),
        ("[]", "frames"),
        ({"left_corner": [1, 2]}, "right_corner"),
        ({**MOUTH, "nose": [1, 2]}, "nose"),
        ({**MOUTH, "chin": [1]}, "chin"),
        ({**MOUTH, "chin": ["x", 2]}, "chin"),
        ({**MOUTH, "left_eye": [1, 2]}, "both eyes"),
        ({"left_corner": [5, 5], "right_corner": [5, 5]}, "on one another"),
        ('{"left_corner": [NaN, 1], "right_corner": [9, 1]}', "left_corner"),
        ({"frames": []}, "frames"),
        ({"frames": [{"time": 2, **MOUTH}, {"time": 1, **MOUTH}]}, "order of time"),
        ({"frames": [{"time": 1, **MOUTH}, {"time": 2, **MOUTH, "chin": [1, 2]}]}, "same points"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, content, said):
    path = written(tmp_path, content)
    with pytest.raises(PointsError) as error:
        read_points(path)
    line = str(error.value)
    assert said in line
    assert str(path) in line
    assert "\n" not in line


def test_a_missing_file_names_itself(tmp_path):
    with pytest.raises(PointsError, match=r"points\.json"):
        read_points(tmp_path / "points.json")


def test_points_outside_the_picture_are_refused(cartoon):
    outside = Points(frames=(RigPoints(left_corner=(10, 10), right_corner=(9999, 10)),))
    with pytest.raises(PointsError, match="right_corner"):
        locate(Frame(cartoon), LocateOptions(points=outside))


def test_given_points_are_hit_exactly_and_decide_alone(cartoon):
    rig = RigPoints(
        left_corner=(80, 150),
        right_corner=(122, 152),
        upper_lip=(100, 149),
        lower_lip=(101, 156),
        chin=(102, 190),
        left_eye=(60, 90),
        right_eye=(140, 88),
    )
    face = locate(Frame(cartoon), LocateOptions(points=Points(frames=(rig,))))
    assert face.located_by == "points"
    assert face.left_corner == pytest.approx((80, 150), abs=1e-3)
    assert face.right_corner == pytest.approx((122, 152), abs=1e-3)
    assert face.chin == pytest.approx((102, 190), abs=1e-3)
    assert face.mouth == pytest.approx((100.75, 151.75), abs=1e-3)
    assert face.mouth_state == "open"


@pytest.mark.parametrize("said", ["occluded", "covered"])  # as it was called earlier
def test_a_person_can_say_what_the_mouth_is(cartoon, said):
    rig = RigPoints(left_corner=(80, 150), right_corner=(122, 152), mouth=said)
    face = locate(Frame(cartoon), LocateOptions(points=Points(frames=(rig,))))
    assert face.mouth_state == "occluded"


@pytest.mark.parametrize("wrong", [{"face": "nearest"}, {"face": -1}, {"mouth_state": "shut"}])
def test_unknown_choices_are_refused(wrong):
    with pytest.raises(OptionError, match=r"choose|one of"):
        LocateOptions(**wrong)
