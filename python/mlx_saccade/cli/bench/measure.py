"""Measure a profile as the options say, with a bar, and resume one that was stopped."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlx_saccade import files, validation
from mlx_saccade.cli import output, progress
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.bench.profile import Setup, Turn
    from mlx_saccade.bench.run import Run

__all__ = ["measure_profile"]

_MAX_ANSWER = 1024


def measure_profile(
    options: argparse.Namespace, path: str, size: tuple[int, int], budgets: tuple[int, ...], rounds: int
) -> tuple[Run, list[str]]:
    """Measure what the log lacks; return its run, and a line for each output that differs."""
    from mlx_saccade.bench import profile
    from mlx_saccade.bench.checkpoint import open_checkpoint

    answer = options.answer_tokens or 16
    validation.at_least(2, answer, "--answer-tokens", most=_MAX_ANSWER)
    timeout = 900.0 if options.timeout is None else options.timeout
    if not 0 < timeout < float("inf"):
        raise InputError(f"--timeout: expected seconds above 0; got {timeout:g}. Leave it out for 900")
    sides, device, memory = _sides(options), _device(options), _memory(options)
    files.check_writable(path)
    with open_checkpoint(options.model, options.revision, options.synthetic) as checkpoint:
        from mlx_saccade.bench import machine

        setup = profile.Setup(
            machine=machine.describe(device=device),
            versions=machine.versions(),
            commit=machine.commit(),
            model=checkpoint.model,
            sides=sides,
            budgets=tuple(sorted(budgets)),
            rounds=rounds,
            size=size,
            answer_tokens=answer,
            # On the CPU MLX multiplies halves slowly, and answers can only be compared in float32.
            dtype="float32" if device == "cpu" else "",
        )
        log = profile.open_log(path, setup, checkpoint.digest)
        done = {turn.key for turn in log.entries}
        turns = profile.measure(setup, str(checkpoint.folder), memory, done, timeout=timeout, note=output.note)
        _follow(setup, turns, done, log.add)
    return profile.run_of(setup, log.entries), profile.differing(log.entries)


def _follow(setup: Setup, turns: Any, done: set[tuple[int, int, str]], add: Callable[[Turn], None]) -> None:
    """Log each turn as it ends, with a bar that estimates the time left from the tokens."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with progress.bar(*columns) as bar:
        total = sum(_weight(budget) for budget, _, _ in setup.turns)
        task = bar.add_task("starting", total=total, completed=sum(_weight(budget) for budget, _, _ in done))
        for turn in turns:
            add(turn)
            bar.update(task, description=f"{turn.side}, {turn.budget:,} tokens", advance=_weight(turn.budget))


def _weight(budget: int) -> int:
    """Return a number in proportion to the time of a turn: one part grows with the tokens, one with their square."""
    return 300 + budget + budget * budget // 8192


def _sides(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the sides to measure: the given ones, or saccade and mlx-vlm's where that is installed."""
    import importlib.util

    from mlx_saccade.bench.run import SIDES

    if options.sides is None:
        return SIDES if importlib.util.find_spec("mlx_vlm") is not None else SIDES[:1]
    names = tuple(name.strip() for name in options.sides.split(","))
    for name in names:
        if name not in SIDES:
            raise InputError(f"--sides: expected some of {', '.join(SIDES)}; got {options.sides}. Correct {name!r}")
    return tuple(side for side in SIDES if side in names)


def _device(options: argparse.Namespace) -> str:
    from mlx_saccade.backend import device
    from mlx_saccade.bench.ask import use_device

    if options.device is not None:
        use_device(options.device)
    return "cpu" if device() == "cpu" else "gpu"


def _memory(options: argparse.Namespace) -> int:
    from mlx_saccade.engine import memory_limit

    return memory_limit.read_limit(options.memory_limit)
