"""Encoders are chosen by opening them, and never get an option they do not know."""

import logging

import av
import pytest

from masktalk.errors import EncoderError, OutputError
from masktalk.media import Writer, WriterOptions, available_encoders, encoders, pick_encoder
from masktalk.media.encoders import CONTAINERS, ENCODERS, PRESETS, Quality, configure, refusal
from masktalk.types import Frame
from tests.media.conftest import smooth


@pytest.fixture
def only(monkeypatch):
    """A function that makes an FFmpeg of nothing but some encoders."""

    def restrict(*names):
        really = encoders.refusal
        monkeypatch.setattr(
            encoders,
            "refusal",
            lambda name, *size: (
                really(name, *size) if name in names else "this FFmpeg was built without it"
            ),
        )

    return restrict


def test_what_is_available_can_be_opened():
    for name in available_encoders():
        assert refusal(name) is None
    assert "mpeg4" in available_encoders(), "it is part of every FFmpeg"


def test_the_order_of_preference():
    assert CONTAINERS[".mp4"] == ("h264_nvenc", "libx264", "libopenh264", "mpeg4", "libx265")


def test_the_first_that_opens_is_taken_and_logged(only, caplog):
    only("mpeg4")
    with caplog.at_level(logging.INFO, "masktalk.media.encoders"):
        assert pick_encoder(".mp4", alpha=False).name == "mpeg4"
    assert "encoder mpeg4" in caplog.text
    assert "libx264 cannot be opened: this FFmpeg was built without it" in caplog.text


def test_without_x264_a_video_is_still_written(only, tmp_path):
    """The field report's container had no libx264, and its command ended in an error."""
    only("mpeg4")
    options = WriterOptions(96, 64, 25, crf=20, preset="slow")
    with Writer(tmp_path / "o.mp4", options) as writer:
        for index in range(5):
            writer.write(Frame(smooth(shift=index)))
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_no_encoder_at_all_is_an_error(only, tmp_path):
    only()
    with pytest.raises(EncoderError, match="no encoder can be opened"):
        Writer(tmp_path / "o.mp4", WriterOptions(96, 64, 25))
    assert list(tmp_path.iterdir()) == []


def test_one_asked_for_that_is_missing_names_the_others(only):
    only("mpeg4")
    with pytest.raises(EncoderError, match=r"libx264: cannot be opened here .*there is: mpeg4$"):
        pick_encoder(".mp4", alpha=False, preferred="libx264")


def test_one_asked_for_that_nobody_knows_names_the_others():
    with pytest.raises(EncoderError, match=r"h266: is no encoder masktalk knows.*mpeg4"):
        pick_encoder(".mp4", alpha=False, preferred="h266")


def test_one_asked_for_that_does_not_fit():
    with pytest.raises(EncoderError, match=r"libx264: does not fit into \.webm"):
        pick_encoder(".webm", alpha=False, preferred="libx264")
    with pytest.raises(EncoderError, match=r"libx264: does not fit into \.mov with alpha"):
        pick_encoder(".mov", alpha=True, preferred="libx264")


def test_the_video_s_own_size_is_tried():
    assert refusal("mpeg4", 9000, 64) is not None, "its size field has 13 bits"
    with pytest.raises(EncoderError, match="mpeg4: cannot be opened"):
        pick_encoder(".mp4", alpha=False, preferred="mpeg4", size=(9000, 64))


def test_one_asked_for_is_taken():
    assert pick_encoder(".mp4", alpha=False, preferred="mpeg4").name == "mpeg4"


@pytest.mark.parametrize("name", available_encoders())
@pytest.mark.parametrize("quality", [Quality(0), Quality(51, "ultrafast"), Quality(23, "veryslow")])
def test_options_are_the_encoder_s_own(name, quality):
    context = av.CodecContext.create(name, "w")
    context.width, context.height, context.framerate = 256, 256, 25
    context.pix_fmt = ENCODERS[name].pixel_format
    configure(context, ENCODERS[name], quality, 256 * 256 * 25)
    context.open()
    assert context.options == {}, "FFmpeg hands back what nobody knew"


@pytest.mark.parametrize("name", available_encoders())
@pytest.mark.parametrize("preset", [PRESETS[0], PRESETS[-1]])
def test_better_quality_is_larger(tmp_path, name, preset):
    suffix = next(suffix for suffix, names in CONTAINERS.items() if name in names)
    alpha = ENCODERS[name].alpha
    sizes = []
    for crf in (10, 40):
        path = tmp_path / f"{crf}{suffix}"
        options = WriterOptions(96, 64, 25, has_alpha=alpha, encoder=name, crf=crf, preset=preset)
        with Writer(path, options) as writer:
            for index in range(3):
                pixels = smooth(shift=5 * index)
                writer.write(Frame(pixels))
        sizes.append(path.stat().st_size)
    assert sizes[0] >= sizes[1]
    assert name == "prores_ks" or sizes[0] > 1.2 * sizes[1]


@pytest.mark.parametrize(("field", "value"), [("crf", -1), ("crf", 52), ("preset", "warp")])
def test_a_quality_checks_itself(field, value):
    with pytest.raises(ValueError, match=r"crf lies in|a preset is one of"):
        Quality(**{field: value})


def test_suffixes_that_are_no_video(tmp_path):
    for name in ("o.txt", "o", "o.png"):
        with pytest.raises(OutputError, match="is no video format"):
            Writer(tmp_path / name, WriterOptions(96, 64, 25))
    with pytest.raises(EncoderError, match="keeps no transparency"):
        Writer(tmp_path / "o.mp4", WriterOptions(96, 64, 25, has_alpha=True))
