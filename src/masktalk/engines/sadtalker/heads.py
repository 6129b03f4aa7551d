"""Heads of an avatar's frames as the renderer needs them, made once and kept on disk."""

from __future__ import annotations

import logging
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from masktalk.avatar import Avatar
from masktalk.engines.sadtalker.checkpoint import Networks
from masktalk.engines.sadtalker.crop import (
    CropMode,
    Points,
    Region,
    UpstreamCrop,
    align_face,
    cut_out,
    face_points,
    five_points,
    head_region,
    points_in,
)
from masktalk.engines.sadtalker.performance import Puppet
from masktalk.engines.sadtalker.recon import ReconNetwork, expression_and_pose
from masktalk.head_renderer import SourceHead
from masktalk.media import write_arrays
from masktalk.types import FloatArray, UInt8Array

logger = logging.getLogger(__name__)

_KEPT_IN_MEMORY = 8


@dataclass(frozen=True)
class CropRule:
    """Choice of the part of a frame that is rendered.

    Attributes:
        mode: See `CropMode`.
        side: Pixels of the rendered square.
        upstream: Cut as the reference does, faults included.
    """

    mode: CropMode
    side: int
    upstream: bool = False


@dataclass(frozen=True, eq=False)
class HeadPicture:
    """A head cut out of its frame.

    Attributes:
        pixels: (S, S, 3) RGB uint8.
        region: Where it lies in the frame.
        points: (68, 2) landmarks in ``pixels``.
    """

    pixels: UInt8Array
    region: Region
    points: Points


def cut_head(frame: UInt8Array, points: Points, rule: CropRule) -> HeadPicture:
    """Cut the head out of a frame.

    Args:
        frame: (H, W, 3) RGB uint8.
        points: (68, 2) landmarks in pixels.
        rule: See there.
    """
    height, width = frame.shape[:2]
    side = (rule.side, rule.side)
    if not rule.upstream:
        region = head_region(points, (width, height), rule.mode)
        pixels = cut_out(frame, region, side)
        return HeadPicture(pixels, region, points_in(points, region, side))
    crop = UpstreamCrop.around(points, (width, height))
    if rule.mode == "resize":
        crop = UpstreamCrop((width, height), (0, 0, width, height), crop.quad)
    region = crop.region(rule.mode)
    small = np.asarray(cv2.resize(frame, crop.resized), np.uint8)
    cut = small[region.y : region.y + region.height, region.x : region.x + region.width]
    pixels = np.asarray(cv2.resize(cut, side), np.uint8)
    shrink = crop.resized[0] / width
    seen = points_in(points * shrink, region, side)
    place = (region.x, region.y, region.width, region.height)
    return HeadPicture(pixels, Region(*(round(value / shrink) for value in place)), seen)


def read_coefficients(recon: ReconNetwork, head: HeadPicture) -> FloatArray:
    """Return the (73,) expression, pose and placement of a head.

    Args:
        recon: The network for 3DMM coefficients.
        head: See ``cut_head``.
    """
    device = next(recon.parameters()).device
    aligned = align_face(head.pixels, five_points(head.points))
    image = torch.from_numpy(aligned.image.transpose(2, 0, 1).astype(np.float32) / 255)
    with torch.inference_mode():
        found = recon(image[None].to(device))
    read = expression_and_pose(found)[0].cpu().numpy()
    return np.concatenate([read, aligned.placement]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class PreparedHead:
    """A head that can be rendered.

    Attributes:
        region: Where it lies in the frame.
        source: Of the renderer.
        coefficients: (73,) expression, pose and placement.
    """

    region: Region
    source: SourceHead
    coefficients: FloatArray

    @property
    def puppet(self) -> Puppet:
        """Coefficients and keypoints."""
        return Puppet(self.coefficients, self.source.canonical)


class Heads:
    """Prepared heads of an avatar by frame; made when first asked for.

    Args:
        avatar: Whose frames.
        networks: What prepares them.
        rule: Which part of a frame is rendered.
        folder: Where they are kept.
    """

    def __init__(self, avatar: Avatar, networks: Networks, rule: CropRule, folder: Path) -> None:
        self._avatar = avatar
        self._networks = networks
        self._rule = rule
        self._folder = folder
        self._kept: OrderedDict[int, PreparedHead] = OrderedDict()

    def get(self, index: int) -> PreparedHead:
        """Return the head of a frame that has a face."""
        head = self._kept.get(index) or self._recall(index) or self._make(index)
        self._kept[index] = head
        self._kept.move_to_end(index)
        while len(self._kept) > _KEPT_IN_MEMORY:
            self._kept.popitem(last=False)
        return head

    def _make(self, index: int) -> PreparedHead:
        face = self._avatar.faces[index]
        assert face is not None
        frame = np.ascontiguousarray(self._avatar.frame(index).pixels[..., :3])
        picture = cut_head(frame, face_points(face), self._rule)
        source = self._networks.renderer.encode(picture.pixels)
        coefficients = read_coefficients(self._networks.recon, picture)
        head = PreparedHead(picture.region, source, coefficients)
        self._keep(index, head)
        return head

    def _keep(self, index: int, head: PreparedHead) -> None:
        features, region = head.source.features, head.region
        arrays = {
            "volume": _array(features.volume),
            "compressed": _array(features.compressed),
            "canonical": _array(head.source.canonical),
            "coefficients": head.coefficients,
            "region": np.array([region.x, region.y, region.width, region.height]),
        }
        write_arrays(self._path(index), arrays)

    def _recall(self, index: int) -> PreparedHead | None:
        path = self._path(index)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                loaded = {name: arrays[name] for name in arrays.files}
            renderer = self._networks.renderer
            features = renderer.features(loaded["volume"], loaded["compressed"])
            canonical = torch.from_numpy(loaded["canonical"]).to(renderer.device)
            region = Region(*(int(value) for value in loaded["region"]))
            return PreparedHead(region, SourceHead(features, canonical), loaded["coefficients"])
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            logger.info("preparing %s again: %s", path, error)
            return None

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:08d}.npz"


def _array(tensor: Tensor) -> FloatArray:
    return np.asarray(tensor.float().cpu().numpy(), np.float32)
