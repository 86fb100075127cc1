"""Writes all golden files again; see the scripts for the versions they pin.

python tests/golden/make.py              geometry, the seeded checkpoints, pictures stage by stage
python tests/golden/make.py --packaged   what hangs on the packaged checkpoint, after it has changed
python tests/golden/qwen3_vl.py          Qwen3-VL, by a later version of transformers
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
    parser.add_argument("--packaged", action="store_true", help="what hangs on the packaged checkpoint only")
    whole = [["geometry.py"], ["torchvision_pixels.py"], ["models.py"], ["acceptance.py"], ["resized.py"]]
    whole += [["conversations.py"], ["yarn.py"], ["video.py"], ["gemma4.py"]]
    packaged = [["models.py", "--packaged"], ["conversations.py", "--packaged"]]
    commands = packaged if parser.parse_args().packaged else whole
    for script, *arguments in commands:
        print(script, *arguments, flush=True)
        code = subprocess.run([sys.executable, str(HERE / script), *arguments], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
