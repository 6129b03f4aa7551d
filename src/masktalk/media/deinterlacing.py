"""Deinterlacing of decoded frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av

_AGAIN = (av.BlockingIOError, av.EOFError)


def deinterlace(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Yield one progressive frame for each frame; those that are not interlaced stay.

    Fields are interpolated by FFmpeg's bwdif in the order that each frame is tagged with.
    """
    graph: Any = None
    shape: tuple[Any, ...] = ()
    for frame in frames:
        form = (frame.width, frame.height, frame.format.name)
        if graph is None or form != shape:
            if graph is not None:
                yield from _drain(graph)
            graph, shape = _graph(frame), form
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        yield from _drain(graph)


def _graph(frame: av.VideoFrame) -> Any:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format,
        time_base=frame.time_base,
    )  # fmt: skip
    bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


def _ready(graph: Any) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.pull()
        except _AGAIN:
            return


def _drain(graph: Any) -> Iterator[av.VideoFrame]:
    graph.push(None)
    yield from _ready(graph)
