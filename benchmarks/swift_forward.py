"""Time a question in Swift beside Python's plain MLX operations and Python's own CPU path.

python benchmarks/swift_forward.py PROGRAM [--turns N]

PROGRAM is saccade-locate of a release build. Each turn runs every side once, in a process of its own, on the demo's
screenshot and the packaged checkpoint. Seconds are those of the answer's stages, without loading. The answers are
compared before a row is printed. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

ASSETS = Path(__file__).parents[1] / "python" / "mlx_saccade" / "assets"
QUESTION = "the orange triangle icon"
STAGES = ("patches", "vision", "prefill", "answer")
ENGINE = """
import json, sys
import mlx_saccade as saccade
from mlx_saccade.models import cpu_ops, cpu_decode
if sys.argv[1] == "plain":
    cpu_ops.applies = lambda *arrays: False
    cpu_decode.applies = lambda *arguments: False
answer = saccade.load().locate(sys.argv[2], sys.argv[3], policy="flat")
print(json.dumps({"text": answer.text, "timings": answer.timings}))
"""


def run(command: list[str]) -> dict[str, Any]:
    """Run a side on one core's worth of BLAS threads; return its answer."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Print the medians of each side and stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--turns", type=int, default=5, help="runs of each side (default: 5)")
    options = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {"Swift": [], "Python, plain": [], "Python": []}
    with tempfile.TemporaryDirectory() as folder:
        screen = str(Path(folder) / "screen.ppm")
        Image.open(ASSETS / "demo" / "screen.png").convert("RGB").save(screen)
        swift = [options.program, "--model", str(ASSETS / "tiny"), "--image", screen, QUESTION]
        python = [sys.executable, "-c", ENGINE]
        sides = {
            "Swift": swift,
            "Python, plain": [*python, "plain", screen, QUESTION],
            "Python": [*python, "own", screen, QUESTION],
        }
        for _ in range(options.turns):
            answers = {name: run(command) for name, command in sides.items()}
            texts = {answer["text"] for answer in answers.values()}
            assert len(texts) == 1, texts
            for name, answer in answers.items():
                rows[name].append(answer["timings"])
    medians = {name: {stage: median(row[stage] for row in turns) for stage in STAGES} for name, turns in rows.items()}
    print(f"{'seconds':14}" + "".join(f"{stage:>10}" for stage in (*STAGES, "all")))
    for name, stages in medians.items():
        print(f"{name:14}" + "".join(f"{value:10.3f}" for value in (*stages.values(), sum(stages.values()))))
    print(json.dumps(medians))


if __name__ == "__main__":
    main()
