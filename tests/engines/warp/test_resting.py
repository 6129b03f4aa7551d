"""A video's resting mouth: as its calm frames show it, at the height where it talks."""

import numpy as np
import pytest

from masktalk.engines.warp.lips import CLOSED_GAP
from masktalk.engines.warp.resting import resting_mouth
from masktalk.landmarks import LOWER_LIP, MOUTH_CORNERS, UPPER_LIP
from masktalk.types import Face
from tests.engines.warp.drawn import UNIT, mesh_of

MOUTH = [*UPPER_LIP, *LOWER_LIP, *MOUTH_CORNERS]


def faces(gaps, higher=0.0):
    """Open mouths that lie ``higher`` eye distances above where they rest."""
    found = []
    for gap in gaps:
        mesh = mesh_of(gap=gap)
        mesh[MOUTH, 1] -= higher * UNIT * (gap > 0)
        found.append(Face(mesh, "drawn", 1.0, "closed"))
    return found


def height(rest):
    return float(np.mean([rest.upper[-1, :, 1].mean(), rest.lower[-1, :, 1].mean()]))


@pytest.mark.parametrize("higher", [0.03, -0.03])
def test_a_mouth_that_talks_elsewhere_rests_nearer_to_there(higher):
    gaps = [0.0] * 4 + [0.1] * 8
    usual, moved = (height(resting_mouth(faces(gaps, by))[2]) for by in (0.0, higher))
    assert usual - moved == pytest.approx(0.5 * higher * 8 / 12, rel=0.1)


def test_its_lips_still_meet():
    _, _, rest = resting_mouth(faces([0.0] * 4 + [0.05, 0.2] * 4, 0.04))
    assert np.abs(rest.upper[-1] - rest.lower[-1]).max() < CLOSED_GAP / 4


def test_a_picture_rests_as_it_is():
    mesh = mesh_of()
    _, _, rest = resting_mouth([Face(mesh, "drawn", 1.0, "closed")])
    again = resting_mouth([Face(mesh, "drawn", 1.0, "closed")] * 3)[2]
    np.testing.assert_allclose(rest.upper, again.upper, atol=2e-3)
