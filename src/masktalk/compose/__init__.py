"""Patches put into frames."""

from masktalk.compose.paste import paste

__all__ = ["paste"]
