"""Measures on the portraits, masks and the drawn video beside the checkout."""

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masktalk.faces import track
from masktalk.media import open_source
from masktalk.types import Frame

MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"

pytestmark = [pytest.mark.shared, pytest.mark.slow]


def located(path):
    """The face as `masktalk locate` reports it: a picture is a video of one frame."""
    with Image.open(path) as picture:
        frame = Frame(np.asarray(picture.convert("RGB")))
    return next(track([frame], Fraction(25)))


@pytest.fixture(scope="module")
def truth():
    return json.loads((MEDIA / "masked" / "truth.json").read_text())


@pytest.fixture(scope="module")
def bare(truth):
    return {name: located(MEDIA / "portraits" / f"{name}.jpg") for name in truth}


@pytest.fixture(scope="module")
def masked(truth):
    kinds = ("hood", "scarf", "surgical")
    return {
        (name, kind): located(MEDIA / "masked" / f"{name}.{kind}.jpg")
        for name in truth
        for kind in kinds
    }


def away(face, true):
    """Interocular distances between the found mouth and the true one."""
    return float(np.linalg.norm(face.mouth - true["mouth"])) / true["interocular"]


def test_every_bare_face_is_located_where_it_is(bare, truth):
    assert all(bare.values())
    assert max(away(bare[name], truth[name]) for name in truth) < 0.03


def test_every_masked_face_is_located(masked):
    assert [key for key, face in masked.items() if face is None] == []


def test_masked_mouths_are_near_the_true_ones(masked, truth):
    off = {key: away(face, truth[key[0]]) for key, face in masked.items()}
    near = sum(value < 0.15 for value in off.values())
    assert near >= 0.95 * len(off), {key: round(v, 2) for key, v in off.items() if v >= 0.15}


def test_covered_and_bare_are_told_apart(bare, masked):
    assert sum(face.mouth_state != "occluded" for face in bare.values()) >= 0.97 * len(bare)
    assert sum(face.mouth_state == "occluded" for face in masked.values()) >= 0.97 * len(masked)


@pytest.mark.parametrize("name", ["yongen.mp4", "talking/d12.mp4"])
def test_every_frame_of_a_video_has_a_face_with_a_mouth(name):
    source = open_source(MEDIA / name)
    faces = list(track(source.frames(), source.rate))
    assert len(faces) == source.frame_count
    assert all(faces)
    states = Counter(face.mouth_state for face in faces)
    assert states["occluded"] == 0
