"""The mouth between rest and speech: an articulator that costs nothing while idle."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from masktalk.engines.base import Articulator
from masktalk.types import CHANNELS, Articulation, Audio, FloatArray

#: Steps per second of every articulation.
STEPS = 100
#: Steps in which the mouth closes when speech is cut off: the next frame of most rates is still.
_CUT_STEPS = 2


class IdleArticulator:
    """Wraps an articulator for a stream that is mostly silence.

    In silence the mouth rests and nothing needs to be heard ahead, so steps come out as
    soon as sound goes in; that is what keeps an idle session ready to speak at once. In
    speech the wrapped articulator hears, with its look-ahead. Between the two, and when
    speech is cut off, the pose is cross-faded.

    Args:
        inner: What hears speech.
        speaking: Tells whether there is speech at so many seconds of the stream.
        fade: Seconds of a cross-fade.
    """

    def __init__(
        self, inner: Articulator, speaking: Callable[[Fraction], bool], fade: Fraction
    ) -> None:
        self._inner = inner
        self._speaking = speaking
        self._fade_steps = max(round(fade * STEPS), 1)
        self._rest = np.zeros(len(CHANNELS), np.float32)
        self._pose = self._rest  # the last step that was given out
        self._blend = 1.0  # 0 at the start of a cross-fade, 1 when it is over
        self._blend_steps = self._fade_steps
        self._from = self._rest
        self._begin = Fraction(0)
        self._heard = Fraction(0)
        self._steps = 0  # given out since the start
        self._inner_pushed = 0  # steps' worth of sound
        self._inner_got = 0
        self._skip = 0
        self._awake = False
        self._cut = False

    @property
    def is_used(self) -> bool:
        """Return whether the engine has pushed any audio."""
        return self._heard > 0

    def cut(self) -> None:
        """Speech was cut off: close the mouth faster than at the end of a sentence."""
        self._cut = True

    @property
    def lookahead(self) -> Fraction:
        """Seconds the wrapped articulator must hear ahead while there is speech."""
        return self._inner.lookahead

    def restart(self, begin: Fraction) -> None:
        """Restart at ``begin`` of the stream; fade from the pose as it is."""
        self._begin, self._heard, self._steps = begin, Fraction(0), 0
        self._cut = True
        self._fall_asleep()

    def push(self, audio: Audio) -> Articulation:
        """Take sound in; give out what has become certain."""
        heard = self._heard
        self._heard += audio.duration
        speaking = self._speaking(self._begin + heard)
        closing = self._give_nothing()
        if self._awake and (self._cut or not speaking):
            self._fall_asleep()
            closing = self._rest_until(heard)
        if not speaking:
            return Articulation.concat([closing, self._rest_until(self._heard)])
        if not self._awake:
            self._wake()
        return Articulation.concat([closing, self._listen(audio)])

    def flush(self) -> Articulation:
        """Return the missing steps up to the last audio, at rest."""
        self._fall_asleep()
        return self._rest_until(self._heard)

    def _wake(self) -> None:
        self._awake = True
        self._skip = self._inner_pushed - self._inner_got
        self._start_fade()

    def _fall_asleep(self) -> None:
        self._awake = False
        self._start_fade()

    def _start_fade(self) -> None:
        self._from, self._blend = self._pose, 0.0
        self._blend_steps = _CUT_STEPS if self._cut else self._fade_steps
        self._cut = False

    def _listen(self, audio: Audio) -> Articulation:
        due = self._inner_pushed
        self._inner_pushed += round(audio.duration * STEPS)
        shifted = Audio(audio.samples, audio.sample_rate, Fraction(due, STEPS))
        heard = self._inner.push(shifted)
        self._inner_got += len(heard)
        drop = min(self._skip, len(heard))
        self._skip -= drop
        return self._give(heard.values[drop:], heard.voice[drop:])

    def _rest_until(self, heard: Fraction) -> Articulation:
        count = int(heard * STEPS) - self._steps
        values = np.tile(self._rest, (max(count, 0), 1))
        return self._give(values, np.zeros(len(values), np.float32))

    def _give_nothing(self) -> Articulation:
        return self._give(np.zeros((0, len(CHANNELS)), np.float32), np.zeros(0, np.float32))

    def _give(self, values: FloatArray, voice: FloatArray) -> Articulation:
        values = values.copy()
        if len(values) and self._blend < 1.0:
            steps = self._blend + np.arange(1, len(values) + 1) / self._blend_steps
            weights = np.minimum(steps, 1.0).astype(np.float32)[:, None]
            values = (1 - weights) * self._from + weights * values
            self._blend = float(weights[-1, 0])
        time = self._begin + Fraction(self._steps, STEPS)
        self._steps += len(values)
        if len(values):
            self._pose = values[-1]
        return Articulation(values.astype(np.float32), STEPS, time - self._begin, voice)
