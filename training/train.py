"""Train the packaged checkpoint: python training/train.py --out run

The same command resumes a stopped run from its last save; other arguments are refused. A batch depends on the seed, its
number, the process that draws it and the share of the run that is over. Processes of one thread each take turns at the
weights: on a shared machine they are faster than threads that wait for one another.
"""

import argparse
import copy
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, NoReturn

import torch
from torch import Tensor

from data import TOKENIZER, Batch, Schedule, make_batch
from eval_during import report
from geometry import geometry
from init_weights import restore
from losses import Weights, losses
from mlx_saccade.errors import InputError
from model import Net, Shape
from optimizer import allocate, optimizers, rate
from screens import LANES

# (until this share of the run, minimum, maximum merged tokens of an image); small images teach edges cheaply.
FROM_NOTHING: Final = ((0.2, 18, 42), (0.4, 24, 110), (0.55, 36, 256), (1.01, 64, 256))
FROM_CHECKPOINT: Final = ((0.1, 24, 144), (1.01, 64, 256))
SAVE_EVERY: Final = 100
CHECK_EVERY: Final = 500
# Seconds that a process waits for the weights before it checks that the others still run.
PATIENCE: Final = 10.0
# Arguments that a resumed run must repeat; `--init` first, since the default rate depends on it.
SETTINGS: Final = ("init", "seed", "rate", "workers", "image_tokens", "minutes", "steps")


def weights(share: float, widest: float) -> Weights:
    """Return the loss weights: over a run number targets get sharper and auxiliary losses lighter."""
    return Weights(width=0.7 + (widest - 0.7) * max(0.0, 1 - share / 0.85), helpers=1 - 0.6 * share)


def settings(arguments: argparse.Namespace) -> dict[str, str | int | float | None]:
    """Return the arguments that determine a run, as they are saved; --minutes replaces --steps."""
    values = {name: getattr(arguments, name) for name in SETTINGS}
    values["init"] = None if arguments.init is None else str(arguments.init)
    values["steps"] = arguments.steps if arguments.minutes is None else None
    return values


def check_same(saved: dict[str, Any], now: dict[str, Any], state: Path) -> None:
    """Raise InputError if a run is resumed with other arguments; an old state has none to compare."""
    for name in (name for name in SETTINGS if name in saved and saved[name] != now[name]):
        option = "--" + name.replace("_", "-")
        was, is_now = (
            f"without {option}" if value is None else f"with {option} {value}" for value in (saved[name], now[name])
        )
        raise InputError(f"{state} was begun {was}, this run is {is_now}; give the same, or another --out")


