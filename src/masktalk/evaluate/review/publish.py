"""Write a review to disk: the page and the contact sheet, both or neither."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

from masktalk.errors import OutputError
from masktalk.evaluate.review.comparison import Review, ReviewOptions, review
from masktalk.evaluate.review.contact_sheet import sheet
from masktalk.evaluate.review.page import page
from masktalk.media import check_output, write_atomic
from masktalk.types import Progress, no_progress


@dataclass(frozen=True, eq=False)
class Published:
    """The files of a written review.

    Attributes:
        review: All that is in it.
        page: The HTML file.
        sheet: The PNG file beside it.
    """

    review: Review
    page: Path
    sheet: Path


def write_review(
    video: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: ReviewOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Published:
    """Review a video and write ``output`` (.html) and its contact sheet (.png) beside it.

    Raises:
        MediaError: The video, or what it is compared with, cannot be read.
        OutputError: A file exists already, or cannot be written.
    """
    html = Path(output)
    if html.suffix.lower() not in (".html", ".htm"):
        raise OutputError(html, "is not the name of a page", "give a name that ends in .html")
    png = html.with_suffix(".png")
    for path in (html, png):
        check_output(path, overwrite)
    found = review(video, options, progress)
    packed = io.BytesIO()
    sheet(found).save(packed, "PNG", optimize=True)
    write_atomic(png, packed.getvalue(), overwrite=overwrite)
    write_atomic(html, page(found).encode("utf-8"), overwrite=overwrite)
    return Published(found, html, png)
