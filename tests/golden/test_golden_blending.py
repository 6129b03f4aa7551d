"""Boxes and blending masks against the reference's own numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from masktalk.compose import paste
from masktalk.compose.parsing_masks import (
    Box,
    MaskOptions,
    cheek_kernel,
    crop_box,
    jaw_kernel,
    soft_mask,
    speaking_region,
)
from masktalk.engines.musetalk.crop import reference_box
from masktalk.types import Frame, Patch
from tests.golden.recipe import golden

pytestmark = pytest.mark.golden

CASES = [(box, mode) for box in ("inside", "edge") for mode in ("raw", "jaw", "neck")]


def _box(values: np.ndarray) -> Box:
    x0, y0, x1, y1 = (int(v) for v in values)
    return x0, y0, x1, y1


def test_kernels() -> None:
    arrays = golden("c_blending")
    np.testing.assert_array_equal(jaw_kernel(), arrays["jaw_kernel_33x33"])
    np.testing.assert_array_equal(cheek_kernel(), arrays["cheek_kernel"])


@pytest.mark.parametrize(("mode", "cheek"), [("jaw", 80), ("raw", 90), ("jaw", 90), ("neck", 90)])
def test_speaking_region(mode: str, cheek: int) -> None:
    arrays = golden("c_blending")
    options = MaskOptions(mode, cheek, cheek)  # type: ignore[arg-type]
    ours = speaking_region(arrays["parse_map_512"], options)
    np.testing.assert_array_equal(ours, arrays[f"mask512_{mode}_cheek{cheek}"])


@pytest.mark.parametrize(("box", "mode"), CASES)
@pytest.mark.parametrize(("blur", "expected"), [(0.05, "get_image"), (0.1, "blending")])
def test_blended_pictures(box: str, mode: str, blur: float, expected: str) -> None:
    arrays = golden("c_blending")
    where = _box(arrays[f"box_{box}"])
    assert crop_box(where) == _box(arrays[f"crop_box_{box}"])
    options = MaskOptions(mode, blur=blur)  # type: ignore[arg-type]
    mask = soft_mask(speaking_region(arrays["parse_map_512"], options), where, options)
    face = arrays[f"face_{box}"]
    patch = Patch(np.dstack([face, mask]), where[0], where[1])
    ours = paste(Frame(arrays["frame"]), patch, Fraction(0)).pixels
    theirs = arrays[f"{expected}_{box}_{mode}"]
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize(("box", "mode"), CASES)
def test_realtime_mask(box: str, mode: str) -> None:
    arrays = golden("c_blending")
    where = _box(arrays[f"box_{box}"])
    options = MaskOptions(mode, blur=0.1)  # type: ignore[arg-type]
    mask = soft_mask(speaking_region(arrays["parse_map_512"], options), where, options)
    left, top, _, _ = crop_box(where)
    theirs = arrays[f"material_mask_{box}_{mode}"]
    rows = slice(where[1] - top, where[3] - top)
    columns = slice(where[0] - left, where[2] - left)
    np.testing.assert_array_equal(mask, theirs[rows, columns])


@pytest.mark.parametrize("case", range(12))
def test_box_of_landmarks(case: int) -> None:
    arrays = golden("e_bbox")
    if arrays["raised"][case]:
        return  # no face at all: the reference raises, masktalk has None for that frame
    ours = reference_box(
        arrays["landmarks"][case],
        int(arrays["bbox_shift"][case]),
        _box(arrays["detector_box"][case]),
    )
    assert ours == _box(arrays["result_box"][case]), arrays["case_names"][case]
