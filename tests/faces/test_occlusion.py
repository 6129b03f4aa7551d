"""What passes before a face is found, cut out and left alone; a bare face never is."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from masktalk.avatar import OcclusionTrack, write_occlusions
from masktalk.faces.occlusion import find_occlusions
from masktalk.overlay.occluded_engine import behind
from masktalk.types import Face, Frame, Occlusion, Patch
from tests.engines.warp.drawn import SIZE, mesh_of, picture_of

COUNT = 40


def video_with(thing_at):
    """Frames, faces and true masks of a face that talks while something is before it."""
    pictures, faces, truth = [], [], []
    for index in range(COUNT):
        gap = 0.1 + 0.1 * np.sin(index)
        mesh = mesh_of(gap=gap, yaw=0.15 * np.sin(index / 6))
        picture = picture_of(mesh, teeth=gap > 0.1)
        mask = np.zeros((SIZE, SIZE), np.uint8)
        place = thing_at(index)
        if place is not None:
            cv2.circle(mask, place, 42, (1,), -1)
            cv2.rectangle(mask, (place[0] - 14, place[1]), (place[0] + 14, SIZE), (1,), -1)
        picture[mask > 0] = (225, 190, 140)
        pictures.append(picture)
        truth.append(mask > 0)
        faces.append(Face(mesh, "mesh", 1.0, "open", Fraction(index, 25)))
    return pictures, faces, truth


def found_in(pictures, faces):
    return find_occlusions(lambda index: Frame(pictures[index]), faces)


def matte_of(occlusion):
    full = np.zeros((SIZE, SIZE), np.uint8)
    if occlusion is not None:
        height, width = occlusion.alpha.shape
        rows = slice(occlusion.y, occlusion.y + height)
        full[rows, occlusion.x : occlusion.x + width] = occlusion.alpha
    return full


@pytest.fixture(scope="module")
def passing():
    pictures, faces, truth = video_with(lambda i: (20 + 8 * i, 232))
    return faces, truth, found_in(pictures, faces)


def test_a_bare_face_that_talks_and_turns_has_no_occluder():
    pictures, faces, _ = video_with(lambda i: None)
    assert found_in(pictures, faces) == {}


def test_what_passes_is_cut_out(passing):
    faces, truth, found = passing
    for index in (14, 19, 24):
        box = np.zeros((SIZE, SIZE), bool)
        x0, y0, x1, y1 = (int(value) for value in faces[index].box)
        box[y0:y1, x0:x1] = True
        hidden = matte_of(found.get(index)) > 127
        assert hidden[truth[index] & box].mean() > 0.95
        assert hidden[~truth[index] & box].mean() < 0.15


def test_the_mouth_fades_out_and_in_again(passing):
    _, _, found = passing
    shares = [found[i].mouth_share if i in found else 1.0 for i in range(COUNT)]
    assert min(shares) == 0
    assert shares[0] == shares[-1] == 1
    assert np.abs(np.diff(shares)).max() <= 0.25


def test_what_comes_to_stay_is_found_although_most_frames_show_it():
    pictures, faces, _ = video_with(
        lambda i: (180, max(440 - 20 * (i - 8), 236)) if i >= 8 else None
    )
    found = found_in(pictures, faces)
    assert 0 not in found
    assert all(found[i].mouth_share == 0 for i in range(24, COUNT))


def test_a_patch_leaves_the_occluder_alone():
    patch = Patch(np.full((10, 10, 4), 255, np.uint8), 5, 5)
    alpha = np.full((4, 30), 255, np.uint8)
    occlusion = Occlusion(0, 8, alpha, 0.5, 0.2)
    shown = behind(occlusion, patch).pixels[..., 3]
    assert (shown[3:7] == 0).all()
    assert (shown[:3] == 128).all()
    assert (shown[7:] == 128).all()
    assert behind(replace(occlusion, mouth_share=0.0), patch) is None
    assert behind(None, patch) is patch


def test_mattes_are_kept(tmp_path):
    alpha = np.random.default_rng(0).integers(0, 256, (7, 9)).astype(np.uint8)
    path = tmp_path / "occlusions.npz"
    kept = {3: Occlusion(2, 4, alpha, 0.25, 0.5), 9: Occlusion(0, 0, alpha[:1, :1], 1.0, 0.0)}
    write_occlusions(path, kept)
    track = OcclusionTrack(path)
    assert len(track) == 2
    assert track.at(4) is None
    read = track.at(3)
    np.testing.assert_array_equal(read.alpha, alpha)
    assert (read.x, read.y, read.mouth_share, read.hidden_share) == (2, 4, 0.25, 0.5)
    write_occlusions(tmp_path / "none.npz", {})
    assert len(OcclusionTrack(tmp_path / "none.npz")) == 0
