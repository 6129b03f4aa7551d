"""espeak-ng through its C library: phoneme events carry the sample they begin at.

Works in one process at a time: the library has one global synthesiser. A few texts take the
process down with it (see ``apart``).
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from masktalk.errors import MasktalkError
from masktalk.numerics import from_pcm16
from masktalk.train.synthesis.voice import Segment, Utterance
from masktalk.types import Audio

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA_NAMES = 1, 2
_EVENT_PHONEME = 7
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4


class _Identifier(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identifier),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class EspeakVoice:
    """One language and voice variant.

    Attributes:
        language: As ``espeak-ng --voices`` lists it.
        variant: As in its folder ``voices/!v``; empty for none.
        rate: Words a minute, 80 to 450.
        pitch: 0 to 99.
        pitch_range: 0 to 99.
    """

    language: str
    variant: str = ""
    rate: int = 165
    pitch: int = 50
    pitch_range: int = 50

    def say(self, text: str) -> Utterance:
        """Synthesise a text."""
        library, rate = _library()
        name = self.language + (f"+{self.variant}" if self.variant else "")
        if library.espeak_SetVoiceByName(name.encode()) != 0:
            raise MasktalkError(f"espeak-ng voice {name}", "not installed", "install espeak-ng")
        for parameter, value in (
            (_RATE, self.rate),
            (_PITCH, self.pitch),
            (_RANGE, self.pitch_range),
        ):
            library.espeak_SetParameter(parameter, value, 0)
        blocks: list[np.ndarray[tuple[int], np.dtype[np.int16]]] = []
        marks: list[tuple[int, str]] = []

        def heard(wave: ctypes._Pointer[ctypes.c_short], count: int, events: object) -> int:
            if wave and count > 0:
                blocks.append(np.ctypeslib.as_array(wave, (count,)).astype(np.int16))
            index = 0
            while events[index].type:  # type: ignore[index]
                event = events[index]  # type: ignore[index]
                if event.type == _EVENT_PHONEME:
                    marks.append((event.sample, event.id.string.decode("utf-8", "ignore")))
                index += 1
            return 0

        callback = _CALLBACK(heard)
        library.espeak_SetSynthCallback(callback)
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
        ends = [start for start, _ in marks[1:]] + [len(samples)]
        segments = tuple(
            Segment(start / rate, end / rate, symbol)
            for (start, symbol), end in zip(marks, ends, strict=False)
        )
        audio = Audio(from_pcm16(samples), rate)
        return Utterance(audio, segments, "ipa")


@lru_cache(maxsize=1)
def _library() -> tuple[ctypes.CDLL, int]:
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise MasktalkError("espeak-ng", "its library is not installed", "install espeak-ng")
    library = ctypes.CDLL(name)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 200, None, _PHONEME_EVENTS | _IPA_NAMES)
    if rate <= 0:
        raise MasktalkError("espeak-ng", "does not start", "install espeak-ng-data")
    return library, int(rate)
