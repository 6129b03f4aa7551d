"""A tiny MuseTalk that several tests share."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.musetalk.tiny import tiny_models
from tests.neural import avatar, prepared, speak_with, voice

__all__ = ["avatar", "models", "options", "prepared", "speak", "voice"]

speak = partial(speak_with, "musetalk")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ``models/`` folder in the reference's layout."""
    return tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def options(models: Path) -> dict[str, Any]:
    """Engine options on the tiny models; nothing is held back in silence."""
    return {"models": models, "device": "cpu", "precision": "fp32", "keep_silence": True}
