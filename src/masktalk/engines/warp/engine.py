"""The embedded engine: no download, no GPU, the avatar's own pixels moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from masktalk.behaviour import STILL, Behaviour, Movement, parse_expression
from masktalk.behaviour.gaze import parse_gaze
from masktalk.engines.articulation import mouth_frames
from masktalk.engines.base import Capabilities, Engine, EngineOptions, Speech
from masktalk.engines.warp.behaving import (
    FrameEyes,
    behaviour_options,
    combined,
    edited_canvas,
    expressed,
    leaning,
    mouth_of,
    undriven,
    with_edits,
)
from masktalk.engines.warp.cloth import Cloth, ClothDeformation
from masktalk.engines.warp.draw import Canvas, draw_frame, read_canvas
from masktalk.engines.warp.eyes import Edit
from masktalk.engines.warp.head import HeadField, Lean
from masktalk.engines.warp.interior import InteriorLayers
from masktalk.engines.warp.limited import LimitedMouth
from masktalk.engines.warp.mouth import speak_frame
from masktalk.engines.warp.prepared_data import Prepared, load_or_make
from masktalk.engines.warp.scene import Scene
from masktalk.engines.warp.seal import Seal, is_parted, seal_lips
from masktalk.engines.warp.shape import Channels, read_channels
from masktalk.speech import make_articulator
from masktalk.types import CHANNELS, FloatArray, Frame, Patch

if TYPE_CHECKING:
    from masktalk.avatar import Avatar

_JAW = CHANNELS.index("jawOpen")


class WarpOptions(EngineOptions):
    """Options of the warp engine.

    Attributes:
        amplitude: How large the mouth's movements are; 1 is as the speech asks.
        cloth_strength: How far cloth over a mouth moves; 1 is as far as the skin under it.
        cloth_folds: How deep folds are laid on cloth that is too plain to be seen moving; 0
            leaves all cloth as the picture shows it.
        head_motion: Whether head and brows move with the voice's stress and phrases;
            ``auto`` for images, not for videos, whose heads move by themselves.
        head_strength: How far they move.
        blink: Whether the lids blink; ``auto`` for images.
        gaze: ``viewer`` looks where the image looks, with small fixations and glances away,
            ``wander`` about, and X,Y so many degrees to the image's right and up; ``auto`` is
            ``viewer`` for images and leaves videos as they are.
        energy: Scale of blinks, glances and movements of the head; 0 for none.
        expression: A name and its strength, as in ``happy:0.4``, or several joined by ``+``.
        seed: Of all that is drawn by chance; the same seed gives the same bytes.
    """

    amplitude: float = Field(1.0, ge=0.0, le=2.0, description="scale of the mouth's movements")
    cloth_strength: float = Field(
        1.6, ge=0.0, le=3.0, description="scale of the movements of cloth over a mouth"
    )
    cloth_folds: float = Field(
        1.0, ge=0.0, le=2.0, description="depth of folds on plain cloth; 0 for none"
    )
    head_motion: Literal["auto", "on", "off"] = Field(
        "auto", description="head and brows with the voice's stress: auto (images), on, off"
    )
    head_strength: float = Field(1.0, ge=0.0, le=3.0, description="scale of the head's movements")
    blink: Literal["auto", "on", "off"] = Field(
        "auto", description="blinks: auto (images), on, off"
    )
    gaze: str = Field("auto", description="viewer, wander or X,Y in degrees to the right and up")
    energy: float = Field(
        1.0, ge=0.0, le=2.0, description="scale of blinks, glances and the head's movements"
    )
    expression: str = Field("", description="an expression and its strength, as in happy:0.4")
    seed: int = Field(0, ge=0, description="of all that is drawn by chance")

    @model_validator(mode="after")
    def _readable(self) -> WarpOptions:
        if self.gaze != "auto":
            parse_gaze(self.gaze)
        parse_expression(self.expression)
        return self


class WarpEngine(Engine):
    """Moves the avatar's own pixels; paints only what a closed mouth hides."""

    capabilities = Capabilities(
        name="warp", streams=True, lookahead=Fraction(1, 5), covered=True, behaves=True
    )
    Options: ClassVar[type[EngineOptions]] = WarpOptions
    options: WarpOptions

    def prepare(self, avatar: Avatar) -> None:
        """Prepare the avatar; see ``Engine.prepare``."""
        load_or_make(avatar)

    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        """Yield one patch or None a frame; see ``Engine.speak``."""
        articulator = speech.articulator or make_articulator()
        driven = speech.movement
        talker = FrameWarper(avatar, load_or_make(avatar), self.options, driven=driven is not None)
        options = behaviour_options(self.options, avatar)
        behaviour = Behaviour(
            undriven(options, driven) if speech.behaves else replace(options, energy=0.0)
        )
        for moment in mouth_frames(speech, articulator):
            time = speech.begin + moment.time
            movement = behaviour.step(float(time), float(moment.values[_JAW]), moment.voice)
            if driven is not None:
                movement = combined(movement, driven.at(time), driven.parts)
            wanted = speech.wants(moment.step)
            index = avatar.index_at(time)
            yield talker.patch(index, moment.values, movement) if wanted else None


