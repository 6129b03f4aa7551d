"""What is stored comes back pixel for pixel, in any order."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from masktalk.errors import BundleError, MediaError, OutputError
from masktalk.media import (
    FrameStore,
    Writer,
    WriterOptions,
    frame_store,
    lossless,
    open_source,
    packet_copy,
)
from masktalk.media.source import FirstFrames
from masktalk.types import Audio, Frame
from tests.media.conftest import quadrants, smooth

SILENCE = np.zeros(16000, np.float32)

KINDS = {
    "h264": {},
    "full range": {"tags": (1, 1, 1, 2), "pixel_format": "yuv420p"},
    "bt2020": {"tags": (9, 9, 14, 1)},
    "ten bits": {"pixel_format": "yuv420p10le"},
    "4:2:2": {"pixel_format": "yuv422p"},
    "4:4:4": {"pixel_format": "yuv444p"},
    "rotated": {"rotation": (90,)},
    "rotated 4:4:4": {"rotation": (90,), "pixel_format": "yuv444p"},
    "not square": {"aspect": Fraction(4, 3)},
    "mpeg4": {"codec": "mpeg4"},
    "odd": {"name": "v.webm", "codec": "libvpx-vp9", "size": (97, 65)},
    "odd, not of every slice": {"name": "v.webm", "codec": "libvpx-vp9", "size": (99, 67)},
    "alpha": {"name": "v.webm", "codec": "libvpx-vp9", "pixel_format": "yuva420p"},
    "alpha prores": {"name": "v.mov", "codec": "prores_ks", "pixel_format": "yuva444p10le"},
    "alpha rgb": {"name": "v.mov", "codec": "png", "pixel_format": "rgba"},
    "rgb": {"name": "v.mov", "codec": "png", "pixel_format": "rgb24"},
    "grey": {"name": "v.mkv", "codec": "ffv1", "pixel_format": "gray"},
    "gif": {"name": "v.gif", "codec": "gif", "pixel_format": "rgb8"},
    "4:1:0": {"name": "v.mkv", "codec": "ffv1", "pixel_format": "yuv410p"},
    "twelve bits": {"name": "v.mkv", "codec": "ffv1", "pixel_format": "yuv444p12le"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("without", [(), ("libx264", "libx264rgb")], ids=["all", "no x264"])
def test_frames_equal_the_source_s(make_video, tmp_path, monkeypatch, kind, without):
    really = lossless.opens
    monkeypatch.setattr(
        lossless, "opens", lambda codec, form: codec not in without and really(codec, form)
    )
    alpha = "alpha" in kind
    size = KINDS[kind].get("size", (96, 64))
    source = open_source(
        make_video(
            **{"count": 11, **KINDS[kind]},
            picture=lambda i: quadrants(*size, alpha=True) if alpha else smooth(*size, shift=i),
        )
    )
    kept = FrameStore.create(tmp_path, source)
    frames = list(source.frames())
    assert kept.frame_count == len(frames) == source.frame_count
    assert (kept.rate, kept.color, kept.has_alpha) == (source.rate, source.color, source.has_alpha)
    assert (kept.width, kept.height) == (source.width, source.height)
    for index in (*range(11), 10, 9, 8, 7, 3, 0, 5):
        stored = kept.frame(index)
        assert np.array_equal(stored.pixels, frames[index].pixels)
        assert stored.time == frames[index].time


def test_a_picture_is_kept_as_it_is(tmp_path):
    Image.fromarray(quadrants(97, 65, alpha=True)).save(
        tmp_path / "p.webp", lossless=True, exact=True
    )
    kept = FrameStore.create(tmp_path, open_source(tmp_path / "p.webp"))
    assert (kept.rate, kept.frame_count, kept.has_alpha) == (None, 1, True)
    assert np.array_equal(kept.frame(0).pixels, quadrants(97, 65, alpha=True))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "frame.png")), kept.frame(0).pixels)


@pytest.mark.parametrize("alpha", [False, True])
def test_a_folder_is_kept_as_it_is(tmp_path, alpha):
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(10):
        Image.fromarray(quadrants(66 + 1, 50, alpha) // (index + 1)).save(frames / f"{index}.png")
    kept = FrameStore.create(tmp_path, open_source(frames, fps=Fraction(24000, 1001)))
    assert kept.rate == Fraction(24000, 1001)
    for index in (9, 0, 8):
        assert np.array_equal(kept.frame(index).pixels, quadrants(67, 50, alpha) // (index + 1))


@pytest.fixture
def counted(make_video, tmp_path):
    """A store of 40 frames, each of its own shade."""
    path = make_video(count=40, picture=lambda i: np.full((64, 96, 3), 40 + 4 * i, np.uint8))
    return FrameStore.create(tmp_path, open_source(path))


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.lists(st.integers(0, 39), max_size=30))
def test_any_order_of_frames(counted, order):
    for index in order:
        assert abs(int(counted.frame(index).pixels[32, 48, 1]) - (40 + 4 * index)) <= 2


def lossless_groups(monkeypatch, reader, order):
    """Which groups of the lossless copy are decoded when frames are read in an order."""
    groups = []
    real = reader._reader._decoded
    monkeypatch.setattr(
        reader._reader, "_decoded", lambda number: groups.append(number) or real(number)
    )
    for index in order:
        assert abs(int(reader.frame(index).pixels[32, 48, 1]) - (40 + 4 * index)) <= 2
    return groups


def test_backwards_decodes_every_group_once(counted, monkeypatch):
    assert lossless_groups(monkeypatch, counted, range(39, -1, -1)) == [4, 3, 2, 1, 0]


def test_without_the_packets_forwards_decodes_every_group_once(counted, monkeypatch):
    counted._forward = None
    assert lossless_groups(monkeypatch, counted, range(40)) == [0, 1, 2, 3, 4]


def test_forwards_needs_no_lossless_copy(counted, monkeypatch):
    assert lossless_groups(monkeypatch, counted, [*range(40), *range(0, 40, 2), 0, 0, 1, 1]) == []


def test_playing_to_and_fro(counted, monkeypatch):
    order = [*range(40), *range(38, 0, -1), *range(40), *range(38, 20, -1)]
    assert lossless_groups(monkeypatch, counted, order) == [4, 3, 2, 1, 0, 4, 3, 2]


def test_leaps_are_left_to_the_lossless_copy(counted, monkeypatch):
    assert lossless_groups(monkeypatch, counted, [0, 1, 20, 21, 22, 0, 1]) == [2]


def test_packets_are_kept_only_if_they_are_the_frames(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(frame_store, "_MAX_LOSSLESS_BYTES", -1)
    real = packet_copy._equal
    seen = []

    def differs_late(one, other):
        seen.append(one)
        return len(seen) < 9 and real(one, other)

    monkeypatch.setattr(packet_copy, "_equal", differs_late)
    source = open_source(make_video())
    kept = FrameStore.create(tmp_path, source)
    assert (kept.index.packets, kept.index.lossless) == (None, True)
    assert not (tmp_path / "frames.packets.mkv").exists()
    assert len(seen) > 9
    for index, frame in enumerate(source.frames()):
        assert np.array_equal(kept.frame(index).pixels, frame.pixels)


VFR = [0, 33, 67, 100, 133, 633, 667, 700, 705, 733, 767, 800, 833, 867, 900, 933, 967]
PACKETS = {
    "h264": {},
    "variable rate": {"name": "vfr.mkv", "stamps": VFR, "options": {"bf": "0"}},
    "rotated": {"rotation": (90,)},
    "ten bits": {"pixel_format": "yuv420p10le"},
    "hlg": {
        "codec": "libx265",
        "pixel_format": "yuv420p10le",
        "tags": (9, 9, 18, 1),
        "options": {"x265-params": "log-level=none"},
    },
    "open groups": {
        "codec": "libx265",
        "options": {"x265-params": "log-level=none:keyint=9:min-keyint=9:open-gop=1:scenecut=0"},
    },
    "mpeg2": {"name": "v.mpg", "codec": "mpeg2video", "options": {"g": "9", "bf": "2"}},
    "key frames only": {"name": "v.mov", "codec": "mjpeg", "pixel_format": "yuvj420p"},
    "vp9": {"name": "v.webm", "codec": "libvpx-vp9"},
}


@pytest.mark.parametrize("kind", PACKETS)
@pytest.mark.parametrize("window", [4, 100])
def test_large_videos_are_kept_as_their_packets_alone(
    make_video, tmp_path, monkeypatch, kind, window
):
    monkeypatch.setattr(frame_store, "_MAX_LOSSLESS_BYTES", -1)
    monkeypatch.setattr(packet_copy, "_window", lambda _: window)
    count = len(PACKETS[kind].get("stamps", range(30)))
    source = open_source(make_video(**{"count": count, **PACKETS[kind]}))
    kept = FrameStore.create(tmp_path, source)
    assert not kept.index.lossless
    assert not (tmp_path / "frames.mkv").exists()
    frames = [frame.pixels for frame in source.frames()]
    assert kept.frame_count == len(frames)
    last = len(frames) - 1
    rng = np.random.default_rng(1)
    for index in (*range(last + 1), *range(last, -1, -1), *rng.integers(0, last, 30)):
        assert np.array_equal(kept.frame(int(index)).pixels, frames[index]), index


def test_a_part_of_a_large_video_keeps_a_part_of_its_packets(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(frame_store, "_MAX_LOSSLESS_BYTES", -1)
    path = make_video(count=100, options={"g": "10"})
    source = open_source(path)
    kept = FrameStore.create(tmp_path, FirstFrames(source, 25))
    assert (kept.frame_count, kept.index.lossless) == (25, False)
    assert (tmp_path / "frames.packets.mkv").stat().st_size < path.stat().st_size / 2
    for index, frame in zip(range(25), source.frames(), strict=False):
        assert np.array_equal(kept.frame(index).pixels, frame.pixels)


def test_backwards_decodes_each_window_ahead_of_its_turn(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(frame_store, "_MAX_LOSSLESS_BYTES", -1)
    monkeypatch.setattr(packet_copy, "_window", lambda _: 8)
    kept = FrameStore.create(tmp_path, open_source(make_video(count=60, options={"g": "60"})))
    decoded = []
    real = packet_copy._Window.decode
    monkeypatch.setattr(
        packet_copy._Window,
        "decode",
        lambda self, count: decoded.append(min(count, self.missing)) or real(self, count),
    )
    steps = []
    for index in (*range(60), *range(58, -1, -1)):
        decoded.clear()
        kept.frame(index)
        steps.append(sum(decoded))
    assert max(steps) <= 8
    assert steps[:60] == [1] * 60


def test_rare_key_frames_need_the_lossless_copy(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(frame_store, "_MAX_LOSSLESS_BYTES", -1)
    monkeypatch.setattr(packet_copy, "_window", lambda _: 8)
    source = open_source(make_video(count=100, options={"g": "100", "sc_threshold": "0"}))
    assert FrameStore.create(tmp_path, source).index.lossless


def test_kept_packets_hold_no_sound_and_no_notes(tmp_path):
    with Writer(tmp_path / "v.mp4", WriterOptions(96, 64, 25), [Audio(SILENCE, 16000)]) as writer:
        for index in range(25):
            writer.write(Frame(smooth(shift=index)))
    assert FrameStore.create(tmp_path, open_source(tmp_path / "v.mp4")).index.packets is not None
    with av.open(str(tmp_path / "frames.packets.mkv")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_several_readers_do_not_disturb_one_another(counted):
    other = FrameStore(counted.folder)
    for index in range(0, 40, 3):
        mine, its = counted.frame(index).pixels, other.frame(39 - index).pixels
        assert int(mine[0, 0, 1]) - int(its[0, 0, 1]) == pytest.approx(8 * index - 156, abs=3)


def test_progress_is_told(make_video, tmp_path):
    told = []
    FrameStore.create(tmp_path, open_source(make_video(count=5)), lambda *at: told.append(at))
    assert told == [(index, 5) for index in range(1, 6)]


def test_there_are_no_frames_past_the_end(counted):
    for index in (-1, 40):
        with pytest.raises(IndexError):
            counted.frame(index)


def test_a_store_can_be_made_again_in_its_folder(counted, make_video):
    again = FrameStore.create(counted.folder, open_source(make_video("w.mp4", count=3)))
    assert again.frame_count == 3
    names = sorted(path.name for path in counted.folder.glob("frames.*"))
    assert names == ["frames.json", "frames.mkv", "frames.packets.mkv"]


def damage_video(folder):
    data = bytearray((folder / "frames.mkv").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    (folder / "frames.mkv").write_bytes(data)


DAMAGES = {
    "no index": lambda folder: (folder / "frames.json").unlink(),
    "no JSON": lambda folder: (folder / "frames.json").write_text("{"),
    "fields missing": lambda folder: (folder / "frames.json").write_text('{"version": 1}'),
    "no video": lambda folder: (folder / "frames.mkv").unlink(),
    "empty video": lambda folder: (folder / "frames.mkv").write_bytes(b""),
    "cut video": lambda folder: (folder / "frames.mkv").write_bytes(
        (folder / "frames.mkv").read_bytes()[:9000]
    ),
    "other bytes": damage_video,
    "no packets": lambda folder: (folder / "frames.packets.mkv").unlink(),
    "empty packets": lambda folder: (folder / "frames.packets.mkv").write_bytes(b""),
}


def read_all(folder):
    for index in range(20):
        FrameStore(folder).frame(index)
    store = FrameStore(folder)
    for index in range(20):
        store.frame(index)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_of_the_bundle(make_video, tmp_path, damage):
    rng = np.random.default_rng(5)
    path = make_video(count=20, picture=lambda _: rng.integers(0, 255, (64, 96, 3), dtype=np.uint8))
    FrameStore.create(tmp_path, open_source(path)).close()
    DAMAGES[damage](tmp_path)
    with pytest.raises(BundleError, match="prepare the avatar again"):
        read_all(tmp_path)


def test_a_newer_store_is_refused(counted):
    index = counted.folder / "frames.json"
    index.write_text(index.read_text().replace('"version": 2', '"version": 3'))
    with pytest.raises(BundleError, match="newer than this masktalk"):
        FrameStore(counted.folder)


def test_a_missing_folder_is_an_output_error(make_video, tmp_path):
    source = open_source(make_video())
    with pytest.raises(OutputError, match="does not exist"):
        FrameStore.create(tmp_path / "nowhere", source)
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_source_leaves_nothing(make_video, tmp_path):
    rng = np.random.default_rng(5)
    path = make_video(count=40, picture=lambda _: rng.integers(0, 255, (64, 96, 3), dtype=np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20000] = rng.bytes(20000)
    path.write_bytes(data)
    folder = tmp_path / "store"
    folder.mkdir()
    with pytest.raises(MediaError, match="damaged after frame"):
        FrameStore.create(folder, open_source(path))
    assert list(folder.iterdir()) == []
