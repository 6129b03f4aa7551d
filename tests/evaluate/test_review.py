"""The review: figures that tell good from bad, and a page for whatever it is given."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masktalk.errors import MediaError, OutputError
from masktalk.evaluate.mouth_synchrony import MouthTrack
from masktalk.evaluate.review.comparison import ReviewOptions
from masktalk.evaluate.review.figures import figures, graded, synchrony
from masktalk.evaluate.review.highlights import choose_highlights
from masktalk.evaluate.review.observation import AudioCurves, Observation
from masktalk.evaluate.review.publish import write_review
from masktalk.faces.canonical import canonical_face
from masktalk.faces.measures import MouthMeasures
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, render

SECONDS = 8
MESH = (canonical_face().mesh * 80 + [160, 160, 0]).astype(np.float32)


def wanted(time):
    """Syllables with closures between them, and a pause from 4 to 6 s."""
    opening = 0.1 * (1 - np.cos(2 * np.pi * 2.3 * time)) * (1 + 0.5 * np.sin(1.7 * time))
    return np.where((time > 4) & (time < 6), 0.0, opening)


def heard():
    time = np.arange(SECONDS * 100) / 100
    aperture = wanted(time)
    speaking = ~((time > 4) & (time < 6))
    closure = ((aperture < 0.01) & speaking).astype(float)
    return AudioCurves(time, aperture / aperture.max(), aperture, closure, speaking)


def seen(late=0.0, noise=0.0, scale=1.0, sound=True, tracked=True, softness=1.0):
    rng = np.random.default_rng(4)
    time = np.arange(SECONDS * 25) / 25
    opening = np.maximum(wanted(time - late) * scale + rng.normal(0, 1, len(time)) * noise, 0)
    records = tuple(
        MouthMeasures(Fraction(i, 25), True, float(a), 0.5, 0.45, 0.3, 0.7, 0.1)
        if tracked
        else MouthMeasures(Fraction(i, 25))
        for i, a in enumerate(opening)
    )
    detail = np.tile([0.6 * softness, 0.6], (len(time), 1))
    return Observation(
        Path("made.mp4"),
        320,
        320,
        Fraction(25),
        MouthTrack(records),
        tuple(MESH if tracked else None for _ in time),
        detail if tracked else np.full_like(detail, np.nan),
        heard() if sound else None,
    )


def grades(observation):
    return {figure.name: figure.grade for figure in figures(observation)}


def test_a_good_video_is_good_throughout():
    assert set(grades(seen(noise=0.001)).values()) == {"good"}


@pytest.mark.parametrize("late", [-0.2, -0.1, 0.0, 0.08, 0.2])
def test_the_offset_is_found(late):
    found = synchrony(seen(late=late), heard())
    assert found.lag == pytest.approx(late, abs=0.011)
    assert found.r > 0.95


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"late": 0.2}, "Offset"),
        ({"noise": 0.3}, "Synchrony"),
        ({"noise": 0.02}, "Jitter"),
        ({"noise": 0.03}, "Stillness in silence"),
        ({"softness": 0.4}, "Sharpness of the mouth"),
    ],
)
def test_each_fault_is_told_by_its_figure(fault, name):
    assert grades(seen(**fault))[name] != "good"


def test_a_mouth_that_only_flaps_misses_closures():
    flapping = seen()
    time = flapping.track.t
    records = tuple(
        MouthMeasures(r.time, True, 0.1 + 0.05 * np.sin(9 * t), 0.5, 0.45, 0.3, 0.7, 0.1)
        for r, t in zip(flapping.track.records, time, strict=True)
    )
    broken = Observation(**{**vars(flapping), "track": MouthTrack(records)})
    kept = {figure.name: figure.grade for figure in figures(broken)}
    assert kept["Closures kept"] != "good"


def test_what_cannot_be_measured_says_why():
    for observation in (seen(sound=False), seen(tracked=False)):
        for figure in figures(observation):
            if figure.grade == "none":
                assert figure.value == "–"
                assert "sound" in figure.reading or "face" in figure.reading
    assert grades(seen(tracked=False))["Jitter"] == "none"
    assert grades(seen(sound=False))["Jitter"] == "good"


def test_moments_are_loud_closed_and_silent():
    highlights = choose_highlights(seen())
    kinds = {highlight.kind for highlight in highlights}
    assert kinds == {"loud", "closure", "silence"}
    for highlight in highlights:
        if highlight.kind == "silence":
            assert 4 < highlight.time < 6
        if highlight.kind == "closure":
            assert wanted(np.array(highlight.time)) < 0.02
        if highlight.kind == "loud":
            assert wanted(np.array(highlight.time)) > 0.1


@pytest.mark.parametrize(
    ("value", "grade"), [(1, "good"), (2, "fair"), (9, "poor"), (float("nan"), "none")]
)
def test_grades_where_less_is_better(value, grade):
    assert graded(value, 1, 3) == grade


@pytest.mark.parametrize(
    ("value", "grade"), [(50, "good"), (35, "fair"), (9, "poor"), (float("inf"), "good")]
)
def test_grades_where_more_is_better(value, grade):
    assert graded(value, 40, 30) == grade


@pytest.fixture(scope="module")
def spoken(material, tmp_path_factory):
    """The demo's portrait saying two seconds."""
    folder = tmp_path_factory.mktemp("spoken")
    with prepare(material / "portrait.jpg", folder / "avatar") as avatar:
        # Head and eyes stay still, so that what is outside the mouth can be judged.
        still = RenderOptions(engine_options={"energy": 0})
        return render(avatar, material / "speech.wav", folder / "spoken.mp4", still).path


