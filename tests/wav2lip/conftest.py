"""A tiny Wav2Lip that several tests share."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.neural import avatar, prepared, speak_with, voice
from tests.wav2lip.tiny import tiny_weights

__all__ = ["avatar", "options", "prepared", "speak", "voice"]

speak = partial(speak_with, "wav2lip")


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Engine options on tiny weights; nothing is held back in silence."""
    weights = tiny_weights(tmp_path_factory.mktemp("wav2lip"))
    return {**weights, "runtime": "torch", "precision": "fp32", "animate_silence": True}
