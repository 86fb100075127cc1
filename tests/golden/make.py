"""Writes the golden files that need transformers again; see the scripts for the versions they pin.

python tests/golden/make.py              by transformers 5.23.0: geometry, the seeded checkpoints, pictures by stage
python tests/golden/make.py --later      by transformers 5.24.0: Qwen3-VL, films, Gemma 4, torchvision's pixels, YaRN
python tests/golden/make.py --packaged   what hangs on the packaged checkpoint, after it has changed

total_pixels.py needs qwen-vl-utils, pillow.py each version of Pillow; the others need this package alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run each script by itself and stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--later", action="store_true", help="what transformers 5.24.0 writes")
    which.add_argument("--packaged", action="store_true", help="what hangs on the packaged checkpoint only")
    options = parser.parse_args()
    commands = [["geometry.py"], ["models.py"], ["acceptance.py"], ["resized.py"], ["conversations.py"]]
    if options.later:
        commands = [["qwen3_vl.py"], ["film_files.py"], ["video.py"], ["gemma4.py"]]
        commands += [["torchvision_pixels.py"], ["yarn.py"]]
    elif options.packaged:
        commands = [["models.py", "--packaged"], ["conversations.py", "--packaged"]]
    for script, *arguments in commands:
        print(script, *arguments, flush=True)
        code = subprocess.run([sys.executable, str(HERE / script), *arguments], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
