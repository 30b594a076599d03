"""The way in: ``wardmote`` and ``python -m wardmote`` alike. Ctrl-C while modules are still being imported ends in a sentence too."""

import sys


def main() -> None:
    """Run the command line; see `wardmote.cli.main`."""
    try:
        from wardmote.cli import main as run
    except KeyboardInterrupt:
        print("Stopped before anything began.", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