class FrameWarper:
    """Makes one avatar's patches; keeps the last frame's preparation at hand.

    Args:
        avatar: Whose frames move.
        prepared: What ``prepare`` learned of it.
        options: How.
        driven: True when eyes and head are moved from elsewhere.
    """

    def __init__(
        self, avatar: Avatar, prepared: Prepared, options: WarpOptions, *, driven: bool = False
    ) -> None:
        self._avatar = avatar
        self._rig, self._style, self._plates = prepared.rig, prepared.style, prepared.plates
        self._posture, self._donors = prepared.posture, prepared.donors
        self._options = options
        self._made: tuple[tuple[Frame, tuple[float, ...], Lean | None], Patch | None] | None = None
        self._last: tuple[int, Scene] | None = None
        self._drape: ClothDeformation | None = None
        self._eyes = FrameEyes(avatar)
        behaviour = behaviour_options(options, avatar)
        self._head: HeadField | None = None
        if behaviour.head or behaviour.expression or driven:
            self._head = HeadField.around(self._rig.base)
        if avatar.mouth == "draw":
            self._drape = ClothDeformation.over(self._rig)
        self._cloth: Cloth | None = None
        if avatar.mouth == "cloth":
            self._cloth = Cloth.of(
                avatar,
                self._rig,
                strength=options.cloth_strength,
                folds=options.cloth_folds,
                light=self._style.light,
            )
        self._canvas: tuple[int, Canvas] | None = None
        self._limited: tuple[int, LimitedMouth | None] | None = None
        self._seal: tuple[int, Seal | None] | None = None
        self._inside: tuple[int, InteriorLayers] | None = None

    def patch(self, index: int, values: FloatArray, movement: Movement = STILL) -> Patch | None:
        """Return the patch for the avatar's frame ``index``; None where it has no face.

        Args:
            index: Of the frame.
            values: (len(CHANNELS),) weights of the mouth in 0..1.
            movement: Of eyes, brows and head, and what an expression does to the mouth.
        """
        scene = self._scene(index)
        if scene is None:
            return None
        lean = Lean.of(movement) if self._head is not None else None
        frame, edits = self._eyes.frame(index, movement)
        channels = expressed(read_channels(values * self._options.amplitude), movement)
        mouth = (*values.tolist(), *mouth_of(movement))
        asked = (frame, mouth, lean)
        if self._made is None or self._made[0] != asked:
            patch = self._speak(index, frame, scene, channels, lean, edits)
            self._made = (asked, with_edits(patch, frame, edits))
        return self._made[1]

    def _speak(
        self,
        index: int,
        frame: Frame,
        scene: Scene,
        channels: Channels,
        lean: Lean | None,
        edits: list[Edit],
    ) -> Patch | None:
        """Return the patch of a frame whose eyes have moved."""
        if self._drape is not None:
            limited = self._limited_of(index)
            if limited is not None:
                return leaning(limited.patch(channels), frame, scene, lean)
            canvas = edited_canvas(self._canvas_of(index, scene), edits)
            return draw_frame(canvas, scene, self._rig, self._plates, self._drape, channels, lean)
        if self._cloth is not None:
            return self._cloth.patch(index, frame, scene, channels, lean)
        channels = self._posture.taken(channels)
        seal = self._seal_of(index, frame)
        plates = self._plates_of(index, scene)
        return speak_frame(frame, scene, self._rig, plates, channels, lean, seal)

    def _scene(self, index: int) -> Scene | None:
        face = self._avatar.faces[index]
        if face is None:
            return None
        if self._last is None or self._last[0] != index:
            still = self._avatar.frame_count == 1
            self._last = (index, Scene.of(face.mesh, self._rig, still=still, head=self._head))
        return self._last[1]

    def _plates_of(self, index: int, scene: Scene) -> InteriorLayers:
        if self._inside is None or self._inside[0] != index:
            self._inside = (index, self._donors.seen_from(self._plates, scene.pose))
        return self._inside[1]

    def _seal_of(self, index: int, frame: Frame) -> Seal | None:
        if self._seal is None or self._seal[0] != index:
            face = self._avatar.faces[index]
            parted = face is not None and is_parted(face.mesh)
            self._seal = (index, seal_lips(frame, face.mesh) if face and parted else None)
        return self._seal[1]

    def _limited_of(self, index: int) -> LimitedMouth | None:
        """Return the mouth of a face that was found as a drawing."""
        if self._limited is None or self._limited[0] != index:
            face = self._avatar.faces[index]
            drawn = face is not None and face.located_by == "drawn"
            pixels = self._avatar.frame(index).pixels
            self._limited = (index, LimitedMouth.of(pixels, face) if face and drawn else None)
        return self._limited[1]

    def _canvas_of(self, index: int, scene: Scene) -> Canvas:
        if self._canvas is None or self._canvas[0] != index:
            pixels = self._avatar.frame(index).pixels
            self._canvas = (index, read_canvas(pixels, scene, self._rig, self._style))
        return self._canvas[1]
