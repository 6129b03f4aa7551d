"""What is written is what was given: frames, colours, length, sound."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import wavfile

from masktalk.errors import MediaError, OutputError
from masktalk.media import (
    Color,
    FrameStore,
    Writer,
    WriterOptions,
    audio_duration,
    available_encoders,
    open_source,
    read_audio,
)
from masktalk.types import Audio, Frame
from tests.media.conftest import corners, lengths, quadrants, smooth, tone

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60), Fraction(10)]
X264 = pytest.mark.skipif("libx264" not in available_encoders(), reason="no libx264")


def write(path, frames, soundtrack=None, **options):
    options = {"rate": Fraction(25), "preset": "ultrafast", **options}
    first = frames[0]
    with Writer(path, WriterOptions(first.width, first.height, **options), soundtrack) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def black(count):
    return [Frame(np.zeros((64, 64, 3), np.uint8))] * count


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".m4v"])
def test_frames_and_their_number(tmp_path, suffix):
    frames = [Frame(smooth(shift=6 * index)) for index in range(13)]
    path = write(tmp_path / f"o{suffix}", frames, crf=5)
    source = open_source(path)
    assert (source.rate, source.frame_count, source.width, source.height) == (25, 13, 96, 64)
    for frame, back in zip(frames, source.frames(), strict=True):
        assert np.abs(frame.pixels.astype(int) - back.pixels).mean() < 3


@pytest.mark.parametrize("rate", RATES)
def test_rates_are_written_exactly(tmp_path, rate):
    assert open_source(write(tmp_path / "o.mp4", black(31), rate=rate)).rate == rate


@pytest.mark.parametrize("encoder", [n for n in available_encoders() if n in ("libx264", "mpeg4")])
@pytest.mark.parametrize("size", [(97, 65), (96, 65), (97, 64)])
def test_odd_sizes(tmp_path, encoder, size):
    path = write(tmp_path / "o.mp4", [Frame(smooth(*size))] * 3, crf=1, encoder=encoder)
    source = open_source(path)
    even = encoder == "libx264"
    wanted = tuple(side + side % 2 if even else side for side in size)
    assert (source.width, source.height) == wanted
    back = next(source.frames()).pixels[: size[1], : size[0]]
    assert np.abs(back.astype(int) - smooth(*size)).mean() < 3


COLORS = {
    "709": Color(),
    "601": Color("smpte170m", "smpte170m", "smpte170m"),
    "601 PAL": Color("bt470bg", "bt470bg", "gamma28"),
    "2020": Color("bt2020nc", "bt2020", "bt2020-10"),
    "709 full": Color(range="full"),
    "unspecified": Color("unspecified", "unspecified", "unspecified", "unspecified"),
}


@X264
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("color", COLORS.values(), ids=COLORS)
def test_colours_are_tagged_and_meant(tmp_path, suffix, color):
    path = write(
        tmp_path / f"o{suffix}", [Frame(quadrants())] * 3, color=color, crf=0, encoder="libx264"
    )
    source = open_source(path)
    tags = source.color.as_dict()
    if color.range == "unspecified":
        tags["range"] = "unspecified"
    assert tags == color.as_dict()
    for got, wanted in zip(
        corners(next(source.frames()).pixels), corners(quadrants()), strict=True
    ):
        assert np.abs(got - wanted).max() <= 2


@pytest.mark.parametrize("name", ["mpeg4", "libvpx-vp9"])
def test_other_encoders_tag_what_they_wrote(tmp_path, name):
    suffix = ".webm" if name == "libvpx-vp9" else ".mp4"
    color = Color(range="full")
    path = write(
        tmp_path / f"o{suffix}", [Frame(quadrants())] * 3, color=color, encoder=name, crf=1
    )
    source = open_source(path)
    assert source.color.matrix == "bt709"
    for got, wanted in zip(
        corners(next(source.frames()).pixels), corners(quadrants()), strict=True
    ):
        assert np.abs(got - wanted).max() <= 6


@X264
@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (6, 6, 6, 1), (1, 1, 1, 2), (9, 9, 14, 1)])
def test_a_video_comes_back_in_its_own_colours_within_a_level(make_video, tmp_path, tags):
    source = open_source(make_video(tags=tags, count=4, options={"crf": "10"}))
    kept = FrameStore.create(tmp_path, source)
    frames = [kept.frame(index) for index in range(4)]
    path = write(tmp_path / "o.mp4", frames, color=kept.color, crf=0, encoder="libx264")
    back = open_source(path)
    assert back.color == source.color
    for before, after in zip(source.frames(), back.frames(), strict=True):
        assert np.abs(before.pixels.astype(int) - after.pixels).max() <= 1


@X264
def test_an_edited_frame_is_written_like_its_pixels(make_video, tmp_path):
    source = open_source(make_video(count=3, options={"crf": "10"}))
    edited = [f.with_region(20, 10, smooth(31, 21, shift=50)) for f in source.frames()]
    plain = [Frame(frame.pixels) for frame in edited]
    fast = open_source(write(tmp_path / "f.mp4", edited, color=source.color, crf=0))
    slow = open_source(write(tmp_path / "s.mp4", plain, color=source.color, crf=0))
    for one, two in zip(fast.frames(), slow.frames(), strict=True):
        assert np.abs(one.pixels.astype(int) - two.pixels).mean() < 0.7


@X264
def test_edits_of_a_picture_are_written(tmp_path):
    Image.fromarray(smooth()).save(tmp_path / "p.png")
    frame = next(open_source(tmp_path / "p.png").frames())
    shades = [np.full((20, 30, 3), shade, np.uint8) for shade in (10, 100, 200)]
    edited = [frame.with_region(40, 20, shade) for shade in shades]
    path = write(tmp_path / "o.mp4", [*edited, frame], crf=0)
    for wanted, back in zip([*edited, frame], open_source(path).frames(), strict=True):
        assert np.abs(wanted.pixels.astype(int) - back.pixels).mean() < 2
        assert np.abs(wanted.pixels[30, 55].astype(int) - back.pixels[30, 55]).max() <= 3


@pytest.mark.parametrize("suffix", [".webm", ".mov"])
def test_alpha_is_written(tmp_path, suffix):
    pixels = quadrants(alpha=True)
    path = write(tmp_path / f"o{suffix}", [Frame(pixels)] * 4, has_alpha=True, crf=5)
    source = open_source(path)
    assert source.has_alpha
    for frame in source.frames():
        for got, wanted in zip(corners(frame.pixels), corners(pixels), strict=True):
            assert abs(got[3] - wanted[3]) <= 3
            assert wanted[3] < 255 or np.abs(got - wanted).max() <= 8


def test_alpha_is_left_out_when_it_is_not_wanted(tmp_path):
    path = write(tmp_path / "o.mp4", [Frame(quadrants(alpha=True))] * 3)
    assert not open_source(path).has_alpha


def test_opaque_frames_in_a_video_with_alpha(tmp_path):
    path = write(tmp_path / "o.webm", [Frame(quadrants())] * 3, has_alpha=True, crf=5)
    source = open_source(path)
    assert not source.has_alpha
    assert next(source.frames()).pixels.shape[2] == 3


def wav(path, seconds, rate, channels=1):
    samples = (tone(seconds, rate, channels).T * 32767).astype(np.int16)
    wavfile.write(path, rate, samples)
    return path


def check_lengths(path, rate, frames):
    """Less than a frame apart, by what is decoded and by what the container says."""
    seconds, decoded, codec = lengths(path)
    assert decoded == frames
    assert abs(seconds - frames / rate) < 1 / rate
    with av.open(str(path)) as container:
        ends = [s.duration * s.time_base for s in container.streams if s.duration]
        assert not ends or max(ends) - min(ends) < 1 / rate
    return codec


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mkv", ".mov"])
@pytest.mark.parametrize("sound_rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("rate", RATES)
def test_sound_and_pictures_are_equally_long(tmp_path, suffix, sound_rate, rate):
    speech = wav(tmp_path / "s.wav", 1.2345, sound_rate)
    count = round(audio_duration(speech) * rate)
    path = write(tmp_path / f"o{suffix}", black(count), speech, rate=rate)
    assert check_lengths(path, rate, count) == ("opus" if suffix == ".webm" else "aac")


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    samples=st.integers(800, 60000),
    sound_rate=st.sampled_from([8000, 11025, 16000, 32000, 44100, 48000]),
    rate=st.sampled_from(RATES),
)
def test_any_length_of_sound(tmp_path, samples, sound_rate, rate):
    speech = Audio(np.zeros(samples, np.float32), sound_rate)
    count = max(round(speech.duration * rate), 1)
    path = write(tmp_path / "o.mp4", black(count), [speech], rate=rate, overwrite=True)
    check_lengths(path, rate, count)


@pytest.mark.parametrize("count", [10, 100])
def test_sound_is_cut_or_filled_to_the_pictures(tmp_path, count):
    speech = wav(tmp_path / "s.wav", 2, 44100)
    path = write(tmp_path / "o.mp4", black(count), speech)
    check_lengths(path, Fraction(25), count)
    back = read_audio(path, 16000).samples
    assert np.abs(back[:6000]).max() > 0.4
    if count == 100:
        assert np.abs(back[34000:]).max() < 0.01


@pytest.mark.parametrize(("channels", "kept"), [(1, 1), (2, 2), (6, 2)])
def test_channels_are_kept_as_far_as_two(tmp_path, channels, kept):
    path = write(tmp_path / "o.mp4", black(25), wav(tmp_path / "s.wav", 1, 48000, channels))
    with av.open(str(path)) as container:
        context = container.streams.audio[0].codec_context
        assert (context.layout.nb_channels, context.sample_rate) == (kept, 48000)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mkv"])
def test_sound_is_not_shifted(tmp_path, suffix):
    click = np.zeros(48000, np.float32)
    click[24000:24010] = 1
    path = write(tmp_path / f"o{suffix}", black(25), [Audio(click, 48000)])
    assert abs(int(np.abs(read_audio(path, 48000).samples).argmax()) - 24005) < 48


def test_sound_may_come_in_blocks(tmp_path):
    sound = tone(1, 16000)[0]
    blocks = (
        Audio(sound[at : at + 700], 16000, Fraction(at, 16000)) for at in range(0, 16000, 700)
    )
    path = write(tmp_path / "o.mp4", black(25), blocks)
    check_lengths(path, Fraction(25), 25)
    assert np.corrcoef(read_audio(path).samples[2000:14000], sound[2000:14000])[0, 1] > 0.99


def test_no_frames_is_an_error_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(OutputError, match="no frames"),
        Writer(tmp_path / "o.mp4", WriterOptions(64, 64, Fraction(25))),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_bad_soundtrack_leaves_nothing(tmp_path):
    broken = tmp_path / "broken.wav"
    samples = np.zeros(48000, np.float32)
    samples[30000] = np.nan
    wavfile.write(broken, 16000, samples)
    (tmp_path / "text.wav").write_text("no sound")
    for name, said in (("text.wav", "damaged"), ("none.wav", "exist"), ("broken.wav", "not numb")):
        with pytest.raises(MediaError, match=said):
            write(tmp_path / "o.mp4", black(75), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.wav", "text.wav"]


def test_a_frame_of_another_size_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="32x32 frame for 64x64 video"):
        write(tmp_path / "o.mp4", [*black(1), Frame(np.zeros((32, 32, 3), np.uint8))])
    assert list(tmp_path.iterdir()) == []


def test_options_check_themselves():
    for bad in ({"width": 0}, {"height": -1}, {"rate": Fraction(0)}):
        with pytest.raises(ValueError, match="no video is"):
            WriterOptions(**{"width": 64, "height": 64, "rate": Fraction(25), **bad})


def test_an_mp4_can_start_before_it_is_all_there(tmp_path):
    data = write(tmp_path / "o.mp4", black(5)).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
