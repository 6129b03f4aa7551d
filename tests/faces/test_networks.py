"""The networks answer as MediaPipe 0.10.21 did; its recorded answers are in the JSON file."""

import json
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masktalk.demo.faces import draw_cartoon, draw_ninja
from masktalk.faces.networks import FaceDetector, FaceMesh, MeshSequence
from masktalk.faces.networks.face_detector import anchors, weighted_nms
from masktalk.faces.networks.face_mesh import square_of_detection
from masktalk.faces.networks.sampling import Square, sample_square

RECORDED = json.loads((Path(__file__).parent / "recorded_mediapipe.json").read_text())
LANDMARKS = RECORDED["landmarks"]


@pytest.fixture(scope="module")
def pictures():
    portrait = files("masktalk.demo") / "material" / "portrait.jpg"
    with portrait.open("rb") as stream:
        pixels = np.asarray(Image.open(stream).convert("RGB"))
    return {"portrait": pixels, "cartoon": draw_cartoon(), "ninja": draw_ninja()}


@pytest.mark.parametrize("kind", ["short", "full"])
@pytest.mark.parametrize("name", ["portrait", "cartoon", "ninja"])
def test_detections_are_mediapipes(pictures, name, kind):
    expected = RECORDED["pictures"][name][kind]
    found = FaceDetector(kind, 0.15).detect(np.ascontiguousarray(pictures[name][..., :3]))
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.score == pytest.approx(theirs["score"], abs=1e-5)
        assert ours.box == pytest.approx(theirs["box"], abs=1e-5)
        assert np.abs(ours.keypoints - theirs["keypoints"]).max() < 1e-5


@pytest.mark.parametrize("name", ["cartoon", "ninja"])
def test_the_mesh_is_mediapipes(pictures, name):
    expected = RECORDED["pictures"][name]
    side = expected["crop_side"]
    crop = np.ascontiguousarray(pictures[name][:side, :side, :3])
    answer = FaceMesh().landmarks(crop)
    away = np.abs(answer.landmarks[LANDMARKS] - expected["mesh"]).max()
    assert away / expected["interocular"] < 2e-5
    assert answer.presence == pytest.approx(expected["presence"], abs=1e-5)


def test_a_sequence_is_tracked_as_mediapipe_does(pictures):
    sequence = MeshSequence()
    image = np.ascontiguousarray(pictures["portrait"][:384, :384])
    for step, expected in enumerate(RECORDED["sequence"]):
        mesh = sequence.track(np.ascontiguousarray(np.roll(image, 3 * step, axis=1)))
        interocular = np.linalg.norm(mesh[33, :2] - mesh[263, :2])
        assert np.abs(mesh[LANDMARKS, :2] - expected).max() / interocular < 2e-3


@pytest.mark.parametrize("angle", [0, 0.4])
def test_fast_sampling_moves_a_mesh_by_next_to_nothing(pictures, angle):
    image = np.ascontiguousarray(pictures["portrait"][:384, :384])
    found = FaceDetector("short", 0.5).detect(image)[0]
    square = square_of_detection(found, 384, 384)
    square = Square(square.x, square.y, square.size, square.angle + angle)
    exact, fast = (
        square.to_image(FaceMesh().landmarks(image, square, exact=each).landmarks)
        for each in (True, False)
    )
    away = np.abs(exact - fast)[:, :2].max() / np.linalg.norm(exact[33, :2] - exact[263, :2])
    assert 0 < away < 5e-3


def test_a_lost_face_is_searched_anew(pictures):
    sequence = MeshSequence()
    image = np.ascontiguousarray(pictures["portrait"][:384, :384])
    assert sequence.track(image) is not None
    assert sequence.track(np.full_like(image, 90)) is None
    assert sequence.track(image) is not None


def test_anchors_lie_at_cell_centres():
    short, full = anchors("short"), anchors("full")
    assert short.shape == (896, 2)
    assert full.shape == (2304, 2)
    assert short[0] == pytest.approx([1 / 32, 1 / 32])
    assert (short[0] == short[1]).all()
    assert full[-1] == pytest.approx([95 / 96, 95 / 96])


def test_overlapping_answers_are_averaged_by_score():
    box = np.array([[0.2, 0.2], [0.4, 0.4], [0.3, 0.3]], np.float32)
    places = np.stack([box, box + 0.02, box + 0.5])
    merged = weighted_nms(places, np.array([0.5, 0.9, 0.3], np.float32))
    assert [score for _, score in merged] == pytest.approx([0.9, 0.3])
    assert merged[0][0][0] == pytest.approx([0.2 + 0.02 * 0.9 / 1.4] * 2, abs=1e-6)


def test_no_answers_merge_to_none():
    assert weighted_nms(np.zeros((0, 8, 2), np.float32), np.zeros(0, np.float32)) == []


def test_an_upright_square_of_the_same_size_is_the_image_itself():
    image = np.random.default_rng(0).integers(0, 256, (192, 192, 3), dtype=np.uint8)
    assert sample_square(image, Square.letterbox(192, 192), 192, 1) is image


def test_a_square_maps_its_corners_into_the_image():
    square = Square(50, 40, 20, np.pi / 2)
    corners = square.to_image(np.array([[0, 0, 0.5], [1, 1, 0]], np.float32))
    assert corners[0] == pytest.approx([60, 30, 10], abs=1e-4)
    assert corners[1, :2] == pytest.approx([40, 50], abs=1e-4)


def test_threads_share_a_network(pictures):
    crop = np.ascontiguousarray(pictures["cartoon"][:384, :384, :3])
    alone = FaceMesh().landmarks(crop).landmarks
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(FaceMesh().landmarks(crop).landmarks))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all((answer == alone).all() for answer in answers)


def test_importing_the_package_opens_no_network():
    code = "import sys, masktalk.faces.networks; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
