"""The contract every locator keeps, and the one table of locators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from masktalk.errors import OptionError
from masktalk.faces.closing import Closing
from masktalk.types import FloatArray, Frame, MouthState

if TYPE_CHECKING:
    from masktalk.faces.multi_crop import MultiCropEstimate

#: ``quick`` looks once; ``usual`` goes on until a face is found, ``every`` until even
#: those that do not strike the eye are.
Effort: TypeAlias = Literal["quick", "usual", "every"]


@dataclass(frozen=True, eq=False)
class Sighting:
    """A face as one locator sees it.

    Attributes:
        mesh: (478, 3) float32 in pixels of the frame, as in ``Face``.
        confidence: 0 to 1.
        located_by: The locator's name.
        mouth_state: What the mouth is; None where the locator cannot tell.
        look: The close look behind it, whose mesh is as seen; None where there was none.
        keypoints: What the detectors said in that look.
        evidence: What the state rests on, in words; empty where nothing is to be said.
    """

    mesh: FloatArray
    confidence: float
    located_by: str
    mouth_state: MouthState | None = None
    look: MultiCropEstimate | None = None
    keypoints: Mapping[str, FloatArray] = field(default_factory=dict)
    evidence: str = ""


class Locator(Closing, ABC):
    """Finds faces in one picture; close it, or use it as a context manager."""

    name: ClassVar[str]

    @abstractmethod
    def find(self, frame: Frame, effort: Effort = "usual") -> list[Sighting]:
        """Faces seen, each once; empty when there is none. ``frame`` has no alpha."""


#: name -> "module:class", in the order to ask; loaded only when asked for.
LOCATORS: dict[str, str] = {
    "mesh": "masktalk.faces.locators.mesh:MeshLocator",
    "drawn": "masktalk.faces.locators.drawn:DrawnLocator",
    "detector": "masktalk.faces.locators.detection:DetectorLocator",
    "s3fd": "masktalk.faces.locators.s3fd:S3fdLocator",
    "dwpose": "masktalk.faces.locators.dwpose:DwposeLocator",
}


def make_locator(name: str) -> Locator:
    """Return the locator of that name.

    Raises:
        OptionError: Nothing has that name; the message lists what does.
        MasktalkError: What the locator itself needs is missing.
    """
    if name not in LOCATORS:
        raise OptionError(f"locator {name!r}", "no such locator", f"one of {', '.join(LOCATORS)}")
    module, _, attribute = LOCATORS[name].partition(":")
    made: Locator = getattr(import_module(module), attribute)()
    return made
