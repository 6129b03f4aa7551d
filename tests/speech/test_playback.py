"""Known articulation leaves as its sound is heard: nothing early, nothing lost."""

from fractions import Fraction

import numpy as np

from masktalk.speech.known import Playback
from masktalk.types import CHANNELS, Articulation, Audio


def test_steps_leave_with_their_sound():
    values = np.random.default_rng(1).random((100, len(CHANNELS)), np.float32)
    player = Playback(Articulation(values, 100))
    given = []
    for index in range(9):
        audio = Audio(np.zeros(1764, np.float32), 44100, Fraction(index * 1764, 44100))
        given.append(player.push(audio))
        assert given[-1].end <= audio.end
    given.append(player.flush())
    assert [part.time for part in given[1:]] == [part.end for part in given[:-1]]
    assert (np.concatenate([part.values for part in given]) == values).all()
    assert len(player.flush()) == 0
