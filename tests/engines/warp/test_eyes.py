"""Lids and irises: they close, look about, and leave the rest alone."""

import numpy as np
import pytest

from masktalk.behaviour import Movement
from masktalk.behaviour.movement import look_weights
from masktalk.engines.warp.engine import FrameWarper, WarpOptions
from masktalk.engines.warp.eyes import Eyes
from masktalk.engines.warp.prepared_data import load_or_make
from masktalk.faces import locate
from masktalk.landmarks import IRISES, LOWER_LIDS, UPPER_LIDS
from masktalk.preparation import prepare
from masktalk.types import Frame
from tests.engines.warp.drawn import laid_over, values_of

SHUT = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}


def openness(face):
    """Mean gap of the lids in inter-ocular distances."""
    upper, lower = (
        face.mesh[[index for lid in lids for index in lid], :2] for lids in (UPPER_LIDS, LOWER_LIDS)
    )
    return float(np.linalg.norm(upper - lower, axis=1).mean()) / face.interocular


@pytest.fixture(scope="module")
def avatars(material, tmp_path_factory):
    folder = tmp_path_factory.mktemp("eyes")
    names = {"portrait": "portrait.jpg", "cartoon": "cartoon.png", "ninja": "ninja.png"}
    return {name: prepare(material / file, folder / name) for name, file in names.items()}


def with_eyes(avatar, weights):
    frame = Frame(avatar.frame(0).pixels[..., :3])
    for edit in Eyes(frame, avatar.faces[0]).edits(weights):
        frame = edit.on(frame)
    return frame


def changed_by(avatar, weights):
    before = avatar.frame(0).pixels[..., :3].astype(int)
    return np.abs(with_eyes(avatar, weights).pixels.astype(int) - before).max(axis=2) > 8


def test_lids_close_for_whoever_locates_them_again(avatars):
    opened, shut = (locate(with_eyes(avatars["portrait"], weights)) for weights in ({}, SHUT))
    assert openness(shut) < 0.4 * openness(opened)


@pytest.mark.parametrize("name", ["portrait", "cartoon", "ninja"])
def test_a_blink_changes_the_eyes_and_not_the_mouth(avatars, name):
    avatar = avatars[name]
    changed = changed_by(avatar, SHUT)
    face = avatar.faces[0]
    for corners in ((33, 133), (263, 362)):
        x, y = face.mesh[list(corners), :2].mean(axis=0)
        half = int(0.1 * face.interocular)
        assert changed[int(y) - half : int(y) + half, int(x) - half : int(x) + half].mean() > 0.2
    assert not changed[int(face.mesh[2, 1]) :].any()


def test_half_closed_lids_cover_part_of_the_eye(avatars):
    parts = [changed_by(avatars["portrait"], dict.fromkeys(SHUT, amount)).sum()
             for amount in (0.25, 0.6, 1.0)]  # fmt: skip
    assert 0 < parts[0] < parts[1] < parts[2]


@pytest.mark.parametrize("right", [-12.0, 12.0])
def test_irises_look_where_they_are_told(avatars, right):
    avatar = avatars["portrait"]
    ahead, aside = (
        locate(with_eyes(avatar, weights)) for weights in ({}, look_weights(right, 0.0))
    )
    moved = (aside.mesh[list(IRISES), 0] - ahead.mesh[list(IRISES), 0]) / ahead.interocular
    # A radius of 12 mm against 90 mm between the outer eye corners.
    assert moved == pytest.approx([0.133 * np.sin(np.deg2rad(right))] * 2, abs=0.012)


def test_wide_eyes_are_wider_and_squinting_ones_narrower(avatars):
    gaps = {
        name: openness(
            locate(
                with_eyes(avatars["portrait"], {f"eye{name}{s}": 1.0 for s in ("Left", "Right")})
            )
        )
        for name in ("Wide", "Squint", "Look")
    }
    assert gaps["Squint"] < 0.9 * gaps["Look"]
    assert gaps["Wide"] > 1.05 * gaps["Look"]


def test_eyes_that_are_left_alone_make_no_edit(avatars):
    eyes = Eyes(avatars["portrait"].frame(0), avatars["portrait"].faces[0])
    assert eyes.edits({"browInnerUp": 1.0}) == []


@pytest.mark.parametrize("name", ["portrait", "cartoon", "ninja"])
def test_the_patch_holds_the_eyes_while_the_head_rests(avatars, name):
    avatar = avatars[name]
    talker = FrameWarper(avatar, load_or_make(avatar), WarpOptions())
    before = avatar.frame(0).pixels
    shut = laid_over(before, talker.patch(0, values_of(), Movement(SHUT)))
    assert (
        np.abs(shut.astype(int) - before)[changed_by(avatar, SHUT)].max(axis=1) > 4
    ).mean() > 0.9


def test_one_eye_winks(avatars):
    avatar = avatars["portrait"]
    changed = changed_by(avatar, {"eyeBlinkLeft": 1.0})
    middle = int(avatar.faces[0].mesh[168, 0])
    # The speaker's left is the image's right.
    assert changed[:, middle:].any()
    assert not changed[:, :middle].any()
