"""The description of an avatar folder: avatar.json."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from masktalk.errors import BundleError

#: Raised whenever an older masktalk could misread a newer folder.
FORMAT = 1
MANIFEST_NAME = "avatar.json"

MouthMode: TypeAlias = Literal["open", "cloth", "draw"]
MouthChoice: TypeAlias = Literal["auto", "open", "cloth", "draw"]
MOUTH_CHOICES: tuple[MouthChoice, ...] = get_args(MouthChoice)

#: Frame rate of a talking image, which has none of its own.
IMAGE_FRAME_RATE = Fraction(25)

ExactRate = Annotated[
    Fraction,
    BeforeValidator(lambda value: Fraction(value)),
    PlainSerializer(str, return_type=str),
]


class Record(BaseModel):
    """A frozen record that refuses names it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class SourceRecord(Record):
    """The source that an avatar was prepared from.

    Attributes:
        name: File or folder name, without its path.
        kind: Kind of source.
        digest: SHA-256 of its content.
    """

    name: str
    kind: Literal["picture", "video", "folder"]
    digest: str


class Manifest(Record):
    """avatar.json.

    Attributes:
        format: Version of the folder's layout.
        source: Where it came from.
        options: Options it was prepared with; another value makes another avatar.
        width: Pixels.
        height: Pixels.
        rate: Frames per second; 25 for an image, which is one frame held.
        frame_count: Frames stored.
        has_alpha: Whether the frames carry transparency.
        mouth: Animation of the mouth: lips that ``open``, ``cloth`` that moves, or a
            mouth to ``draw``.
        files: SHA-256 of every file that belongs to the avatar itself.
        seal: SHA-256 of everything above.
    """

    format: int = FORMAT
    source: SourceRecord
    options: dict[str, Any]
    width: int
    height: int
    rate: ExactRate
    frame_count: int
    has_alpha: bool
    mouth: MouthMode
    files: dict[str, str]
    seal: str = ""

    def sealed(self) -> Manifest:
        """Return the manifest with its seal set."""
        return self.model_copy(update={"seal": self._digest()})

    def _digest(self) -> str:
        content = self.model_dump(mode="json", exclude={"seal"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write avatar.json into ``folder``."""
        text = json.dumps(self.model_dump(mode="json"), indent=2) + "\n"
        (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and check avatar.json of ``folder``.

        Raises:
            BundleError: It is missing, newer, not readable or was changed.
        """
        again = "prepare the avatar again from its source"
        path = folder / MANIFEST_NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BundleError(folder, f"not an avatar folder, it has no {MANIFEST_NAME}") from error
        except (OSError, ValueError) as error:
            raise BundleError(path, f"cannot be read ({error})", again) from error
        written = content.get("format") if isinstance(content, dict) else None
        if isinstance(written, int) and written > FORMAT:
            raise BundleError(
                path,
                f"written by a newer masktalk (format {written}, this one reads {FORMAT})",
                "update masktalk or prepare the avatar again",
            )
        try:
            manifest = cls.model_validate(content)
        except (ValidationError, ZeroDivisionError) as error:
            raise BundleError(path, "is not a valid avatar description", again) from error
        if manifest.seal != manifest._digest():
            raise BundleError(path, "was changed after it was written", again)
        return manifest
