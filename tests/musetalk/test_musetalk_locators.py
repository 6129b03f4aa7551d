"""S3FD and DWPose in the chain: asked only where their weights are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from masktalk.faces.locators import LOCATORS, make_locator
from masktalk.landmarks import IBUG_68
from masktalk.types import Frame

PICTURE = Frame(np.full((240, 320, 3), 90, np.uint8))


@pytest.mark.parametrize("name", ["s3fd", "dwpose"])
def test_without_weights_it_sees_nothing_and_the_chain_goes_on(name: str) -> None:
    assert list(LOCATORS).index(name) > list(LOCATORS).index("detector")
    with make_locator(name) as locator:
        assert locator.find(PICTURE) == []


def test_s3fd_runs_on_its_public_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net_s3fd = pytest.importorskip("face_alignment.detection.sfd.net_s3fd")
    (tmp_path / "s3fd").mkdir()
    torch.save(net_s3fd.s3fd().state_dict(), tmp_path / "s3fd" / "s3fd-619a316812.pth")
    monkeypatch.setenv("MASKTALK_MODELS", str(tmp_path))
    locator = make_locator("s3fd")
    detector = locator._detector  # type: ignore[attr-defined]
    assert detector is not None
    monkeypatch.setattr(detector, "detect_from_image", lambda _: [[100, 40, 180, 160, 0.9]])
    (seen,) = locator.find(PICTURE)
    assert seen.located_by == "s3fd"
    assert seen.confidence == pytest.approx(0.9)
    np.testing.assert_allclose(seen.mesh[152, :2], (140, 160), atol=1)
    np.testing.assert_allclose(seen.mesh[10, :2], (140, 40), atol=1)
    assert 60 < seen.mesh[33, 1] < 120


def test_dwpose_hits_the_points_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rtmlib = pytest.importorskip("rtmlib")
    from masktalk.faces import fit_mesh

    (tmp_path / "dwpose").mkdir()
    (tmp_path / "dwpose" / "dw-ll_ucoco_384.onnx").touch()
    mesh = fit_mesh({33: (120, 100), 263: (180, 100), 152: (150, 180)})
    points = np.zeros((1, 133, 2))
    points[0, 23:91] = mesh[list(IBUG_68), :2]

    class Pose:
        def __init__(self, path: str, *_: object, **__: object) -> None:
            assert path.endswith("dw-ll_ucoco_384.onnx")

        def __call__(self, *_: object) -> tuple[np.ndarray, np.ndarray]:
            return points, np.full((1, 133), 0.8)

    monkeypatch.setattr(rtmlib, "RTMPose", Pose)
    monkeypatch.setenv("MASKTALK_MODELS", str(tmp_path))
    (seen,) = make_locator("dwpose").find(PICTURE)
    np.testing.assert_allclose(seen.mesh[[33, 263, 152], :2], mesh[[33, 263, 152], :2], atol=1)
