"""What is painted where: the reference's faults in the picture, each with a test."""

from __future__ import annotations

import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from masktalk.avatar import Avatar
from masktalk.compose import paste
from masktalk.compose.boxes import smooth_boxes
from masktalk.compose.face_masks import mesh_mask
from masktalk.engines import make_engine
from masktalk.engines.musetalk.crop import crop_boxes
from masktalk.engines.musetalk.masks import MaskMaker
from masktalk.engines.musetalk.networks import Networks, encode_faces, load_vae, make_vae
from masktalk.errors import NoFaceError, WeightsError
from masktalk.preparation import prepare
from masktalk.types import Face
from tests.musetalk.conftest import speak
from tests.musetalk.tiny import VAE

RATE = Fraction(30000, 1001)


def face_at(x: float, y: float, width: float = 100, state: Any = "closed") -> Face:
    """A face whose mesh is the canonical one, moved and scaled."""
    from masktalk.faces import fit_mesh

    mesh = fit_mesh({33: (x - width / 4, y), 263: (x + width / 4, y), 152: (x, y + width * 0.75)})
    return Face(mesh, "test", 1.0, state)


def test_mouths_land_on_their_own_frames_when_one_has_no_face(
    avatar: Avatar, options: dict[str, Any]
) -> None:
    answers = speak(avatar, options, 1.5)
    boxes = make_engine("musetalk", options).boxes(avatar)  # type: ignore[attr-defined]
    assert boxes[10] is None
    assert len(answers) == 45
    for step, answer in enumerate(answers):
        box = boxes[avatar.index_at(step / RATE)]
        assert (answer is None) == (box is None)
        if answer is not None and box is not None:
            assert (answer.x + 1, answer.y + 1) == box[:2]


