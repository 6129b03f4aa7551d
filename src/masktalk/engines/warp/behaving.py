"""Eyes and head of an avatar's frames: what behaviour asks of them, and edited frames."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from operator import is_ as _is
from typing import TYPE_CHECKING, Literal

import numpy as np

from masktalk.behaviour import BehaviourOptions, Movement, parse_expression
from masktalk.behaviour.capture import MovementSource
from masktalk.behaviour.gaze import Gaze, parse_gaze
from masktalk.compose.paste import paste
from masktalk.engines.warp.draw import Canvas
from masktalk.engines.warp.eyes import Edit, Eyes
from masktalk.engines.warp.head import Lean
from masktalk.engines.warp.mouth import warp_pixels
from masktalk.engines.warp.scene import Scene, displacement, leaned
from masktalk.engines.warp.shape import Channels
from masktalk.types import Frame, Patch

if TYPE_CHECKING:
    from masktalk.avatar import Avatar
    from masktalk.engines.warp.engine import WarpOptions


def behaviour_options(options: WarpOptions, avatar: Avatar) -> BehaviourOptions:
    """Return what of the behaviour an avatar shows.

    Videos already move: unless asked for, only images blink, look about and turn their heads.

    Raises:
        OptionError: A gaze or an expression of another form.
    """
    image = avatar.is_image
    gaze: Gaze | None = None
    if options.gaze != "auto":
        gaze = parse_gaze(options.gaze)
    elif image:
        gaze = "viewer"
    # A mask that is composited back stays where its image has it.
    return BehaviourOptions(
        blink=_wanted(options.blink, image),
        gaze=gaze,
        head=_wanted(options.head_motion, image and avatar.overlay is None),
        head_strength=options.head_strength,
        energy=options.energy,
        expression=parse_expression(options.expression),
        seed=options.seed,
    )


def _wanted(choice: Literal["auto", "on", "off"], usual: bool) -> bool:
    return choice == "on" or (choice == "auto" and usual)


def undriven(options: BehaviourOptions, source: MovementSource | None) -> BehaviourOptions:
    """Return the options without the parts that a source moves."""
    if source is None:
        return options
    if "eyes" in source.parts:
        options = replace(options, blink=False, gaze=None)
    return replace(options, head=False) if "head" in source.parts else options


def combined(own: Movement, driven: Movement, parts: Collection[str]) -> Movement:
    """Return a generated movement with the driven parts in its place."""
    weights = dict(own.weights)
    if "eyes" in parts:
        for name, weight in driven.weights.items():
            weights[name] = max(weights.get(name, 0.0), weight)
    return Movement(weights, driven.pose if "head" in parts else own.pose)


#: Mouth channels that an expression may set, in the order of ``mouth_of``; _ is a side.
_MOUTH = ("jawOpen", "mouthSmile_", "mouthFrown_", "mouthStretch_", "mouthPress_",
          "mouthUpperUp_", "noseSneer_", "mouthPucker")  # fmt: skip
_OF_EYES = ("eye", "cheekSquint")
_SNEER_LIFT = 0.6  # of mouthUpperUp, by a sneer of 1
_FROWN = 1.3  # of a smile turned round


def mouth_of(movement: Movement) -> tuple[float, ...]:
    """Return the weights by which an expression moves the mouth, image's left before right."""
    names = [
        name.replace("_", side)
        for name in _MOUTH
        for side in (("Right", "Left") if "_" in name else ("",))
    ]
    return tuple(movement.weight(name) for name in names)


def expressed(channels: Channels, movement: Movement) -> Channels:
    """Return what speech asks of a mouth with an expression added."""
    weights = mouth_of(movement)
    if not any(weights):
        return channels
    jaw, pucker = weights[0], weights[-1]
    pairs = np.array(weights[1:-1], np.float32).reshape(-1, 2)
    smile, frown, stretch, press, upper_up, sneer = pairs
    closed = np.float32(max(1 - 3 * channels.jaw, 0.0))  # lips press while the jaw is up
    return replace(
        channels,
        jaw=min(channels.jaw + jaw, 1.0),
        pucker=min(channels.pucker + pucker, 1.0),
        smile=np.clip(channels.smile + smile - _FROWN * frown, -_FROWN, 1),
        stretch=np.clip(channels.stretch + stretch, 0, 1),
        press=np.clip(channels.press + press * closed, 0, 1),
        upper_up=np.clip(channels.upper_up + upper_up + _SNEER_LIFT * sneer, 0, 1),
    )


