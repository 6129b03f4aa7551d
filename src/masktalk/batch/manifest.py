"""Manifests: rows of a CSV or JSON lines file, or the pairs of files in a folder."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masktalk.batch.options import Shard
from masktalk.errors import InputError

_SPEECH_SUFFIXES = frozenset({".wav", ".mp3", ".flac", ".m4a", ".aac", ".ogg", ".opus", ".wma"})
#: Files beside a pair that ``render`` finds by itself.
_TRANSCRIPT_SUFFIXES = frozenset({".txt", ".srt", ".vtt", ".textgrid"})


@dataclass(frozen=True)
class Row:
    """One row of a manifest.

    Attributes:
        place: The row in words for a message: ``line 3``.
        values: The given values by column.
    """

    place: str
    values: dict[str, Any]


def read_rows(manifest: Path) -> list[Row]:
    """Return the rows of a manifest.

    Args:
        manifest: ``.csv`` with a header, ``.jsonl`` or ``.ndjson`` with an object a line, or
            a folder in which an image or video and a recording of the same stem are a pair.

    Raises:
        InputError: It cannot be read, is malformed, or has no rows.
    """
    if manifest.is_dir():
        rows = list(_pairs(manifest))
    else:
        readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows}
        reader = readers.get(manifest.suffix.lower())
        if reader is None:
            raise InputError(manifest, "is no manifest", "give .csv, .jsonl or a folder of pairs")
        try:
            text = manifest.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise InputError(manifest, "does not exist", "check the name") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(manifest, f"cannot be read ({error})", "save it as UTF-8") from error
        rows = list(reader(manifest, text))
    if not rows:
        raise InputError(manifest, "has no rows", "give at least one avatar and speech")
    return rows


def take_shard(rows: list[Row], shard: Shard) -> list[Row]:
    """Return a shard's rows; those of an avatar stay together as far as parts are equal."""
    together = sorted(rows, key=lambda row: str(row.values.get("avatar")))  # it is stable
    begin, end = (len(rows) * part // shard.count for part in (shard.index, shard.index + 1))
    return together[begin:end]


def _csv_rows(manifest: Path, text: str) -> Iterator[Row]:
    reader = csv.reader(text.splitlines(keepends=True), skipinitialspace=True)
    header = [name.strip() for name in next(reader, [])]
    if missing := {"avatar", "speech"} - set(header):
        raise InputError(
            manifest, f"has no column {' and '.join(sorted(missing))}", "name them in line 1"
        )
    if len(set(header)) < len(header):
        raise InputError(manifest, "names a column twice", "remove one")
    for cells in reader:
        place = f"line {reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            raise InputError(
                manifest, f"{place} has {len(cells)} cells for {len(header)} columns",
                "quote cells that hold a comma",
            )  # fmt: skip
        values = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        yield Row(place, {name: value for name, value in values.items() if value})


def _json_rows(manifest: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError as error:
            raise InputError(manifest, f"line {number} is not valid JSON ({error})") from error
        if not isinstance(values, dict):
            raise InputError(manifest, f"line {number} is no object", 'write {"avatar": ...}')
        yield Row(f"line {number}", {k: v for k, v in values.items() if v not in (None, "")})


def _pairs(folder: Path) -> Iterator[Row]:
    stems: defaultdict[str, dict[str, list[str]]] = defaultdict(
        lambda: {"avatar": [], "speech": []}
    )
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        if path.name.startswith(".") or suffix in _TRANSCRIPT_SUFFIXES or path.name == "out":
            continue
        stem = path.name if path.is_dir() else path.stem
        stems[stem]["speech" if suffix in _SPEECH_SUFFIXES else "avatar"].append(path.name)
    for stem, found in stems.items():
        values: dict[str, Any] = {"output": f"{stem}.mp4"}
        for column, names in found.items():
            if len(names) > 1:
                raise InputError(
                    folder, f"{' and '.join(names)} are both the {column} of {stem}",
                    "keep one of each stem",
                )  # fmt: skip
            if names:
                values[column] = names[0]
        yield Row(stem, values)