def test_a_page_and_a_sheet_stand_alone(spoken, material, tmp_path):
    options = ReviewOptions(source=material / "portrait.jpg", against=spoken)
    made = write_review(spoken, tmp_path / "out.html", options)
    html = made.page.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", html)
    assert "http" not in re.sub(r"data:[^\"]+", "", html)
    assert "prefers-color-scheme: dark" in html
    assert html.count("<svg") == 1
    assert html.count("data:image/jpeg") == 4 * len(made.review.highlights)
    assert "$" not in re.sub(r"data:[^\"]+", "", html)
    with Image.open(made.sheet) as picture:
        assert picture.width == 1600
        assert picture.height > 500
    values = {figure.name: figure for figure in made.review.video.figures}
    assert values["Synchrony"].grade == "good"
    assert values["Outside the mouth"].grade == "good"
    same = {figure.name: figure.value for figure in made.review.compared}
    assert same == {"Same opening": "1.00", "Lip distance": "0.0 %"}


def test_a_source_of_odd_size_is_compared(material, tmp_path):
    with Image.open(material / "portrait.jpg") as picture:
        width, height = picture.width // 2 * 2 - 1, picture.height // 2 * 2 - 1
        picture.crop((0, 0, width, height)).save(tmp_path / "odd.png")
    still = RenderOptions(engine_options={"energy": 0}, preview=Fraction(1))
    with prepare(tmp_path / "odd.png", tmp_path / "avatar") as avatar:
        render(avatar, material / "speech.wav", tmp_path / "odd.mp4", still)
    options = ReviewOptions(source=tmp_path / "odd.png")
    made = write_review(tmp_path / "odd.mp4", tmp_path / "review.html", options)
    values = {figure.name: figure for figure in made.review.video.figures}
    assert values["Outside the mouth"].grade == "good"
    assert values["Seams"].grade != "none"


def test_a_covered_mouth_is_not_judged_by_its_lips(material, tmp_path):
    with prepare(material / "ninja.png", tmp_path / "avatar") as avatar:
        short = RenderOptions(preview=Fraction(1))
        render(avatar, material / "speech.wav", tmp_path / "ninja.mp4", short)
    made = write_review(tmp_path / "ninja.mp4", tmp_path / "ninja.html")
    values = {figure.name: figure for figure in made.review.video.figures}
    for name in ("Synchrony", "Closures kept", "Jitter", "Sharpness of the mouth"):
        assert values[name].grade == "none"
        assert "covered" in values[name].reading
    assert "ninja.mp4 is covered" in made.page.read_text(encoding="utf-8")
    assert all(shot is not None and np.isnan(shot.opening) for shot in made.review.video.shots)


def test_a_video_without_face_or_sound_gets_a_page_that_says_so(tmp_path):
    from masktalk.media import Writer, WriterOptions
    from masktalk.types import Frame

    wall = np.full((120, 160, 3), 90, np.uint8)
    with Writer(tmp_path / "wall.mp4", WriterOptions(160, 120, Fraction(25))) as writer:
        for index in range(12):
            writer.write(Frame(wall, Fraction(index, 25)))
    made = write_review(tmp_path / "wall.mp4", tmp_path / "wall.html")
    html = made.page.read_text(encoding="utf-8")
    assert "No face was seen in wall.mp4" in html
    assert "has no sound" in html
    assert made.sheet.is_file()
    assert all(figure.grade == "none" for figure in made.review.video.figures)


def test_nothing_is_overwritten_or_left_half_written(spoken, tmp_path):
    (tmp_path / "out.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"out\.png"):
        write_review(spoken, tmp_path / "out.html")
    assert (tmp_path / "out.png").read_bytes() == b"mine"
    with pytest.raises(MediaError):
        write_review(tmp_path / "nowhere.mp4", tmp_path / "no.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png"]


def test_the_command_prints_what_it_found(spoken, tmp_path, capsys, monkeypatch):
    from masktalk.cli import main

    page = tmp_path / "page.html"
    monkeypatch.setattr("sys.argv", ["masktalk", "review", str(spoken), "-o", str(page)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert result["page"] == str(page)
    assert "Synchrony" in result["figures"]
