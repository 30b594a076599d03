"""The way in: ``wardmote`` and ``python -m wardmote`` alike. Ctrl-C while modules are still being imported ends in a sentence too."""

import os
import sys


def use_memory_of_the_system() -> None:
    """Let Arrow take its memory from the C library on Linux, unless the user said otherwise; to be called before it is imported.

    Arrow's own pool gives freed memory back at once, and the system fills the next pages with noughts: an eighth of the processor time
    of a site in which one number changed. ``ARROW_DEFAULT_MEMORY_POOL`` is Arrow's own variable for it.
    """
    if sys.platform.startswith("linux"):
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def main() -> None:
    """Run the command line; see `wardmote.cli.main`."""
    try:
        use_memory_of_the_system()
        from wardmote.cli import main as run
    except KeyboardInterrupt:
        print("Stopped before anything began.", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
