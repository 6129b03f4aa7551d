"""The embedded engine: no download, no GPU, the avatar's own pixels moved."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from masktalk.engines.base import Capabilities, Engine, EngineOptions, Speech
from masktalk.engines.warp.bundle import Prepared, load_or_make
from masktalk.engines.warp.cloth import cloth_frame, drape
from masktalk.engines.warp.interior import paint_plates
from masktalk.engines.warp.mouth import mouth_size, speak_frame
from masktalk.engines.warp.scene import Scene
from masktalk.engines.warp.shape import read_channels
from masktalk.engines.warp.timeline import moments
from masktalk.speech import make_articulator
from masktalk.types import FloatArray, Patch

if TYPE_CHECKING:
    from masktalk.avatar import Avatar


class WarpOptions(EngineOptions):
    """Options of the warp engine.

    Attributes:
        amplitude: How large the mouth's movements are; 1 is as the speech asks.
        cloth_strength: How far cloth over a mouth moves; 1 is as far as the skin under it.
    """

    amplitude: float = Field(1.0, ge=0.0, le=2.0)
    cloth_strength: float = Field(1.3, ge=0.0, le=3.0)


class WarpEngine(Engine):
    """Moves the avatar's own pixels; paints only what a closed mouth hides."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        name="warp", streams=True, lookahead=Fraction(1, 5), covered=True
    )
    Options: ClassVar[type[EngineOptions]] = WarpOptions
    options: WarpOptions

    def prepare(self, avatar: Avatar) -> None:
        load_or_make(avatar)

    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        articulator = speech.articulator or make_articulator()
        talker = Talker(avatar, load_or_make(avatar), self.options)
        for moment in moments(speech, articulator):
            index = avatar.index_at(speech.begin + moment.time)
            yield talker.patch(index, moment.values)


class Talker:
    """Makes one avatar's patches; keeps the last frame's preparation at hand.

    Args:
        avatar: Whose frames move.
        prepared: What ``prepare`` learned of it.
        options: How.
    """

    def __init__(self, avatar: Avatar, prepared: Prepared, options: WarpOptions) -> None:
        self._avatar = avatar
        self._prepared = prepared
        self._options = options
        self._scene: tuple[int, Scene | None] = (-1, None)
        self._plates = None

    def patch(self, index: int, values: FloatArray) -> Patch | None:
        """The patch for the avatar's frame ``index`` with a mouth as in ``values``."""
        scene = self._scene_of(index)
        if scene is None:
            return None
        channels = read_channels(values * self._options.amplitude)
        pixels = self._avatar.frame(index).pixels
        rig, style = self._prepared.rig, self._prepared.style
        if self._avatar.mouth == "cloth":
            strength = self._options.cloth_strength
            cloth = drape(scene, rig)
            return cloth_frame(pixels, scene, cloth, channels, strength=strength, light=style.light)
        plates = paint_plates(style, scene.pose.unit * mouth_size(rig))
        return speak_frame(pixels, scene, rig, plates, channels)

    def _scene_of(self, index: int) -> Scene | None:
        if self._scene[0] != index:
            face = self._avatar.faces[index]
            self._scene = (index, None if face is None else Scene.from_mesh(face.mesh))
        return self._scene[1]
