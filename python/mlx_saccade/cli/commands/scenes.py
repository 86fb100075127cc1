"""`mlx-saccade scenes`: write generated screens as PNGs, and their boxes in ScreenSpot-Pro's fields."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import add_screen_arguments
from mlx_saccade.cli.size_words import parse_screen_size
from mlx_saccade.errors import InputError
from mlx_saccade.evals.metrics import share_of
from mlx_saccade.evals.packaged_range import in_range, smallest_in_range
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

if TYPE_CHECKING:
    from mlx_saccade.scenes import Element

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = ("mlx-saccade scenes --out screens",)

# Fewer screens are not worth the start of a process.
MIN_PER_PROCESS: Final = 4
# The annotations of this many screens fit in memory.
MAX_SCREENS: Final = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade scenes`."""
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files, created if missing")
    add_screen_arguments(parser, screens=20, size="1920x1080")
    parser.add_argument(
        "--smallest", metavar="N|P%", help="least side of an element (default what the packaged checkpoint sees)"
    )
    parser.add_argument(
        "--scale", type=int, choices=(1, 2), default=1, metavar="1|2", help="pixels per point (default 1)"
    )
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


def parse_smallest(word: str | None, size: tuple[int, int], scale: int) -> int:
    """Return the least side of an element in pixels.

    Args:
        word: pixels, or a percentage of the screen's short side such as "1%"; None is the packaged checkpoint's range.
        size: (width, height) of the screen in pixels.
        scale: pixels per point.

    Raises:
        InputError: the word is neither, or out of range for the screen.
    """
    if word is None:
        return smallest_in_range(size, scale)
    match = re.fullmatch(r"([0-9]{1,9})(%?)", word)
    if match is None:
        raise InputError(f"--smallest: expected pixels, or a percentage such as 1%; got {word}. Write one of them")
    number = int(match[1])
    if match[2]:
        number = scale * max(8, min(size) * number // (100 * scale))
    low, high = 4 * scale, min(size) // 4
    if not low <= number <= high or number % scale:
        even = "an even number " if scale > 1 else ""
        raise InputError(f"--smallest: expected {even}from {low} to {high} pixels on these screens; got {word}")
    return number


def run(options: argparse.Namespace) -> int:
    """Write the screens that are missing, and then the annotations of all."""
    from mlx_saccade import scenes

    size = parse_screen_size("--size", options.size, scale=options.scale)
    smallest = parse_smallest(options.smallest, size, options.scale)
    if options.seed < 0:
        raise InputError(f"--seed: expected at least 0; got {options.seed}. Give another seed")
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
    job = Job(Path(options.out), size, options.ambiguous, options.scale, smallest)
    finished = finished_screens(job, seeds)
    missing = [seed for seed in seeds if seed not in finished]
    job.folder.mkdir(parents=True, exist_ok=True)
    count = count_processes(options.jobs, len(missing))
    targets: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    example: dict[str, Any] | None = None
    with progress.bar() as bar:
        task = bar.add_task("drawing", total=len(missing))
        for _ in draw(job, missing, count):
            bar.advance(task)
        for seed in bar.track(seeds, description="annotating"):
            elements, ambiguous = scenes.annotate(
                seed, size, smallest=smallest, ambiguous=options.ambiguous, scale=options.scale
            )
            if seed == seeds[0]:
                example = choose_example(job, seed, elements)
            targets += annotate(job, seed, elements)
            pairs += annotate_pairs(job, seed, elements, ambiguous)
    report(job, options, len(missing), targets, pairs, example)
    return 0


def choose_example(job: Job, seed: int, elements: Sequence[Element]) -> dict[str, Any] | None:
    """Return the target of a screen to try first; None without one.

    It is in range and named by color and kind alone; the largest icon, or the largest element without one.
    """
    from mlx_saccade.scenes.descriptions import ICONS

    named = [element for element in elements if not element.relation and in_range(element.box, job.plan)]
    if not named:
        return None
    element = max(named, key=lambda element: (element.kind in ICONS, share_of(element, job.size)))
    return {"image": str(job.path(seed)), "description": element.description, "bbox": list(element.box)}


def report(
    job: Job,
    options: argparse.Namespace,
    new: int,
    targets: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    example: dict[str, Any] | None,
) -> None:
    """Write the annotations, print the counts and a question to try."""
    annotations = job.folder / ANNOTATIONS
    write_list(annotations, targets)
    counts = {
        "folder": str(job.folder), "screens": options.n, "drawn": new, "kept": options.n - new,
        "targets": len(targets), "in_range": sum(target["in_range"] for target in targets),
        "annotations": str(annotations), "example": example,
    }  # fmt: skip
    text = f"{options.n} screens ({new} drawn, {options.n - new} kept) with {len(targets)} known boxes in {job.folder}"
    text += f"; annotations in {annotations}"
    model_size, tokens = "{} x {}".format(*job.plan.resized_size), job.plan.tokens
    in_range = (
        f"{counts['in_range']} of {len(targets)} are in the packaged checkpoint's range: at least 28 pixels both ways"
    )
    if options.ambiguous:
        ambiguous = job.folder / AMBIGUOUS
        write_list(ambiguous, pairs)
        counts |= {"pairs": len(pairs), "ambiguous": str(ambiguous)}
        text += f"; {len(pairs)} descriptions that fit two elements in {ambiguous}"
    if options.json:
        output.print_json(counts)
    else:
        output.text(text)
        output.text(f"{in_range} of the {model_size} that it sees, {tokens} tokens")
        if example is not None:
            print("try:")
            print(f'  mlx-saccade locate {shlex.quote(example["image"])} "{example["description"]}"')
