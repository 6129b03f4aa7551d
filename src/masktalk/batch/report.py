"""The report of a batch: a table for programs (CSV) and a page for people (HTML)."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal, TypeAlias
from urllib.parse import quote

from masktalk.batch.clips import Clip
from masktalk.media import write_atomic

Status: TypeAlias = Literal["done", "kept", "failed"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a clip.

    Attributes:
        clip: The clip.
        status: ``done``; ``kept`` if an earlier run had done it; ``failed``.
        frames: Number of frames.
        rate: Frames per second.
        seconds: Processor seconds that rendering took.
        digest: SHA-256 of the file; empty if there is none.
        error: One line; empty if there is none.
    """

    clip: Clip
    status: Status
    frames: int = 0
    rate: str = ""
    seconds: float = 0.0
    digest: str = ""
    error: str = ""


_COLUMNS = (
    "row", "status", "avatar", "speech", "output",
    "frames", "rate", "processor_seconds", "sha256", "error",
)  # fmt: skip


@dataclass(frozen=True)
class BatchReport:
    """The outcome of a batch, clip by clip.

    Attributes:
        folder: Folder of the results.
        outcomes: One a clip, in the order of the manifest.
        wall_seconds: Time it took.
    """

    folder: Path
    outcomes: tuple[Outcome, ...]
    wall_seconds: float

    @property
    def counts(self) -> Counter[str]:
        """Return the number of clips by status."""
        return Counter(outcome.status for outcome in self.outcomes)

    def csv(self) -> str:
        """Return the table as CSV, a line a clip."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(map(_cells, self.outcomes))
        return text.getvalue()

    def html(self) -> str:
        """Return the page."""
        template = Template(files("masktalk.batch").joinpath("report.html").read_text("utf-8"))
        counts = self.counts
        summary = ", ".join(f"{counts[name]} {name}" for name in ("done", "kept", "failed"))
        heads = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in _COLUMNS)
        rows = "\n".join(map(self._row, self.outcomes))
        return template.substitute(
            title=escape(self.folder.name),
            summary=f"{len(self.outcomes)} clips: {summary} · {self.wall_seconds:.0f} s",
            heads=heads,
            rows=rows,
        )

    def write(self, stem: str) -> Path:
        """Write both into the folder; return the path of the page."""
        page = self.folder / f"{stem}.html"
        write_atomic(self.folder / f"{stem}.csv", self.csv().encode(), overwrite=True)
        write_atomic(page, self.html().encode(), overwrite=True)
        return page

    def _row(self, outcome: Outcome) -> str:
        cells = dict(zip(_COLUMNS, map(escape, map(str, _cells(outcome))), strict=True))
        cells["sha256"] = f"<code>{cells['sha256'][:12]}</code>"
        if outcome.status != "failed":
            address = quote(outcome.clip.output.as_posix())
            cells["output"] = f'<a href="{address}">{cells["output"]}</a>'
        inner = "".join(f"<td>{cells[name]}</td>" for name in _COLUMNS)
        return f'<tr class="{outcome.status}">{inner}</tr>'


def _cells(outcome: Outcome) -> tuple[object, ...]:
    clip = outcome.clip
    return (
        clip.place, outcome.status, clip.avatar, clip.speech, clip.output.as_posix(),
        outcome.frames, outcome.rate, outcome.seconds, outcome.digest, outcome.error,
    )  # fmt: skip
