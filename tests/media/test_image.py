"""Pictures of every kind come out upright, 8 bit, RGB or RGBA."""

import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from masktalk.errors import MediaError
from masktalk.media import Limits, open_source
from tests.media.conftest import corners, quadrants


def read(path):
    source = open_source(path)
    assert source.kind == "picture"
    assert source.rate is None
    frames = list(source.frames())
    assert len(frames) == source.frame_count == 1
    assert (frames[0].width, frames[0].height) == (source.width, source.height)
    assert frames[0].has_alpha == source.has_alpha
    return frames[0].pixels


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "ppm", "gif", "tga"])
def test_lossless_kinds_come_back_as_they_are(tmp_path, suffix):
    path = tmp_path / f"picture.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(quadrants()).save(path, **options)
    assert np.array_equal(read(path), quadrants())


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_alpha_is_kept(tmp_path, suffix):
    path = tmp_path / f"picture.{suffix}"
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(quadrants(alpha=True)).save(path, **options)
    assert np.array_equal(read(path), quadrants(alpha=True))


def test_grey_with_alpha_and_palette_with_transparency(tmp_path):
    grey = np.dstack([quadrants()[..., 0], quadrants(alpha=True)[..., 3]])
    Image.fromarray(grey, "LA").save(tmp_path / "la.png")
    pixels = read(tmp_path / "la.png")
    assert np.array_equal(pixels[..., 0], grey[..., 0])
    assert np.array_equal(pixels[..., 3], grey[..., 1])
    palette = Image.fromarray(quadrants()).quantize(8)
    palette.save(tmp_path / "p.png", transparency=palette.getpixel((0, 0)))
    shown = read(tmp_path / "p.png")
    assert shown[2, 2, 3] == 0
    assert shown[2, 90, 3] == 255
    assert np.abs(corners(shown)[3][:3] - (230, 230, 230)).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = quadrants(60, 40)
    # EXIF 2.32, 4.6.4: how rows and columns were stored.
    stored = {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: lambda p: np.rot90(p, 3),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "p.png", exif=exif)
    assert np.array_equal(read(tmp_path / "p.png"), upright)


def test_cmyk_is_turned_into_rgb(tmp_path):
    Image.fromarray(quadrants()).convert("CMYK").save(tmp_path / "p.jpg", quality=98)
    for got, wanted in zip(corners(read(tmp_path / "p.jpg")), corners(quadrants()), strict=True):
        assert np.abs(got - wanted).max() <= 6


def test_sixteen_bits_are_scaled(tmp_path):
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (32, 1))
    wanted = np.tile(np.arange(256), (32, 1))
    for name in ("grey.png", "grey.tiff"):
        cv2.imwrite(str(tmp_path / name), ramp)
        pixels = read(tmp_path / name)
        assert np.array_equal(pixels, np.repeat(wanted[..., None], 3, axis=2))
    colour = np.dstack([ramp, ramp // 2, ramp // 4])  # blue, green, red for OpenCV
    for name in ("colour.png", "colour.tiff"):
        cv2.imwrite(str(tmp_path / name), colour)
        pixels = read(tmp_path / name).astype(int)
        assert np.abs(pixels[..., 2] - wanted).max() <= 1
        assert np.abs(pixels[..., 0] - wanted // 4).max() <= 1


def test_one_bit_and_float(tmp_path):
    Image.fromarray(quadrants()[..., 0] > 100).save(tmp_path / "one.png")
    assert set(np.unique(read(tmp_path / "one.png"))) == {0, 255}
    Image.fromarray(np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)).save(
        tmp_path / "float.tiff"
    )
    pixels = read(tmp_path / "float.tiff")
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_an_embedded_colour_profile_is_used(tmp_path):
    from PIL import ImageCms

    # XYZ is the one other RGB-like profile LittleCMS makes; white must come out dark in it.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(quadrants()).save(tmp_path / "s.png", icc_profile=profile)
    assert np.abs(read(tmp_path / "s.png").astype(int) - quadrants()).max() <= 1
    Image.fromarray(quadrants()).save(tmp_path / "broken.png", icc_profile=b"no profile")
    assert np.array_equal(read(tmp_path / "broken.png"), quadrants())


def test_a_digest_follows_content_and_not_name(tmp_path):
    Image.fromarray(quadrants()).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    Image.fromarray(quadrants()[::-1]).save(tmp_path / "c.png")
    one, same, other = (
        open_source(tmp_path / name).digest() for name in ("a.png", "b.png", "c.png")
    )
    assert one == same != other


def test_the_kind_is_told_by_content_and_not_name(tmp_path):
    Image.fromarray(quadrants()).save(tmp_path / "p.png")
    (tmp_path / "p.png").rename(tmp_path / "p.mp4")
    assert np.array_equal(read(tmp_path / "p.mp4"), quadrants())


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((1, 1), "too small"),
        ((15, 400), "too small"),
        ((20000, 20000), "too large"),
    ],
)
def test_sizes_out_of_bounds_are_refused_unread(tmp_path, size, said):
    Image.new("L", (20, 20)).save(tmp_path / "p.png")
    claim_size(tmp_path / "p.png", *size)
    with pytest.raises(MediaError, match=said) as caught:
        open_source(tmp_path / "p.png")
    assert str(tmp_path / "p.png") in str(caught.value)


def claim_size(path, width, height):
    """Give a PNG another size in its header (ISO/IEC 15948, 11.2.2) and leave the rest."""
    data = bytearray(path.read_bytes())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)


def test_limits_can_be_given(tmp_path):
    Image.fromarray(quadrants()).save(tmp_path / "p.png")
    with pytest.raises(MediaError, match="megapixels"):
        open_source(tmp_path / "p.png", limits=Limits(max_image_pixels=6000))
    Image.new("RGB", (8, 8)).save(tmp_path / "s.png")
    assert open_source(tmp_path / "s.png", limits=Limits(min_side=8)).width == 8


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "gif", "bmp"])
def test_a_cut_picture_is_an_error(tmp_path, suffix):
    rng = np.random.default_rng(0)
    path = tmp_path / f"p.{suffix}"
    Image.fromarray(rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(path)
    whole = path.read_bytes()
    for part in (0.5, 0.05):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(MediaError, match=r"damaged|too small|no video"):
            list(open_source(path).frames())


def test_pixels_are_shared_and_cannot_be_written_to(tmp_path):
    Image.fromarray(quadrants()).save(tmp_path / "p.png")
    with pytest.raises(ValueError, match="read-only"):
        read(tmp_path / "p.png")[0, 0] = 1
