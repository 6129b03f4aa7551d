"""The exception tree: every error that masktalk raises on purpose.

    MasktalkError
    ├── InputError            a file or value given by the user cannot be used
    │   ├── MediaError        not readable as picture, video or sound
    │   ├── NoFaceError       no locator found a face
    │   ├── PointsError       a rig-points file is wrong
    │   ├── BundleError       an avatar folder is newer, damaged or tampered with
    │   └── InputErrors       several inputs cannot be used, a line each
    ├── OptionError           an unknown name, or an option out of range or not applicable
    ├── OutputError           the result cannot be written
    │   └── EncoderError      no encoder could be opened
    ├── WeightsError          a checkpoint is missing or is not what it claims to be
    └── MissingExtraError     an optional dependency is not installed

Each is one line: its subject, the problem, the remedy. Options are named as Python does and
in backquotes (`` `crf` ``, `` `driver.face` ``), so that the command line can name its flags.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


class MasktalkError(Exception):
    """Base of the tree: ``subject: problem; remedy`` on one line.

    Args:
        subject: The file, the option (`` `crf` 80 ``) or the object concerned.
        problem: The fault, in standard words.
        remedy: Advice to the user; may be empty.
    """

    def __init__(self, subject: str | os.PathLike[str], problem: str, remedy: str = "") -> None:
        self.subject = os.fspath(subject)
        self.problem = problem
        self.remedy = remedy
        super().__init__(self.subject, problem, remedy)

    def __str__(self) -> str:
        text = f"{self.subject}: {self.problem}"
        if self.remedy:
            text += f"; {self.remedy}"
        return " ".join(text.split())


class InputError(MasktalkError):
    """A file or value given by the user cannot be used."""


class MediaError(InputError):
    """Not readable as picture, video or sound."""


class NoFaceError(InputError):
    """No locator found a face."""


class PointsError(InputError):
    """A rig-points file is wrong."""


class BundleError(InputError):
    """An avatar folder is newer than this masktalk, damaged or tampered with."""


class InputErrors(InputError):
    """Several inputs that cannot be used, a line each.

    Args:
        errors: At least one.
    """

    def __init__(self, errors: Sequence[MasktalkError]) -> None:
        first = errors[0]
        super().__init__(first.subject, first.problem, first.remedy)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


class OptionError(MasktalkError):
    """An unknown name, an option out of range, or one that does not apply here."""


class OutputError(MasktalkError):
    """The result cannot be written."""


class EncoderError(OutputError):
    """No encoder could be opened."""


class WeightsError(MasktalkError):
    """A checkpoint is missing or is not what it claims to be."""


class MissingExtraError(MasktalkError):
    """An optional dependency is not installed."""
