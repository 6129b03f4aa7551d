"""Painted masks: what they cover, how they move, and the files with the truth beside them."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from masktalk.errors import NoFaceError, OptionError, OutputError
from masktalk.faces import locate
from masktalk.landmarks import (
    CHIN,
    EYE_CORNERS,
    MOUTH_CORNERS,
)
from masktalk.mask_painter import MASK_KINDS, MaskKind, MaskPainter, MaskStyle, paint_mask
from masktalk.mask_painter.files import mask_file
from masktalk.mask_painter.shapes import RIGID_KINDS
from masktalk.types import Frame
from tests.conftest import SHARED

COVERED = (*MOUTH_CORNERS, 13, 14, 0, 17, CHIN)
FREE = (*EYE_CORNERS, 159, 145, 386, 374)


@pytest.fixture(scope="module")
def portrait() -> tuple[np.ndarray, np.ndarray]:
    path = Path(str(files("masktalk.demo") / "material" / "portrait.jpg"))
    pixels = np.asarray(Image.open(path).convert("RGB"))
    face = locate(Frame(pixels))
    assert face is not None
    return pixels, face.mesh


def opened(mesh: np.ndarray, drop: float) -> np.ndarray:
    """The mesh with its jaw lowered by so many inter-ocular distances."""
    from masktalk.landmarks import SKIN, SKIN_JAW_FOLLOW

    moved = mesh.copy()
    unit = np.linalg.norm(mesh[263, :2] - mesh[33, :2])
    moved[list(SKIN), 1] += drop * unit * SKIN_JAW_FOLLOW
    return moved


def alpha_at(alpha: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = np.round(points[:, :2]).astype(int).T
    height, width = alpha.shape
    return alpha[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]


@pytest.mark.parametrize("kind", MASK_KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mouth_and_chin_are_covered_and_the_eyes_free(
    kind: MaskKind, seed: int, portrait: Any
) -> None:
    pixels, mesh = portrait
    masked = paint_mask(pixels, mesh, MaskStyle(kind, seed))
    assert alpha_at(masked.alpha, mesh[list(COVERED)]).min() > 0.9
    assert alpha_at(masked.alpha, mesh[list(FREE)]).max() < 0.1
    outside = masked.alpha == 0
    far = cv2.erode(outside.astype(np.uint8), np.ones((61, 61))) > 0
    np.testing.assert_array_equal(masked.pixels[far], pixels[far])


@pytest.mark.parametrize("kind", MASK_KINDS)
def test_the_same_seed_paints_the_same_mask(kind: MaskKind, portrait: Any) -> None:
    first, again = (paint_mask(*portrait, MaskStyle(kind, 5)) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    other = paint_mask(*portrait, MaskStyle(kind, 6))
    assert (first.pixels != other.pixels).any()


@pytest.mark.parametrize("kind", sorted(set(MASK_KINDS) - RIGID_KINDS - {"scarf", "hood"}))
def test_the_lower_edge_follows_the_chin(kind: MaskKind, portrait: Any) -> None:
    pixels, mesh = portrait
    painter = MaskPainter(MaskStyle(kind, 3))
    unit = np.linalg.norm(mesh[263, :2] - mesh[33, :2])
    gaps = []
    for drop in (0.0, 0.05, 0.1, 0.2):
        moved = opened(mesh, drop)
        column = painter.paint(pixels, moved).alpha[:, round(float(moved[CHIN, 0]))]
        edge = np.flatnonzero(column > 0.5).max()
        gaps.append((edge - moved[CHIN, 1]) / unit)
    assert np.ptp(gaps) < 0.03


@pytest.mark.parametrize("kind", sorted(RIGID_KINDS))
def test_a_rigid_mask_stays_when_the_jaw_drops(kind: MaskKind, portrait: Any) -> None:
    pixels, mesh = portrait
    painter = MaskPainter(MaskStyle(kind, 3))
    still = painter.paint(pixels, mesh).alpha
    moved = painter.paint(pixels, opened(mesh, 0.15)).alpha
    assert np.abs(still - moved).mean() < 0.002


def test_an_unknown_kind() -> None:
    with pytest.raises(OptionError, match="surgical"):
        MaskStyle("veil")  # type: ignore[arg-type]


def test_an_image_and_its_truth(material: Path, tmp_path: Path) -> None:
    out = tmp_path / "masked.png"
    made = mask_file(material / "portrait.jpg", out, MaskStyle("scarf", 1))
    truth = json.loads(made.truth.read_text())
    (face,) = truth["frames"]
    matte = np.asarray(Image.open(made.matte).convert("L"))
    x, y = (round(value) for value in face["mouth"])
    assert matte[y, x] == 255
    with Image.open(out) as image:
        assert image.size == (truth["width"], truth["height"])
    with pytest.raises(OutputError):
        mask_file(material / "portrait.jpg", out, MaskStyle("scarf", 1))


def test_a_video_keeps_its_frames(material: Path, tmp_path: Path) -> None:
    from masktalk.media import open_source

    made = mask_file(material / "talking.mp4", tmp_path / "masked.mp4", MaskStyle("surgical"))
    truth = json.loads(made.truth.read_text())
    assert truth["frames"][10] is None or made.frames == 24
    assert open_source(made.path).frame_count == open_source(made.matte).frame_count == 24


def test_bad_input(material: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="suffix"):
        mask_file(material / "portrait.jpg", tmp_path / "out.mp4", MaskStyle("hood"))
    wall = tmp_path / "wall.png"
    Image.new("RGB", (200, 200), (90, 90, 90)).save(wall)
    with pytest.raises(NoFaceError):
        mask_file(wall, tmp_path / "out.png", MaskStyle("hood"))
    assert [path.name for path in tmp_path.iterdir()] == ["wall.png"]


@pytest.mark.shared
@pytest.mark.slow
def test_thirty_portraits_under_six_kinds() -> None:
    covered = 0
    for number, path in enumerate(sorted((SHARED / "media" / "portraits").iterdir())):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        face = locate(Frame(pixels))
        assert face is not None
        for kind in MASK_KINDS:
            alpha = paint_mask(pixels, face.mesh, MaskStyle(kind, number)).alpha
            behind = alpha_at(alpha, face.mesh[list(COVERED)]).min() > 0.9
            covered += behind and alpha_at(alpha, face.mesh[list(FREE)]).max() < 0.1
    assert covered == 180
