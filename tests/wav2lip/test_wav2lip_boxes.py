"""Bounding boxes: steady motion, cuts, absent faces, pads and fixed boxes."""

from __future__ import annotations

import numpy as np
import pytest

from masktalk.engines.wav2lip.boxes import Pads, face_boxes
from masktalk.engines.wav2lip.options import Wav2LipOptions
from masktalk.errors import OptionError
from masktalk.types import Face

SIZE = (1280, 720)


def face_at(x: float, y: float, size: float = 100) -> Face:
    mesh = np.full((478, 3), (x, y, 0), np.float32)
    mesh[0, :2] += size
    return Face(mesh, "test", 1.0, "open")


def boxes_of(faces: list[Face | None], **options: object) -> list[tuple[int, ...] | None]:
    chosen = Wav2LipOptions(**{"pads": (0, 0, 0, 0), **options})  # type: ignore[arg-type]
    return face_boxes(faces, SIZE, 25, chosen)  # type: ignore[return-value]


@pytest.mark.parametrize("frames", [1, 2, 3, 12, 40])
def test_steady_motion_is_neither_led_nor_lagged(frames: int) -> None:
    faces = [face_at(100 + 4 * index, 80 - index) for index in range(frames)]
    found = np.array(boxes_of([*faces]))
    expected = [(100 + 4 * i, 80 - i, 200 + 4 * i, 180 - i) for i in range(frames)]
    assert np.abs(found - expected).max() <= 1


def test_upstream_leads_steady_motion_by_two_frames() -> None:
    faces = [face_at(100 + 4 * index, 80) for index in range(40)]
    found = boxes_of([*faces], compat="upstream")
    assert found[10] == (100 + 4 * 12, 80, 200 + 4 * 12, 180)


def test_jitter_is_taken_out() -> None:
    rng = np.random.default_rng(2)
    faces = [face_at(*(200 + rng.normal(0, 3, 2))) for _ in range(60)]
    steps = np.abs(np.diff(np.array(boxes_of([*faces])), axis=0))
    assert steps.mean() < 0.5
    assert np.abs(np.diff(np.array(boxes_of([*faces], smoothing="none")), axis=0)).mean() > 2


def test_cuts_and_absent_faces_are_not_smoothed_across() -> None:
    left, right = face_at(100, 100), face_at(700, 300)
    found = boxes_of([left] * 6 + [right] * 6 + [None] + [left] * 3)
    assert (
        found
        == [(100, 100, 200, 200)] * 6
        + [(700, 300, 800, 400)] * 6
        + [None]
        + [(100, 100, 200, 200)] * 3
    )


@pytest.mark.parametrize(
    ("pads", "expected"),
    [
        ((0, 10, 0, 0), (100, 80, 200, 190)),
        ((5, 0, 20, 30), (80, 75, 230, 180)),
        ((-5, -8, -3, -4), (103, 85, 196, 172)),
        ((900, 900, 900, 2000), (0, 0, 1280, 720)),
    ],
)
def test_pads(pads: Pads, expected: tuple[int, ...]) -> None:
    assert boxes_of([face_at(100, 80)], pads=pads) == [expected]


def test_a_face_that_the_pads_leave_nothing_of_has_no_box() -> None:
    assert boxes_of([face_at(100, 80)], pads=(-60, -60, 0, 0)) == [None]
    assert boxes_of([face_at(2000, 80)]) == [None]


def test_pads_and_boxes_are_read_from_text() -> None:
    options = Wav2LipOptions(pads="0 20,0, 0", box="1 2 3 4")  # type: ignore[arg-type]
    assert (options.pads, options.box) == ((0, 20, 0, 0), (1, 2, 3, 4))


def test_a_fixed_box_is_every_frame_s() -> None:
    found = boxes_of([face_at(100, 80), None], box=(10, 110, 30, 90))
    assert found == [(30, 10, 90, 110)] * 2


@pytest.mark.parametrize("box", [(10, 10, 5, 50), (0, 721, 0, 50), (-4, 50, 0, 50)])
def test_a_fixed_box_outside_the_frame_is_refused(box: tuple[int, ...]) -> None:
    with pytest.raises(OptionError, match=r"`box`.*inside the frame of 1280x720"):
        boxes_of([face_at(100, 80)], box=box)
