"""Options of a batch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from masktalk.errors import OptionError
from masktalk.option_fields import described


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of a batch.

    Attributes:
        index: Number of the part, from 0.
        count: Number of parts.
    """

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that ``index/count`` names.

        Raises:
            OptionError: It names none.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None or not int(found[1]) < int(found[2]):
            raise OptionError(f"`shard` {text}", "names no part", "write 0/4 to 3/4 for four parts")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True)
class BatchOptions:
    """Options of ``run_batch``.

    Attributes:
        output: Folder of the results; None for ``out`` beside the manifest.
        processes: Processes that render at the same time; None for one a core.
        shard: The part of the batch to do.
        overwrite: Whether files that no batch of this folder made may be replaced.
        ray: Address of a Ray cluster that renders instead of processes of this machine;
            ``local`` starts one here.
        gpus: Share of a GPU that a clip needs on Ray.
    """

    output: Path | None = described(
        None, "Folder of the results [out, beside the manifest].", short="o"
    )
    processes: int | None = described(
        None, "Processes that render at the same time [one a core].", short="j"
    )
    shard: Shard = described(
        Shard(), "Part of the batch to do, 0/4 to 3/4 [all of it].", parse=Shard.parse
    )
    overwrite: bool = described(False, "Replace existing files that no batch made.")
    ray: str | None = described(None, "Address of a Ray cluster to render on, or local.")
    gpus: float = described(0.0, "Share of a GPU that a clip needs on Ray.")

    def __post_init__(self) -> None:
        if self.processes is not None and self.processes < 1:
            raise OptionError(f"`processes` {self.processes}", "must be at least 1")
        if self.gpus < 0:
            raise OptionError(f"`gpus` {self.gpus:g}", "must not be negative")
