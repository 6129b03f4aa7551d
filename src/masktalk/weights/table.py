"""The table of public checkpoints, read from ``table.json``."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, model_validator

from masktalk.errors import OptionError


class WeightFile(BaseModel):
    """One published file.

    Attributes:
        name: Its name in masktalk.
        purpose: What it is for.
        repository: Hub repository, for files that come from the hub.
        revision: Commit of that repository.
        url: Address, for files that do not.
        page: Page with the link, for files that only a person can download.
        file: Path inside the repository, or the file's name.
        local: Where it lies in a ``models/`` folder of the reference's layout.
        bytes: Its size; None when the publisher does not say.
        sha256: Its hash; None when it is pinned at the first download.
        licence: What its publisher says.
        commercial: Whether commercial use is allowed; None when nobody says.
        instead: Another file that serves as well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: str
    file: str
    local: tuple[str, ...]
    bytes: int | None
    sha256: str | None
    licence: str
    commercial: bool | None
    repository: str | None = None
    revision: str | None = None
    url: str | None = None
    page: str | None = None
    instead: str | None = None

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> WeightFile:
        if sum(source is not None for source in (self.repository, self.url, self.page)) != 1:
            raise ValueError(f"{self.name} needs a repository, a url or a page")
        return self


@cache
def weight_table() -> dict[str, WeightFile]:
    """Every known file by name."""
    text = files("masktalk.weights").joinpath("table.json").read_text(encoding="utf-8")
    return {name: WeightFile(name=name, **row) for name, row in json.loads(text).items()}


def weight_file(name: str) -> WeightFile:
    """Return the file of that name.

    Raises:
        OptionError: Nothing has that name; the message lists what does.
    """
    table = weight_table()
    if name not in table:
        raise OptionError(f"model {name!r}", "no such model", f"choose one of {', '.join(table)}")
    return table[name]
