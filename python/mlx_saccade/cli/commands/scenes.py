"""`mlx-saccade scenes`: generated screens with their known boxes, as PNGs and ScreenSpot-Pro annotations."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from mlx_saccade.cli import output
from mlx_saccade.cli.options import parse_size
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

# A process of its own takes as long to start as two 4K screens take to draw.
WORTH_A_PROCESS: Final = 4
# Screens of one command: the annotations of so many fit in memory.
MOST: Final = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade scenes`."""
    parser.add_argument("--n", type=int, default=20, metavar="N", help="how many screens (default 20)")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for these files; made if it is not there")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first screen (default 0); the rest count up")
    parser.add_argument("--size", default="3840x2160", metavar="WIDTHxHEIGHT", help="default 3840x2160")
    parser.add_argument(
        "--scale", type=int, default=1, metavar="1|2", help="pixels to the point (default 1); 2 doubles every length"
    )
    parser.add_argument(
        "--ambiguous", action="store_true", help="many elements look like one other; ambiguous.json lists both boxes"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one a CPU core)")


def work(job: Job, seeds: Sequence[int], parent: Connection) -> None:
    """Draw screens in a process of its own, and send each seed when its file is written, or what went wrong.

    Where the other end has been closed it leaves, between two files.
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
    """Start processes that share the seeds; afterwards they have all ended, each with its last file whole."""
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


def drawn(job: Job, seeds: Sequence[int], count: int) -> Iterator[int]:
    """Draw screens with `count` processes, and yield each seed when its file is written."""
    if count == 1:
        for seed in seeds:
            job.draw(seed)
            yield seed
        return
    with workers(job, seeds, count) as ends:
        left, heard = set(seeds), list(ends)
        while heard:
            ready = wait(heard)
            for end in [end for end in heard if end in ready]:
                try:
                    news = end.recv()
                except EOFError:
                    heard.remove(end)
                    continue
                if isinstance(news, Exception):
                    raise news
                left.discard(news)
                yield news
        if left:
            raise InputError(f"a process ended before its work was done; {len(left)} screens are missing; run again")


def processes_for(asked: int | None, screens: int) -> int:
    """How many processes are worth their start."""
    return max(1, min(asked or cores(), screens // WORTH_A_PROCESS))


def run(options: argparse.Namespace) -> int:
    """Write the screens that are not there yet, and last the annotations of all of them."""
    from rich.progress import Progress

    from mlx_saccade import scenes

    size = parse_size("--size", options.size)
    if options.n < 1:
        raise InputError(f"--n {options.n}: nothing to write; ask for at least 1")
    if options.n > MOST:
        raise InputError(f"--n {options.n}: at most {MOST} at once; go on with a higher --seed in another folder")
    if not options.out:
        raise InputError("--out is empty; name a folder")
    if options.jobs is not None and options.jobs < 1:
        raise InputError(f"--jobs {options.jobs}: nobody would draw; ask for at least 1")
    seeds = range(options.seed, options.seed + options.n)
    scenes.annotate(options.seed, size, scale=options.scale)  # refuses what cannot be drawn before anything is made
    job = Job(Path(options.out), size, options.ambiguous, options.scale)
    kept = finished_screens(job, seeds)
    missing = [seed for seed in seeds if seed not in kept]
    job.folder.mkdir(parents=True, exist_ok=True)
    count = processes_for(options.jobs, len(missing))
    targets: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    screen = output.console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("drawing", total=len(missing))
        for _ in drawn(job, missing, count):
            progress.advance(task)
        for seed in progress.track(seeds, description="annotating"):
            elements, ambiguous = scenes.annotate(seed, size, ambiguous=options.ambiguous, scale=options.scale)
            targets += annotate(job, seed, elements)
            pairs += annotate_pairs(job, seed, elements, ambiguous)
    report(job, options, len(missing), targets, pairs)
    return 0


def report(
    job: Job, options: argparse.Namespace, new: int, targets: list[dict[str, Any]], pairs: list[dict[str, Any]]
) -> None:
    """Write the annotations and say what there is."""
    listed = job.folder / ANNOTATIONS
    write_list(listed, targets)
    written = {
        "folder": str(job.folder), "screens": options.n, "drawn": new, "kept": options.n - new,
        "targets": len(targets), "annotations": str(listed),
    }  # fmt: skip
    said = f"{options.n} screens ({new} drawn, {options.n - new} kept) with {len(targets)} known boxes in {job.folder}"
    said += f"; annotations in {listed}"
    if options.ambiguous:
        doubtful = job.folder / AMBIGUOUS
        write_list(doubtful, pairs)
        written |= {"pairs": len(pairs), "ambiguous": str(doubtful)}
        said += f"; {len(pairs)} descriptions that fit two in {doubtful}"
    if options.json:
        output.print_json(written)
    else:
        print(said)
