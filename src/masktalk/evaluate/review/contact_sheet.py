"""A review as one picture: a contact sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from masktalk.evaluate.mouth_synchrony import Curve, runs
from masktalk.evaluate.review.chart import own_range
from masktalk.evaluate.review.comparison import Review
from masktalk.evaluate.review.figures import Figure
from masktalk.evaluate.review.highlights import TITLES, Shot
from masktalk.evaluate.review.observation import Observation
from masktalk.evaluate.review.page import notices, subtitle
from masktalk.types import UInt8Array

_WIDTH, _MARGIN, _GAP = 1600, 40, 16
_PAPER, _CARD, _INK, _SOFT = "#f4f2ee", "#fffefb", "#1e1d1b", "#6a665f"
_TRACKED, _OTHER, _ASKED, _CLOSURE = "#d2521a", "#0f7f88", "#c9d5e6", "#4a6fa5"
_GRADES = {"good": "#2f7d3b", "fair": "#a96800", "poor": "#b8322a", "none": "#8a867e"}
_COLUMNS = 4
_SHOT_HEIGHT = 180
_CHART_HEIGHT = 190


def sheet(review: Review) -> Image.Image:
    """Draw the contact sheet of a review, 1600 pixels wide."""
    rows = 1 if review.against is None else 2
    highlights = len(review.highlights)
    kinds = [highlight.kind for highlight in review.highlights]
    groups = [[i for i in range(highlights) if kinds[i] == kind] for kind in dict.fromkeys(kinds)]
    lines = sum(-(-len(group) // _COLUMNS) for group in groups)
    figures = review.video.figures + review.compared
    height = 130 + 34 * len(notices(review)) + 92 * (-(-len(figures) // 5)) + _CHART_HEIGHT + 40
    height += lines * (_SHOT_HEIGHT * rows + 34 + _GAP) + 50 * len(groups) + 30
    canvas = _Canvas(height)
    canvas.header(review)
    canvas.figures(figures)
    canvas.chart(review)
    for group in groups:
        canvas.group(review, group)
    return canvas.image.crop((0, 0, _WIDTH, min(canvas.y + 10, height)))


class _Canvas:
    """Draws from the top down."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (_WIDTH, height), _PAPER)
        self._draw = ImageDraw.Draw(self.image)
        self.y = 32

    def _text(self, x: float, y: float, text: str, size: int = 18, colour: str = _INK) -> None:
        self._draw.text((x, y), text, fill=colour, font=ImageFont.load_default(size))

    def header(self, review: Review) -> None:
        name = review.video.seen.path.name
        self._text(_MARGIN, self.y, name, 32)
        line = _plain(subtitle(review.video.seen))
        if review.against is not None:
            line += f"   below each: {review.against.seen.path.name}"
        self._text(_MARGIN, self.y + 44, line, 18, _SOFT)
        self.y += 80
        for notice in notices(review):
            self._text(_MARGIN, self.y, _plain(notice), 17, _GRADES["fair"])
            self.y += 30

    def figures(self, figures: list[Figure]) -> None:
        width = (_WIDTH - 2 * _MARGIN - 4 * _GAP) // 5
        for number, figure in enumerate(figures):
            x = _MARGIN + (number % 5) * (width + _GAP)
            y = self.y + (number // 5) * 92
            box = (x, y, x + width, y + 80)
            self._draw.rounded_rectangle(box, 10, fill=_CARD, outline="#e2ded6")
            self._draw.ellipse((x + 14, y + 18, x + 24, y + 28), fill=_GRADES[figure.grade])
            self._text(x + 32, y + 13, figure.name, 16, _SOFT)
            self._text(x + 14, y + 38, _plain(figure.value), 27, _INK)
        self.y += 92 * (-(-len(figures) // 5)) + 6

    def chart(self, review: Review) -> None:
        seen = review.video.seen
        box = (_MARGIN, self.y, _WIDTH - _MARGIN, self.y + _CHART_HEIGHT)
        self._draw.rounded_rectangle(box, 10, fill=_CARD, outline="#e2ded6")
        plot = _Plot(_MARGIN + 12, self.y, _WIDTH - 2 * _MARGIN - 24, max(seen.seconds, 0.1))
        if seen.sound is not None:
            shown = seen.sound.time <= plot.seconds
            area = plot.points(seen.sound.time[shown], own_range(seen.sound.aperture)[shown])
            floor = plot.floor
            self._draw.polygon([*area, (area[-1][0], floor), (area[0][0], floor)], fill=_ASKED)
            for first, last in runs((seen.sound.closure > 0.5) & seen.sound.speaking & shown):
                begin, end = (plot.x(float(seen.sound.time[i])) for i in (first, last))
                self._draw.rectangle((begin, floor + 4, max(end, begin + 3), floor + 8), _CLOSURE)
        if review.against is not None:
            self._line(review.against.seen, plot, _OTHER)
        self._line(seen, plot, _TRACKED)
        self.y += _CHART_HEIGHT + 8
        named = [("opening tracked", _TRACKED), ("asked by the sound", "#7f97ba")]
        named.append(("lips should meet", _CLOSURE))
        if review.against is not None:
            named.append((review.against.seen.path.name, _OTHER))
        for number, (text, colour) in enumerate(named):
            self._text(_MARGIN + 190 * number, self.y, text, 15, colour)
        self.y += 26

    def _line(self, seen: Observation, plot: _Plot, colour: str) -> None:
        share = own_range(seen.track.aperture)
        for first, last in runs(np.isfinite(share) & (seen.track.t <= plot.seconds)):
            if last > first:
                points = plot.points(seen.track.t[first : last + 1], share[first : last + 1])
                self._draw.line(points, fill=colour, width=2, joint="curve")

    def group(self, review: Review, indices: list[int]) -> None:
        """Draw the highlights of one kind under their title."""
        title, hint = TITLES[review.highlights[indices[0]].kind]
        self._text(_MARGIN, self.y + 10, title, 22)
        self._text(_MARGIN + 300, self.y + 15, hint, 16, _SOFT)
        self.y += 48
        width = (_WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) // _COLUMNS
        for begin in range(0, len(indices), _COLUMNS):
            for column, index in enumerate(indices[begin : begin + _COLUMNS]):
                self._moment(review, index, _MARGIN + column * (width + _GAP), width)
            rows = 1 if review.against is None else 2
            self.y += _SHOT_HEIGHT * rows + 34 + _GAP

    def _moment(self, review: Review, index: int, x: int, width: int) -> None:
        shots = [review.video.shots[index]]
        if review.against is not None:
            shots.append(review.against.shots[index])
        for row, shot in enumerate(shots):
            self._shot(shot, x, self.y + row * _SHOT_HEIGHT, width)
        below = self.y + len(shots) * _SHOT_HEIGHT + 6
        first = shots[0]
        known = first is not None and np.isfinite(first.opening)
        opening = f"   open {100 * first.opening:.0f} %" if first is not None and known else ""
        self._text(
            x, below, f"{index + 1}   {review.highlights[index].time:.2f} s{opening}", 16, _SOFT
        )

    def _shot(self, shot: Shot | None, x: int, y: int, width: int) -> None:
        half, height = width // 2 - 1, _SHOT_HEIGHT - 2
        empty = (x, y, x + width - 1, y + height - 1)
        self._draw.rectangle(empty, fill="#e6e2da")
        if shot is None:
            self._text(x + 12, y + 12, "no frame", 16, _SOFT)
            return
        self.image.paste(_filling(shot.picture, half, height), (x, y))
        if shot.mouth is None:
            self._text(x + half + 14, y + 12, "no face", 16, _SOFT)
        else:
            self.image.paste(_filling(shot.mouth, half, height), (x + half + 2, y))


@dataclass(frozen=True)
class _Plot:
    """The plotting area of the sheet."""

    left: int
    top: int
    width: int
    seconds: float

    @property
    def floor(self) -> float:
        return float(self.top + _CHART_HEIGHT - 18)

    def x(self, time: float) -> float:
        return self.left + time / self.seconds * self.width

    def points(self, time: Curve, share: Curve) -> list[tuple[float, float]]:
        """Return the pixels of a curve, (N,) seconds and (N,) shares of the height."""
        height = _CHART_HEIGHT - 40
        pairs = zip(time, share, strict=True)
        return [(self.x(float(t)), self.floor - float(s) * height) for t, s in pairs]


def _filling(picture: UInt8Array, width: int, height: int) -> Image.Image:
    """Scale an image to cover a box, its upper middle kept."""
    image = Image.fromarray(picture)
    scale = max(width / image.width, height / image.height)
    size = (max(round(image.width * scale), width), max(round(image.height * scale), height))
    image = image.resize(size, Image.Resampling.LANCZOS)
    left, top = (size[0] - width) // 2, (size[1] - height) // 5
    return image.crop((left, top, left + width, top + height))


def _plain(text: str) -> str:
    """Replace the signs that the drawing font may lack."""
    return text.replace("·", "|").replace("×", "x").replace("–", "-")
