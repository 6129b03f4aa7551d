"""The cache of avatars is bounded, and long videos are prepared as far as they are shown."""

import os
from fractions import Fraction

import pytest
from tests.conftest import write_talking

from masktalk.avatar.avatar_cache import cache_limit_bytes, cached_avatars, prune_cache
from masktalk.errors import OptionError
from masktalk.faces import LocateOptions, locate
from masktalk.media import open_source
from masktalk.preparation import PrepareOptions, prepare


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKTALK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def one_face(monkeypatch, square_face):
    """Spare the search for faces."""
    monkeypatch.setattr(
        "masktalk.preparation.track", lambda frames, rate, options: (square_face for _ in frames)
    )


@pytest.fixture(scope="module")
def square_face(material):
    source = open_source(material / "portrait.jpg")
    return locate(next(source.frames()), LocateOptions())


@pytest.fixture
def three(cache, material):
    """Three avatars, used one after another."""
    folders = []
    for age, name in enumerate(("cartoon.png", "ninja.png", "portrait.jpg")):
        with prepare(material / name) as avatar:
            folders.append(avatar.folder)
        os.utime(folders[-1], (1000 + age, 1000 + age))
    return folders


def test_the_avatars_used_longest_ago_are_removed(three):
    entries = cached_avatars()
    assert [entry.folder for entry in entries] == three[::-1]
    assert [entry.source for entry in entries] == ["portrait.jpg", "ninja.png", "cartoon.png"]
    newest = entries[0].size_bytes
    assert newest == sum(file.stat().st_size for file in three[2].rglob("*") if file.is_file())
    prune_cache(newest + entries[1].size_bytes)
    assert [folder.exists() for folder in three] == [False, True, True]
    prune_cache(0, keep=three[1])
    assert [folder.exists() for folder in three] == [False, True, False]


def test_use_keeps_an_avatar_and_the_bound_removes_the_others(three, material, monkeypatch):
    prepare(material / "cartoon.png").close()
    monkeypatch.setenv("MASKTALK_CACHE_GB", "0")
    with prepare(material / "talking.mp4") as avatar:
        assert [entry.folder for entry in cached_avatars()] == [avatar.folder]


def test_a_bound_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("MASKTALK_CACHE_GB", "much")
    with pytest.raises(OptionError, match="MASKTALK_CACHE_GB"):
        cache_limit_bytes()


def test_only_what_is_shown_of_a_long_video_is_prepared(cache, tmp_path):
    video = write_talking(tmp_path / "long.mp4", frames=75)
    with prepare(video, options=PrepareOptions(seconds=Fraction(1))) as part:
        rate = part.rate
        assert 2 * rate <= part.frame_count <= 2 * rate + 2
    # A part of another length within the same power of two is the same avatar.
    with prepare(video, options=PrepareOptions(seconds=Fraction(3, 2))) as again:
        assert again.folder == part.folder
    with prepare(video, options=PrepareOptions(seconds=Fraction(6))) as whole:
        assert whole.frame_count == 75
    with prepare(video, options=PrepareOptions(seconds=Fraction(1))) as kept:
        assert kept.folder == whole.folder
