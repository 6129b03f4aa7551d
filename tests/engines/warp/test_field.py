"""Displacement fields: they hit their points, turn round, and the fast path is the plain one."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from masktalk.engines.warp.field import (
    _RELAX,
    DENSITY,
    PixelGrid,
    PlaneGrid,
    interpolation,
    invert_displacement,
    kernel,
    sample,
)
from masktalk.engines.warp.rig import lip_sites
from masktalk.engines.warp.scene import Scene, move
from masktalk.engines.warp.shape import mouth_motion, read_channels
from masktalk.landmarks import JAWLINE
from tests.engines.warp.drawn import MOUTHS, mesh_of, still, warper_of


def test_a_field_takes_its_values_at_its_points():
    rng = np.random.default_rng(0)
    sites = np.mgrid[-1:1:6j, -1:1:5j].reshape(2, -1).T + rng.uniform(-0.1, 0.1, (30, 2))
    sites = sites.astype(np.float32)
    shifts = rng.normal(0, 0.05, (30, 2)).astype(np.float32)
    got = interpolation(sites, sites) @ shifts
    assert np.abs(got - shifts).max() < 0.005


def test_points_that_all_move_alike_move_everything_alike():
    rng = np.random.default_rng(1)
    sites = rng.uniform(-1, 1, (20, 2)).astype(np.float32)
    places = rng.uniform(-2, 2, (50, 2)).astype(np.float32)
    moved = interpolation(places, sites) @ np.full((20, 2), 0.3, np.float32)
    np.testing.assert_allclose(moved, 0.3, atol=1e-4)


def test_the_kernel_is_the_distance_far_away():
    far = kernel(np.array([[3.0, 4.0]], np.float32), np.zeros((1, 2), np.float32))
    assert far[0, 0] == pytest.approx(5.0, abs=1e-3)


def test_turning_round_finds_where_things_came_from():
    rows, columns = np.mgrid[:40, :40].astype(np.float32)
    bump = 3 * np.exp(-((rows - 20) ** 2 + (columns - 20) ** 2) / 60)
    forward = np.dstack([0.5 * bump, bump]).astype(np.float32)
    at = np.dstack([columns, rows])
    source = invert_displacement(forward, at)
    back = source + sample(forward, source)
    assert np.abs(back - at)[8:32, 8:32].max() < 0.05


def test_a_window_ends_before_the_grid_does():
    outline = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]], np.float32)
    window = PlaneGrid.around(outline).window(outline, 0.2)
    assert window[[0, -1]].max() == window[:, [0, -1]].max() == 0
    assert window.max() == 1


def test_nodes_lie_in_the_middle_of_the_pixels_they_answer_for():
    grid = PixelGrid(10, 20, 4, 3, 2)
    ramp = grid.nodes()
    fine = grid.spread(ramp)
    assert fine.shape == (8, 12, 2)
    np.testing.assert_allclose(fine[2:6, 2:10, 0], np.broadcast_to(np.arange(12, 20), (4, 8)))


@pytest.mark.parametrize("mouth", ["wide", "round", "spread"])
@pytest.mark.parametrize("roll", [0.0, 0.4])
def test_the_fast_path_gives_what_the_plain_one_does(mouth, roll):
    avatar = still(roll=roll)
    talker = warper_of(avatar, head_motion="off")
    fast = talker.patch(0, MOUTHS[mouth])
    rig = talker._rig
    scene = Scene.of(mesh_of(roll=roll), rig, still=True)
    motion = mouth_motion(read_channels(MOUTHS[mouth]), *rig.profiles)
    deltas = rig.deltas(scene.lips, motion)
    plain = plain_warp(avatar.pictures[0], scene, rig, deltas)
    moved = move(scene, rig, deltas)
    outside = away_from_lips(scene, moved)
    left, top = fast.x - scene.grid.x, fast.y - scene.grid.y  # only what moves is made
    window = np.s_[top : top + fast.pixels.shape[0], left : left + fast.pixels.shape[1]]
    difference = np.abs(fast.pixels[..., :3].astype(float) - plain[window])[outside[window]]
    assert np.median(difference) <= 1.0
    assert np.percentile(difference, 99) <= 12.0


def plain_warp(picture, scene, rig, deltas):
    """The same warp pixel by pixel in float64, without grids, matrices or fixed point maps."""
    grid = scene.grid
    rows, columns = np.mgrid[grid.y : grid.y + grid.height, grid.x : grid.x + grid.width]
    places = scene.pose.place(np.dstack([columns, rows]).astype(np.float32))
    window = sample(rig.window, rig.grid.index(places))
    sources = []
    still = np.zeros((len(JAWLINE), 3))
    shared = np.vstack([rig.follow @ deltas.leads, deltas.corners, still])
    for sites, lip in zip(lip_sites(rig.base), (deltas.upper, deltas.lower), strict=True):
        shifts = scene.pose.flatten(np.vstack([shared, lip.reshape(-1, 3)]))
        weights = solved(sites.astype(float), shifts.astype(float))
        source = places.reshape(-1, 2).astype(float)
        for _ in range(12):
            field = weights[-1] - kernel64(source, sites) @ weights[:-1]
            source = places.reshape(-1, 2) - field
        sources.append(source.reshape(places.shape))
    upper = scene.pose.place(move(scene, rig, deltas).line_above.mean(axis=0))
    above = (places[..., 1] < upper[1])[..., None]
    source = np.where(above, sources[0], sources[1])
    source = places + (source - places) * window[..., None]
    pixel = source @ scene.pose.axes[:, :2].T.astype(float) + scene.pose.origin
    at = [pixel[..., 1], pixel[..., 0]]
    channels = [
        map_coordinates(picture[..., k].astype(float), at, order=3, mode="nearest")
        for k in range(3)
    ]
    return np.clip(np.stack(channels, axis=-1), 0, 255)


def kernel64(places, sites):
    return np.sqrt(((places[:, None] - sites[None]) ** 2).sum(axis=-1) + 0.05**2)


def solved(sites, shifts):
    count = len(sites)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = -kernel64(sites, sites) + _RELAX * np.eye(count)
    system[count, count] = 0
    return np.linalg.solve(system, np.vstack([shifts, np.zeros((1, 2))]))


def away_from_lips(scene, moved):
    """Pixels of the patch well away from the lips, where one field alone holds."""
    grid = scene.grid
    lines = np.vstack([moved.line_above, moved.line_below]) - [grid.x, grid.y]
    mask = np.ones((grid.height, grid.width), bool)
    x0, y0 = np.maximum(lines.min(axis=0) - 0.5 * DENSITY, 0).astype(int)
    x1, y1 = (lines.max(axis=0) + 0.5 * DENSITY).astype(int)
    mask[y0:y1] = False
    mask[:, : max(x0 - 40, 0)] = True
    mask[:, x1 + 40 :] = True
    return mask


def test_sources_are_the_shift_between_nodes_and_constant_beyond_them():
    grid = PixelGrid(x=-3, y=5, step=4, columns=7, rows=6)
    shift = np.random.default_rng(2).normal(0, 2, (6, 7, 2)).astype(np.float32)
    rows, columns = np.indices((grid.height, grid.width), np.float32)
    expected = grid.spread(shift) + np.stack([columns + grid.x, rows + grid.y], axis=-1)
    assert np.allclose(grid.sources(shift), expected, atol=1e-4)
    part = (slice(5, 18), slice(0, 21))
    assert np.allclose(grid.sources(shift, *part), expected[part], atol=1e-4)
    still = expected - grid.spread(shift)
    assert np.allclose(grid.sources(np.zeros_like(shift)), still, atol=1e-5)
