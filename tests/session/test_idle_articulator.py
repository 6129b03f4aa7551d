from fractions import Fraction

import numpy as np
import pytest

from masktalk.session.idle_articulator import IdleArticulator
from masktalk.types import CHANNELS, Audio

JAW = CHANNELS.index("jawOpen")
BLOCK = Fraction(1, 50)


class Talk:
    """Says where speech is; pushes block by block and keeps what came out."""

    def __init__(self, articulator, spans):
        self.spans = spans
        self.mouth = IdleArticulator(articulator, self.speaking, Fraction(6, 100))
        self.values = []
        self.certain = []

    def speaking(self, time):
        return any(start <= time < end for start, end in self.spans)

    def run(self, seconds, loud, begin=Fraction(0)):
        for step in range(int(seconds / BLOCK)):
            time = begin + step * BLOCK
            level = 0.5 if any(a <= time < b for a, b in loud) else 0.0
            audio = Audio(np.full(960, level, np.float32), 48_000, time - begin)
            got = self.mouth.push(audio)
            self.values += list(got.values[:, JAW])
            self.certain.append(len(self.values) - (step + 1) * 2)
        return np.array(self.values)


def test_silence_needs_no_lookahead(articulator):
    talk = Talk(articulator, spans=[])
    jaw = talk.run(1, loud=[])
    assert len(jaw) == 100
    assert set(talk.certain) == {0}
    assert not jaw.any()
    assert articulator.steps == 0


def test_speech_opens_the_mouth_at_its_time_and_closes_it_after(articulator):
    talk = Talk(articulator, spans=[(Fraction(1, 5), Fraction(9, 10))])
    jaw = talk.run(Fraction(6, 5), loud=[(Fraction(1, 5), Fraction(1, 2))])
    assert len(jaw) == 120
    assert not jaw[:20].any()
    assert jaw[26:50].min() == 1
    assert not jaw[60:].any()


def test_a_second_utterance_is_not_shifted_by_what_the_first_left(articulator):
    spans = [(Fraction(0), Fraction(2, 5)), (Fraction(1), Fraction(7, 5))]
    talk = Talk(articulator, spans)
    jaw = talk.run(
        Fraction(8, 5), loud=[(Fraction(0), Fraction(1, 5)), (Fraction(1), Fraction(6, 5))]
    )
    assert not jaw[40:100].any()
    assert jaw[106:120].min() == 1
    assert not jaw[126:].any()


def test_onset_is_faded_not_cut(articulator):
    talk = Talk(articulator, spans=[(Fraction(0), Fraction(1))])
    jaw = talk.run(Fraction(1), loud=[(Fraction(0), Fraction(1))])
    steps = np.diff(jaw[:8], prepend=0)
    assert steps.max() < 0.25
    assert jaw[6] == 1


@pytest.mark.parametrize("restart", [Fraction(1, 5), Fraction(1, 4)])
def test_a_restart_fades_from_the_pose_as_it_was(articulator, restart):
    talk = Talk(articulator, spans=[(Fraction(0), Fraction(1, 5))])
    talk.run(Fraction(1, 5), loud=[(Fraction(0), Fraction(1, 5))])
    before = talk.values[-1] if talk.values else 0
    talk.values = []
    talk.spans = []
    talk.mouth.restart(restart)
    jaw = talk.run(Fraction(1, 5), loud=[], begin=restart)
    assert len(jaw) == 20
    assert before > 0
    assert 0 < jaw[0] < before
    assert not jaw[4:].any()


def test_speech_that_is_cut_off_closes_at_once_but_not_in_one_step(articulator):
    talk = Talk(articulator, spans=[(Fraction(0), Fraction(2, 5))])
    jaw = talk.run(Fraction(2, 5), loud=[(Fraction(0), Fraction(2, 5))])
    assert jaw[-1] == 1
    talk.mouth.cut()
    closing = talk.mouth.push(Audio(np.zeros(960, np.float32), 48_000, Fraction(2, 5)))
    assert 0 < closing.values[0, JAW] < 1
    assert not closing.values[1:, JAW].any()
