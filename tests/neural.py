"""Avatars and a voice for the tests of every neural engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masktalk.avatar import Avatar
from masktalk.engines import Speech, make_engine
from masktalk.preparation import prepare
from masktalk.types import Audio, Patch


@pytest.fixture(scope="session")
def prepared(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An avatar of 24 frames at 30000/1001, of which frame 10 has no face."""
    folder = tmp_path_factory.mktemp("avatars") / "talking"
    prepare(material / "talking.mp4", folder).close()
    return folder


@pytest.fixture
def avatar(prepared: Path, tmp_path: Path) -> Iterator[Avatar]:
    """A copy of it, without what an engine kept in it."""
    shutil.copytree(prepared, tmp_path / "avatar", ignore=shutil.ignore_patterns("engines"))
    with Avatar(tmp_path / "avatar") as opened:
        yield opened


def voice(seconds: Fraction | float, rate: int = 16000, size: int = 1600) -> Iterator[Audio]:
    """Harmonics of 120 Hz in blocks."""
    time = np.arange(round(seconds * rate)) / rate
    samples = sum(np.sin(2 * np.pi * 120 * h * time) / h for h in range(1, 8)) * 0.2
    samples = np.asarray(samples, np.float32)
    for start in range(0, len(samples), size):
        yield Audio(samples[start : start + size], rate, Fraction(start, rate))


def speak_with(
    name: str,
    avatar: Avatar,
    options: dict[str, Any],
    seconds: Fraction | float,
    rate: Fraction = Fraction(30000, 1001),
    recorded: bool = True,
    begin: Fraction = Fraction(0),
) -> list[Patch | None]:
    """The patches of the engine ``name`` for so much speech."""
    engine = make_engine(name, options)
    engine.prepare(avatar)
    return list(engine.speak(avatar, Speech(voice(seconds), rate, begin, recorded=recorded)))
