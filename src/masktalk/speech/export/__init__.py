"""Articulation as files that other programs read: one table of formats."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from masktalk.errors import OptionError
from masktalk.media import write_atomic
from masktalk.speech.export.cues import rhubarb_json, rhubarb_tsv, rhubarb_xml, webvtt
from masktalk.speech.export.curves import csv_text, json_text, livelink_text, vrm_text
from masktalk.speech.export.picture import png_bytes
from masktalk.speech.export.subject import ExportInput


@dataclass(frozen=True)
class Format:
    """One way to write articulation down.

    Attributes:
        suffix: What a file name ends with to choose it.
        about: One line for people.
        encode: Makes the file's bytes.
    """

    suffix: str
    about: str
    encode: Callable[[ExportInput], bytes]


#: name -> format; the longest matching suffix wins.
FORMATS: dict[str, Format] = {
    "json": Format(".json", "ARKit channels and measures", json_text),
    "csv": Format(".csv", "ARKit channels and measures, one row a step", csv_text),
    "livelink": Format(
        ".livelink.csv", "as Live Link Face records, 60 rows a second", livelink_text
    ),
    "rhubarb-tsv": Format(".tsv", "Rhubarb mouth shapes A-H, X", rhubarb_tsv),
    "rhubarb-xml": Format(".xml", "Rhubarb mouth shapes A-H, X", rhubarb_xml),
    "rhubarb-json": Format(".rhubarb.json", "Rhubarb mouth shapes A-H, X", rhubarb_json),
    "vrm": Format(".vrm.json", "VRM expressions aa ih ou ee oh", vrm_text),
    "vtt": Format(".vtt", "WebVTT cues of mouth shapes", webvtt),
    "png": Format(".png", "a picture: waveform, curves, closures", png_bytes),
}


def format_for(path: str | os.PathLike[str], name: str | None = None) -> Format:
    """Return the format called ``name``, or the one the file name asks for.

    Raises:
        OptionError: No format has that name or suffix; the message lists them.
    """
    if name is not None:
        if name not in FORMATS:
            raise OptionError(f"format {name!r}", "no such format", f"choose one of {_names()}")
        return FORMATS[name]
    file = Path(path).name.lower()
    fitting = [form for form in FORMATS.values() if file.endswith(form.suffix)]
    if not fitting:
        endings = ", ".join(sorted(form.suffix for form in FORMATS.values()))
        raise OptionError(path, "no format has this ending", f"end it in one of {endings}")
    return max(fitting, key=lambda form: len(form.suffix))


def write_articulation(
    subject: ExportInput, path: str | os.PathLike[str], name: str | None = None
) -> None:
    """Write it under its name only when complete.

    Raises:
        OptionError: Unknown format.
        OutputError: The file cannot be written.
    """
    write_atomic(path, format_for(path, name).encode(subject), overwrite=True)


def _names() -> str:
    return ", ".join(sorted(FORMATS))


__all__ = ["FORMATS", "ExportInput", "Format", "format_for", "write_articulation"]
