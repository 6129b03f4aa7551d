"""Two-picture avatars end to end: the bare face speaks, the mask lies over it."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from masktalk.driver import Calibration, VideoArticulator
from masktalk.engines.base import make_engine
from masktalk.errors import InputError
from masktalk.media import open_source
from masktalk.overlay import MaskedEngine, with_overlay
from masktalk.preparation import PrepareOptions, prepare
from masktalk.rendering import RenderOptions, frames
from masktalk.types import Audio


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The demo's portrait, the same under a drawn cloth, the cloth alone and its matte."""
    from importlib.resources import files

    folder = tmp_path_factory.mktemp("pictures")
    picture = Image.open(str(files("masktalk.demo") / "material" / "portrait.jpg"))
    bare = np.asarray(picture.convert("RGB"))[:384, :384]
    Image.fromarray(bare).save(folder / "bare.png")
    with prepare(folder / "bare.png", folder / "found") as found:
        face = found.faces[0]
    rows, columns = np.mgrid[: bare.shape[0], : bare.shape[1]]
    x, y = (face.mouth + face.chin) / 2
    unit = face.interocular
    away = np.hypot((columns - x) / (0.9 * unit), (rows - y) / (0.75 * unit))
    matte = np.clip((1 - away) * 40, 0, 1) * 255
    cloth = np.stack([rows * 255 // rows.max(), columns * 0 + 60, columns * 0 + 90], axis=-1)
    alone = np.dstack([cloth, matte]).astype(np.uint8)
    masked = cloth * (matte[..., None] / 255) + bare * (1 - matte[..., None] / 255)
    Image.fromarray(alone).save(folder / "mask.png")
    Image.fromarray(matte.astype(np.uint8)).save(folder / "matte.png")
    Image.fromarray(np.rint(masked).astype(np.uint8)).save(folder / "masked.png")
    return folder


def pixels(path):
    return next(iter(open_source(path).frames())).pixels.astype(int)


@pytest.mark.parametrize("mask", ["mask.png", "matte.png", None])
def test_any_of_the_ways_to_give_a_mask_makes_the_same_overlay(pictures, tmp_path, mask):
    options = PrepareOptions(
        unmasked=pictures / "bare.png", mask=None if mask is None else pictures / mask
    )
    with prepare(pictures / "masked.png", tmp_path / "avatar", options) as avatar:
        assert avatar.mouth == "open"
        overlay = pixels(avatar.overlay)
    wanted = pixels(pictures / "mask.png")
    solid = (wanted[..., 3] == 255) & (overlay[..., 3] == 255)
    assert solid.mean() > 0.04
    assert np.abs(overlay[solid][:, :3] - wanted[solid][:, :3]).max() <= 1
    assert ((overlay[..., 3] > 127) != (wanted[..., 3] > 127)).mean() < 0.005


def test_the_mask_moves_with_the_jaw_and_nothing_else_does(pictures, material, tmp_path):
    options = PrepareOptions(unmasked=pictures / "bare.png", mask=pictures / "mask.png")
    with prepare(pictures / "masked.png", tmp_path / "avatar", options) as avatar:
        face = avatar.faces[0]
        unmoved = {"energy": 0.0}  # no blinks
        spoken = RenderOptions(engine_options=unmoved)
        made = [f.pixels.astype(int) for f in frames(avatar, material / "speech.wav", spoken)]
        silence = Audio(np.zeros(8000, np.float32), 16000)
        at_rest = RenderOptions(
            articulator=VideoArticulator(iter(()), Calibration()), engine_options=unmoved
        )
        silent = [f.pixels.astype(int) for f in frames(avatar, silence, at_rest)]
    given = pixels(pictures / "masked.png")
    change = np.abs(np.stack(made) - given).max(axis=(0, 3))
    assert change[: int(face.mesh[2, 1] - 0.35 * face.interocular)].max() <= 1
    assert len(made) == 50
    solid = pixels(pictures / "mask.png")[..., 3] == 255
    assert change[solid].max() > 8
    assert np.abs(np.stack(silent) - given)[:, solid].max() <= 1


def test_a_prepared_avatar_without_a_mask_keeps_its_engine(material):
    engine = make_engine("warp")
    with prepare(material / "cartoon.png") as avatar:
        assert with_overlay(engine, avatar) is engine


def test_a_masked_engine_says_as_many_frames_whatever_the_blocks(pictures, material, tmp_path):
    from masktalk.media import stream_audio

    options = PrepareOptions(unmasked=pictures / "bare.png")
    with prepare(pictures / "masked.png", tmp_path / "avatar", options) as avatar:
        assert isinstance(with_overlay(make_engine("warp"), avatar), MaskedEngine)
        speech = material / "speech.wav"
        whole = [f.pixels for f in frames(avatar, speech)]
        blocks = stream_audio(speech, block=Fraction(1, 50))
        parts = [f.pixels for f in frames(avatar, blocks, RenderOptions())]
    assert len(whole) == len(parts)
    for a, b in zip(whole, parts, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 0.01


def test_a_mask_that_is_no_mask_is_refused(pictures, tmp_path):
    Image.new("RGB", (384, 384), "white").save(tmp_path / "white.png")
    options = PrepareOptions(unmasked=pictures / "bare.png", mask=tmp_path / "white.png")
    with pytest.raises(InputError, match=r"white\.png"):
        prepare(pictures / "masked.png", tmp_path / "avatar", options)
    assert not (tmp_path / "avatar").exists()
