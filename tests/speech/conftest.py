from __future__ import annotations

from pathlib import Path

import pytest

from masktalk.media import read_audio
from masktalk.types import Audio


@pytest.fixture(scope="session")
def spoken() -> Audio:
    """The shipped demo speech."""
    import masktalk

    return read_audio(Path(masktalk.__file__).parent / "demo" / "material" / "speech.flac")
