"""Where cloth sits: it goes with the head, not with what is guessed under it."""

import numpy as np
import pytest

from masktalk.engines.warp.cloth_tracker import ClothTracker
from masktalk.engines.warp.face_axes import fit_pose
from masktalk.types import Face
from tests.engines.warp.drawn import UNIT, mesh_of

MOUTH = (61, 291, 13, 14)


def face_of(mesh):
    return Face(np.asarray(mesh, np.float32), "drawn", 1.0, "occluded")


def carried(seat, mesh, index):
    """(4, 2) pixels in a frame of what lies on the mouth of the home frame's mesh."""
    places = fit_pose(mesh).place(mesh[list(MOUTH), :2])
    return np.column_stack([places, np.ones(len(places))]) @ seat.at(index).T


def moved(step):
    return mesh_of() + np.array([0.05 * UNIT * np.sin(0.2 * step), 0.02 * UNIT * step, 0])


def test_cloth_lies_where_it_was_read():
    mesh = mesh_of()
    seat = ClothTracker([face_of(mesh)], 25.0, 0)
    assert np.abs(carried(seat, mesh, 0) - mesh[list(MOUTH), :2]).max() < 0.05


def test_cloth_goes_with_the_head():
    meshes = [moved(step) for step in range(20)]
    seat = ClothTracker([face_of(mesh) for mesh in meshes], 25.0, 0)
    for index in (5, 10, 15):
        away = carried(seat, meshes[0], index) - meshes[index][list(MOUTH), :2]
        assert np.abs(away).max() < 0.01 * UNIT


def test_what_is_guessed_under_it_does_not_move_it():
    rng = np.random.default_rng(2)
    still, meshes = mesh_of(), []
    hidden = fit_pose(still).frontal[:, 1] > 0.5
    for _ in range(12):
        mesh = still.copy()
        mesh[hidden, 1] += rng.normal(0, 0.05 * UNIT)
        meshes.append(mesh)
    seat = ClothTracker([face_of(mesh) for mesh in meshes], 25.0, 0)
    places = [carried(seat, meshes[0], index) for index in range(12)]
    assert np.ptp(places, axis=0).max() < 0.005 * UNIT


def test_noise_is_evened_out():
    rng = np.random.default_rng(3)
    meshes = []
    for _ in range(40):
        shift = np.append(rng.normal(0, 0.01 * UNIT, 2), 0)
        meshes.append(mesh_of() + shift)
    seat = ClothTracker([face_of(mesh) for mesh in meshes], 25.0, 0)
    seen = np.diff([mesh[13, :2] for mesh in meshes], axis=0).std()
    laid = np.diff([carried(seat, meshes[0], index)[2] for index in range(40)], axis=0).std()
    assert laid < 0.4 * seen


def test_frames_without_a_face_and_other_shots_do_not_count():
    here, there = mesh_of(), mesh_of() + np.array([2.0 * UNIT, 0, 0])
    faces = [face_of(here)] * 5 + [None] + [face_of(there)] * 5
    seat = ClothTracker(faces, 25.0, 0)
    assert np.abs(carried(seat, here, 4) - here[list(MOUTH), :2]).max() < 0.01 * UNIT
    assert np.abs(carried(seat, here, 6) - there[list(MOUTH), :2]).max() < 0.01 * UNIT


def test_a_frame_without_a_face_has_no_plane():
    with pytest.raises(ValueError, match="no face"):
        ClothTracker([None], 25.0, 0)
