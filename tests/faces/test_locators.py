"""One contract for everything in the locator table."""

import numpy as np
import pytest

from masktalk.errors import OptionError
from masktalk.faces.locators import LOCATORS, make_locator
from masktalk.types import Frame
from masktalk.weights import WeightStore

# These answer only where their weights have been fetched.
_FETCHED = ("s3fd", "dwpose")


@pytest.fixture(params=list(LOCATORS), scope="module")
def locator(request):
    if request.param in _FETCHED and WeightStore().find(request.param) is None:
        pytest.skip(f"the weights of {request.param} are not here")
    with make_locator(request.param) as made:
        yield made


def test_it_finds_the_face_and_says_who_it_is(locator, portrait):
    found = locator.find(Frame(portrait))
    assert found, "the portrait has a face that everything finds"
    best = max(found, key=lambda sighting: sighting.confidence)
    assert best.located_by == locator.name
    assert best.mesh.shape == (478, 3)
    assert best.mesh.dtype == np.float32
    assert np.isfinite(best.mesh).all()
    assert 0 < best.confidence <= 1
    eyes = best.mesh[[33, 263], :2].mean(axis=0)
    assert eyes == pytest.approx((225, 100), abs=15)
    assert best.mesh[[61, 291, 13, 14], :2].mean(axis=0) == pytest.approx((224, 143), abs=15)


def test_it_finds_nothing_where_nothing_is(locator):
    assert locator.find(Frame(np.full((120, 160, 3), 90, np.uint8))) == []


def test_it_bears_tiny_and_odd_pictures(locator):
    for shape in ((1, 1, 3), (2, 301, 3)):
        assert locator.find(Frame(np.zeros(shape, np.uint8)), "quick") == []


def test_it_leaves_the_picture_alone_and_repeats_itself(locator, portrait):
    frame = Frame(portrait.copy())
    first, second = locator.find(frame), locator.find(frame)
    assert (frame.pixels == portrait).all()
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert np.abs(a.mesh - b.mesh).max() < 1e-3


def test_an_unknown_name_lists_the_valid_ones():
    with pytest.raises(OptionError, match=r"mesh, drawn, detector, s3fd"):
        make_locator("dlib")
