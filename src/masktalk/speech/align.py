"""Forced alignment: when each phone of a known text is said."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from masktalk.speech.events import PhonemeEvent
from masktalk.speech.phones import CLASSES, INDEX, SILENCE
from masktalk.speech.spectrum import STEP_RATE
from masktalk.types import FloatArray

_IMPOSSIBLE = -1e9
#: Every phone lasts at least this many steps.
_LEAST = 3


def align(scores: FloatArray, words: list[list[str]], start: float = 0.0) -> list[PhonemeEvent]:
    """When each phone sounds, by the best path through the words (Viterbi 1967).

    Pauses may come before, between and after the words.

    Args:
        scores: (N, classes) log probability of each phone class at each step.
        words: Phone classes of each word, in order.
        start: Seconds at which step 0 is.

    Returns:
        Events in IPA; empty when there are fewer steps than phones need.
    """
    states, names = _chain(words)
    if len(scores) < _LEAST * sum(map(len, words)) or not words:
        return []
    path = _best_path(scores, states, np.array([name == SILENCE for name in names]))
    events = []
    changes = np.flatnonzero(np.diff(path)) + 1
    for first, last in zip([0, *changes], [*changes, len(path)], strict=True):
        symbol = CLASSES[names[path[first]]][:1]
        if symbol:
            events.append(
                PhonemeEvent(start + first / STEP_RATE, (last - first) / STEP_RATE, symbol)
            )
    return events


def _chain(words: list[list[str]]) -> tuple[npt.NDArray[np.int64], list[str]]:
    names = [SILENCE]
    for word in words:
        names += [*word, SILENCE]
    return np.array([INDEX[name] for name in names]), names


def _best_path(
    scores: FloatArray, states: npt.NDArray[np.int64], optional: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """(N,) index of the phone at every step.

    A phone is ``_LEAST`` states in a row, of which the last may repeat; a pause may be
    skipped altogether.
    """
    phone = np.repeat(np.arange(len(states)), _LEAST)
    within = np.tile(np.arange(_LEAST), len(states))
    emission = scores[:, states[phone]]
    count = len(phone)
    best = np.full(count, _IMPOSSIBLE)
    best[0] = emission[0, 0]
    if optional[0] and count > _LEAST:
        best[_LEAST] = emission[0, _LEAST]
    back = np.zeros((len(scores), count), np.int32)
    here = np.arange(count)
    skip = np.where((within == 0) & (phone >= 2), here - 1 - _LEAST, -1)
    skip = np.where((skip >= 0) & optional[np.maximum(phone - 1, 0)], skip, -1)
    for step in range(1, len(scores)):
        stay = np.where(within == _LEAST - 1, best, _IMPOSSIBLE)
        move = np.concatenate([[_IMPOSSIBLE], best[:-1]])
        jump = np.where(skip >= 0, best[np.maximum(skip, 0)], _IMPOSSIBLE)
        options = np.stack([stay, move, jump])
        choice = options.argmax(axis=0)
        back[step] = np.choose(choice, [here, here - 1, np.maximum(skip, 0)])
        best = options.max(axis=0) + emission[step]
    last = count - 1
    if optional[-1] and best[count - 1 - _LEAST] > best[last]:
        last = count - 1 - _LEAST
    path = np.empty(len(scores), np.int64)
    for step in range(len(scores) - 1, -1, -1):
        path[step] = phone[last]
        last = back[step, last]
    return path
