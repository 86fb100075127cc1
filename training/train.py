"""Train the packaged checkpoint from nothing: python training/train.py --out run

Killed, the same command goes on from where the run last saved. Batches depend on the seed and the step alone.
"""

import argparse
import math
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from data import TOKENIZER, Batch, Schedule, Screens, make_batch
from evaluate import decode, iou
from geometry import geometry
from losses import Weights, losses
from net import Net, Shape

# Until this share of the run, an image has between so many merged tokens: small ones teach what an edge is, cheaply.
PHASES: Final = ((0.2, 18, 42), (0.4, 24, 110), (0.8, 36, 256), (1.01, 56, 256))
WARM_UP: Final = 200
DECAY: Final = 0.4
SAVE_EVERY: Final = 100
CHECK_EVERY: Final = 400
CHECK_GRIDS: Final = ((5, 6), (7, 12), (12, 21))


def rate(step: int, steps: int, peak: float) -> float:
    """Warm up, hold, and go down to nothing along a half cosine over the last part of the run."""
    left = (steps - step) / (steps * DECAY)
    down = 1.0 if left >= 1 else 0.5 - 0.5 * math.cos(math.pi * max(0.0, left))
    return peak * min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.98 * down)


def weights(step: int, steps: int) -> Weights:
    """Number targets grow sharper and helpers count less as the run goes on."""
    share = step / steps
    return Weights(width=0.7 + 4.0 * max(0.0, 1 - share / 0.85), helpers=1 - 0.6 * share)


def optimiser(net: Net, peak: float) -> torch.optim.AdamW:
    matrices = [p for p in net.parameters() if p.dim() == 2]
    others = [p for p in net.parameters() if p.dim() != 2]
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98))


@torch.no_grad()
def check(net: Net, rows: int, columns: int, images: int = 12) -> tuple[float, float]:
    """Mean IoU on unseen training-like screens: of all targets, and of those of at least 28 x 28 pixels."""
    batch = make_batch(np.random.default_rng(rows * 100 + columns), rows, columns, images)
    asked = batch.asked.numpy() > 0
    true = batch.boxes.numpy()[asked]
    values = iou(decode(net, batch).numpy()[asked], true)
    wide = np.minimum(true[:, 2] - true[:, 0], true[:, 3] - true[:, 1]) >= 28
    return float(values.mean()), float(values[wide].mean())


class Run:
    """A training run: network, optimiser, step, and the folder that keeps them."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.folder: Path = arguments.out
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(arguments.seed)
        self.net = Net(Shape(TOKENIZER.get_vocab_size()))
        self.optimiser = optimiser(self.net, arguments.rate)
        self.step = 0
        self.average: dict[str, float] = {}
        self.started = time.monotonic()
        self.images = 0
        self._restore()

    def _restore(self) -> None:
        latest = self.folder / "latest.pt"
        source = latest if latest.exists() else self.arguments.init
        if source is None:
            return
        state: dict[str, Any] = torch.load(source, weights_only=True)
        self.net.load_state_dict(state["net"])
        if source == latest:
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]
        self.say(f"continuing from {source} at step {self.step}")

    def say(self, text: str) -> None:
        print(text, flush=True)
        with (self.folder / "log.txt").open("a") as log:
            log.write(text + "\n")

    def save(self) -> None:
        """Write beside, then rename: a kill never leaves half a file."""
        state = {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step}
        torch.save(state, self.folder / "latest.tmp")
        (self.folder / "latest.tmp").rename(self.folder / "latest.pt")

    def learn(self, batch: Batch) -> None:
        a = self.arguments
        grid = geometry(batch.rows, batch.columns, batch.layout)
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, a.steps, a.rate)
        dtype = torch.bfloat16 if a.bfloat16 else torch.float32
        parts: dict[str, Tensor] = losses(self.net, batch, grid, weights(self.step, a.steps), dtype)
        self.optimiser.zero_grad(set_to_none=True)
        parts["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.images += len(batch.images)
        for name, value in parts.items():
            now = float(value.detach())
            if not math.isfinite(now):
                raise FloatingPointError(f"{name} is {now} at step {self.step}")
            self.average[name] = self.average.get(name, now) * 0.98 + now * 0.02

    def report(self) -> None:
        shown = " ".join(f"{name} {value:.3f}" for name, value in self.average.items())
        seconds = time.monotonic() - self.started
        self.say(f"{self.step} {seconds:.0f}s {self.images} images | {shown}")
        if self.step % CHECK_EVERY == 0:
            grids = [(r, c) for r, c in CHECK_GRIDS if r * c <= 2 * self.arguments.most(self.step)]
            results = [(f"{r}x{c}", *check(self.net, r, c)) for r, c in grids]
            self.say("    held-out IoU all / 28 px: " + ", ".join(f"{g} {a:.3f} / {w:.3f}" for g, a, w in results))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: state and log")
    parser.add_argument("--steps", type=int, default=4500, help="length of the whole run in batches")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--init", type=Path, help="start from the weights of another run's latest.pt")
    parser.add_argument("--image-tokens", type=int, default=1000, help="image tokens a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--float32", dest="bfloat16", action="store_false", help="for processors without bfloat16")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    schedule = Schedule(arguments.steps, PHASES, arguments.image_tokens)
    arguments.most = lambda step: schedule.tokens(step)[1]
    run = Run(arguments)
    batches = Screens(arguments.seed, run.step, arguments.steps, schedule)
    for batch in DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=6):
        run.learn(batch)
        if run.step % SAVE_EVERY == 0 or run.step == arguments.steps:
            run.report()
            run.save()


if __name__ == "__main__":
    main()
