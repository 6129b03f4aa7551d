"""Text to speech for trying things out: espeak-ng, when the system has it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil

import numpy as np

from masktalk.errors import MissingExtraError
from masktalk.numerics import from_pcm16
from masktalk.server.messages import SayRequest
from masktalk.server.problems import RequestError
from masktalk.types import Audio

_SECONDS = 20.0
_HEADER = 44
_BYTES_A_SECOND = 22_050 * 2


def can_say() -> bool:
    """Return whether espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


async def voices() -> list[tuple[str, str]]:
    """Return the id and the name of every voice, sorted by name; none without espeak-ng."""
    program = shutil.which("espeak-ng")
    if program is None:
        return []
    process = await asyncio.create_subprocess_exec(
        program, "--voices", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    listed, _ = await process.communicate()
    # Columns: priority, language, age and gender, name, file, other languages.
    rows = [line.split() for line in listed.decode("utf-8", "replace").splitlines()[1:]]
    return sorted(
        ((row[1], row[3].replace("_", " ")) for row in rows if len(row) > 3),
        key=lambda voice: voice[1],
    )


async def say(words: SayRequest, most_seconds: float) -> Audio:
    """Speak a text and return the audio.

    Args:
        words: The text goes in through standard input, never through a command line; the
            voice is already checked to be a plain word.
        most_seconds: Longer speech is refused.

    Raises:
        MissingExtraError: espeak-ng is not installed.
        RequestError: 422, it does not know the voice or the speech is too long.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise MissingExtraError(
            "say", "espeak-ng is not installed", "install it (apt install espeak-ng)"
        )
    process = await asyncio.create_subprocess_exec(
        program, "--stdin", "--stdout", "-v", words.voice, "-b", "1",
        "-s", str(words.speed), "-p", str(words.pitch),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        sound = await asyncio.wait_for(
            _talk(process, words.text, int(most_seconds * _BYTES_A_SECOND)), _SECONDS
        )
    except asyncio.TimeoutError as error:
        raise RequestError(422, "text", "takes too long to speak", "say less") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if len(sound) <= _HEADER:
        raise RequestError(
            422, f"voice {words.voice}", "espeak-ng could not speak with it", "try en"
        )
    # A canonical WAV header; its lengths are those of an endless stream, so they say nothing.
    rate = int.from_bytes(sound[24:28], "little")
    pcm = sound[_HEADER : len(sound) - (len(sound) - _HEADER) % 2]
    return Audio(from_pcm16(np.frombuffer(pcm, "<i2")), rate)


async def _talk(process: asyncio.subprocess.Process, text: str, most_bytes: int) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(text.encode())
    process.stdin.close()
    sound = b""
    while block := await process.stdout.read(1 << 16):
        sound += block
        if len(sound) > most_bytes:
            raise RequestError(422, "text", "becomes too long a speech", "say less")
    return sound
