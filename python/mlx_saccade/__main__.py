"""`python -m mlx_saccade` is the command line."""

import sys

from mlx_saccade.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
