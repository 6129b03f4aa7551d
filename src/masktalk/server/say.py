"""Text to speech for trying things out: espeak-ng, when the system has it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil

from masktalk.errors import MissingExtraError
from masktalk.server.failures import Refusal

_SECONDS = 20.0


def can_say() -> bool:
    """Whether espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


async def say(text: str, voice: str, most_bytes: int) -> bytes:
    """A WAV file with the text spoken.

    Args:
        text: What to say; goes in through standard input, never through a command line.
        voice: One of espeak-ng's, such as ``en`` or ``de``; already checked to be a plain word.
        most_bytes: Longer speech is refused.

    Raises:
        MissingExtraError: espeak-ng is not installed.
        Refusal: 422, it does not know the voice or the speech is too long.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise MissingExtraError(
            "say", "espeak-ng is not installed", "install it (apt install espeak-ng)"
        )
    process = await asyncio.create_subprocess_exec(
        program, "--stdin", "--stdout", "-v", voice, "-b", "1",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        sound = await asyncio.wait_for(_talk(process, text, most_bytes), _SECONDS)
    except asyncio.TimeoutError as error:
        raise Refusal(422, "text", "takes too long to speak", "say less") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if len(sound) < 100:
        raise Refusal(422, f"voice {voice}", "espeak-ng could not speak with it", "try en")
    return sound


async def _talk(process: asyncio.subprocess.Process, text: str, most_bytes: int) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(text.encode())
    process.stdin.close()
    sound = b""
    while block := await process.stdout.read(1 << 16):
        sound += block
        if len(sound) > most_bytes:
            raise Refusal(422, "text", "becomes too long a speech", "say less")
    return sound
