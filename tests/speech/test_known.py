from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from masktalk.errors import InputError, OptionError
from masktalk.speech import measures, pronounce
from masktalk.speech.align import align
from masktalk.speech.events import EventArticulator, PhonemeEvent, articulation_of, steps_of
from masktalk.speech.known import articulate_known, transcript_for
from masktalk.speech.phones import CLASSES, INDEX, NAMES, classes_of
from masktalk.speech.transcript import Cue, Transcript, read_transcript
from masktalk.types import Articulation, Audio

PAPA = [PhonemeEvent(0.3, 0.1, "p"), PhonemeEvent(0.4, 0.2, "ɑː"), PhonemeEvent(0.6, 0.1, "p")]


@pytest.mark.parametrize(
    ("symbol", "alphabet", "expected"),
    [
        ("p", "ipa", ["P"]),
        ("aɪ", "ipa", ["A", "IH"]),
        ("t͡ʃ", "ipa", ["CH"]),
        ("ɑ̃", "ipa", ["AA"]),
        ("ç", "ipa", ["X"]),
        ("(en)", "ipa", []),
        ("ow", "arpabet", ["OW", "UH"]),
        ("pau", "arpabet", []),
        ("s~", "czech", ["SH"]),
        ("o1", "italian", ["OW"]),
    ],
)
def test_classes_of_symbols(symbol: str, alphabet: str, expected: list[str]) -> None:
    assert classes_of(symbol, alphabet) == expected


def test_no_symbol_has_two_classes() -> None:
    symbols = "".join(CLASSES.values())
    assert len(symbols) == len(set(symbols))


def test_events_close_the_lips_for_p_and_open_them_between() -> None:
    articulation = articulation_of(PAPA, Fraction(1))
    meant = measures(articulation)
    assert len(articulation) == 100
    assert meant.closure[35] > 0.9
    assert meant.closure[65] > 0.9
    assert meant.aperture[50] > 0.06
    assert articulation.values[:15].max() == 0
    assert articulation.values[95:].max() == 0


def test_events_in_blocks_give_the_same() -> None:
    whole = articulation_of(PAPA, Fraction(1))
    articulator = EventArticulator()
    for event in PAPA:
        articulator.add(event)
    blocks = [np.zeros(333, np.float32)] * 48 + [np.zeros(16, np.float32)]
    parts = [articulator.push(Audio(block, 16000)) for block in blocks]
    streamed = Articulation.concat([*parts, articulator.flush()])
    np.testing.assert_allclose(streamed.values, whole.values, atol=1e-5)


def test_an_unknown_alphabet_lists_the_known() -> None:
    with pytest.raises(OptionError, match="arpabet"):
        steps_of(PAPA, 0, 10, "klingon")


def test_alignment_finds_the_phones() -> None:
    truth = [INDEX["SIL"]] * 10 + [INDEX["P"]] * 8 + [INDEX["AA"]] * 15 + [INDEX["SIL"]] * 12
    truth += [INDEX["M"]] * 9 + [INDEX["IY"]] * 14
    scores = np.full((len(truth), len(NAMES)), -5.0, np.float32)
    scores[np.arange(len(truth)), truth] = -0.1
    events = align(scores, [["P", "AA"], ["M", "IY"]], start=2.0)
    assert [event.symbol for event in events] == ["p", "ɑ", "m", "i"]
    assert [round(event.time, 2) for event in events] == [2.1, 2.18, 2.45, 2.54]
    assert events[-1].duration == pytest.approx(0.14)


def test_too_short_to_align() -> None:
    assert align(np.zeros((4, len(NAMES)), np.float32), [["P", "AA"]]) == []


def test_known_text_sharpens_closures(spoken: Audio) -> None:
    part = Audio(spoken.samples[:32000], 16000)
    events = [Cue("p", 0.8, 0.95), Cue("ɑ", 0.95, 1.3)]
    known = measures(articulate_known(part, Transcript(tuple(events), phonemes=True)))
    assert known.closure[86:90].min() > 0.9


def test_letters_stand_in_for_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pronounce, "_espeak", lambda: None)
    assert pronounce.pronounce("Pap schön!") == [["P", "A", "P"], ["SH", "OW", "N"]]


SRT = "1\n00:00:01,500 --> 00:00:02,000\n<i>Hello</i>\nthere\n\n2\n00:01:00,0 --> 00:01:01,0\nBye\n"
VTT = "WEBVTT\n\n00:01.500 --> 00:02.000\nHello there\n\n01:00.0 --> 01:01.0\nBye\n"


@pytest.mark.parametrize(("name", "text"), [("a.srt", SRT), ("a.vtt", VTT)])
def test_subtitles(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    cues = read_transcript(tmp_path / name).cues
    assert [(cue.text, cue.start, cue.end) for cue in cues] == [
        ("Hello there", 1.5, 2.0),
        ("Bye", 60.0, 61.0),
    ]


TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1
            text = "map"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = "M"
        intervals [2]:
            xmin = 0.25
            xmax = 0.7
            text = "AE1"
        intervals [3]:
            xmin = 0.7
            xmax = 1
            text = ""
"""


def test_textgrid_gives_phonemes(tmp_path: Path) -> None:
    (tmp_path / "a.TextGrid").write_text(TEXTGRID, "utf-16")
    transcript = read_transcript(tmp_path / "a.TextGrid")
    assert transcript.phonemes
    assert [(cue.text, cue.start, cue.end) for cue in transcript.cues] == [
        ("M", 0.0, 0.25),
        ("AE1", 0.25, 0.7),
    ]


def test_an_empty_transcript(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("  ")
    with pytest.raises(InputError, match="nothing is said"):
        read_transcript(tmp_path / "a.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_transcript(tmp_path / "b.srt")


def test_a_transcript_beside_the_speech_is_found(tmp_path: Path) -> None:
    speech = tmp_path / "a.wav"
    (tmp_path / "a.txt").write_text("not a transcript")
    assert transcript_for(speech, None) is None
    (tmp_path / "a.srt").write_text(SRT)
    found = transcript_for(speech, None)
    assert found is not None
    assert found.cues[0].text == "Hello there"
    given = transcript_for(speech, "good day")
    assert given == Transcript((Cue("good day"),))
