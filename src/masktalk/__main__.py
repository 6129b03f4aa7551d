"""`python -m masktalk`: the same as the `masktalk` command."""

from masktalk.cli import run

if __name__ == "__main__":
    run()
