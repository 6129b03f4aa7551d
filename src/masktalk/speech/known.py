"""Articulation of speech whose text is known: heard shapes, sharpened by aligned phones."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from masktalk.speech.align import align
from masktalk.speech.articulator import FeaturePipeline
from masktalk.speech.coarticulation import trajectories
from masktalk.speech.events import PhonemeEvent, steps_of
from masktalk.speech.gestures import channels_of
from masktalk.speech.phones import ALPHABETS
from masktalk.speech.pronounce import pronounce
from masktalk.speech.shapes import mixed
from masktalk.speech.spectrum import STEP_RATE
from masktalk.speech.transcript import (
    SUFFIXES,
    Cue,
    Transcript,
    read_transcript,
    transcript_beside,
)
from masktalk.types import Articulation, Audio, FloatArray

_SHARPNESS = 1.3
#: How much the aligned phones count against what is heard.
_SHARE = 0.5
#: Seconds around a subtitle in which its words may really lie.
_SLACK = 0.3


def transcript_for(speech: str | os.PathLike[str], text: str | None) -> Transcript | None:
    """Return the transcript that a ``text`` option names.

    It names a transcript file or is the words themselves; without it, a transcript beside
    the speech is taken.

    Raises:
        InputError: The file cannot be read or says nothing.
    """
    if text is None:
        beside = transcript_beside(speech)
        return None if beside is None else read_transcript(beside)
    if text.endswith(SUFFIXES):
        return read_transcript(Path(text))
    return Transcript((Cue(text),))


def articulate_known(audio: Audio, transcript: Transcript, language: str = "en-us") -> Articulation:
    """Articulate speech whose text is known.

    Raises:
        OptionError: espeak-ng does not know the language.
    """
    listener = FeaturePipeline()
    parts = [listener.push(audio), listener.flush()]
    heard = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    steps = len(heard["gate"])
    events = phonemes_of(heard["phones"], transcript, language)
    values = channels_of(np.zeros((0, heard["gestures"].shape[1]), np.float32))
    if steps:
        gestures = mixed(heard["shape"], heard["gestures"])
        if events:
            gestures = _sharpened(gestures, events)
        values = channels_of(gestures) * heard["gate"]
    return Articulation(values, STEP_RATE, Fraction(0), heard["voice"][:, 0])


def phonemes_of(
    scores: FloatArray, transcript: Transcript, language: str = "en-us"
) -> list[PhonemeEvent]:
    """When each phone of the transcript is said.

    Args:
        scores: (N, classes) what the network's ``phones`` head says, before a softmax.
        transcript: Its phonemes are taken as they are, its words aligned cue by cue.
        language: As espeak-ng calls it.
    """
    if transcript.phonemes:
        return [
            PhonemeEvent(cue.start or 0.0, (cue.end or 0.0) - (cue.start or 0.0), cue.text)
            for cue in transcript.cues
        ]
    logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    events: list[PhonemeEvent] = []
    for cue in transcript.cues:
        first, last = 0, len(logs)
        if cue.start is not None and cue.end is not None:
            first = max(int((cue.start - _SLACK) * STEP_RATE), 0)
            last = min(int((cue.end + _SLACK) * STEP_RATE), len(logs))
        words = pronounce(cue.text, language)
        events += align(logs[first:last], words, first / STEP_RATE)
    return events


def _sharpened(gestures: FloatArray, events: list[PhonemeEvent]) -> FloatArray:
    plain = [
        PhonemeEvent(event.time, event.duration, event.symbol.lower().rstrip("012"))
        for event in events
    ]
    labels = steps_of(plain, 0, len(gestures), _alphabet(plain))
    known = trajectories(labels, _SHARPNESS)
    mixture = (1 - _SHARE) * gestures + _SHARE * known
    mixture[:, 2:] = known[:, 2:]
    mixture[:, 0] *= 1 - known[:, 2]
    return mixture.astype(np.float32)


def _alphabet(events: list[PhonemeEvent]) -> str:
    """ARPABET if every symbol belongs to it and some are of two letters, IPA otherwise."""
    arpabet = ALPHABETS["arpabet"]
    symbols = {event.symbol for event in events}
    long = any(len(symbol) == 2 for symbol in symbols)
    return "arpabet" if long and symbols <= arpabet.keys() else "ipa"


class Playback:
    """An articulator for speech whose articulation was made beforehand.

    Args:
        articulation: Of the whole speech, from its beginning.
    """

    lookahead = Fraction(0)

    def __init__(self, articulation: Articulation) -> None:
        self._whole = articulation
        self._given = 0
        self._heard = Fraction(0)

    def push(self, audio: Audio) -> Articulation:
        """Return the steps up to the end of the sound heard so far."""
        self._heard += audio.duration
        return self._until(int(self._heard * self._whole.frame_rate))

    def flush(self) -> Articulation:
        """Return the remaining steps."""
        return self._until(len(self._whole))

    def _until(self, end: int) -> Articulation:
        begin, self._given = self._given, max(self._given, min(end, len(self._whole)))
        return self._whole[begin : self._given]
