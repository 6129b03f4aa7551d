"""From text to phone classes: espeak-ng where it is installed, letters where it is not."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from functools import lru_cache

from masktalk.errors import OptionError
from masktalk.speech.phones import classes_of

# What letters mostly stand for where the Latin alphabet is used; longest first.
_LETTERS = {
    "tsch": "ʧ", "sch": "ʃ", "tch": "ʧ", "igh": "aɪ", "ch": "ʧ", "sh": "ʃ", "th": "θ",
    "ph": "f", "ck": "k", "ng": "ŋ", "qu": "kw", "wh": "w", "oo": "u", "ee": "i", "ea": "i",
    "ou": "aʊ", "ow": "oʊ", "ai": "eɪ", "ay": "eɪ", "au": "ɔ", "aw": "ɔ", "oy": "ɔɪ",
    "oi": "ɔɪ", "a": "a", "b": "b", "c": "k", "d": "d", "e": "ɛ", "f": "f", "g": "g", "h": "h",
    "i": "ɪ", "j": "ʤ", "k": "k", "l": "l", "m": "m", "n": "n", "o": "o", "p": "p", "q": "k",
    "r": "ɹ", "s": "s", "t": "t", "u": "u", "v": "v", "w": "w", "x": "ks", "y": "i", "z": "z",
}  # fmt: skip
_PATTERN = re.compile("|".join(sorted(_LETTERS, key=len, reverse=True)))


def pronounce(text: str, language: str = "en-us") -> list[list[str]]:
    """Phone classes of each word of the text.

    Args:
        text: What is said.
        language: As ``espeak-ng --voices`` lists it. Without espeak-ng every language is
            read by the letters of the Latin alphabet, which is enough to align by.

    Raises:
        OptionError: espeak-ng does not know the language.
    """
    words = [word for line in _transcribed(text, language) for word in line.split()]
    classes = [
        [name for symbol in re.split("_|-", word) for name in classes_of(symbol)] for word in words
    ]
    return [names for names in classes if names]


def _transcribed(text: str, language: str) -> list[str]:
    if _espeak() is None:
        return [_by_letters(word) for word in text.split()]
    command = [str(_espeak()), "-q", "--ipa", "--sep=_", "-v", language, "--stdin"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise OptionError(
            f"`language` {language}", "espeak-ng does not know it", "see espeak-ng --voices"
        )
    return done.stdout.decode("utf-8", "replace").splitlines()


@lru_cache(maxsize=1)
def _espeak() -> str | None:
    return shutil.which("espeak-ng")


def _by_letters(word: str) -> str:
    bare = unicodedata.normalize("NFD", word.lower())
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return "_".join(_LETTERS[found] for found in _PATTERN.findall(bare))
