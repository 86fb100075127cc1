"""How well a checkpoint grounds on held-out screens: mean IoU and share of centres inside the target.

python training/evaluate.py python/saccade/assets/tiny --screens 500
"""

import argparse
import math
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data import SHORT, Batch, fit, pack
from geometry import geometry
from losses import patches, sequence_rows
from net import Net
from saccade.scenes import generate
from vocabulary import NUMBERS

SIZES: Final = ((1920, 1080), (2560, 1440), (1440, 900), (1600, 1200), (1080, 1920), (1200, 1200))
BUDGETS: Final = (64, 100, 144, 196, 256)
LEAST_ELEMENTS: Final = 8
CLASSES: Final = (("large > 5 %", 0.05), ("medium 1-5 %", 0.01), ("small 0.1-1 %", 0.001), ("tiny < 0.1 %", 0.0))

# IoU, whether the centre lies in the target, the target's share of the frame.
Result = tuple[float, bool, float]


@torch.no_grad()
def decode(net: Net, batch: Batch) -> Tensor:
    """Let the network say the four numbers of every question, always the likeliest; int [B, Q, 4].

    The tokens between the numbers are given, as are those of the question; `verify.py` reads whole answers.
    """
    grid = geometry(batch.rows, batch.columns, batch.layout)
    inputs, rows = patches(batch.images, grid), sequence_rows(batch, grid)
    B, Q = batch.asked.shape
    tokens, said = batch.tokens.clone(), torch.zeros(B, Q, 4, dtype=torch.long)
    every, used = torch.arange(B)[:, None], batch.asked > 0
    for number in range(4):
        hidden = net(inputs, tokens, grid).hidden[every, rows.view(B, Q, 4)[..., number]]
        said[..., number] = net.lm_head(hidden)[..., :NUMBERS].argmax(-1)
        if number < 3:
            place = batch.pointing[..., number] + 1
            tokens[every.expand(B, Q)[used], place[used]] = said[..., number][used]
    return said


def iou(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [n, 4] with boxes [n, 4]; 0 where a found box is inside out."""
    low, high = np.maximum(found[:, :2], true[:, :2]), np.minimum(found[:, 2:], true[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    area = np.clip(found[:, 2:] - found[:, :2], 0, None).prod(1) + (true[:, 2:] - true[:, :2]).prod(1)
    return shared / np.maximum(area - shared, 1e-9)


def hits(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Whether the centre of each found box lies in the true one."""
    centre = (found[:, :2] + found[:, 2:]) / 2
    return ((centre >= true[:, :2]) & (centre < true[:, 2:])).all(1)


def model_grid(size: tuple[int, int], budget: int) -> tuple[int, int]:
    """(rows, columns) that Qwen2.5-VL's processor gives a screen larger than `budget` tokens."""
    shrink = math.sqrt(size[0] * size[1] / (budget * 784))
    return math.floor(size[1] / shrink / 28), math.floor(size[0] / shrink / 28)


def judge(net: Net, seed: int, size: tuple[int, int], budget: int, least_side: float) -> list[Result]:
    """IoU, hit and share of the frame of each target on one held-out screen; empty where the screen has too few."""
    scene = generate(seed, size)
    if len(scene.elements) < LEAST_ELEMENTS:
        return []
    rows, columns = model_grid(size, budget)
    image, boxes = fit(Image.fromarray(scene.image), scene.elements, (columns * 28, rows * 28))
    screen = np.asarray(image), scene.elements, boxes
    batch = pack(np.random.default_rng(seed), [screen], rows, columns, least_side, SHORT)
    asked = batch.asked.numpy() > 0
    if not asked.any():
        return []
    true, found = batch.boxes.numpy()[asked], decode(net, batch).numpy()[asked]
    shares = (true[:, 2:] - true[:, :2]).prod(1) / (rows * columns * 784)
    return list(zip(iou(found, true).tolist(), hits(found, true).tolist(), shares.tolist(), strict=True))


def show(name: str, results: list[Result]) -> None:
    if results:
        values, inside, _ = zip(*results, strict=True)
        print(f"{name:15} n {len(values):5}   mean IoU {np.mean(values):.3f}   centre inside {np.mean(inside):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path, help="an exported folder, or latest.pt of a run")
    parser.add_argument("--screens", type=int, default=500)
    parser.add_argument("--first-seed", type=int, default=0, help="held-out seeds are those under 1,000,000")
    parser.add_argument("--least-side", type=float, default=28, help="shortest side of a target in model pixels")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    from export import load, read

    net = read(arguments.checkpoint) if arguments.checkpoint.is_dir() else load(arguments.checkpoint)
    groups: dict[str, list[Result]] = defaultdict(list)
    screens, seed = 0, arguments.first_seed
    while screens < arguments.screens:
        budget = BUDGETS[screens % len(BUDGETS)]
        results = judge(net, seed, SIZES[seed % len(SIZES)], budget, arguments.least_side)
        seed += 1
        screens += bool(results)
        groups["all"] += results
        groups[f"{budget} tokens"] += results
        for result in results:
            groups[next(name for name, low in CLASSES if result[2] >= low)].append(result)
    for name in ["all", *(f"{b} tokens" for b in BUDGETS), *(name for name, _ in CLASSES)]:
        show(name, groups[name])


if __name__ == "__main__":
    main()
