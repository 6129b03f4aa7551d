"""A prepared set of a synthetic person, made once."""

from __future__ import annotations

import pytest

from masktalk.train.musetalk import clips
from masktalk.train.musetalk.clips import Clip, ClipOptions, LocateOptions, write_clip
from tests.train.musetalk.person import BandEncoder, write_person


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Eight seconds of the person, its face given instead of located."""
    folder = tmp_path_factory.mktemp("person")
    video, prepared = folder / "a person.mp4", folder / "prepared"
    face = write_person(video, 8.0)
    prepared.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "track", lambda frames, *_: (face for _ in frames))
        assert write_clip(video, prepared, BandEncoder(), ClipOptions(LocateOptions())) == 200
    return Clip(prepared)
