"""Rig points: where a person says the mouth, chin and eyes are."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from masktalk.errors import PointsError
from masktalk.landmarks import RIG_LANDMARKS
from masktalk.types import MouthState

Coordinate = Annotated[float, Field(allow_inf_nan=False)]
Place = tuple[Coordinate, Coordinate]


class RigPoints(BaseModel):
    """Points of one face at one moment, x and y in pixels; left is the picture's left.

    Attributes:
        left_corner: The mouth corner.
        right_corner: The mouth corner.
        upper_lip: Middle of the upper lip's inner edge.
        lower_lip: Middle of the lower lip's inner edge.
        chin: Its lowest point.
        left_eye: The outer corner.
        right_eye: The outer corner.
        mouth: What the mouth is; None lets the picture decide.
        time: Seconds since the start of the video.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    left_corner: Place
    right_corner: Place
    upper_lip: Place | None = None
    lower_lip: Place | None = None
    chin: Place | None = None
    left_eye: Place | None = None
    right_eye: Place | None = None
    mouth: MouthState | None = None
    time: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

    @field_validator("mouth", mode="before")
    @classmethod
    def _earlier_name(cls, value: object) -> object:
        return "occluded" if value == "covered" else value

    @model_validator(mode="after")
    def _in_order(self) -> RigPoints:
        if (self.left_eye is None) != (self.right_eye is None):
            raise ValueError("give both eyes or none")
        span = abs(complex(*self.right_corner) - complex(*self.left_corner))
        if span < 1:
            raise ValueError("the mouth corners lie on one another")
        return self

    def indexed(self) -> dict[int, Place]:
        """Mesh index -> x, y of the points that were given."""
        given = ((index, getattr(self, name)) for name, index in RIG_LANDMARKS.items())
        return {index: place for index, place in given if place is not None}

    def outside(self, width: int, height: int) -> str | None:
        """Name of the first point that lies outside a picture, or None."""
        for name in RIG_LANDMARKS:
            place = getattr(self, name)
            if place is not None and not (0 <= place[0] <= width and 0 <= place[1] <= height):
                return name
        return None


class Points(BaseModel):
    """Rig points of a picture, or of a video at one or more moments.

    Attributes:
        frames: In order of time; between two moments points move evenly, before the
            first and after the last they stand still.
        source: The file they came from, for messages.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: Annotated[tuple[RigPoints, ...], Field(min_length=1)]
    source: str = "points"

    @model_validator(mode="after")
    def _in_order(self) -> Points:
        times = [frame.time for frame in self.frames]
        if any(b <= a for a, b in pairwise(times)):
            raise ValueError("frames must be in order of time, each later than the one before")
        if len({frozenset(frame.indexed()) for frame in self.frames}) > 1:
            raise ValueError("every frame must give the same points")
        return self

    def at(self, time: float) -> RigPoints:
        """Return the points at any time in seconds."""
        after = next((i for i, f in enumerate(self.frames) if f.time > time), len(self.frames))
        if after in (0, len(self.frames)):
            return self.frames[min(after, len(self.frames) - 1)]
        low, high = self.frames[after - 1], self.frames[after]
        share = (time - low.time) / (high.time - low.time)
        mixed = {
            name: tuple(a + share * (b - a) for a, b in zip(start, end, strict=True))
            for name in RIG_LANDMARKS
            if (start := getattr(low, name)) is not None
            and (end := getattr(high, name)) is not None
        }
        return low.model_copy(update={**mixed, "time": time})

    def scaled(self, scale: float) -> Points:
        """Return the points in the pixels of a picture that was scaled."""
        frames = (
            frame.model_copy(
                update={
                    name: (place[0] * scale, place[1] * scale)
                    for name in RIG_LANDMARKS
                    if (place := getattr(frame, name)) is not None
                }
            )
            for frame in self.frames
        )
        return self.model_copy(update={"frames": tuple(frames)})

    def check(self, width: int, height: int) -> None:
        """Refuse points that cannot belong to a picture of that size.

        Raises:
            PointsError: A point lies outside.
        """
        for frame in self.frames:
            name = frame.outside(width, height)
            if name is not None:
                x, y = getattr(frame, name)
                raise PointsError(
                    self.source,
                    f"{name} at {x:g}, {y:g} lies outside the {width}x{height} picture",
                    "give pixels from the picture's top left",
                )


def read_points(path: str | os.PathLike[str]) -> Points:
    """Read rig points from a JSON file.

    One object with the fields of ``RigPoints`` for a picture or a video that does not
    move; a list of them with ``time``, or ``{"frames": [...]}``, for a video.

    Raises:
        PointsError: The file is missing, is not valid JSON, or says something else.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise PointsError(path, f"cannot be read ({error.strerror})", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise PointsError(
            path, "is not valid JSON", "see rig points in docs/howto/command-line.md"
        ) from error
    if isinstance(content, list):
        content = {"frames": content}
    if not isinstance(content, dict):
        raise PointsError(path, "holds no object", 'write {"left_corner": [x, y], ...}')
    frames = content if "frames" in content else {"frames": [content]}
    try:
        return Points.model_validate({**frames, "source": os.fspath(path)})
    except ValidationError as error:
        first = error.errors()[0]
        inner = [part for part in first["loc"] if part not in ("frames", 0)] or first["loc"]
        where = ".".join(map(str, inner)) or "points"
        needed = "needs left_corner and right_corner as [x, y]"
        raise PointsError(path, f"{where}: {first['msg']}", needed) from error
