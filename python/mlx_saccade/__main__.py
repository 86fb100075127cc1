"""The command line as `python -m mlx_saccade`."""

import sys

from mlx_saccade.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
