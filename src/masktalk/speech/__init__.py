"""Speech: from sound (or text, or phoneme events) to what the mouth does."""

from masktalk.speech.articulator import (
    ArticulatorOptions,
    SpeechArticulator,
    articulate,
    make_articulator,
)
from masktalk.speech.gestures import Measures, measures

__all__ = [
    "ArticulatorOptions",
    "Measures",
    "SpeechArticulator",
    "articulate",
    "make_articulator",
    "measures",
]
