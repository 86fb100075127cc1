"""`mlx-saccade scenes`: write generated screens as PNGs, and their boxes in ScreenSpot-Pro's fields."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import add_screen_arguments, parse_size
from mlx_saccade.errors import InputError
from mlx_saccade.evals.processes import cores, start
from mlx_saccade.evals.screenspot import (
    AMBIGUOUS,
    ANNOTATIONS,
    Job,
    annotate,
    annotate_pairs,
    finished_screens,
    write_list,
)

__all__ = ["add_arguments", "run"]

# Fewer screens are not worth the start of a process.
MIN_PER_PROCESS: Final = 4
# The annotations of this many screens fit in memory.
MAX_SCREENS: Final = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade scenes`."""
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files, created if missing")
    add_screen_arguments(parser, screens=20)
    parser.add_argument("--scale", type=int, default=1, metavar="1|2", help="pixels per point (default 1)")
    parser.add_argument(
        "--ambiguous", action="store_true", help="make elements look alike; list both boxes in ambiguous.json"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default one per CPU core)")


def work(job: Job, seeds: Sequence[int], parent: Connection) -> None:
    """Draw screens in another process, and send each seed when its file is written, or an error.

    It ends between two files if the other end of the pipe is closed.
    """
    try:
        for seed in seeds:
            job.draw(seed)
            parent.send(seed)
    except BrokenPipeError:
        return
    except (InputError, OSError, MemoryError) as error:
        parent.send(error)


@contextmanager
def workers(job: Job, seeds: Sequence[int], count: int) -> Iterator[list[Connection]]:
    """Start processes that share the seeds; at the end all have ended, each with its last file complete."""
    processes: list[BaseProcess] = []
    ends: list[Connection] = []
    try:
        for place in range(count):
            process, end = start(work, job, seeds[place::count])
            processes.append(process)
            ends.append(end)
        yield ends
    finally:
        for end in ends:
            end.close()
        for process in processes:
            process.join()


def draw(job: Job, seeds: Sequence[int], count: int) -> Iterator[int]:
    """Draw screens in `count` processes, and yield each seed when its file is written."""
    if count == 1:
        for seed in seeds:
            job.draw(seed)
            yield seed
        return
    with workers(job, seeds, count) as ends:
        left, open_ends = set(seeds), list(ends)
        while open_ends:
            ready = wait(open_ends)
            for end in [end for end in open_ends if end in ready]:
                try:
                    message = end.recv()
                except EOFError:
                    open_ends.remove(end)
                    continue
                if isinstance(message, Exception):
                    raise message
                left.discard(message)
                yield message
        if left:
            raise InputError(f"--jobs: a process ended early, and {len(left)} screens are missing. Run again")


def count_processes(jobs: int | None, screens: int) -> int:
    """Return the number of processes that are worth their start; `jobs` None is one per CPU core."""
    return max(1, min(jobs or cores(), screens // MIN_PER_PROCESS))


def run(options: argparse.Namespace) -> int:
    """Write the screens that are missing, and then the annotations of all."""
    from mlx_saccade import scenes

    size = parse_size("--size", options.size)
    if options.n < 1:
        raise InputError(f"--n: expected at least 1; got {options.n}. Give a larger number")
    if options.n > MAX_SCREENS:
        raise InputError(
            f"--n: expected at most {MAX_SCREENS}; got {options.n}. Use another folder and a higher --seed for the rest"
        )
    if not options.out:
        raise InputError("--out: expected a folder; got an empty name. Name a folder")
    if options.jobs is not None and options.jobs < 1:
        raise InputError(f"--jobs: expected at least 1; got {options.jobs}. Leave it out for one per CPU core")
    seeds = range(options.seed, options.seed + options.n)
    scenes.annotate(options.seed, size, scale=options.scale)  # refuses impossible screens before anything is written
    job = Job(Path(options.out), size, options.ambiguous, options.scale)
    finished = finished_screens(job, seeds)
    missing = [seed for seed in seeds if seed not in finished]
    job.folder.mkdir(parents=True, exist_ok=True)
    count = count_processes(options.jobs, len(missing))
    targets: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    with progress.bar() as bar:
        task = bar.add_task("drawing", total=len(missing))
        for _ in draw(job, missing, count):
            bar.advance(task)
        for seed in bar.track(seeds, description="annotating"):
            elements, ambiguous = scenes.annotate(seed, size, ambiguous=options.ambiguous, scale=options.scale)
            targets += annotate(job, seed, elements)
            pairs += annotate_pairs(job, seed, elements, ambiguous)
    report(job, options, len(missing), targets, pairs)
    return 0


def report(
    job: Job, options: argparse.Namespace, new: int, targets: list[dict[str, Any]], pairs: list[dict[str, Any]]
) -> None:
    """Write the annotations and print the counts."""
    annotations = job.folder / ANNOTATIONS
    write_list(annotations, targets)
    counts = {
        "folder": str(job.folder), "screens": options.n, "drawn": new, "kept": options.n - new,
        "targets": len(targets), "annotations": str(annotations),
    }  # fmt: skip
    text = f"{options.n} screens ({new} drawn, {options.n - new} kept) with {len(targets)} known boxes in {job.folder}"
    text += f"; annotations in {annotations}"
    if options.ambiguous:
        ambiguous = job.folder / AMBIGUOUS
        write_list(ambiguous, pairs)
        counts |= {"pairs": len(pairs), "ambiguous": str(ambiguous)}
        text += f"; {len(pairs)} descriptions that fit two elements in {ambiguous}"
    if options.json:
        output.print_json(counts)
    else:
        output.text(text)
