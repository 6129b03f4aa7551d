"""The shared data types."""

from fractions import Fraction

import numpy as np
import pytest

from masktalk.types import CHANNELS, Articulation


def test_articulations_join_and_part():
    steps = np.arange(5 * len(CHANNELS), dtype=np.float32).reshape(5, -1) / 100
    whole = Articulation(steps, 50, Fraction(1, 2), np.linspace(0, 1, 5, dtype=np.float32))
    first, rest = whole[:2], whole[2:]
    assert (first.time, rest.time, rest.end) == (Fraction(1, 2), Fraction(27, 50), whole.end)
    for joined in (
        Articulation.concat([first, Articulation.empty(50, first.end), rest]),
        Articulation.concat([Articulation.empty(), whole]),
    ):
        assert (joined.time, joined.frame_rate) == (whole.time, 50)
        np.testing.assert_array_equal(joined.values, whole.values)
        np.testing.assert_array_equal(joined.voice, whole.voice)
    assert len(Articulation.concat([])) == len(Articulation.concat([Articulation.empty()])) == 0
    with pytest.raises(ValueError, match="consecutive"):
        whole[::2]
    with pytest.raises(ValueError, match="one frame rate"):
        Articulation.concat([whole, Articulation(steps, 100)])