class Shared:
    """The state that all processes of a run share in memory: weights, optimizer moments, the count of steps."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        torch.manual_seed(arguments.seed)
        self.net = Net(Shape(TOKENIZER.get_vocab_size()))
        self.optimizers = optimizers(self.net, arguments.rate)
        self.folder: Path = arguments.out
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seconds, self.main = 0.0, os.getpid()
        self.others: Sequence[BaseProcess] = ()  # known to the first process alone
        self.images = torch.tensor(0)
        first = self._restore(arguments)
        self.lock = torch.multiprocessing.Lock()
        self.step = torch.tensor(first).share_memory_()
        self.images.share_memory_()
        self.arguments, self.before, self.started = arguments, self.seconds, time.monotonic()
        self._allocate()

    def _restore(self, arguments: argparse.Namespace) -> int:
        latest = self.folder / "latest.pt"
        if latest.exists():
            state: dict[str, Any] = torch.load(latest, weights_only=True)
            check_same(state.get("arguments", {}), settings(arguments), latest)
            self.net.load_state_dict(state["net"])
            for ours, saved in zip(self.optimizers, state["optimizers"], strict=True):
                ours.load_state_dict(saved)
            self.seconds = state["seconds"]
            self.images.fill_(state.get("images", 0))
            self.say(f"continuing from {latest} at step {state['step']}, {self.seconds:.0f} s")
            return int(state["step"])
        if arguments.init is not None:
            self.say(restore(self.net, arguments.init))
        return 0

    def _allocate(self) -> None:
        """Move everything that a step changes into shared memory."""
        self.net.share_memory()
        for value in allocate(self.optimizers):
            value.share_memory_()

    def elapsed(self) -> float:
        """Return the seconds of the run, those before it was stopped included."""
        return self.before + time.monotonic() - self.started

    def share(self) -> float:
        """Return the share of the run that is over."""
        minutes, steps = self.arguments.minutes, self.arguments.steps
        return int(self.step) / steps if minutes is None else self.elapsed() / (60 * minutes)

    def orphaned(self) -> bool:
        """Return True if the first process is gone; never in that process itself, which asks `lost`."""
        return self.main not in (os.getpid(), os.getppid())

    def lost(self) -> str | None:
        """Describe a process that ended before the run; None if there is none, and in all but the first process."""
        for lane, other in enumerate(self.others, 1):
            if other.exitcode:
                how = f"was killed by signal {-other.exitcode}" if other.exitcode < 0 else "failed"
                return f"process {lane} of this run {how}"
        return None

    def failed(self) -> bool:
        """Return True if a process ended by a fault of its own."""
        return any((other.exitcode or 0) > 0 for other in self.others)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock; stop waiting if the process that holds it was killed."""
        while not self.lock.acquire(timeout=PATIENCE):
            if self.orphaned():
                raise SystemExit("the process that began this run is gone")
            if lost := self.lost():
                raise SystemExit(f"{lost} while it held the weights; {self.kept()}")
        try:
            yield
        finally:
            self.lock.release()

    def kept(self) -> str:
        """Say which state is saved of a run that ends early."""
        latest = self.folder / "latest.pt"
        return f"the same command resumes from {latest}" if latest.exists() else "nothing has been saved yet"

    def say(self, text: str) -> None:
        print(text, flush=True)
        with (self.folder / "log.txt").open("a") as log:
            log.write(text + "\n")

    def save(self) -> None:
        """Write a new file, then rename it, so that a kill never leaves half a file."""
        with self.alone():
            state = {
                "net": self.net.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "step": int(self.step),
                "images": int(self.images),
                "seconds": self.elapsed(),
                "arguments": settings(self.arguments),
            }
            torch.save(state, self.folder / "latest.tmp")
        (self.folder / "latest.tmp").rename(self.folder / "latest.pt")


