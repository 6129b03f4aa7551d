"""Voice activity, and a mouth that rests in silence."""

from __future__ import annotations

import numpy as np

from masktalk.speech.stages import Lockstep, Window
from masktalk.types import FloatArray

# Voice above ON opens the gate; voice below OFF from PAST steps ago to AHEAD steps on
# closes it.
_ON, _OFF = 0.2, 0.07
_PAST, _AHEAD = 4, 7
# Steps before the sound at which the mouth starts to move, and how long it takes to rest.
_BEFORE, _RELEASE = 6, 8
# How sure the detector must be, and how many steps to either side of it phones are believed.
_SURE = 0.15
_SINCE, _UNTIL = 12, 3
# Speech that is certain holds an open gate, however little the network hears in noise.
_CERTAIN, _HELD = 0.98, 0.6
#: So many more steps with phones than without, in what isn't speech, must be singing.
_SUNG = 100
#: What was speech is believed for as long again; what a step takes off that, by whether there
#: is voice and whether it is as loud as the talker: a song goes on between its words.
_COST = {(True, True): 0, (False, True): 1, (True, False): 1, (False, False): 4}


class VadFusion:
    """(N, 1) voice as our network hears it, where the detector hears speech at all; 0 elsewhere.

    The network is quick at the edges of words and hears phones in noises; the detector is
    slow and knows noises. What the network goes on hearing for long counts all the same.
    Each comes with a delay of its own.
    """

    def __init__(self) -> None:
        self._window = Window(_SINCE, _UNTIL)
        self._rows = Lockstep({"heard": 2, "speech": 2})
        self._trust = self._doubted = 0

    @property
    def delay(self) -> int:
        """Steps of speech after a step that must have come in."""
        return self._window.delay

    def push(self, heard: FloatArray, speech: FloatArray) -> FloatArray:
        """Return the steps that have become certain.

        Args:
            heard: (N, 2) more of voice and of whether the sound is as loud as the talker.
            speech: (M, 1) more of what the detector says.
        """
        self._rows.add("heard", heard)
        return self._agreed(self._window.push(speech))

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        return self._agreed(self._window.flush())

    def _agreed(self, windows: FloatArray) -> FloatArray:
        if len(windows):
            self._rows.add("speech", np.hstack([windows.max(axis=1), windows[:, _SINCE]]))
        both = self._rows.take()
        agreed = both["heard"][:, :1].copy()
        loud = both["heard"][:, 1] > 0
        for index, (near, here) in enumerate(both["speech"].tolist()):
            if not self._believes(near, float(agreed[index, 0]), bool(loud[index])):
                agreed[index] = 0
            elif here > _CERTAIN:
                agreed[index] = np.maximum(agreed[index], _HELD)
        return agreed

    def _believes(self, speech: float, voice: float, loud: bool) -> bool:
        """Return whether the next step counts as voice."""
        if speech > _SURE:
            self._trust = _SUNG
        else:
            self._trust = max(self._trust - _COST[voice > _ON, loud], 0)
        self._doubted += 1 if voice > _ON and speech <= _SURE else -1
        self._doubted = min(max(self._doubted, 0), 2 * _SUNG)
        return self._trust > 0 or self._doubted >= _SUNG


class Gate:
    """(N, 1) voice in 0..1 in, (N, 1) gate out: exactly 0 in pauses, exactly 1 in speech.

    A pause is told from the closure of a stop by its length, so the gate looks ahead; it
    opens a little before the sound and closes along half a cosine.
    """

    def __init__(self) -> None:
        self._window = Window(_PAST, _AHEAD)
        self._open = False
        self._ramp = 0.0

    @property
    def delay(self) -> int:
        """Return the delay in steps."""
        return self._window.delay

    def push(self, rows: FloatArray) -> FloatArray:
        """Push (N, features) rows; return the (M,) probabilities that have become certain."""
        return self._run(self._window.push(rows))

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        return self._run(self._window.flush())

    def _run(self, windows: FloatArray) -> FloatArray:
        keeps = windows.max(axis=(1, 2)) >= _OFF
        opens = windows[:, _PAST : _PAST + _BEFORE + 1].max(axis=(1, 2)) >= _ON
        ramps = np.empty((len(windows), 1), np.float32)
        for index, (keep, start) in enumerate(zip(keeps.tolist(), opens.tolist(), strict=True)):
            self._open = keep if self._open else start
            step = 1 / _BEFORE if self._open else -1 / _RELEASE
            self._ramp = min(max(self._ramp + step, 0.0), 1.0)
            ramps[index] = self._ramp
        return np.asarray(0.5 - 0.5 * np.cos(np.pi * ramps), np.float32)
