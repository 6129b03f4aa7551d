"""A review as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
from html import escape
from importlib.resources import files
from itertools import groupby
from string import Template

import cv2
import numpy as np

from masktalk.evaluate.review.chart import MAX_ROWS, ROW_SECONDS, charts
from masktalk.evaluate.review.comparison import Review
from masktalk.evaluate.review.figures import Figure
from masktalk.evaluate.review.highlights import TITLES, Shot
from masktalk.evaluate.review.observation import Observation
from masktalk.types import UInt8Array

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 88]


def page(review: Review) -> str:
    """Return the HTML of a review, images included."""
    seen = review.video.seen
    template = Template(files("masktalk.evaluate.review").joinpath("page.html").read_text("utf-8"))
    other = review.against
    return template.substitute(
        title=escape(seen.path.name),
        subtitle=escape(subtitle(seen)),
        notices="".join(f'<p class="notice">{escape(text)}</p>' for text in notices(review)),
        figures_hint=_figures_hint(review),
        cards="\n".join(_cards(review)),
        legend=_legend(review),
        charts="\n".join(charts(seen, other.seen if other else None, review.highlights)),
        charts_note=_charts_note(seen),
        highlights="\n".join(_highlights(review)),
        footer="Made by <b>masktalk review</b>. The mouth is tracked with MediaPipe's face mesh "
        "and freed of head pose; lengths are in inter-ocular distances.",
    )


def subtitle(seen: Observation) -> str:
    """Return length, size, frame rate and share of frames with a face in one line."""
    tracked = int(seen.track.tracked.sum())
    return (
        f"{seen.seconds:.2f} s · {seen.width}×{seen.height} · {float(seen.rate):.5g} fps · "
        f"a face in {tracked} of {len(seen.track)} frames"
    )


def notices(review: Review) -> list[str]:
    """List the parts that could not be measured, in words."""
    found = []
    for reviewed in (review.video, review.against):
        if reviewed is None:
            continue
        seen = reviewed.seen
        name = seen.path.name
        if not seen.has_face:
            found.append(
                f"No face was seen in {name}. A covered, drawn or turned-away face cannot be "
                "measured this way; judge the pictures below by eye."
            )
        if seen.occluded:
            found.append(
                f"The mouth in {name} is covered. What moves over it cannot be measured this way; "
                "judge the pictures below by eye."
            )
        if seen.sound is None:
            found.append(f"{name} has no sound, so nothing can be said about synchrony.")
    return found


def _figures_hint(review: Review) -> str:
    if review.against is None:
        return "What the numbers say; the pictures below have the last word."
    name = escape(review.against.seen.path.name)
    return f"In colour beside each: the same figure of <b>{name}</b>."


def _cards(review: Review) -> list[str]:
    others: dict[str, Figure] = {}
    if review.against is not None:
        others = {figure.name: figure for figure in review.against.figures}
    cards = [_card(figure, others.get(figure.name)) for figure in review.video.figures]
    return cards + [_card(figure, None) for figure in review.compared]


def _card(figure: Figure, other: Figure | None) -> str:
    words = {"good": "good", "fair": "fair", "poor": "poor", "none": "not measured"}
    beside = "" if other is None else f"<small>{escape(other.value)}</small>"
    return (
        f'<section class="card"><header><span class="name">{escape(figure.name)}</span>'
        f'<span class="grade {figure.grade}">{words[figure.grade]}</span></header>'
        f'<div class="value">{escape(figure.value)}{beside}</div>'
        f"<p>{escape(figure.reading)}</p></section>"
    )


def _legend(review: Review) -> str:
    entries = [
        ("tracked", "", f"opening tracked in {review.video.seen.path.name}"),
        ("asked", "area", "opening that the sound asks for"),
        ("wave", "area", "loudness"),
        ("closure", "dot", "lips should meet"),
        ("pause", "area", "silence"),
    ]
    if review.against is not None:
        entries.insert(1, ("other", "", f"opening in {review.against.seen.path.name}"))
    return "".join(
        f'<span><i class="{kind}" style="background:var(--{colour})"></i>{escape(text)}</span>'
        for colour, kind, text in entries
    )


def _charts_note(seen: Observation) -> str:
    shown = ROW_SECONDS * MAX_ROWS
    if seen.seconds <= shown:
        return ""
    return f'<p class="hint">The first {shown:.0f} of {seen.seconds:.0f} seconds.</p>'


def _highlights(review: Review) -> list[str]:
    numbered = list(enumerate(review.highlights))
    parts = []
    for kind, group in groupby(numbered, key=lambda entry: entry[1].kind):
        title, hint = TITLES[kind]
        parts.append(f'<h2>{title}</h2><p class="hint">{hint}</p><div class="shots">')
        parts += [_figure(review, index) for index, _ in group]
        parts.append("</div>")
    return parts


def _figure(review: Review, index: int) -> str:
    rows = [review.video.shots[index]]
    if review.against is not None:
        rows.append(review.against.shots[index])
    shot = rows[0]
    opening = "" if shot is None or np.isnan(shot.opening) else f"open {100 * shot.opening:.0f} %"
    caption = f"<b>{index + 1}</b><span>{review.highlights[index].time:.2f} s</span>"
    return (
        f"<figure>{''.join(_pair(row) for row in rows)}"
        f"<figcaption>{caption}<span>{opening}</span></figcaption></figure>"
    )


def _pair(shot: Shot | None) -> str:
    if shot is None:
        return '<div class="pair"><div class="blank">no frame</div><div class="blank"></div></div>'
    close = (
        '<div class="blank">no face</div>'
        if shot.mouth is None
        else f'<img alt="mouth" src="{_data(shot.mouth)}">'
    )
    return f'<div class="pair"><img alt="frame" src="{_data(shot.picture)}">{close}</div>'


def _data(picture: UInt8Array) -> str:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, packed = cv2.imencode(".jpg", bgr, _JPEG)
    return "data:image/jpeg;base64," + base64.b64encode(packed.tobytes()).decode("ascii")
