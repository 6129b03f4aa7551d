"""Contact sheets: who is in a video, and which face a plan makes speak when."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from masktalk.dub.casting import Role
from masktalk.dub.people import People
from masktalk.media import Source
from masktalk.types import Frame

_CELL_WIDTH, _CAPTION, _GAP, _COLUMNS = 320, 24, 8, 4
_MOST_ROLES = 200
_PAPER, _INK, _MARK = "#f4f2ee", "#1e1d1b", (210, 82, 26)


def people_sheet(people: People) -> Image.Image:
    """Draw everybody's head with number and share of the searches that saw them."""
    heads = [
        (Image.fromarray(person.thumbnail), f"face {person.number}: {len(person.sights)} sights")
        for person in people.people
    ]
    return _grid(heads, 96 * 2)


def plan_sheet(source: Source, roles: list[Role]) -> Image.Image:
    """Draw the middle frame of each segment with a box around the face that speaks.

    Args:
        source: The video.
        roles: The cast plan; of more than 200, the first 200 are drawn.
    """
    drawn = roles[:_MOST_ROLES]
    wanted = {(role.takes[0].begin + role.takes[0].end) // 2 for role in drawn}
    frames = dict(_small_frames(source.frames(), wanted))
    scale = _CELL_WIDTH / source.width
    cells = []
    for role in drawn:
        middle = (role.takes[0].begin + role.takes[0].end) // 2
        image = frames[middle].copy()
        sight = min(role.person.sights, key=lambda each: abs(each.frame - middle))
        x0, y0, x1, y1 = (round(value * scale) for value in sight.box)
        ImageDraw.Draw(image).rectangle((x0, y0, x1, y1), outline=_MARK, width=3)
        segment = role.segment
        caption = (
            f"{float(segment.start):.2f}-{float(segment.end):.2f} s  face {role.person.number}"
            f"  {segment.audio.name}"
        )
        cells.append((image, caption))
    return _grid(cells, _CELL_WIDTH)


def _small_frames(frames: Iterator[Frame], wanted: set[int]) -> Iterator[tuple[int, Image.Image]]:
    last = max(wanted)
    for index, frame in enumerate(frames):
        if index in wanted:
            height = round(_CELL_WIDTH * frame.height / frame.width)
            small = cv2.resize(
                frame.pixels[..., :3], (_CELL_WIDTH, height), interpolation=cv2.INTER_AREA
            )
            yield index, Image.fromarray(np.asarray(small, np.uint8))
        if index == last:
            return


def _grid(cells: list[tuple[Image.Image, str]], width: int) -> Image.Image:
    """Draw images of one size in rows, each with a caption."""
    resized = [
        (image.resize((width, round(width * image.height / image.width))), text)
        for image, text in cells
    ]
    height = max((image.height for image, _ in resized), default=0) + _CAPTION
    rows = -(-len(resized) // _COLUMNS)
    size = (_COLUMNS * (width + _GAP) + _GAP, max(rows, 1) * (height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, (image, text) in enumerate(resized):
        x = _GAP + number % _COLUMNS * (width + _GAP)
        y = _GAP + number // _COLUMNS * (height + _GAP)
        sheet.paste(image, (x, y))
        draw.text((x, y + image.height + 4), text, fill=_INK, font=font)
    return sheet
