"""A face crop as the generator wants it: with its lower half hidden, and whole."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from masktalk.engines.musetalk.networks import Networks
from masktalk.types import FloatArray, UInt8Array


def face_picture(crop: UInt8Array, size: int) -> UInt8Array:
    """(size, size, 3) of a (h, w, 3) crop of any shape."""
    return np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_LANCZOS4), np.uint8)


def face_tensor(picture: UInt8Array, hide_lower: bool) -> Tensor:
    """(3, S, S) in -1..1 of a (S, S, 3) RGB picture; a hidden lower half is -1."""
    planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255
    if hide_lower:
        planes[:, planes.shape[1] // 2 :] = 0
    return (planes - 0.5) / 0.5


def encode_faces(networks: Networks, pictures: Sequence[UInt8Array]) -> FloatArray:
    """Generator input of square RGB pictures.

    The posterior's mean is taken, as in training, so that the same picture always gives
    the same latent.

    Args:
        networks: Whose VAE encodes.
        pictures: (S, S, 3) RGB each, S being ``networks.picture_size``.

    Returns:
        (N, 8, S / 8, S / 8): four channels of the half-hidden face, four of the whole.
    """
    vae = networks.vae
    hidden = [face_tensor(picture, hide_lower=True) for picture in pictures]
    whole = [face_tensor(picture, hide_lower=False) for picture in pictures]
    with torch.inference_mode():
        faces = torch.stack(hidden + whole).to(vae.device, vae.dtype)
        means = vae.encode(faces).latent_dist.mode().float() * networks.scaling_factor
        both = torch.cat([means[: len(hidden)], means[len(hidden) :]], dim=1)
    result: FloatArray = both.cpu().numpy()
    return result
