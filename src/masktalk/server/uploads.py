"""Files from outside: streamed to disk under a name of our own, bounded, then looked into."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request

from masktalk.server.problems import RequestError

#: First bytes -> suffix of the stored file. The caller's own name decides nothing.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", ".jpg"),
    (0, b"\x89PNG\r\n\x1a\n", ".png"),
    (0, b"GIF8", ".gif"),
    (8, b"WEBP", ".webp"),
    (8, b"WAVE", ".wav"),
    (8, b"AVI ", ".avi"),
    (0, b"BM", ".bmp"),
    (0, b"II*\x00", ".tif"),
    (0, b"MM\x00*", ".tif"),
    (4, b"ftypavif", ".avif"),
    (4, b"ftypM4A", ".m4a"),
    (4, b"ftyp", ".mp4"),
    (0, b"\x1a\x45\xdf\xa3", ".mkv"),
    (0, b"OggS", ".ogg"),
    (0, b"fLaC", ".flac"),
    (0, b"ID3", ".mp3"),
    (0, b"\xff\xfb", ".mp3"),
    (0, b"\xff\xf3", ".mp3"),
)

#: How a raw body is described in OpenAPI.
RAW_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def announced_bytes(request: Request) -> int:
    """Return the size of a request's body as its headers give it; 0 when they do not."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdigit() else 0


async def receive(request: Request, folder: Path) -> str:
    """Write a request's body to ``source`` plus a suffix in a folder.

    Returns:
        The suffix.

    Raises:
        RequestError: 422, it is empty or of no kind we know.
    """
    raw = folder / ".incoming"
    head = b""
    with raw.open("wb") as file:
        async for block in request.stream():
            if len(head) < 16:
                head += block[: 16 - len(head)]
            file.write(block)
    suffix = suffix_of(head)
    raw.rename(folder / f"source{suffix}")
    return suffix


def suffix_of(head: bytes) -> str:
    """Return the suffix that the first bytes of a file stand for.

    Raises:
        RequestError: 422, for none.
    """
    if not head:
        raise RequestError(422, "upload", "is empty", "send the file as the request's body")
    for offset, magic, suffix in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return suffix
    raise RequestError(
        422, "upload", "is neither picture, video nor sound", "send JPEG, PNG, MP4, WebM, WAV, ..."
    )


def clean_name(name: str) -> str:
    """Return a name to show: printable, without folders, never used as a path."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(letter for letter in last if letter.isprintable()).strip()
    return shown[:80] or "untitled"