class Worker:
    """A process of a run: it computes gradients on its own weights and applies them to the shared ones."""

    def __init__(self, shared: Shared, lane: int, arguments: argparse.Namespace) -> None:
        self.shared, self.lane, self.arguments = shared, lane, arguments
        self.net = copy.deepcopy(shared.net)
        self.average: dict[str, float] = {}

    def _apply(self) -> int:
        """Take one step with this process's gradients; return the steps of the run."""
        a, shared = self.arguments, self.shared
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        with shared.alone(), torch.no_grad():
            for group in (g for optimizer in shared.optimizers for g in optimizer.param_groups):
                group["lr"] = rate(int(shared.step), shared.share(), a.rate)
            for ours, theirs in zip(self.net.parameters(), shared.net.parameters(), strict=True):
                theirs.grad = ours.grad
            for optimizer in shared.optimizers:
                optimizer.step()
            for ours, theirs in zip(self.net.parameters(), shared.net.parameters(), strict=True):
                ours.copy_(theirs)
            shared.step += 1
            return int(shared.step)

    def learn(self, batch: Batch) -> int:
        a = self.arguments
        grid = geometry(batch.rows, batch.columns, batch.layout)
        dtype = torch.bfloat16 if a.bfloat16 else torch.float32
        sharpness = weights(self.shared.share(), a.widest)
        parts: dict[str, Tensor] = losses(self.net, batch, grid, sharpness, dtype)
        for name, value in parts.items():
            now = float(value.detach())
            if not math.isfinite(now):
                raise FloatingPointError(f"{name} is {now} at step {int(self.shared.step)}")
            self.average[name] = self.average.get(name, now) * 0.98 + now * 0.02
        self.net.zero_grad(set_to_none=True)
        parts["total"].backward()
        self.shared.images += len(batch.images)
        return self._apply()

    def report(self, step: int) -> None:
        shown = " ".join(f"{name} {value:.3f}" for name, value in self.average.items())
        self.shared.say(f"{step} {self.shared.elapsed():.0f}s {int(self.shared.images)} images | {shown}")

    def give_up(self, step: int, lost: str) -> NoReturn:
        """End the run early; weights that made a process fail may be bad and are not saved."""
        self.report(step)
        if not self.shared.failed():
            self.shared.save()
        raise SystemExit(f"{lost}; {self.shared.kept()}")

    def run(self) -> None:
        """Train until the run's last step; the first process reports and saves."""
        a = self.arguments
        torch.set_num_threads(a.threads)
        step = int(self.shared.step)
        own, saved, checked = step - step % a.workers + self.lane, step, step
        schedule = Schedule(FROM_CHECKPOINT if a.init else FROM_NOTHING, a.image_tokens)
        while self.shared.share() < 1 and not self.shared.orphaned():
            if lost := self.shared.lost():
                self.give_up(step, lost)
            step = self.learn(make_batch(a.seed, own, self.lane, schedule, self.shared.share()))
            own += a.workers
            if self.lane == 0 and step - saved >= SAVE_EVERY:
                saved = step
                self.report(step)
                self.shared.save()
            if self.lane == 0 and step - checked >= CHECK_EVERY:
                checked = step
                self.shared.say("    " + report(self.net))
        if self.lane == 0:
            self.report(step)
            self.shared.save()
            self.shared.say("    " + report(self.net))


def work(shared: Shared, lane: int, arguments: argparse.Namespace) -> None:
    """Run a process beside the first, in a session of its own, since Linux shares processors between sessions."""
    os.setsid()
    Worker(shared, lane, arguments).run()


def positive(kind: Callable[[str], float], most: float = math.inf) -> Callable[[str], float]:
    """Return the parser of a number above 0 and up to `most`; argparse names the option in its message."""

    def number(text: str) -> float:
        value = kind(text)
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(
                f"must be above 0{f' and at most {most:g}' * math.isfinite(most)}; got {text}"
            )
        return value

    number.__name__ = kind.__name__
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: state and log")
    parser.add_argument("--steps", type=positive(int), default=5400, help="length of the whole run in batches")
    parser.add_argument(
        "--minutes", type=positive(float), help="length of the whole run by the clock, in place of --steps"
    )
    parser.add_argument("--rate", type=positive(float), help="peak learning rate; default 2e-3, after --init 1e-3")
    parser.add_argument("--init", type=Path, help="an exported checkpoint, or another run's latest.pt, to start from")
    parser.add_argument("--image-tokens", type=positive(int), default=1000, help="image tokens a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--workers", type=positive(int, LANES), default=2, help="processes; with one, a run repeats bit by bit"
    )
    parser.add_argument("--threads", type=positive(int), default=1, help="of each process")
    parser.add_argument("--bfloat16", action="store_true", help="for processors with AMX or AVX-512 BF16")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # a process that has had threads must not fork
    if arguments.rate is None:
        arguments.rate = 2e-3 if arguments.init is None else 1e-3
    arguments.widest = 4.7 if arguments.init is None else 2.0
    try:
        shared = Shared(arguments)
    except InputError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    fork = torch.multiprocessing.get_context("fork")
    lanes = range(1, arguments.workers)
    others = [fork.Process(target=work, args=(shared, lane, arguments), daemon=True) for lane in lanes]
    for other in others:
        other.start()
    shared.others = others
    Worker(shared, 0, arguments).run()
    for other in others:
        while other.is_alive() and not shared.lost():  # after a loss the rest may wait for the lock for ever
            other.join(PATIENCE)


if __name__ == "__main__":
    main()
