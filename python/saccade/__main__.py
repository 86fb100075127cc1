"""`python -m saccade` is the command line."""

import sys

from saccade.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
