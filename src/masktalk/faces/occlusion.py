"""Mattes of what lies before a face in the frames of a video: a hand, a microphone, a cup.

A face is compared with itself: what no bare frame of the same person shows at the same place
of the skull, and what reaches in from beyond the face's outline, lies before it. The matte's
edge then follows the frame's own edges (GrabCut: Rother, Kolmogorov, Blake, SIGGRAPH 2004).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from masktalk.faces.appearance import BoolArray, FaceSurface, sample_colours
from masktalk.landmarks import OUTER_LIP_CONTOUR
from masktalk.types import Face, FloatArray, Frame, Occlusion, UInt8Array

_MAX_SAMPLES = 100  # frames that the bare face is learned from
_MIN_BARE = 4
_MAX_BARE = 12  # of them, those that every frame is compared with
_SEED_SHARE = 0.15  # of the samples, the run that looks most like skin all over
_LEARNING_PASSES = 1
_APPROACH_FRAMES = 6  # before and after an occluded frame
_MAX_SKIN_DISTANCE = 40.0
_FOREIGN = 13.0  # colour distance (weighted CIELAB) from all that bare frames show
_FAMILIAR = 6.0
_SHADOW_WEIGHT = 0.5  # the same skin gets darker more than it gets brighter
_MIN_AREA = 0.04  # of the lower face
_MIN_TRACKED_AREA = 0.01  # beside a frame in which it was found
_MAX_BARE_AREA = 0.03  # of a bare one that looks foreign
_TRACK_CELLS = 7  # an occluder moves by less than half of them between frames
_LIPS_SCALE = 1.35  # of a face's lips, what they may take of the skin around them
_REACH_CELLS = 2  # from the outline, so near an occluder comes to it
_STRIDE = 3  # frames between those that are looked at until an occluder is found
_WORK_INTEROCULAR = 96.0  # pixels; finer frames are cut out at this size
_GRABCUT_STEPS = 3
_MARGIN = 0.02  # inter-ocular distances that a matte is wider than what was cut out
# Bare share of the mouth from which on it is shown speaking, in full and not at all, and
# frames over which one fades into the other.
_SHOWN, _HIDDEN, _FADE_FRAMES = 0.8, 0.55, 4
_Matte: TypeAlias = tuple[int, int, UInt8Array]  # left, top, alpha
_NOTHING: _Matte = (0, 0, np.zeros((1, 1), np.uint8))


def find_occlusions(
    frame_at: Callable[[int], Frame], faces: Sequence[Face | None]
) -> dict[int, Occlusion]:
    """Return what lies before the face, by frame; frames in which nothing does are missing.

    Args:
        frame_at: Returns the frame of an index.
        faces: One face a frame. Those with an occluded mouth say nothing of the bare one.
    """
    bare = [i for i, face in enumerate(faces) if face and face.mouth_state != "occluded"]
    if len(bare) < _MIN_BARE:
        return {}
    reference = _BareFace.of(frame_at, faces, bare)
    found = _tracked(reference, frame_at, faces)
    parts: dict[int, _Matte] = {}
    hidden: dict[int, BoolArray] = {}
    for index, foreign in found.items():
        face = faces[index]
        if face is not None:
            parts[index] = reference.cut_out(frame_at(index), face, foreign)
            hidden[index] = foreign | _hidden(parts[index], reference.surface.pixels(face))
    surface = reference.surface
    return {
        index: Occlusion(
            *parts.get(index, _NOTHING),
            share,
            float(hidden[index][surface.lower].mean()) if index in hidden else 0.0,
        )
        for index, share in _mouth_shares(hidden, faces, surface).items()
    }


def _hidden(matte: _Matte, pixels: FloatArray) -> BoolArray:
    """Return which cells, at (rows, columns, 2) pixels, a matte hides."""
    x, y, alpha = matte
    rows, columns = alpha.shape
    at = np.round(pixels - (x, y)).astype(int)
    inside = (at >= 0).all(axis=-1) & (at[..., 0] < columns) & (at[..., 1] < rows)
    at = np.clip(at, 0, (columns - 1, rows - 1))
    return np.asarray(inside & (alpha[at[..., 1], at[..., 0]] > 127))


def _tracked(
    reference: _BareFace, frame_at: Callable[[int], Frame], faces: Sequence[Face | None]
) -> dict[int, BoolArray]:
    """Return the occluded cells by frame, of occluders that last for some frames.

    An occluder comes from beyond the face's outline. Once it is known, it is followed to
    both sides, and may be all within the face.
    """

    def look(index: int, least: float) -> list[BoolArray]:
        face = faces[index]
        return [] if face is None else reference.foreign_parts(frame_at(index), face, least)

    found: dict[int, BoolArray] = {}
    for index in range(0, len(faces), _STRIDE):
        parts = [part for part in look(index, _MIN_AREA) if reference.reaches_in(part)]
        if parts:
            found[index] = np.any(parts, axis=0)
    waiting = list(found)
    while waiting:
        index = waiting.pop()
        near = cv2.dilate(found[index].astype(np.uint8), np.ones((_TRACK_CELLS,) * 2)) > 0
        for other in (index - 1, index + 1):
            if 0 <= other < len(faces) and other not in found:
                parts = [p for p in look(other, _MIN_TRACKED_AREA) if (p & near).any()]
                if parts:
                    found[other] = np.any(parts, axis=0)
                    waiting.append(other)
    return {i: found[i] for i in found if i - 1 in found or i + 1 in found}


def _mouth_shares(
    found: Mapping[int, BoolArray], faces: Sequence[Face | None], surface: FaceSurface
) -> dict[int, float]:
    """Return how much of the speaking mouth is shown, 0..1, in and around occluded frames."""
    shown = np.ones(len(faces))
    for index, foreign in found.items():
        bare = 1 - float(foreign[surface.mouth].mean())
        shown[index] = np.clip((bare - _HIDDEN) / (_SHOWN - _HIDDEN), 0, 1)
    # Gone before the occluder has come, back after it has left.
    padded = np.pad(shown, _FADE_FRAMES, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _FADE_FRAMES + 1)
    ramp = np.abs(np.arange(-_FADE_FRAMES, _FADE_FRAMES + 1)) / (_FADE_FRAMES + 1)
    faded = np.maximum(windows, np.minimum(windows + ramp, 1)).min(axis=1)
    return {
        index: float(faded[index])
        for index, face in enumerate(faces)
        if face is not None and (faded[index] < 1 or index in found)
    }


@dataclass(frozen=True, eq=False)
class _BareFace:
    """The face of a video without anything before it.

    Attributes:
        surface: Its shape.
        usual: (rows, columns, 3) median colours.
        seen: (N, rows, columns, 3) colours that it shows, shifted by a cell each way too.
    """

    surface: FaceSurface
    usual: FloatArray
    seen: FloatArray

    @classmethod
    def of(
        cls,
        frame_at: Callable[[int], Frame],
        faces: Sequence[Face | None],
        bare: Sequence[int],
    ) -> _BareFace:
        sampled = list(bare[:: -(-len(bare) // _MAX_SAMPLES)])
        known = {i: face for i in sampled if (face := faces[i]) is not None}
        surface = FaceSurface.of(list(known.values()))
        colours = {
            i: sample_colours(frame_at(i), surface.pixels(face), face.interocular)
            for i, face in known.items()
        }
        usual = np.median(list(colours.values()), axis=0)
        lit = {i: _relit(one, usual, surface.lit) for i, one in colours.items()}
        skin = np.median(np.stack([one[surface.lit] for one in lit.values()]), axis=(0, 1))
        away = {i: np.linalg.norm(one - skin, axis=-1) for i, one in lit.items()}
        usually = np.percentile(list(away.values()), 15, axis=0)
        steady = surface.lower & ~surface.mouth
        excess = {
            i: float(np.clip(one - usually, 0, _MAX_SKIN_DISTANCE)[steady].mean())
            for i, one in away.items()
        }
        current = cls(surface, usual, _shifted([lit[i] for i in _thinned(_calmest(excess))]))
        limit = _MAX_BARE_AREA * surface.lower.sum()
        for _ in range(_LEARNING_PASSES):  # whatever else the bare face does belongs to it too
            areas = {
                i: int((current.distance(one) > _FOREIGN)[surface.lower].sum())
                for i, one in lit.items()
            }
            like = _far_from([i for i in areas if areas[i] > limit], list(lit))
            current = cls(surface, usual, _shifted([lit[i] for i in _thinned(like)]))
        return current

    def foreign_parts(self, frame: Frame, face: Face, least: float) -> list[BoolArray]:
        """Return the areas, (rows, columns) cells each, that the bare face never shows.

        Args:
            frame: The frame.
            face: Its face.
            least: Size of an area at least, as a share of the lower face.
        """
        distance, _ = self._look(frame, face)
        far = ((distance > _FOREIGN) & self.surface.lower).astype(np.uint8)
        foreign = cv2.morphologyEx(far, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        count, labels = cv2.connectedComponents(foreign, connectivity=8)
        parts = [labels == label for label in range(1, count)]
        # A mouth may open wider than it ever did before.
        beside = ~_within_lips(face, self.surface.pixels(face))
        cells = least * self.surface.lower.sum()
        return [part for part in parts if (part & beside).sum() >= cells]

    def reaches_in(self, part: BoolArray) -> bool:
        """Tell whether an area, (rows, columns) cells, comes near the lower face's outline."""
        lower = self.surface.lower
        size = 2 * _REACH_CELLS + 1
        core = cv2.erode(lower.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
        # What lies above the lower face is face, not its outline.
        core[: int(np.argmax(lower.any(axis=1))) + _REACH_CELLS] = True
        return bool((part & ~core).any())

    def _look(self, frame: Frame, face: Face) -> tuple[FloatArray, BoolArray]:
        """Return how foreign each cell looks, and which of them are seen."""
        pixels = self.surface.pixels(face)
        colours = sample_colours(frame, pixels, face.interocular)
        visible = self.surface.visible(pixels)
        distance = self.distance(_relit(colours, self.usual, self.surface.lit))
        return np.where(visible, distance, 0).astype(np.float32), visible

    def distance(self, colours: FloatArray) -> FloatArray:
        """Return how far colours, (rows, columns, 3), are from all that the bare face shows."""
        difference = colours - self.seen
        light = difference[..., 0]
        np.multiply(light, _SHADOW_WEIGHT, out=light, where=light < 0)
        squared = np.einsum("nijk,nijk->nij", difference, difference).min(axis=0)
        return np.asarray(np.sqrt(squared), np.float32)

    def cut_out(self, frame: Frame, face: Face, foreign: BoolArray) -> _Matte:
        """Return left, top and alpha of an occluder that was found in some (rows, columns)."""
        distance, visible = self._look(frame, face)
        pixels = self.surface.pixels(face)
        margin = 0.1 * face.interocular
        x0, y0 = np.maximum(pixels.reshape(-1, 2).min(axis=0) - margin, 0).astype(int)
        x1, y1 = np.minimum(
            pixels.reshape(-1, 2).max(axis=0) + margin, (frame.width, frame.height)
        ).astype(int)
        if x1 - x0 < 8 or y1 - y0 < 8:
            return _NOTHING
        part = np.ascontiguousarray(frame.region(int(x0), int(y0), int(x1), int(y1))[..., :3])
        scale = min(_WORK_INTEROCULAR / face.interocular, 1.0)
        size = max(round((x1 - x0) * scale), 8), max(round((y1 - y0) * scale), 8)
        small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        at = (pixels - (x0, y0)) * scale
        labels: UInt8Array = np.full((size[1], size[0]), cv2.GC_PR_BGD, np.uint8)
        likely = cv2.dilate(foreign.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        sure = cv2.erode(foreign.astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
        _paint(labels, at, visible & (distance < _FAMILIAR) & ~likely, cv2.GC_BGD)
        _paint(labels, at, likely, cv2.GC_PR_FGD)
        _paint(labels, at, sure & (distance > _FOREIGN), cv2.GC_FGD)
        cut = _grabbed(small, labels, bool(sure.any()))
        width = max(round(2 * _MARGIN * face.interocular * scale), 1) + 1
        wide = cv2.dilate(cut, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
        alpha = cv2.resize(wide, (int(x1 - x0), int(y1 - y0)), interpolation=cv2.INTER_LINEAR)
        return int(x0), int(y0), np.asarray(alpha, np.uint8)


def _within_lips(face: Face, pixels: FloatArray) -> BoolArray:
    """Return which of the pixels, (rows, columns, 2), lie on and around a face's lips."""
    contour = face.mesh[list(OUTER_LIP_CONTOUR), :2]
    middle = contour.mean(axis=0)
    low, high = pixels.reshape(-1, 2).min(axis=0), pixels.reshape(-1, 2).max(axis=0)
    columns, rows = np.maximum(np.ceil(high - low).astype(int) + 1, 1)
    mask: UInt8Array = np.zeros((rows, columns), np.uint8)
    wider = middle + _LIPS_SCALE * (contour - middle) - low
    cv2.fillPoly(mask, [np.round(wider).astype(np.int32)], (1,))
    at = np.round(pixels - low).astype(int)
    return np.asarray(mask[at[..., 1], at[..., 0]] > 0)


def _calmest(excess: Mapping[int, float]) -> list[int]:
    """Return the run of frames in which a value is least: bare frames come in stretches."""
    indices = sorted(excess)
    length = max(round(_SEED_SHARE * len(indices)), 1)
    sums = np.convolve([excess[i] for i in indices], np.ones(length), mode="valid")
    begin = int(sums.argmin())
    return indices[begin : begin + length]


def _far_from(unlike: Sequence[int], indices: Sequence[int]) -> list[int]:
    """Return the frames well before and after those that are unlike: of them the occluder may
    show a little already. All of them if none is."""
    far = [i for i in indices if all(abs(i - other) > _APPROACH_FRAMES for other in unlike)]
    return far or [i for i in indices if i not in unlike] or list(indices)


def _thinned(indices: Sequence[int], count: int = _MAX_BARE) -> list[int]:
    return list(indices[:: max(-(-len(indices) // max(count, 1)), 1)])


def _relit(colours: FloatArray, usual: FloatArray, lit: BoolArray) -> FloatArray:
    return np.asarray(colours + np.median((usual - colours)[lit], axis=0), np.float32)


def _shifted(faces: Sequence[FloatArray]) -> FloatArray:
    """Return every face as it is and a cell further each way, (9 N, rows, columns, 3)."""
    padded = [np.pad(face, ((1, 1), (1, 1), (0, 0)), mode="edge") for face in faces]
    rows, columns = faces[0].shape[:2]
    moves = [(y, x) for y in range(3) for x in range(3)]
    return np.stack([one[y : y + rows, x : x + columns] for one in padded for y, x in moves])


def _paint(labels: UInt8Array, at: FloatArray, cells: BoolArray, value: int) -> None:
    """Label the pixels of some cells, whose centres lie at (rows, columns, 2)."""
    across, down = np.gradient(at, axis=1) / 2, np.gradient(at, axis=0) / 2
    corners = np.stack([at - across - down, at + across - down, at + across + down,
                        at - across + down], axis=2)[cells]  # fmt: skip
    for quad in np.round(corners).astype(np.int32):
        cv2.fillConvexPoly(labels, quad, (value,))


def _grabbed(pixels: UInt8Array, labels: UInt8Array, certain: bool) -> UInt8Array:
    """Return what belongs to the occluder, (h, w) 0 or 255, beginning from GrabCut's labels."""
    if certain and (labels == cv2.GC_BGD).any():
        models = np.zeros((2, 1, 65))
        cv2.setRNGSeed(1)  # its mixture models start from k-means
        cv2.grabCut(
            pixels,
            labels,
            (0, 0, 1, 1),
            models[0],
            models[1],
            _GRABCUT_STEPS,
            cv2.GC_INIT_WITH_MASK,
        )
    front = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    return np.asarray(front * np.uint8(255), np.uint8)
