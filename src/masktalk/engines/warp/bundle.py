"""What the warp engine keeps in an avatar's folder."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from masktalk.engines.warp.lips import Lips, read_lips
from masktalk.engines.warp.pose import fit_pose
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.style import Style, read_style
from masktalk.errors import InputError
from masktalk.types import Face, FloatArray

if TYPE_CHECKING:
    from masktalk.avatar import Avatar

_VERSION = 1
_NAME = "warp.npz"
_MOST_FRAMES = 400  # looked at to learn a video's resting mouth


@dataclass(frozen=True, eq=False)
class Prepared:
    """An avatar as the warp sees it.

    Attributes:
        rig: Its mouth at rest and how its face follows.
        style: Its colours and texture.
    """

    rig: Rig
    style: Style


def load_or_make(avatar: Avatar) -> Prepared:
    """What was prepared before, or else prepare it now and keep it.

    Raises:
        InputError: No frame of the avatar has a face.
    """
    path = avatar.engine_folder("warp") / _NAME
    loaded = _load(path)
    if loaded is None:
        loaded = _make(avatar)
        _save(path, loaded)
    return _prepared(loaded)


Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


def _make(avatar: Avatar) -> Arrays:
    indices = [index for index, face in enumerate(avatar.faces) if face is not None]
    if not indices:
        raise InputError(avatar.folder, "no frame of the avatar has a face", "give --points")
    chosen = indices[:: max(len(indices) // _MOST_FRAMES, 1)]
    faces = [face for face in (avatar.faces[index] for index in chosen) if face is not None]
    frontal, base, rest = resting_mouth(faces)
    style = read_style(avatar.frame(chosen[0]).pixels, faces[0].mesh)
    arrays: Arrays = {"version": np.array(_VERSION), "frontal": frontal, "base": base}
    arrays |= {f"rest_{f.name}": np.asarray(getattr(rest, f.name)) for f in fields(rest)}
    arrays |= {f"style_{f.name}": np.asarray(getattr(style, f.name)) for f in fields(style)}
    return arrays


def resting_mouth(faces: Sequence[Face]) -> tuple[FloatArray, FloatArray, Lips]:
    """The mesh at rest in face axes, (478, 3), on the face's plane, (478, 2), and its lips.

    Of a video, the third of the frames with the least open mouth says how it rests.
    """
    poses = [fit_pose(face.mesh) for face in faces]
    gaps = np.array([read_lips(pose.frontal).gap for pose in poses])
    calm = gaps.argsort(kind="stable")[: max(len(gaps) // 3, 1)]
    frontal = np.median([poses[index].frontal for index in calm], axis=0)
    flat = [poses[index].place(faces[index].mesh[:, :2]) for index in calm]
    rest = read_lips(frontal.astype(np.float32)).closed()
    return frontal.astype(np.float32), np.median(flat, axis=0).astype(np.float32), rest


def _prepared(arrays: Arrays) -> Prepared:
    rest = Lips(
        arrays["rest_upper"],
        arrays["rest_lower"],
        arrays["rest_corners"],
        float(arrays["rest_jaw"]),
    )
    values: dict[str, Any] = {}
    for field in fields(Style):
        value = arrays[f"style_{field.name}"]
        values[field.name] = float(value) if value.ndim == 0 else value
    return Prepared(Rig.build(rest, arrays["frontal"], arrays["base"]), Style(**values))


def _save(path: Path, arrays: Arrays) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)
    part.replace(path)


def _load(path: Path) -> Arrays | None:
    """The kept arrays, or None when there are none that this version can use."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    if "version" not in arrays or int(arrays["version"]) != _VERSION:
        return None
    return arrays
