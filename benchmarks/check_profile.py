"""Check that this commit is as fast as it should be, by ratios to what runs beside it: never by absolute times.

    python benchmarks/check_profile.py --out build/profile      # part of `make check`, about half a minute

Preparation of a 4K image, one thread, is timed beside Pillow and the scalar kernel. A ratio that is below its least
value is measured twice more, and the best of all counts, since other work on the machine only makes a call longer. The
least values are under half of what a shared AMD EPYC (Zen 5) measured: 27 and 14 for avx512, 15 and 8 for avx512-bw, 14
and 7 for avx2. NEON has not been measured, and has to be no slower. Questions at 64 and 256 tokens are timed too: the
second about an image has to take less than 0.6 of the first.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

from mlx_saccade import _core, files, scenes
from mlx_saccade.bench import history, preprocess, profile
from mlx_saccade.cli.__main__ import main as command

# Kernel: least ratios to Pillow with NumPy, and to the scalar kernel.
LEAST = {
    "avx512": (12.0, 6.0),
    "avx512-bw": (7.0, 4.0),
    "avx2": (6.0, 3.0),
    "neon-i8mm": (1.0, 1.0),
    "neon-dotprod": (1.0, 1.0),
    "neon": (1.0, 1.0),
    "scalar": (0.7, 0.9),
}
ATTEMPTS, ROUNDS = 3, 8
BUDGETS = (256, 1280, 4096)
SECOND_QUESTION = 0.6


def check_preparation(folder: Path) -> list[str]:
    """Return a line for each ratio that stays below its least value, and write the run."""
    pixels = scenes.generate(0, (3840, 2160)).image
    least = dict(zip(("pillow", "scalar"), LEAST[_core.kernel()], strict=True))
    _core.limit_threads(1)
    best: dict[tuple[int, str], float] = {}
    problems: list[str] = []
    for attempt in range(ATTEMPTS):
        results = preprocess.compare(pixels, BUDGETS, ROUNDS, scalar=True)
        if attempt == 0:
            files.write_atomically(folder / "preprocess.json", history.dumps(preprocess.run_of(results)))
        for one in results:
            for side in least:
                best[one.budget, side] = max(best.get((one.budget, side), 0.0), one.ratio(side))
        problems = [
            f"{_core.kernel()}, {budget:,} tokens: {ratio:.2f} times as fast as {side}; expected at least {least[side]}"
            for (budget, side), ratio in best.items()
            if ratio < least[side]
        ]
        problems += [f"{one.budget:,} tokens: other bytes than Pillow" for one in results if not one.equal]
        if not problems:
            break
    for (budget, side), ratio in best.items():
        print(f"{_core.kernel()}, {budget:>5,} tokens: {ratio:5.1f} times as fast as {side} (least {least[side]:g})")
    _core.limit_threads(0)
    return problems


def check_questions(folder: Path) -> list[str]:
    """Return a line for each budget whose second question takes too long, and write the run."""
    log = folder / "questions.jsonl"
    log.unlink(missing_ok=True)
    words = ["bench", "profile", "--budgets", "64,256", "--rounds", "5", "--sides", "saccade", "--out", str(log)]
    if command(words) != 0:
        return ["bench profile: failed"]
    run = profile.read_turns(log)
    files.write_atomically(folder / "questions.json", history.dumps(run))
    whole = {(cell.budget, cell.question): median(cell.stages["whole"]) for cell in run.cells}
    problems = []
    for budget in dict.fromkeys(budget for budget, _ in whole):
        ratio = whole[budget, 2] / whole[budget, 1]
        print(f"{budget} tokens: the second question takes {ratio:.2f} of the first (most {SECOND_QUESTION})")
        if ratio > SECOND_QUESTION:
            problems.append(f"{budget} tokens: the second question takes {ratio:.2f} of the first's time")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("build/profile"), help="folder of the JSON files")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    problems = check_preparation(folder) + check_questions(folder)
    for line in problems:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
