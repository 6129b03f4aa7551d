"""Avatars: prepared once, made anew when something changed, refused when tampered with."""

import json
import shutil
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from masktalk.avatar import Avatar, FaceTrack, ping_pong
from masktalk.avatar.manifest import FORMAT
from masktalk.errors import BundleError, NoFaceError, OptionError, OutputError
from masktalk.files import cache_root
from masktalk.landmarks import MESH_LANDMARKS
from masktalk.preparation import PrepareOptions, prepare
from masktalk.types import Face

POINTS = {
    "left_corner": [146, 324],
    "right_corner": [236, 324],
    "upper_lip": [192, 328],
    "lower_lip": [192, 330],
    "chin": [192, 390],
    "left_eye": [118, 230],
    "right_eye": [266, 230],
}


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    path = tmp_path_factory.mktemp("points") / "points.json"
    path.write_text(json.dumps(POINTS))
    return path


@pytest.fixture
def folder(material, points, tmp_path):
    target = tmp_path / "cartoon.avatar"
    prepare(material / "cartoon.png", target, PrepareOptions(points=points)).close()
    return target


def test_a_prepared_avatar_gives_back_the_source(material, folder):
    with Avatar(folder) as avatar:
        source = np.asarray(Image.open(material / "cartoon.png").convert("RGB"))
        assert (avatar.frame(0).pixels == source).all()
        assert avatar.is_image
        assert (avatar.width, avatar.height, avatar.frame_count) == (384, 512, 1)
        face = avatar.faces[0]
        assert np.abs(face.left_corner - POINTS["left_corner"]).max() < 0.5
        assert np.abs(face.chin - POINTS["chin"]).max() < 0.5


def test_the_same_source_and_options_are_kept(material, points, folder):
    before = (folder / "avatar.json").stat().st_mtime_ns
    prepare(material / "cartoon.png", folder, PrepareOptions(points=points)).close()
    assert (folder / "avatar.json").stat().st_mtime_ns == before


def test_another_option_makes_another_avatar(material, points, folder):
    with prepare(
        material / "cartoon.png", folder, PrepareOptions(points=points, mouth="cloth")
    ) as avatar:
        assert avatar.mouth == "cloth"


def test_another_source_makes_another_avatar(material, points, folder, tmp_path):
    changed = tmp_path / "cartoon.png"
    picture = np.array(Image.open(material / "cartoon.png").convert("RGB"))
    picture[0, 0] ^= 1
    Image.fromarray(picture).save(changed)
    before = Avatar(folder).manifest.source.digest
    with prepare(changed, folder, PrepareOptions(points=points)) as avatar:
        assert avatar.manifest.source.digest != before
        assert (avatar.frame(0).pixels == picture).all()


def test_the_cache_knows_options_apart(material, points):
    first = prepare(material / "cartoon.png", options=PrepareOptions(points=points))
    again = prepare(material / "cartoon.png", options=PrepareOptions(points=points))
    other = prepare(material / "cartoon.png", options=PrepareOptions(points=points, mouth="draw"))
    assert first.folder == again.folder != other.folder
    assert cache_root() in first.folder.parents


def test_a_newer_format_is_refused(folder):
    _edit(folder, format=FORMAT + 1)
    with pytest.raises(BundleError, match="newer masktalk"):
        Avatar(folder)


@pytest.mark.parametrize("change", [{"width": 12}, {"mouth": "cloth"}, {"surprise": 1}])
def test_a_changed_description_is_refused(folder, change):
    _edit(folder, **change)
    with pytest.raises(BundleError, match=r"avatar\.json"):
        Avatar(folder)


@pytest.mark.parametrize("name", ["faces.npz", "frame.png"])
def test_a_changed_file_is_refused(folder, name):
    with (folder / name).open("r+b") as stream:
        stream.seek(100)
        stream.write(b"tampered")
    with pytest.raises(BundleError, match=name):
        Avatar(folder)


def test_a_missing_file_is_refused(folder):
    (folder / "faces.npz").unlink()
    with pytest.raises(BundleError, match=r"faces\.npz is missing"):
        Avatar(folder)


def test_an_unreadable_description_is_refused(folder):
    (folder / "avatar.json").write_text("{")
    with pytest.raises(BundleError, match="prepare the avatar again"):
        Avatar(folder)


def test_options_do_not_apply_to_a_prepared_avatar(folder):
    with pytest.raises(OptionError, match="prepared already"):
        prepare(folder, options=PrepareOptions(mouth="cloth"))


def test_a_folder_with_something_else_in_it_is_left_alone(material, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="not an avatar"):
        prepare(material / "cartoon.png", tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_no_face_is_one_line_and_leaves_nothing(tmp_path):
    wall = tmp_path / "wall.png"
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(wall)
    with pytest.raises(NoFaceError, match=r"wall\.png: no face detected; .*points") as caught:
        prepare(wall, tmp_path / "wall.avatar")
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"wall.png"}


def test_a_failed_preparation_keeps_the_old_avatar(folder, tmp_path):
    wall = tmp_path / "wall.png"
    Image.fromarray(np.full((120, 160, 3), 90, np.uint8)).save(wall)
    with pytest.raises(NoFaceError):
        prepare(wall, folder)
    with Avatar(folder) as avatar:
        assert avatar.width == 384


def test_a_copied_avatar_opens_elsewhere(folder, tmp_path):
    moved = tmp_path / "else where's"
    shutil.copytree(folder, moved)
    with Avatar(moved) as avatar:
        assert avatar.frame(0).width == 384


def test_playing_forward_and_back_shows_neither_end_twice():
    shown = [ping_pong(step, 4) for step in range(14)]
    assert shown == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert all(a != b for a, b in pairwise(shown))
    assert [ping_pong(step, 1) for step in range(3)] == [0, 0, 0]
    assert [ping_pong(step, 2) for step in range(4)] == [0, 1, 0, 1]


def test_a_frame_without_a_face_stays_in_its_place(tmp_path):
    mesh = np.arange(MESH_LANDMARKS * 3, dtype=np.float32).reshape(MESH_LANDMARKS, 3)
    faces = [Face(mesh, "points", 0.5, "open"), None, Face(mesh + 1, "mesh", 1.0, "occluded")]
    FaceTrack.write(tmp_path / "faces.npz", faces)
    track = FaceTrack(tmp_path / "faces.npz", Fraction(30000, 1001))
    assert [face is None for face in track] == [False, True, False]
    assert track[2].time == Fraction(2002, 30000)
    assert (track[-1].mesh == mesh + 1).all()
    assert track[2].mouth_state == "occluded"
    assert track[0].located_by == "points"


def _edit(folder, **change):
    path = folder / "avatar.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))


@pytest.mark.parametrize(
    ("texture", "mouth", "expected"),
    [(0, "auto", "draw"), (0, "open", "open"), (9, "auto", "open")],
    ids=["a drawing", "a drawing that shall open", "a photograph"],
)
def test_a_drawing_without_lips_is_drawn_on(tmp_path, texture, mouth, expected):
    """Only where a person had to say where the mouth is."""
    picture = np.full((512, 384, 3), 230.0)
    picture[210:250, 100:140] = picture[210:250, 244:284] = 20
    picture[324:330, 146:236] = 20
    picture += np.random.default_rng(0).normal(0, texture, picture.shape)
    source, points = tmp_path / "face.png", tmp_path / "points.json"
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(source)
    corners = {name: POINTS[name] for name in ("left_corner", "right_corner")}
    points.write_text(json.dumps(corners))
    with prepare(source, tmp_path / "a", PrepareOptions(points=points, mouth=mouth)) as avatar:
        assert avatar.mouth == expected