def test_two_encodings_of_one_picture_are_the_same() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    networks = Networks(None, make_vae(VAE))
    first, second = (encode_faces(networks, [picture]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_live_and_recorded_are_blended_alike(avatar: Avatar, options: dict[str, Any]) -> None:
    recorded = speak(avatar, options, 0.5, recorded=True)
    live = speak(avatar, options, 0.5, recorded=False)
    for one, other in zip(recorded, live, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.pixels[..., 3], other.pixels[..., 3])


@pytest.mark.parametrize("where", [(20, 60), (380, 60), (200, 20), (200, 280)])
def test_boxes_are_cut_at_every_edge(where: tuple[int, int]) -> None:
    faces = [face_at(*where)] * 3
    for box in crop_boxes(faces, (400, 300), 25, "stable", shift=0, margin=10):
        assert box is not None
        assert 0 <= box[0] < box[2] <= 400
        assert 0 <= box[1] < box[3] <= 300


def test_a_face_outside_the_frame_has_no_box() -> None:
    assert crop_boxes([face_at(900, 900)], (400, 300), 25, "stable", 0, 0) == [None]


def test_the_stable_crop_takes_the_jitter_out() -> None:
    rng = np.random.default_rng(1)
    moving = [np.array([i, 2 * i, 100 + i, 150 + 2 * i], float) for i in range(50)]
    jittered = [box + rng.normal(0, 2, 4) for box in moving]
    smooth = smooth_boxes(jittered, 25)
    before = np.diff(np.stack(jittered), n=2, axis=0).std()
    after = np.diff(np.stack(smooth), n=2, axis=0).std()  # type: ignore[arg-type]
    assert after < before / 10
    assert np.abs(np.stack(smooth) - moving)[8:-8].max() < 2.5  # type: ignore[arg-type]


def test_the_stable_crop_does_not_smooth_across_a_cut_or_an_absent_face() -> None:
    left, right = np.array([0.0, 0, 100, 100]), np.array([300.0, 0, 400, 100])
    smooth = smooth_boxes([left] * 5 + [right] * 5 + [None] + [left] * 5, 25)
    for box, expected in zip(smooth, [left] * 5 + [right] * 5 + [None] + [left] * 5, strict=True):
        assert (box is None) == (expected is None)
        if box is not None and expected is not None:
            np.testing.assert_allclose(box, expected)


@pytest.mark.parametrize("version", ["v1", "v15"])
def test_bbox_shift_moves_the_box_in_both_versions(
    avatar: Avatar, options: dict[str, Any], version: str
) -> None:
    def top(shift: int) -> float:
        engine = make_engine("musetalk", {**options, "version": version, "bbox_shift": shift})
        return float(np.mean([b[1] for b in engine.boxes(avatar) if b]))  # type: ignore[attr-defined]

    assert top(5) - top(0) == pytest.approx(10, abs=1)
    span = make_engine("musetalk", options).bbox_shift_range(avatar)  # type: ignore[attr-defined]
    assert span.up > 0
    assert span.down > 0


def test_the_margin_reaches_below_the_chin(avatar: Avatar, options: dict[str, Any]) -> None:
    def bottom(margin: int | None, version: str = "v15") -> int:
        chosen = {**options, "extra_margin": margin, "version": version}
        engine = make_engine("musetalk", chosen)
        return engine.boxes(avatar)[0][3]  # type: ignore[attr-defined,no-any-return]

    assert bottom(None) == bottom(10) == bottom(0) + 10
    assert bottom(None, "v1") == bottom(0, "v1")


def test_what_was_prepared_is_used_again_and_made_anew_when_an_option_changed(
    avatar: Avatar, options: dict[str, Any]
) -> None:
    kept = avatar.engine_folder("musetalk")
    first = speak(avatar, options, 0.3)
    folders = {path.name for path in kept.iterdir()}
    stamps = {path: path.stat().st_mtime_ns for path in kept.rglob("*.npz")}
    assert len(stamps) == len(first)
    speak(avatar, options, 0.3)
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*.npz")} == stamps
    for change in (
        {"version": "v1"},
        {"extra_margin": 3},
        {"bbox_shift": 2},
        {"crop": "reference"},
    ):
        speak(avatar, {**options, **change}, 0.1)
        now = {path.name for path in kept.iterdir()}
        assert len(now) == len(folders) + 1, change
        folders = now


def test_a_damaged_latent_is_made_again(avatar: Avatar, options: dict[str, Any]) -> None:
    first = speak(avatar, options, 0.2)
    victim = sorted(avatar.engine_folder("musetalk").rglob("*.npz"))[0]
    victim.write_bytes(b"half")
    again = speak(avatar, options, 0.2)
    assert first[0] is not None
    assert again[0] is not None
    np.testing.assert_array_equal(first[0].pixels, again[0].pixels)


def test_no_face_at_all_is_said_in_one_line(
    tmp_path: Path, material: Path, options: dict[str, Any]
) -> None:
    from PIL import Image

    Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "wall.png")
    with pytest.raises(NoFaceError, match="no face"):
        prepare(tmp_path / "wall.png", tmp_path / "avatar")
    assert not (tmp_path / "avatar").exists()


class WholeFace:
    """A parser that sees skin everywhere, or nowhere."""

    def __init__(self, label: int) -> None:
        self.label = label
        self.calls = 0

    def labels(self, picture: np.ndarray) -> np.ndarray:
        self.calls += 1
        return np.full((512, 512), self.label, np.uint8)


def test_where_parsing_finds_no_face_the_mesh_is_used_and_said(
    caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    face, box = face_at(200, 150), (140, 120, 260, 240)
    masks = make_engine("musetalk", options).options.masks  # type: ignore[attr-defined]
    picture = np.full((400, 400, 3), 150, np.uint8)
    with caplog.at_level("INFO"):
        found = MaskMaker(WholeFace(0), masks).mask(picture, face, box)
    np.testing.assert_array_equal(found, mesh_mask(face, box))
    assert "the mesh is used" in caplog.text
    parsed = MaskMaker(WholeFace(1), masks).mask(picture, face, box)
    assert parsed[-30:].mean() > found[-30:].mean()


def test_a_covered_mouth_is_painted_only_where_skin_shows(options: dict[str, Any]) -> None:
    face, box = face_at(200, 150, state="occluded"), (140, 120, 260, 240)
    masks = make_engine("musetalk", options).options.masks  # type: ignore[attr-defined]
    picture = np.full((400, 400, 3), (190, 150, 130), np.uint8)
    bare = MaskMaker(None, masks).mask(picture, face, box)
    picture[170:, :200] = (20, 20, 25)
    half = MaskMaker(None, masks).mask(picture, face, box)
    assert bare[60:110, 20:50].max() > 200
    assert half[60:110, 20:50].max() == 0
    assert half[60:100, 75:90].max() > 200


def test_a_mesh_mask_ends_softly() -> None:
    mask = mesh_mask(face_at(200, 150), (140, 120, 260, 240))
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert border.max() == 0
    assert np.abs(np.diff(mask.astype(int), axis=0)).max() < 60


def test_the_frame_stays_untouched_outside_the_box(avatar: Avatar, options: dict[str, Any]) -> None:
    answer = speak(avatar, options, 0.1)[0]
    assert answer is not None
    frame = avatar.frame(0)
    after = paste(frame, answer, Fraction(0)).pixels
    height, width = answer.pixels.shape[:2]
    inside = np.zeros(after.shape[:2], bool)
    inside[answer.y + 1 : answer.y + height - 1, answer.x + 1 : answer.x + width - 1] = True
    changed = np.abs(after.astype(int) - frame.pixels).max(axis=-1) > 0
    assert changed[inside].any()
    left, top = max(answer.x - 8, 0), max(answer.y - 8, 0)
    changed[top : answer.y + height + 8, left : answer.x + width + 8] = False
    assert not changed.any()


def test_old_attention_names_of_the_vae_are_accepted(tmp_path: Path) -> None:
    state = make_vae(VAE).state_dict()
    new = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    old = {}
    for key, value in state.items():
        for now, then in new.items():
            if f".attentions.0.{now}." in key:
                key = key.replace(now, then)
                value = value[..., None, None] if value.ndim == 2 else value
        old[key] = value
    assert set(old) != set(state)
    torch.save(old, tmp_path / "vae.bin")
    (tmp_path / "config.json").write_text(__import__("json").dumps(VAE))
    loaded = load_vae(tmp_path / "vae.bin", torch.float32, "cpu").state_dict()
    for key, value in state.items():
        torch.testing.assert_close(loaded[key], value)


def test_weights_that_would_run_something_are_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "pwned",))

    (tmp_path / "vae.bin").write_bytes(pickle.dumps({"weight": Evil()}))
    with pytest.raises(WeightsError, match="opens safely"):
        load_vae(tmp_path / "vae.bin", torch.float32, "cpu")
    torch.save({"weight": Evil()}, tmp_path / "vae.bin")
    with pytest.raises(WeightsError, match="opens safely"):
        load_vae(tmp_path / "vae.bin", torch.float32, "cpu")
    assert not (tmp_path / "pwned").exists()


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "vae.bin")
    with pytest.raises(WeightsError, match="does not fit"):
        load_vae(tmp_path / "vae.bin", torch.float32, "cpu")
