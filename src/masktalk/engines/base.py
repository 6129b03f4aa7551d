"""The contract every engine keeps, and the one table of engines."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from masktalk.behaviour.capture import MovementSource
from masktalk.errors import MasktalkError, OptionError
from masktalk.types import Articulation, Audio, Patch

if TYPE_CHECKING:
    from masktalk.avatar import Avatar

logger = logging.getLogger(__name__)


class Articulator(Protocol):
    """Turns sound into articulation as it comes in.

    ``push`` returns the steps that have become certain (maybe none), ``flush`` the rest.
    Steps follow one another without gap: the first is at time 0 of the speech.
    """

    @property
    def lookahead(self) -> Fraction:
        """Seconds of sound after a step that must be heard before it is certain."""
        ...

    def push(self, audio: Audio) -> Articulation:
        """Take audio; return the steps that have become certain."""
        ...

    def flush(self) -> Articulation:
        """Return the remaining steps."""
        ...


@dataclass(frozen=True, eq=False)
class Speech:
    """Speech for an engine: audio, frame rate and start on the avatar's clock.

    Attributes:
        blocks: Sound in order and without gaps, any rate; read lazily, so a live
            stream may block in ``next()``.
        rate: Frames per second to make.
        begin: Where on the avatar's own clock the first frame lies, in seconds.
        articulator: What turns the sound into articulation; None for the engine's own.
        wanted: Asked before frame i is made; when it says no, the engine yields None and
            saves the work, because nobody will see that frame. None wants them all.
        recorded: Whether all of the speech is there already, so that an engine may hear
            further ahead than its look-ahead where that is better.
        movement: Movement of eyes and head from elsewhere; None generates all of it.
        behaves: False keeps eyes and head of an engine that moves them by itself still.
    """

    blocks: Iterable[Audio]
    rate: Fraction
    begin: Fraction = Fraction(0)
    articulator: Articulator | None = None
    wanted: Callable[[int], bool] | None = None
    recorded: bool = False
    movement: MovementSource | None = None
    behaves: bool = True

    def wants(self, step: int) -> bool:
        """Return whether frame ``step`` will be shown."""
        return self.wanted is None or self.wanted(step)


@dataclass(frozen=True)
class Capabilities:
    """Abilities and needs of an engine.

    Attributes:
        name: Its name in the table.
        streams: Whether ``speak`` yields while the speech is still coming in.
        lookahead: Seconds of speech it must hear ahead of a frame.
        weights: Names in the weights table that it cannot do without.
        covered: Whether it handles a covered mouth by itself.
        extra: The optional dependency group it needs, or None.
        articulated: Whether it moves by ``Speech.articulator``, so that a mouth may be
            borrowed for it; False for an engine that works on the sound alone.
        behaves: True when it moves eyes and head of an image by itself.
    """

    name: str
    streams: bool
    lookahead: Fraction
    weights: tuple[str, ...] = ()
    covered: bool = False
    extra: str | None = None
    articulated: bool = True
    behaves: bool = False


class EngineOptions(BaseModel):
    """Base of every engine's own options: typed, frozen, unknown names refused.

    Attributes:
        RENAMED: Earlier names, still accepted with a warning, and what they are called now.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    RENAMED: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        for old in given.keys() & cls.RENAMED.keys():
            logger.warning("`%s` is now called `%s`", old, cls.RENAMED[old])
        return {cls.RENAMED.get(name, name): value for name, value in given.items()}


class Engine(ABC):
    """Moves a mouth. Yields patches; never pastes, writes or prints."""

    capabilities: Capabilities
    Options: ClassVar[type[EngineOptions]] = EngineOptions

    def __init__(self, options: EngineOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    def prepare(self, avatar: Avatar) -> None:
        """Compute once what ``speak`` needs and keep it in ``avatar.engine_folder(name)``.

        Called before ``speak``; must be cheap when the work is already there.
        """
        del avatar

    @abstractmethod
    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        """Yield one patch a frame, or None for "leave this frame as it is".

        Frame i lies at ``i / speech.rate`` seconds of the speech and shows the avatar's
        frame ``avatar.index_at(speech.begin + i / speech.rate)``. Yields exactly
        ``frame_count(seconds of speech, speech.rate)`` times. The same avatar, speech
        and options give the same bytes.
        """


def frame_count(seconds: Fraction, rate: Fraction) -> int:
    """Return the number of frames of a stretch of speech: seconds x rate, half rounded up."""
    return int(seconds * rate + Fraction(1, 2))


#: name -> "module:class"; loaded only when asked for.
ENGINES: dict[str, str] = {
    "warp": "masktalk.engines.warp:WarpEngine",
    "musetalk": "masktalk.engines.musetalk:MuseTalkEngine",
    "sadtalker": "masktalk.engines.sadtalker:SadTalkerEngine",
    "wav2lip": "masktalk.engines.wav2lip:Wav2LipEngine",
}


def engine_class(name: str) -> type[Engine]:
    """Return the engine of that name.

    Raises:
        OptionError: Nothing has that name; the message lists what does.
    """
    if name not in ENGINES:
        raise OptionError(f"engine {name!r}", "no such engine", f"choose one of {_names()}")
    module, _, attribute = ENGINES[name].partition(":")
    loaded: type[Engine] = getattr(import_module(module), attribute)
    return loaded


def make_engine(name: str, options: dict[str, Any] | None = None) -> Engine:
    """Return an engine with its options checked.

    Raises:
        OptionError: Unknown engine, an option it does not have, or a value out of range.
        MasktalkError: What the engine itself needs is missing.
    """
    cls = engine_class(name)
    try:
        return cls(cls.Options(**(options or {})))
    except ValidationError as error:
        raise _option_error(name, cls, error) from error


def _option_error(name: str, cls: type[Engine], error: ValidationError) -> MasktalkError:
    first = error.errors()[0]
    option = f"`{'.'.join(str(part) for part in first['loc']) or 'options'}`"
    if first["type"] == "extra_forbidden":
        known = ", ".join(f"`{key}`" for key in cls.Options.model_fields)
        return OptionError(
            option,
            f"does not apply to engine {name!r}",
            f"it has {known or 'no options of its own'}",
        )
    return OptionError(option, f"{first['msg']} (got {first['input']!r})")


def _names() -> str:
    return ", ".join(sorted(ENGINES))
