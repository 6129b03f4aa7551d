"""The command line: turns words into records, makes one call, shows progress."""

from masktalk.cli.app import main

__all__ = ["main"]
