"""Differences between MuseTalk's published versions."""

from __future__ import annotations

from dataclasses import dataclass

from masktalk.compose.parsing_masks import MaskOptions
from masktalk.errors import OptionError


@dataclass(frozen=True)
class Version:
    """One published version.

    Attributes:
        name: As the reference's version flag names it.
        weights: The generator's name in the weights table.
        extra_margin: Pixels that its crop reaches below the chin.
        masks: How its result is blended in.
    """

    name: str
    weights: str
    extra_margin: int
    masks: MaskOptions


VERSIONS: dict[str, Version] = {
    version.name: version
    for version in (
        Version("v1", "musetalk-v1", 0, MaskOptions("raw", 80, 80)),
        Version("v15", "musetalk-v15", 10, MaskOptions("jaw", 90, 90)),
    )
}


def version_named(name: str) -> Version:
    """The version of that name.

    Raises:
        OptionError: Nothing has that name; the message lists what does.
    """
    if name not in VERSIONS:
        raise OptionError(
            f"`version` {name}", "no such version", f"choose one of {', '.join(VERSIONS)}"
        )
    return VERSIONS[name]
