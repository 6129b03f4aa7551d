"""`python -m masktalk`: the same as the `masktalk` command."""

from masktalk.cli import main

if __name__ == "__main__":
    main()
