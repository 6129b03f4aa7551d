"""The command line: turns words into records, makes one call, shows progress."""

import sys

from masktalk.cli.isolation import run_isolated


def main() -> None:
    """Run the command line in this process."""
    from masktalk.cli.command_line import main as run_here

    run_here()


def run() -> None:
    """Run the command line in a child process; the server isolates its own decoders."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if command == "serve":
        main()
    else:
        run_isolated(main)


__all__ = ["main", "run"]
