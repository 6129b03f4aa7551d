"""`masktalk cache`: look at the cache of prepared avatars and clean it."""

from __future__ import annotations

from typing import Annotated

import typer

from masktalk.cli.console import report

_BYTES_PER_MB = 1_000_000


def cache(
    clean: Annotated[bool, typer.Option("--clean", help="Remove every cached avatar.")] = False,
    limit: Annotated[
        float | None,
        typer.Option(help="Remove the avatars used longest ago until the rest fits, in GB."),
    ] = None,
) -> None:
    """Show the cache of prepared avatars, or clean it."""
    from masktalk.avatar.avatar_cache import (
        cache_limit_bytes,
        cached_avatars,
        prune_cache,
    )
    from masktalk.files import cache_root

    if clean or limit is not None:
        prune_cache(0 if clean else int((limit or 0.0) * (1 << 30)))
    entries = cached_avatars()
    total = sum(entry.size_bytes for entry in entries)
    lines = [f"{entry.size_bytes / _BYTES_PER_MB:9.1f} MB  {entry.source}" for entry in entries]
    bound = cache_limit_bytes()
    lines.append(
        f"{total / _BYTES_PER_MB:9.1f} MB  of {bound / _BYTES_PER_MB:.0f} MB in {cache_root()}"
    )
    report(
        {
            "folder": str(cache_root()),
            "bytes": total,
            "limit": bound,
            "avatars": [
                {"folder": str(entry.folder), "source": entry.source, "bytes": entry.size_bytes}
                for entry in entries
            ],
        },
        "\n".join(lines),
    )