class FrameEyes:
    """The avatar's frames with their eyes moved; keeps the last one.

    Args:
        avatar: Whose frames they are.
    """

    def __init__(self, avatar: Avatar) -> None:
        self._avatar = avatar
        self._eyes: tuple[int, Eyes] | None = None
        self._edits: list[Edit] = []
        self._frame: tuple[int, Frame] | None = None

    def frame(self, index: int, movement: Movement) -> tuple[Frame, list[Edit]]:
        """Return frame ``index`` with its eyes moved, and what has changed of it.

        The frame is the same object as long as nothing else is asked for.
        """
        edits = self._edits_of(index, movement)
        same = len(edits) == len(self._edits) and all(map(_is, edits, self._edits))
        if self._frame is None or self._frame[0] != index or not same:
            self._frame, self._edits = (index, edited(self._avatar.frame(index), edits)), edits
        return self._frame[1], edits

    def _edits_of(self, index: int, movement: Movement) -> list[Edit]:
        face = self._avatar.faces[index]
        if face is None or not any(name.startswith(_OF_EYES) for name in movement.weights):
            return []
        if self._eyes is None or self._eyes[0] != index:
            self._eyes = (index, Eyes(self._avatar.frame(index), face))
        return self._eyes[1].edits(movement.weights)


def edited(frame: Frame, edits: list[Edit]) -> Frame:
    """Return a frame with all edits on it."""
    for edit in edits:
        frame = edit.on(frame)
    return frame


def edited_canvas(canvas: Canvas, edits: list[Edit]) -> Canvas:
    """Return a canvas with all edits on it."""
    if not edits:
        return canvas
    pixels, bare = (edited(Frame(part), edits).pixels for part in (canvas.pixels, canvas.bare))
    return replace(canvas, pixels=pixels, bare=bare)


def leaning(patch: Patch | None, frame: Frame, scene: Scene, lean: Lean | None) -> Patch | None:
    """Return the patch that moves the head of a frame with its patch on it.

    For mouths that are drawn where the head rests.
    """
    if lean is None or lean == Lean():
        return patch
    at = leaned(scene, lean)
    composed = paste(frame, patch, frame.time)
    return warp_pixels(composed, scene.grid, displacement(scene, at, np.zeros_like(at)))


def with_edits(patch: Patch | None, frame: Frame, edits: list[Edit]) -> Patch | None:
    """Return a patch that covers the edits of its frame too.

    Args:
        patch: Made from the edited frame; None for none.
        frame: The edited frame.
        edits: What was changed of it.
    """
    boxes = [each.box for each in edits]
    if patch is not None:
        height, width = patch.pixels.shape[:2]
        own = (patch.x, patch.y, patch.x + width, patch.y + height)
        is_opaque = patch.pixels[..., 3].min(initial=255) == 255
        if is_opaque and all(_holds(own, box) for box in boxes):
            return patch
        boxes.append(own)
    if not boxes:
        return patch
    x0, y0 = (max(int(min(box[i] for box in boxes)), 0) for i in (0, 1))
    x1 = min(int(max(box[2] for box in boxes)), frame.width)
    y1 = min(int(max(box[3] for box in boxes)), frame.height)
    if x0 >= x1 or y0 >= y1:
        return patch
    pixels = paste(frame, patch, frame.time).region(x0, y0, x1, y1)
    matte = np.ascontiguousarray(pixels[..., 3]) if frame.has_alpha else None
    opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return Patch(np.dstack([pixels[..., :3], opaque]), x0, y0, matte)


def _holds(outer: tuple[int, ...], inner: tuple[int, ...]) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and outer[2] >= inner[2]
        and outer[3] >= inner[3]
    )
