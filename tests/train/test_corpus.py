from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from masktalk.speech.loudness import level_peaks
from masktalk.speech.phones import INDEX, NAMES
from masktalk.train.augment import NoiseBank, augment, levelled
from masktalk.train.corpus import CorpusOptions, features_of, labels_of, make_corpus
from masktalk.train.synthesis import EspeakVoice, FliteVoice, Segment, Utterance
from masktalk.train.texts import TextMaker, seeds
from masktalk.types import Audio


def test_labels_follow_the_segments() -> None:
    audio = Audio(np.zeros(16000, np.float32), 16000)
    segments = (Segment(0.1, 0.2, "m"), Segment(0.2, 0.4, "ay"), Segment(0.4, 0.5, "pau"))
    labels = labels_of(Utterance(audio, segments, "arpabet"), 100)
    assert labels[15] == INDEX["M"]
    assert labels[25] == INDEX["A"]
    assert labels[35] == INDEX["IH"]
    assert labels[45] == labels[0] == INDEX["SIL"]


def test_the_same_seed_makes_the_same_text() -> None:
    for language in seeds():
        texts = [TextMaker(language, np.random.default_rng(3)).sentence() for _ in range(2)]
        assert texts[0] == texts[1] != ""


def test_augmented_rows_are_levelled() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(-6, 2, (4, 120, 40)).astype(np.float32)
    bank = NoiseBank.make(random, seconds=3)
    spoilt = augment(rows, bank, np.random.default_rng(1))
    again = augment(rows, bank, np.random.default_rng(1))
    np.testing.assert_array_equal(spoilt, again)
    assert spoilt.shape == rows.shape
    assert spoilt.dtype == np.float32
    assert np.abs(level_peaks(spoilt[0])).max() < 1.5
    np.testing.assert_allclose(levelled(rows + 3), levelled(rows), atol=1e-4)


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_says_when_phones_sound() -> None:
    utterance = FliteVoice("kal").say("papa")
    symbols = [segment.symbol for segment in utterance.segments]
    assert symbols[0] == symbols[-1] == "pau"
    assert symbols.count("p") == 2
    vowel = next(segment for segment in utterance.segments if segment.symbol.startswith("aa"))
    loudness = features_of(utterance.audio).mean(axis=1)
    middle = round((vowel.start + vowel.end) / 2 * 100)
    assert loudness[middle] > np.median(loudness) + 2


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_says_when_phones_sound() -> None:
    utterance = EspeakVoice("de").say("Mama")
    labels = labels_of(utterance, int(utterance.audio.duration * 100))
    said = [NAMES[label] for label in labels[np.flatnonzero(np.diff(labels))]]
    assert [name for name in said if name == "M"] == ["M", "M"]


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_a_shard_is_made_once(tmp_path: Path) -> None:
    options = CorpusOptions(tmp_path, hours=0.001)
    first = next(iter(make_corpus(options)))
    stamp = first.stat().st_mtime_ns
    assert next(iter(make_corpus(options))) == first
    assert first.stat().st_mtime_ns == stamp
    with np.load(first) as packed:
        assert len(packed["features"]) == len(packed["labels"]) == packed["lengths"].sum()
        assert len(set(packed["labels"])) > 5
