"""Wav2Lip's synchrony expert and discriminator against the reference's own numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from masktalk.engines.wav2lip.experts import (
    QualityDiscriminator,
    SyncExpert,
    load_quality_discriminator,
    load_sync_expert,
    quality_loss,
    sync_cosine,
    sync_loss,
)
from tests.golden.recipe import fill, golden, golden_keys, rnd
from tests.golden.test_golden_wav2lip import check_statistics, watch

pytestmark = pytest.mark.golden

NETS = {"wav2lip_syncnet_color": SyncExpert, "wav2lip_disc_qual": QualityDiscriminator}


@pytest.mark.parametrize("name", NETS)
def test_keys_and_shapes_are_the_public_ones(name: str) -> None:
    with torch.device("meta"):
        state = NETS[name]().state_dict()
    ours = [(key, tuple(value.shape)) for key, value in state.items()]
    assert sorted(ours) == sorted(golden_keys(name))


def saved(name: str, folder: Path) -> Path:
    """A checkpoint of the recipe's weights as the reference's training writes it."""
    with torch.device("meta"):
        empty = NETS[name]()
    state = fill(name, empty.to_empty(device="cpu")).state_dict()
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        folder / "expert.pth",
    )
    return folder / "expert.pth"


def test_sync_expert(tmp_path: Path) -> None:
    theirs = golden("wav2lip/e_sync_disc")
    network = load_sync_expert(saved("wav2lip_syncnet_color", tmp_path))
    statistics = watch(network)
    mels = rnd("wav2lip_sync_mel", (2, 1, 80, 16), 4.0)
    faces = 0.5 + 0.5 * rnd("wav2lip_sync_face", (2, 15, 48, 96), 1.0)
    with torch.inference_mode():
        audio, face = network(mels, faces)
    check_statistics(statistics, theirs, "sync_")
    np.testing.assert_allclose(audio.numpy(), theirs["sync_audio"], atol=1e-5)
    np.testing.assert_allclose(face.numpy(), theirs["sync_face"], atol=1e-5)
    cosine = sync_cosine(audio, face).numpy()
    np.testing.assert_allclose(cosine, np.diag(theirs["sync_cosine"]), atol=1e-5)
    losses = [float(sync_loss(audio, face, torch.full((2,), y))) for y in (1.0, 0.0)]
    np.testing.assert_allclose(losses, theirs["sync_bce_y1_y0"], atol=1e-4)


def test_discriminator(tmp_path: Path) -> None:
    theirs = golden("wav2lip/e_sync_disc")
    network = load_quality_discriminator(saved("wav2lip_disc_qual", tmp_path))
    statistics = watch(network)
    with torch.inference_mode():
        made = network(0.5 + 0.5 * rnd("wav2lip_disc_face", (2, 3, 5, 96, 96), 1.0))
    check_statistics(statistics, theirs, "disc_")
    np.testing.assert_allclose(made.numpy(), theirs["disc_out"], atol=1e-5)
    expected = -np.log(theirs["disc_out"]).mean()
    assert float(quality_loss(made)) == pytest.approx(expected, abs=1e-5)
