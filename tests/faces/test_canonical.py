import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktalk.faces import fit_mesh
from masktalk.faces.canonical import canonical_face, fit_pose, pose_onto, rotation

RIG = [33, 263, 61, 291, 13, 14, 152]


def placed(roll=0.0, scale=100.0, yaw=0.0, pitch=0.0):
    turned = canonical_face().mesh @ rotation(yaw, pitch, roll).T * scale
    return (turned + np.array([300, 200, 0])).astype(np.float32)


def test_the_canonical_head_is_symmetric_and_in_proportion():
    head = canonical_face()
    twin = head.mesh[head.mirror] * [-1, 1, 1]
    assert np.abs(twin - head.mesh).max() < 1e-5
    assert (head.mirror[head.mirror] == np.arange(478)).all()
    assert np.linalg.norm(head.mesh[263] - head.mesh[33]) == pytest.approx(1, abs=1e-4)
    heights = head.mesh[[10, 33, 1, 13, 14, 17, 152], 1]
    assert (np.diff(heights) > 0).all()
    assert head.mesh[1, 2] < head.mesh[33, 2] < head.mesh[234, 2]


def test_the_pose_of_a_turned_head_is_recovered_from_few_points():
    random = np.random.default_rng(1)
    for yaw, pitch, roll in random.normal(0, 0.3, (20, 3)):
        true = placed(roll, yaw=yaw, pitch=pitch)
        # People differ from the canonical head by about 0.02 inter-ocular distances.
        shape = canonical_face().mesh[RIG] + random.normal(0, 0.02, (len(RIG), 3))
        turned = shape @ rotation(yaw, pitch, roll).T * 100 + [300, 200, 0]
        fitted = fit_pose(canonical_face().mesh[RIG], turned[:, :2]).apply(canonical_face().mesh)
        assert np.linalg.norm((fitted - true)[:, :2], axis=1).mean() < 0.06 * 100


@settings(deadline=None, max_examples=25)
@given(
    roll=st.floats(-3, 3),
    scale=st.floats(20, 500),
    moves=st.lists(st.floats(-0.1, 0.1), min_size=14, max_size=14),
)
def test_every_given_point_is_hit(roll, scale, moves):
    places = placed(roll, scale)[RIG, :2] + scale * np.reshape(moves, (7, 2))
    mesh = fit_mesh({index: tuple(place) for index, place in zip(RIG, places, strict=True)})
    assert mesh.shape == (478, 3)
    assert np.abs(mesh[RIG, :2] - places).max() < 1e-3 * scale


def test_a_posed_head_is_recovered_from_few_points():
    truth = placed(roll=0.3, yaw=0.4, pitch=-0.1)
    mesh = fit_mesh({index: tuple(truth[index, :2]) for index in RIG})
    away = np.linalg.norm(mesh[:, :2] - truth[:, :2], axis=1)
    assert np.median(away) < 8
    assert away[[0, 17, 78, 308, 6, 175]].max() < 10


def test_two_points_are_enough_and_fewer_are_not():
    mesh = fit_mesh({61: (100.0, 50.0), 291: (100.0, 110.0)})
    assert mesh[61, :2] == pytest.approx((100, 50), abs=1e-3)
    assert mesh[152, 0] < 100, "a head turned clockwise has its chin on the picture's left"
    with pytest.raises(ValueError, match="two points"):
        fit_mesh({61: (1.0, 2.0)})
    with pytest.raises(ValueError, match="on one another"):
        fit_mesh({61: (5.0, 5.0), 291: (5.0, 5.0)})


def test_the_pose_of_a_turned_head():
    indices = [33, 133, 263, 362, 1, 61, 291, 152, 234, 454]
    pose = fit_pose(canonical_face().mesh[indices], placed(0.2, 80, 0.5, 0.1)[indices, :2])
    assert pose.yaw == pytest.approx(0.5, abs=0.12)
    assert pose.roll == pytest.approx(0.2, abs=0.06)
    assert pose.scale == pytest.approx(80, rel=0.1)


def test_posing_onto_a_mesh_undoes_a_similarity():
    truth = placed(0.7, 60, 0.3, 0.2)
    posed = pose_onto(canonical_face().mesh, truth, [33, 263, 1, 152, 10, 234])
    assert np.abs(posed - truth).max() < 0.01
