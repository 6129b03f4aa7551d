"""Context-manager mixin for closable objects."""

from __future__ import annotations

from types import TracebackType

from typing_extensions import Self


class Closing:
    """Makes a class with ``close`` a context manager."""

    def close(self) -> None:
        """Free what it holds; it is not used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
