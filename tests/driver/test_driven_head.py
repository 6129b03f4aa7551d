"""Eyes and head of a driving video: measured on meshes that were turned on purpose."""

from fractions import Fraction

import numpy as np
import pytest

from masktalk.driver.driven_head import DrivenHead, measure_head
from masktalk.faces.canonical import canonical_face, rotation
from masktalk.landmarks import IRISES, LOWER_LIDS, UPPER_LIDS

UNIT = 110.0


def mesh_of(yaw=0.0, pitch=0.0, roll=0.0, closed=0.0, right=0.0):
    mesh = canonical_face().mesh.copy()
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        mesh[list(upper)] += closed * (mesh[list(lower)] - mesh[list(upper)])
    mesh[list(IRISES), 0] += right
    return (mesh @ rotation(yaw, pitch, roll).T * UNIT + 200).astype(np.float32)


def driven(*meshes):
    """The movement at the last of meshes that follow two seconds of rest."""
    rest = [measure_head(mesh_of(), Fraction(step, 10)) for step in range(21)]
    later = [
        None if mesh is None else measure_head(mesh, Fraction(21 + step, 10))
        for step, mesh in enumerate(meshes)
    ]
    head = DrivenHead(iter([*rest, *later]), {"eyes", "head"})
    assert head.at(Fraction(1)).pose.yaw == pytest.approx(0, abs=1e-3)
    return head.at(Fraction(20 + len(meshes), 10))


@pytest.mark.parametrize("turn", ["yaw", "pitch", "roll"])
@pytest.mark.parametrize("angle", [-0.1, 0.1])
def test_turns_are_followed(turn, angle):
    found = driven(mesh_of(**{turn: angle})).pose
    asked = rotation(**{name: angle if name == turn else 0.0 for name in ("yaw", "pitch", "roll")})
    ahead = asked @ np.array([0, 0, -1.0])
    sign = {"yaw": ahead[0], "pitch": ahead[1], "roll": asked[1, 0]}[turn]
    assert getattr(found, turn) == pytest.approx(np.arcsin(sign), abs=0.01)


def test_blinks_are_followed_and_lost_faces_hold():
    assert driven(mesh_of(closed=0.95)).weight("eyeBlinkLeft") > 0.9
    assert driven(mesh_of()).weight("eyeBlinkLeft") < 0.1
    assert driven(mesh_of(closed=0.95), None, None).weight("eyeBlinkRight") > 0.9


def test_gaze_is_followed():
    movement = driven(mesh_of(right=0.133 * np.sin(np.deg2rad(12))))
    assert movement.weight("eyeLookOutLeft") == pytest.approx(12 / 30, abs=0.05)
    assert movement.weight("eyeLookInRight") == pytest.approx(12 / 30, abs=0.05)


def test_a_driver_without_a_face_leaves_the_avatar_still():
    head = DrivenHead(iter([None, None]), {"head"})
    assert head.at(Fraction(5)).pose.yaw == 0
