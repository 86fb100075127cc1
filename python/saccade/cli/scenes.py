"""`saccade scenes`: generated screens with their known boxes, as PNGs and ScreenSpot-Pro annotations."""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade import files
from saccade.cli import output
from saccade.cli.plan import parse_size
from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.scenes import Ambiguity, Element

__all__ = ["Job", "add_arguments", "run"]

# Level 6 takes half the disk and a third more time.
COMPRESSION = 1
# The last chunk of every whole PNG.
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
# A process of its own takes as long to start as two 4K screens take to draw.
WORTH_A_PROCESS = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `saccade scenes`."""
    parser.add_argument("--n", type=int, default=20, metavar="N", help="how many screens (default 20)")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the files; made if it does not exist")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first screen (default 0); the rest count up")
    parser.add_argument("--size", default="3840x2160", metavar="WIDTHxHEIGHT", help="default 3840x2160")
    parser.add_argument(
        "--ambiguous", action="store_true", help="many elements look like one other; ambiguous.json lists both boxes"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one a CPU core)")


@dataclass(frozen=True)
class Job:
    """What all screens of one command have in common."""

    folder: Path
    size: tuple[int, int]
    ambiguous: bool

    def path(self, seed: int) -> Path:
        """The file of one screen."""
        return self.folder / f"scene-{seed:06d}.png"

    def stamp(self, seed: int) -> str:
        """What is written into the file, so that a later run can tell whether it would draw the same."""
        from saccade.scenes import VERSION

        width, height = self.size
        return f"version {VERSION} seed {seed} size {width}x{height} ambiguous {self.ambiguous}"

    def kept(self, seed: int) -> bool:
        """Whether the screen's file is there already, whole and of these very arguments."""
        from PIL import Image

        path = self.path(seed)
        try:
            with path.open("rb") as stream:
                with Image.open(stream, formats=["PNG"]) as image:
                    same = image.size == self.size and image.info.get("saccade-scene") == self.stamp(seed)
                stream.seek(-len(PNG_END), os.SEEK_END)
                return same and stream.read() == PNG_END
        except (OSError, SyntaxError, ValueError):
            return False

    def draw(self, seed: int) -> None:
        """Write the screen's file."""
        from PIL import Image, PngImagePlugin

        from saccade import scenes

        notes = PngImagePlugin.PngInfo()
        notes.add_text("saccade-scene", self.stamp(seed))
        stream = io.BytesIO()
        image = Image.fromarray(scenes.generate(seed, self.size, ambiguous=self.ambiguous).image)
        image.save(stream, "PNG", compress_level=COMPRESSION, pnginfo=notes)
        files.write_atomically(self.path(seed), stream.getvalue())


def entry(job: Job, seed: int, name: str, description: str, box: Sequence[int], kind: str) -> dict[str, Any]:
    """One target in ScreenSpot-Pro's fields; `bbox` is [x1, y1, x2, y2] in pixels."""
    return {
        "img_filename": job.path(seed).name,
        "bbox": list(box),
        "instruction": description,
        "id": f"scene-{seed:06d}-{name}",
        "application": "saccade-scenes",
        "platform": "generated",
        "img_size": list(job.size),
        "ui_type": "icon",  # the benchmark's other type is text to be read, of which there is none
        "group": kind,
    }


def annotate(job: Job, seed: int, elements: Sequence[Element]) -> list[dict[str, Any]]:
    """Every element of a screen as a target."""
    return [entry(job, seed, str(i), e.description, e.box, e.kind) for i, e in enumerate(elements)]


def annotate_pairs(
    job: Job, seed: int, elements: Sequence[Element], pairs: Sequence[Ambiguity]
) -> list[dict[str, Any]]:
    """Every ambiguous description of a screen; `bbox` is the first of the two in `bboxes`."""
    return [
        entry(job, seed, f"pair-{i}", pair.description, pair.boxes[0], elements[pair.elements[0]].kind)
        | {"bboxes": [list(box) for box in pair.boxes]}
        for i, pair in enumerate(pairs)
    ]


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
def deaf() -> Iterator[None]:
    """Start processes that Ctrl-C, which reaches the whole group, does not kill in the middle of a file."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def workers(job: Job, seeds: Sequence[int], count: int) -> Iterator[list[Connection]]:
    """Start processes that share the seeds; afterwards they have all ended, each with its last file whole."""
    # Not forked: a forked process would hold the others' pipes open, and outlive a parent that is killed.
    context = multiprocessing.get_context("spawn")
    processes, ends = [], []
    try:
        for place in range(count):
            end, far_end = context.Pipe(duplex=False)
            ends.append(end)
            process = context.Process(target=work, args=(job, seeds[place::count], far_end), daemon=False)
            with deaf():
                process.start()
            processes.append(process)
            far_end.close()
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
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(asked or cores, screens // WORTH_A_PROCESS))


def write_list(path: Path, entries: list[dict[str, Any]]) -> None:
    """Write annotations, one target a line."""
    lines = ",\n".join(json.dumps(one) for one in entries)
    files.write_atomically(path, f"[\n{lines}\n]\n".encode())


def run(options: argparse.Namespace) -> int:
    """Write the screens that are not there yet, and last the annotations of all of them."""
    from rich.progress import Progress

    from saccade import scenes

    size = parse_size("--size", options.size)
    if options.n < 1:
        raise InputError(f"--n {options.n}: nothing to write; ask for at least 1")
    if options.jobs is not None and options.jobs < 1:
        raise InputError(f"--jobs {options.jobs}: nobody would draw; ask for at least 1")
    seeds = range(options.seed, options.seed + options.n)
    scenes.annotate(options.seed, size)  # refuses what cannot be drawn before anything is made
    job = Job(Path(options.out), size, options.ambiguous)
    job.folder.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in seeds if not job.kept(seed)]
    count = processes_for(options.jobs, len(missing))
    targets: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    screen = output.console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("drawing", total=len(missing))
        for _ in drawn(job, missing, count):
            progress.advance(task)
        for seed in progress.track(seeds, description="annotating"):
            elements, ambiguous = scenes.annotate(seed, size, ambiguous=options.ambiguous)
            targets += annotate(job, seed, elements)
            pairs += annotate_pairs(job, seed, elements, ambiguous)
    report(job, options, len(missing), targets, pairs)
    return 0


def report(
    job: Job, options: argparse.Namespace, new: int, targets: list[dict[str, Any]], pairs: list[dict[str, Any]]
) -> None:
    """Write the annotations and say what there is."""
    listed = job.folder / "annotations.json"
    write_list(listed, targets)
    written = {
        "folder": str(job.folder), "screens": options.n, "drawn": new, "kept": options.n - new,
        "targets": len(targets), "annotations": str(listed),
    }  # fmt: skip
    said = f"{options.n} screens ({new} drawn, {options.n - new} kept) with {len(targets)} known boxes in {job.folder}"
    said += f"; annotations in {listed}"
    if options.ambiguous:
        write_list(job.folder / "ambiguous.json", pairs)
        written |= {"pairs": len(pairs), "ambiguous": str(job.folder / "ambiguous.json")}
        said += f"; {len(pairs)} descriptions that fit two in {job.folder / 'ambiguous.json'}"
    if options.json:
        output.print_json(written)
    else:
        print(said)
