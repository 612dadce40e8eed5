"""`python -m recommender`: the command line."""

import sys


def main() -> None:
    """Run the command line; an interruption while it is still being imported ends it as one later does."""
    try:
        from recommender.cli.app import main as run
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
