"""Is that somebody speaking? Silero VAD 6.2, see NOTICE: a small network that knows real noises.

Our own network hears phones, and after nothing but synthetic speech it hears them in coughs,
music and crackle as well. The detector tells speech from those, though not singing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from masktalk.media.resampling import SPEECH_RATE
from masktalk.speech.compiled import session
from masktalk.speech.spectrum import HOP
from masktalk.types import FloatArray

#: The detector minds how loud speech is: it is brought to this level (root mean square) from
#: wherever it has been lately, falling by 2 dB a second from a first guess, but from no
#: softer than the last of these.
_LEVEL, _FIRST, _SOFTEST = np.float32(0.05), np.float32(0.005), np.float32(0.003)
_FALL = np.float32(10 ** (-0.1 * 0.032))
#: Samples it answers for at a time, and how many before them it wants to see.
BLOCK, _BEFORE = 512, 64
_STATE = (2, 1, 128)
#: Blocks of silence before the first sound: without, the first word is half over before it
#: is believed.
_REST = 32


class Detector:
    """Samples in, (N, 1) likelihoods of speech out: one for every step of ``Spectrum``."""

    #: Steps after a step that must have come in before it is answered.
    delay = -(-BLOCK // HOP)

    def __init__(self) -> None:
        self._tail = np.zeros(_BEFORE, np.float32)
        self._state = _rested()
        self._level = _FIRST
        self._blocks = self._samples = self._steps = 0

    def push(self, samples: FloatArray) -> FloatArray:
        """Push (N,) samples; return the (M,) probabilities that have become certain."""
        self._samples += len(samples)
        self._tail = np.concatenate([self._tail, samples])
        return self._answers()

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        missing = -self._samples % BLOCK
        self._tail = np.concatenate([self._tail, np.zeros(missing, np.float32)])
        return self._answers()

    def _answers(self) -> FloatArray:
        """Return the steps whose block is whole; the steps end where the samples do."""
        answers = [np.zeros((0, 1), np.float32)]
        while len(self._tail) >= _BEFORE + BLOCK:
            likelihood = self._run(self._tail[: _BEFORE + BLOCK])
            self._tail = self._tail[BLOCK:]
            self._blocks += 1
            end = min(self._blocks * BLOCK, self._samples)
            count = -(-end // HOP) - self._steps
            self._steps += count
            answers.append(np.full((count, 1), likelihood, np.float32))
        return np.concatenate(answers)

    def _run(self, samples: FloatArray) -> float:
        level = np.sqrt(np.mean(samples[_BEFORE:] ** 2))
        self._level = max(level, self._level * _FALL, _SOFTEST)
        levelled = samples[None] * (_LEVEL / self._level)
        likelihood, self._state = _judged(levelled, self._state)
        return float(likelihood[0, 0])


def _judged(samples: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    feeds = {"input": samples, "state": state, "sr": np.array(SPEECH_RATE)}
    likelihood, after = session("detector.onnx").run(None, feeds)
    return likelihood, after


@lru_cache(maxsize=1)
def _rested() -> FloatArray:
    """Return the state after a second of silence."""
    state = np.zeros(_STATE, np.float32)
    for _ in range(_REST):
        _, state = _judged(np.zeros((1, _BEFORE + BLOCK), np.float32), state)
    return state
