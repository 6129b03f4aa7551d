from __future__ import annotations

import os
from contextlib import closing

from masktalk.train.synthesis.voice import Apart


def shout(text: str) -> str:
    if text == "die":
        os.abort()
    return text.upper()


def test_a_death_is_survived() -> None:
    with closing(Apart()) as apart:
        assert [apart.run(shout, text) for text in ("a", "die", "b")] == ["A", None, "B"]
