"""`mlx-saccade screens`: capture installed programs, with boxes and descriptions from the accessibility tree."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any, Final

from mlx_saccade.cli import output, progress
from mlx_saccade.cli.size_words import parse_size
from mlx_saccade.errors import InputError, quantity

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade screens --check",
    "mlx-saccade screens --out desktops",
    "mlx-saccade screens --out desktops --apps gimp,krita --n 6",
)
# A display of Xvfb, on which a program's window fits.
SIDES: Final = (640, 8192)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade screens`."""
    parser.add_argument("--out", metavar="DIR", help="folder for the files, created if missing")
    parser.add_argument("--apps", metavar="A,B", help="programs to open (default all that are installed)")
    parser.add_argument(
        "--size", default="3840x2160", metavar="WxH", help="size of the display in pixels (default 3840x2160)"
    )
    parser.add_argument("--n", type=int, metavar="N", help="number of screens (default all states of the programs)")
    parser.add_argument(
        "--check", action="store_true", help="print the missing packages; exit with 1 if any (default no)"
    )


def run(options: argparse.Namespace) -> int:
    """Record the screens that are missing, and annotate all."""
    if options.check:
        return check(options)
    size = parse_size("--size", options.size)
    if not all(SIDES[0] <= side <= SIDES[1] for side in size):
        low, high = SIDES
        raise InputError(f"--size: expected sides from {low} to {high} pixels; got {options.size}. Give another size")
    if options.n is not None and options.n < 1:
        raise InputError(f"--n: expected at least 1; got {options.n}. Leave it out for all")
    if not options.out:
        raise InputError("--out: expected a folder; got none. Name a folder, or write --check")
    from mlx_saccade.evals.screens import requirements
    from mlx_saccade.evals.screens.collection import Collection, choose_screens

    requirements.check()
    names = None if options.apps is None else [name.strip() for name in options.apps.split(",")]
    screens = choose_screens(names, options.n)
    collection = Collection(Path(options.out), size)
    finished = {screen.name for screen in collection.finished()}
    missing = [screen for screen in screens if screen.name not in finished]
    skipped: list[str] = []
    with progress.bar() as bar:
        task = bar.add_task("recording", total=len(missing))
        for screen in collection.record(missing, skipped.append):
            bar.update(task, advance=1, description=f"recording {screen.application.title}")
        entries = collection.annotate(lambda rows: iter(bar.track(rows, description="annotating")))
    for line in skipped:
        output.note(line)
    report(collection.folder, options, len(missing) - len(skipped), skipped, entries)
    return 0 if entries else 1


def report(
    folder: Path, options: argparse.Namespace, new: int, skipped: list[str], entries: list[dict[str, Any]]
) -> None:
    """Print the counts."""
    images = {entry["img_filename"] for entry in entries}
    applications = Counter(entry["application"] for entry in entries)
    if options.json:
        output.print_json(
            {
                "folder": str(folder), "screens": len(images), "recorded": new, "skipped": skipped,
                "targets": len(entries), "applications": dict(applications),
                "annotations": str(folder / "annotations.json"),
            }
        )  # fmt: skip
        return
    output.text(
        f"{quantity(len(images), 'screen')} ({new} recorded now, {len(skipped)} skipped) of "
        f"{quantity(len(applications), 'program')} with {len(entries)} known boxes in {folder}; "
        f"annotations in {folder / 'annotations.json'}"
    )


def check(options: argparse.Namespace) -> int:
    """Print what is not installed; return 1 if a part is missing or there is no program to show."""
    from mlx_saccade.evals.screens import requirements
    from mlx_saccade.evals.screens.applications import APPLICATIONS
    from mlx_saccade.evals.screens.collection import not_installed

    parts, absent = requirements.missing(), not_installed()
    programs = len({one.program for one in APPLICATIONS})
    if options.json:
        output.print_json(
            {
                "missing": [{"part": one.part, "package": one.package} for one in parts],
                "not_installed": [{"program": one.title, "package": one.package} for one in absent],
            }
        )
    elif parts:
        output.text(f"missing: {', '.join(one.part for one in parts)}")
        output.text(f"Debian: {requirements.install_command(parts)}")
    else:
        output.text("everything that the display and the accessibility bus need is installed")
    if not options.json:
        output.text(f"{programs - len(absent)} of {programs} programs are installed")
        if absent:
            output.text(f"Debian: apt install {' '.join(dict.fromkeys(one.package for one in absent))}")
    return 1 if parts or len(absent) == programs else 0
