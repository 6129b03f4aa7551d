"""Dubs: the right face moves at the right time, and nothing else is touched."""

import json
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from masktalk.dub import DubOptions, dub, find_people, plan_dub, read_plan
from masktalk.dub.casting import Role
from masktalk.dub.people import People
from masktalk.dub.plan import Segment
from masktalk.dub.sound import Mixer, segment_speech
from masktalk.errors import InputError, InputErrors, OptionError
from masktalk.media import open_source, read_audio
from masktalk.media.audio import open_audio
from masktalk.provenance import verify
from tests.dub.conftest import RATE, SHOT, SIDE


@pytest.fixture(scope="session")
def people(interview):
    return find_people(open_source(interview))


def write_plan(path, segments):
    path.write_text(json.dumps({"segments": segments}), encoding="utf-8")
    return path


def test_people_are_followed_through_cuts_by_appearance(people, heads):
    assert people.shots == (0, SHOT, 2 * SHOT)
    assert len(people.people) == 2
    second, first = people.people  # the second person is seen in three shots
    sides = {sight.frame // SHOT: sight.centre[0] > SIDE for sight in second.sights}
    assert sides == {0: True, 1: False, 2: True}
    sides = {sight.frame // SHOT: sight.centre[0] > SIDE for sight in first.sights}
    assert sides == {0: False, 1: True}


def moved(before, after):
    """Share of pixels of each half that change visibly."""
    change = np.abs(before.astype(int) - after).max(axis=2) > 24
    return change[:, :SIDE].mean(), change[:, SIDE:].mean()


@pytest.fixture(scope="session")
def dubbed(interview, recordings, heads, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dubbed")
    Image.fromarray(heads[0]).save(folder / "anna.png")
    plan = write_plan(
        folder / "plan.json",
        [
            {"start": 0.2, "end": 0.7, "face": "anna.png", "audio": str(recordings / "half.wav")},
            # Through a cut: the second person, first on the right, then on the left.
            {"start": 0.6, "end": 1.2, "face": 0, "audio": str(recordings / "whole.wav")},
            {"start": 2.0, "end": 2.4, "face": [SIDE * 1.4, SIDE / 2], "fit": "stretch",
             "audio": str(recordings / "half.wav")},
        ],
    )  # fmt: skip
    return dub(interview, plan, folder / "out.mkv", DubOptions(crf=1))


def test_the_right_mouths_move_at_the_right_time(dubbed, interview):
    pairs = zip(open_source(interview).frames(), open_source(dubbed.path).frames(), strict=True)
    left, right = np.array([moved(a.pixels, b.pixels) for a, b in pairs]).T
    touched = 0.0005
    assert left[5:17].max() > 3 * touched  # the first person on the left
    assert right[15:20].max() > 3 * touched  # the second on the right, then on the left
    assert left[20:30].max() > 3 * touched
    assert right[50:60].max() > 3 * touched
    for still in (left[:5], left[30:], right[:15], right[20:50]):
        assert still.max() < touched


def test_frames_outside_reach_the_encoder_as_they_were_decoded(interview, recordings, tmp_path):
    from masktalk.dub.picture import dubbed_frames

    plan = write_plan(
        tmp_path / "plan.json",
        [{"start": 0.8, "end": 1.2, "face": 1, "audio": str(recordings / "half.wav")}],
    )
    made = plan_dub(interview, plan)
    source = open_source(interview)
    frames = dubbed_frames(source, made.roles, DubOptions())
    changed = []
    for index, (before, after) in enumerate(zip(source.frames(), frames, strict=True)):
        if not 20 <= index < 30:
            assert before.time == after.time
        if not np.array_equal(before.pixels, after.pixels):
            changed.append(index)
    assert set(changed) <= set(range(20, 30))
    assert len(changed) > 5


def test_the_sound_is_the_originals_but_in_the_segments(interview, recordings, people):
    segment = Segment("", Fraction(1), Fraction(3, 2), 0, recordings / "half.wav")
    role = Role(segment, people.people[0], 25, 38, (), Fraction(1, 2))
    with open_audio(interview) as sound:
        original = np.concatenate(list(sound.blocks()))
    for level in (None, -20.0):
        mixer = Mixer(interview, [role], Fraction(3 * SHOT) / RATE, level)
        with open_audio(interview) as sound:
            parts = list(mixer.mixed(sound.blocks(), sound.rate, 1))
        mixed = np.concatenate([samples for _, samples in parts])
        assert len(mixed) == round(3 * SHOT / RATE * 48000)
        begin, end, fade = 48000, 72000, 480
        original = original[: len(mixed)]
        assert np.array_equal(mixed[: begin - fade], original[: begin - fade])
        assert np.array_equal(mixed[end + fade :], original[end + fade : len(mixed)])
        speech = segment_speech(role, 48000)
        gain = 0 if level is None else 0.1
        wanted = np.clip(speech[:, None] + gain * original[begin:end], -1, 1)
        assert np.allclose(mixed[begin:end], wanted, atol=1e-6)


@pytest.mark.parametrize(("seconds", "tempo"), [(Fraction(2, 5), "1.25"), (Fraction(3, 5), "5/6")])
def test_stretched_speech_fills_its_segment(recordings, people, seconds, tempo):
    segment = Segment("", Fraction(0), seconds, 0, recordings / "half.wav", fit="stretch")
    role = Role(segment, people.people[0], 0, 10, (), Fraction(1, 2))
    assert role.tempo == Fraction(tempo)
    speech = segment_speech(role, 16000)
    assert len(speech) == round(seconds * 16000)
    tail = speech[-3200:]
    assert np.sqrt((tail**2).mean()) > 0.2 * np.sqrt((speech**2).mean())


def test_subtitles_chapters_and_metadata_are_kept(dubbed, interview):
    with av.open(str(dubbed.path)) as made, av.open(str(interview)) as source:
        assert made.metadata["title"] == "Interview, ünï"
        assert [c["end"] for c in made.chapters()] == [c["end"] for c in source.chapters()]
        assert made.streams.subtitles[0].metadata["language"] == "deu"
        cues = [
            [(p.pts * p.time_base, p.duration * p.time_base, bytes(p)) for p in file.demux(
                file.streams.subtitles[0]) if p.size]
            for file in (made, source)
        ]  # fmt: skip
        assert cues[0] == cues[1]
    assert verify(dubbed.path).origin.ingredients[0].name == "interview.mkv"
    frames = open_source(dubbed.path)
    assert frames.frame_count == dubbed.frames == 3 * SHOT
    assert abs(len(read_audio(dubbed.path, 48000).samples) / 48000 - 2.4) < 0.04


PLANS = {
    "plan.csv": "start,end,face,audio\n0.5,1,1,{half}\n",
    "plan.srt": "1\n00:00:00,500 --> 00:00:01,000\nANNA: words that are said\n",
    "plan.vtt": "WEBVTT\n\n00:00.500 --> 00:01.000\n<v ANNA>words that are said\n",
    "plan.rttm": "SPEAKER clip 1 0.500 0.500 <NA> <NA> ANNA <NA> <NA>\n",
}


@pytest.mark.parametrize("name", PLANS)
def test_every_kind_of_plan_says_the_same(recordings, tmp_path, name):
    (tmp_path / name).write_text(PLANS[name].format(half=recordings / "half.wav"))
    plan = read_plan(tmp_path / name, {"ANNA": recordings / "whole.wav"}, {"ANNA": "1"})
    (segment,) = plan.segments
    assert (segment.start, segment.end, segment.face) == (Fraction(1, 2), 1, 1)
    if name != "plan.csv":  # recordings of speakers are on the video's clock
        assert (segment.audio, segment.offset) == (recordings / "whole.wav", Fraction(1, 2))


def test_everything_wrong_with_a_plan_is_one_line_each(recordings, tmp_path):
    half = str(recordings / "half.wav")
    good = {"start": 0, "end": 1, "audio": half}
    wrong = [
        ({**good, "end": 0}, "start 0, end 0: is no time"),
        ({**good, "start": "soon"}, "start soon: is no number"),
        ({**good, "audio": "fehlt – ünï.wav"}, "fehlt – ünï.wav: does not exist"),
        ({"start": 0, "end": 1}, "audio: has no recording"),
        ({**good, "face": "nobody.png"}, "face nobody.png: is no number"),
        ({**good, "fit": "bend"}, "fit bend: is unknown"),
        ({**good, "speed": 2}, "speed: is no column"),
    ]
    plan = write_plan(tmp_path / "plan.json", [segment for segment, _ in wrong])
    with pytest.raises(InputErrors) as caught:
        read_plan(plan)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(wrong)
    for number, (line, (_, words)) in enumerate(zip(lines, wrong, strict=True)):
        assert f"segment {number}: " in line
        assert words in line
    with pytest.raises(InputError, match="has no segments"):
        read_plan(write_plan(plan, []))
    (tmp_path / "plan.srt").write_text(PLANS["plan.srt"])
    with pytest.raises(InputErrors, match=r"cue 1: speaker 'ANNA': has no recording"):
        read_plan(tmp_path / "plan.srt")
    with pytest.raises(InputError, match="is no plan"):
        read_plan(tmp_path / "plan.txt")


def test_ten_thousand_segments_are_read_and_those_that_cannot_be_are_named(
    interview, recordings, people, tmp_path
):
    from masktalk.dub.casting import cast

    half = str(recordings / "half.wav")
    lines = [f"{i / 5000},{i / 5000 + 0.00019},0,{half}\n" for i in range(9990)]
    lines += [f"0.5,1,7,{half}\n", f"2,3,0,{half}\n", f"1.9,2.3,1,{half}\n"]
    lines += [f"1.0,1.05,1,{half}\n", f"1.01,1.1,1,{half}\n"]
    lines += [f"0.4,1.8,1,{half}\n".replace("\n", ",stretch\n")]
    path = tmp_path / "plan.csv"
    path.write_text("start,end,face,audio,fit\n" + "".join(lines))
    with pytest.raises(InputErrors) as caught:
        cast(read_plan(path), open_source(interview), people)
    found = {str(line).split(": ", 1)[0].split()[-1]: str(line) for line in caught.value.errors}
    for number, words in (
        ("9992", "face 7: is unknown: the video shows 2"),
        ("9993", "end 3: lies beyond the video's 2.40 s"),
        ("9994", "face 1: is not seen"),
        ("9996", "speaks in line 9995 at this time too"),
        ("9997", "do not stretch to 1.40 s"),
    ):
        assert words in found[number]
    assert "the segment holds no frame" in found["2"]


def test_a_dry_run_draws_who_speaks_when(interview, recordings, tmp_path):
    plan = tmp_path / "plan.csv"
    plan.write_text(f"start,end,face,audio\n0.4,0.8,1,{recordings}/half.wav\n")
    command = [sys.executable, "-m", "masktalk", "dub", str(interview), str(plan)]
    run = subprocess.run(
        [*command, "-o", tmp_path / "out.mkv", "--dry-run"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["segments"][0]["face"] == 1
    assert not (tmp_path / "out.mkv").exists()
    sheet = np.asarray(Image.open(tmp_path / "out.png"))
    marked = (np.abs(sheet.astype(int) - (210, 82, 26)).max(axis=2) < 3).nonzero()
    assert marked[1].min() > 8
    assert marked[1].max() < 8 + 160  # the first person is in the left half


def test_options_of_a_dub_are_checked():
    with pytest.raises(OptionError, match="louder than"):
        DubOptions(background=3.0)
    with pytest.raises(OptionError, match="crf"):
        DubOptions(crf=70)
    assert People((), (0,), 1).people == ()
