"""Options of locating: which face, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from masktalk.errors import OptionError
from masktalk.faces.points import Points
from masktalk.types import MOUTH_STATES, MouthState

#: The largest, the one furthest left or right in the picture, the N-th from the left
#: (0 first), or the one nearest to a place in pixels.
FaceChoice: TypeAlias = Literal["largest", "left", "right"] | int | tuple[float, float]


@dataclass(frozen=True)
class LocateOptions:
    """Options of ``locate`` and ``track``.

    Attributes:
        face: Which face when there are several.
        points: Rig points a person gave; then nothing is searched for.
        mouth_state: What the mouth is; None lets the picture decide.
        locators: Names from the locator table in the order to ask them; None for all
            that are installed.
    """

    face: FaceChoice = "largest"
    points: Points | None = None
    mouth_state: MouthState | None = None
    locators: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.face, str) and self.face not in ("largest", "left", "right"):
            raise OptionError(f"`face` {self.face!r}", "no such choice", _CHOICES)
        if isinstance(self.face, int) and self.face < 0:
            raise OptionError(f"`face` {self.face}", "is negative", _CHOICES)
        if self.mouth_state is not None and self.mouth_state not in MOUTH_STATES:
            raise OptionError(
                f"`mouth_state` {self.mouth_state!r}",
                "no such state",
                f"one of {', '.join(MOUTH_STATES)}",
            )


_CHOICES = "choose largest, left, right, a number from 0, or X,Y in pixels"


def parse_face(text: str) -> FaceChoice:
    """Return the choice that a text writes: largest, left, right, a number or X,Y in pixels.

    Raises:
        OptionError: It names no face.
    """
    if text in ("largest", "left", "right"):
        return text  # type: ignore[return-value]
    numbers = text.split(",")
    try:
        if len(numbers) == 1:
            return int(text)
        x, y = map(float, numbers)
    except ValueError as error:
        raise OptionError(
            f"`face` {text}", "names no face", "use largest, left, right, a number or X,Y"
        ) from error
    return (x, y)
