"""Data that the warp engine keeps in an avatar's folder."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from masktalk.engines.warp.face_axes import fit_pose
from masktalk.engines.warp.interior import InteriorLayers, paint_plates
from masktalk.engines.warp.lips import Lips, read_lips
from masktalk.engines.warp.opening_calibration import OpeningCalibration
from masktalk.engines.warp.resting import resting_mouth
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.style import Style, read_style
from masktalk.engines.warp.teeth_samples import (
    TeethSamples,
    candidates,
    chosen,
    facing,
    teeth_score,
    with_own_teeth,
)
from masktalk.errors import InputError
from masktalk.media import write_arrays
from masktalk.types import Face

if TYPE_CHECKING:
    from masktalk.avatar import Avatar

_VERSION = 14
_NAME = "warp.npz"
_MOST_FACES = 400  # looked at to learn a video's resting mouth
_MOST_HEARD = 2000  # looked at to learn how far its mouth opens
_AHEAD = np.zeros(2, np.float32)

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Prepared:
    """An avatar as the warp sees it.

    Attributes:
        rig: Its mouth at rest and how its face follows.
        style: Its colours and texture.
        plates: The inside of its mouth.
        posture: How far its mouth opens.
        donors: The inside of its mouth as it is seen from elsewhere.
    """

    rig: Rig
    style: Style
    plates: InteriorLayers
    posture: OpeningCalibration
    donors: TeethSamples


def load_or_make(avatar: Avatar) -> Prepared:
    """Load the prepared data, or prepare it now and keep it.

    Raises:
        InputError: No frame of the avatar has a face.
    """
    path = avatar.engine_folder("warp") / _NAME
    arrays = _load(path)
    if arrays is None:
        arrays = learn(avatar)
        write_arrays(path, arrays)
    return unpacked(arrays)


def learn(avatar: Avatar) -> Arrays:
    """Look at an avatar's frames and learn its mouth.

    Raises:
        InputError: No frame of the avatar has a face.
    """
    seen = {index: face for index, face in enumerate(avatar.faces) if face is not None}
    if not seen:
        raise InputError(avatar.folder, "no frame of the avatar has a face", "give `points`")
    indices = list(seen)[:: max(len(seen) // _MOST_FACES, 1)]
    frontal, base, rest = resting_mouth([seen[index] for index in indices])
    first = indices[0]
    style = read_style(avatar.frame(first).pixels, seen[first].mesh)
    size = Rig.size_of(rest)
    unit = float(np.median([fit_pose(seen[index].mesh).unit for index in indices[:25]]))
    drawn = avatar.mouth == "draw"
    plates = paint_plates(_drawn_style(style) if drawn else style, unit * size)
    looked = {index: seen[index] for index in indices} if avatar.mouth == "open" else {}
    plates, donors = _own_teeth(avatar, looked, plates, rest, style)
    posture = _posture(avatar, rest)
    arrays: Arrays = {"version": np.array(_VERSION), "frontal": frontal, "base": base}
    parts: dict[str, Lips | Style | InteriorLayers | OpeningCalibration | TeethSamples]
    parts = {"rest": rest, "style": style, "plates": plates, "posture": posture}
    parts["donors"] = donors
    for name, record in parts.items():
        arrays |= {f"{name}_{f.name}": np.asarray(getattr(record, f.name)) for f in fields(record)}
    return arrays


def _posture(avatar: Avatar, rest: Lips) -> OpeningCalibration:
    faces = [face for face in avatar.faces[:_MOST_HEARD] if face is not None]
    if avatar.is_image or avatar.mouth != "open" or not faces:
        return OpeningCalibration()
    gaps = np.array([read_lips(fit_pose(face.mesh).frontal).gap for face in faces], np.float32)
    return OpeningCalibration.seen_in(
        np.maximum(gaps, 0), float(avatar.rate), Rig.amplitude_of(rest)
    )


def _drawn_style(style: Style) -> Style:
    """Flat colours, and a mouth's own red where there are no lips to take it from."""
    red = np.array([186, 62, 66], np.float32) * min(float(style.white.mean()) / 235, 1.0)
    lips = red if style.saturation > 0.35 else style.lips
    white = np.full(3, style.white.mean(), np.float32)
    return replace(style, flat=1.0, lips=lips, white=white, blur=min(style.blur, 1.0))


def _own_teeth(
    avatar: Avatar, faces: dict[int, Face], plates: InteriorLayers, rest: Lips, style: Style
) -> tuple[InteriorLayers, TeethSamples]:
    """Plates with the teeth of the frame that shows them best, and those of other poses."""
    poses = {index: fit_pose(face.mesh) for index, face in faces.items()}
    scores = {
        index: teeth_score(avatar.frame(index).pixels, faces[index].mesh, style.lips)
        for index in candidates(poses)
    }
    taken = chosen(scores, poses)
    size = Rig.size_of(rest)
    found = [
        with_own_teeth(plates, avatar.frame(index).pixels, faces[index].mesh, rest, size)
        for index in taken
    ]
    best = found[0] if found else plates
    return best, TeethSamples.of(
        found or [plates], [facing(poses[index]) for index in taken] or [_AHEAD]
    )


def unpacked(arrays: Arrays) -> Prepared:
    """Return the records that ``learn`` packed into arrays."""
    rest = _record(Lips, "rest", arrays)
    rig = Rig.build(rest, arrays["frontal"], arrays["base"])
    return Prepared(
        rig=rig,
        style=_record(Style, "style", arrays),
        plates=_record(InteriorLayers, "plates", arrays),
        posture=_record(OpeningCalibration, "posture", arrays),
        donors=_record(TeethSamples, "donors", arrays),
    )


_Record = TypeVar("_Record", Lips, Style, InteriorLayers, OpeningCalibration, TeethSamples)


def _record(kind: type[_Record], name: str, arrays: Arrays) -> _Record:
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = arrays[f"{name}_{field.name}"]
        values[field.name] = float(value) if value.ndim == 0 else value
    return kind(**values)


def _load(path: Path) -> Arrays | None:
    """Return the kept arrays, or None when there are none that this version can use."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    if "version" not in arrays or int(arrays["version"]) != _VERSION:
        return None
    return arrays
