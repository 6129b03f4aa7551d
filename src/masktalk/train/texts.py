"""Texts for the synthesisers: seed sentences, and words made from them."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import lru_cache
from importlib.resources import files

import numpy as np

_ORDER = 3


@lru_cache(maxsize=1)
def seeds() -> dict[str, list[str]]:
    """Language -> its seed sentences; written for this project or from the Universal
    Declaration of Human Rights (public domain)."""
    text = (files("masktalk.train") / "sentences.json").read_text("utf-8")
    loaded: dict[str, list[str]] = json.loads(text)
    return loaded


class TextMaker:
    """Sentences without end: the seeds, their words shuffled, and words like them.

    New words come from a chain over the last three letters of the language's own words,
    so that a few sentences give many different sequences of phones.
    """

    def __init__(self, language: str, random: np.random.Generator) -> None:
        self._random = random
        self._sentences = seeds()[language]
        self._words = sorted({word for line in self._sentences for word in line.split()})
        self._next: dict[str, list[str]] = defaultdict(list)
        for word in self._words:
            padded = "^" * _ORDER + word.strip(",.?!¿。") + "$"
            for index in range(_ORDER, len(padded)):
                self._next[padded[index - _ORDER : index]].append(padded[index])

    def sentence(self) -> str:
        """Return one line of text of some two to twelve words."""
        kind = self._random.random()
        if kind < 0.2:
            return str(self._random.choice(self._sentences))
        count = int(self._random.integers(3, 11))
        share = 0.5 if kind < 0.8 else 0.0
        words = [
            self._made() if self._random.random() < share else str(self._random.choice(self._words))
            for _ in range(count)
        ]
        if count > 5 and self._random.random() < 0.5:
            words[count // 2] = words[count // 2].strip(",.?!") + ","
        return " ".join(words)

    def _made(self) -> str:
        word = "^" * _ORDER
        while len(word) < _ORDER + 11:
            letter = str(self._random.choice(self._next[word[-_ORDER:]]))
            if letter == "$":
                break
            word += letter
        return word[_ORDER:]
