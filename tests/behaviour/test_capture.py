"""Captures: read from Live Link Face's CSV, as movements and as a mouth."""

from fractions import Fraction

import numpy as np
import pytest

from masktalk.behaviour import ARKIT_CHANNELS
from masktalk.behaviour.capture import parse_parts, read_capture
from masktalk.errors import InputError, OptionError


def written(path, rows, names=("EyeBlinkLeft", "JawOpen", "HeadYaw", "HeadPitch", "HeadRoll")):
    lines = ["Timecode,BlendShapeCount," + ",".join(names)]
    for frame, row in enumerate(rows):
        code = f"10:00:{frame // 60:02d}:{frame % 60:02d}.250"
        lines.append(f"{code},61," + ",".join(str(value) for value in row))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_channels_and_turns_are_read_by_name_and_time(tmp_path):
    rows = [(frame / 60, 0.5, 0.1 + frame / 600, 0.0, 0.02 * (frame > 0)) for frame in range(61)]
    capture = read_capture(written(tmp_path / "take.csv", rows))
    movement = capture.at(Fraction(1, 2))
    assert movement.weight("eyeBlinkLeft") == pytest.approx(0.5, abs=0.01)
    assert movement.weight("jawOpen") == 0  # the mouth goes by articulation
    assert movement.pose.yaw == pytest.approx(0.05, abs=0.002)
    assert movement.pose.roll == pytest.approx(-0.02, abs=0.002)
    assert capture.at(Fraction(9)) == capture.at(Fraction(1))
    mouth = capture.articulation()
    assert float(mouth.duration) == pytest.approx(1.01, abs=0.02)
    assert np.allclose(mouth.channel("jawOpen"), 0.5)


def test_our_own_export_is_read_again(tmp_path):
    names = ("time", *ARKIT_CHANNELS)
    row = ",".join(["0.3"] * len(ARKIT_CHANNELS))
    (tmp_path / "own.csv").write_text(",".join(names) + f"\n0.00,{row}\n0.01,{row}\n")
    assert read_capture(tmp_path / "own.csv").at(Fraction(0)).weight("browInnerUp") > 0.29


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("a,b\n1,2\n", "no time"),
        ("time,jawOpen\n0,x\n", "row 2"),
        ("time,jawOpen\n0,nan\n", "not finite"),
        ("time,jawOpen\n1,0\n0,0\n", "fall"),
    ],
)
def test_other_files_are_refused_with_their_name(tmp_path, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=rf"bad\.csv.*{message}"):
        read_capture(tmp_path / "bad.csv")


def test_parts_are_checked():
    assert parse_parts("mouth, eyes") == {"mouth", "eyes"}
    for text in ("", "ears", "mouth;eyes"):
        with pytest.raises(OptionError, match=r"`driver\.parts`"):
            parse_parts(text)
