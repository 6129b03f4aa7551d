"""Face networks against the reference's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from masktalk.compose.parsing import BiSeNet, FaceParser, normalised
from tests.golden.recipe import fill, golden, golden_keys, relative, rnd, synth_frame

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def bisenet() -> BiSeNet:
    return fill("bisenet", BiSeNet())


def test_bisenet_has_the_public_keys() -> None:
    ours = [(key, tuple(value.shape)) for key, value in BiSeNet().state_dict().items()]
    assert sorted(ours) == sorted(golden_keys("bisenet"))


def test_bisenet_logits(bisenet: BiSeNet) -> None:
    arrays = golden("h_bisenet")
    picture = np.ascontiguousarray(synth_frame(512, 512)[..., ::-1])
    with torch.inference_mode():
        logits = bisenet(normalised(picture)[None])[0].numpy()
    assert relative(logits[:, ::16, ::16], arrays["logits_stride16"]) < 1e-4
    labels = FaceParser(bisenet).labels(picture)
    np.testing.assert_array_equal(labels[::4, ::4], arrays["argmax_stride4"])


def test_s3fd_through_face_alignment() -> None:
    net_s3fd = pytest.importorskip("face_alignment.detection.sfd.net_s3fd")
    arrays = golden("h_s3fd")
    network = net_s3fd.s3fd()
    ours = [(key, tuple(value.shape)) for key, value in network.state_dict().items()]
    assert sorted(ours) == sorted(golden_keys("s3fd"))
    fill("s3fd", network)
    with torch.inference_mode():
        outputs = network(rnd("s3fd", (1, 3, 128, 96), 100.0))
    for index, output in enumerate(outputs):
        assert relative(output[0].numpy(), arrays[f"out{index}"]) < 1e-4, index
