"""`python -m luthier` and the installed `luthier` are the command line; the exit code says how it went."""

from __future__ import annotations

import sys


def main() -> int:
    try:
        # Imported here so that Ctrl-C in the first tenths of a second shows no traceback either.
        from luthier.cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
