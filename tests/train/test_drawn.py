"""The drawn heads that the network of drawn faces learns from."""

import numpy as np
import pytest

from masktalk.train.drawn.mouths import STATES
from masktalk.train.drawn.pictures import crop_picture, empty_picture
from masktalk.train.drawn.plan import STYLES


@pytest.mark.parametrize("style", STYLES)
def test_points_of_a_drawn_head_are_in_order(style):
    rng = np.random.default_rng(7)
    for _ in range(5):
        pixels, truth = crop_picture(rng, 96, style)
        assert pixels.shape == (96, 96, 3)
        assert pixels.dtype == np.uint8
        assert truth.points.shape == (8, 2)
        left, right, _, left_corner, right_corner, *_ = truth.points
        across = right - left
        assert (right_corner - left_corner) @ across > 0
        down = np.array([-across[1], across[0]])
        assert (truth.points[3:7].mean(axis=0) - left) @ down > 0
        assert STATES[truth.state] in STATES


def test_the_same_seed_draws_the_same_head():
    first, second = (crop_picture(np.random.default_rng(3), 96) for _ in range(2))
    assert (first[0] == second[0]).all()
    assert (first[1].points == second[1].points).all()


def test_every_state_is_drawn():
    rng = np.random.default_rng(1)
    assert {crop_picture(rng, 48)[1].state for _ in range(150)} == {0, 1, 2, 3}


def test_a_picture_without_a_head_is_not_plain():
    pictures = [empty_picture(np.random.default_rng(seed), 48) for seed in range(8)]
    assert max(float(picture.std()) for picture in pictures) > 20
