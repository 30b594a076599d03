"""``python -m wardmote`` is the same as ``wardmote``."""

from wardmote.cli import main

if __name__ == "__main__":
    main()
