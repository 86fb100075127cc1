"""`saccade tiny evaluate`: what the packaged checkpoint can do, measured on held-out generated screens."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from saccade.cli import output
from saccade.cli.asking import add_memory_argument
from saccade.cli.plan import add_checkpoint_arguments
from saccade.errors import InputError

if TYPE_CHECKING:
    from saccade.tiny.workers import Ask

__all__ = ["add_arguments", "run"]

JOURNAL = "saccade-tiny.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `saccade tiny`."""
    parser.add_argument("action", choices=["evaluate"], help="evaluate: figures on held-out screens")
    parser.add_argument(
        "--screens", type=int, default=30, metavar="N",
        help="screens in its range (default 30; published figures: --screens 1000 --processes 2, 5 to 8 minutes on two "
        "cores)",
    )  # fmt: skip
    parser.add_argument(
        "--out", default=JOURNAL, metavar="FILE", help=f"journal; a stopped one goes on (default {JOURNAL})"
    )
    add_checkpoint_arguments(parser, "another checkpoint, such as a conversion of it: a folder or hub id")
    add_memory_argument(parser, "refuse weights that would take more memory, in each process, such as 8GB")
    parser.add_argument("--parts", default="range,law,ambiguity", metavar="NAMES", help="parts of it (default all)")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="ask in so many at once (default 1)")


def run(options: argparse.Namespace) -> int:
    """Ask what the journal does not hold yet, then print the figures of everything it holds."""
    from rich.progress import Progress

    from saccade import hub, tiny

    parts = _parts(options.parts, list(tiny.PARTS))
    total = sum(tiny.units_of(part, options.screens) for part in parts)
    if options.processes < 1:
        raise InputError(f"--processes {options.processes}: ask for at least one")
    journal = tiny.Journal(options.out, hub.digest(options.model, revision=options.revision))
    screen = output.console(stderr=True)
    with (
        _asking(options) as ask,
        Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress,
    ):
        task = progress.add_task("asking", total=total)
        told = tiny.evaluate(ask, options.screens, journal, lambda done: progress.update(task, completed=done), parts)
    figures = tiny.summarise(told)
    if options.json:
        output.print_json({"journal": options.out, "screens": options.screens, **figures})
        return 0
    if "range" in figures:
        _print_range(figures["range"])
    if "law" in figures:
        _print_law(figures)
    if "ambiguity" in figures:
        _print_ambiguity(figures["ambiguity"])
    print(f"answers in {options.out}")
    return 0


def _parts(text: str, known: list[str]) -> list[str]:
    """The parts named in a list with commas, in the order of `known`."""
    named = [name.strip() for name in text.split(",")]
    for name in named:
        if name not in known:
            raise InputError(f"--parts {text}: there is no part {name!r}; give some of {', '.join(known)}")
    return [name for name in known if name in named]


def _asking(options: argparse.Namespace) -> AbstractContextManager[Ask]:
    from saccade import engine, tiny

    how = {"revision": options.revision, "memory_limit": options.memory_limit}
    if options.processes > 1:
        return tiny.together(options.model, options.processes, **how)
    return nullcontext(tiny.alone(engine.load(options.model, **how)))


def _value(cell: dict[str, Any], name: str) -> str:
    if cell[name] is None:
        return "-"
    ends = cell.get(f"{name}_interval")
    return f"{cell[name]:.3f}" + (f" ({ends[0]:.3f}-{ends[1]:.3f})" if ends else "")


def _print_range(figures: dict[str, Any]) -> None:
    print(
        f"in its range: {figures['screens']} screens, budgets of 64 to 256 tokens, targets of 28 model pixels both ways"
    )
    columns = [("what", "left"), ("n", "right"), ("IoU", "right"), ("centre inside", "right")]
    named = {
        "all": figures["places"],
        **{f"at a budget of {budget}": cell for budget, cell in figures["by_budget"].items()},
        **figures["by_size"],
        **figures["by_relation"],
    }
    rows = [(name, str(cell["n"]), _value(cell, "iou"), _value(cell, "hit")) for name, cell in named.items()]
    output.table(columns, rows)
    words = {
        "nothing said of what is there": (figures["false_nothing"], "x"),
        "nothing said of what is absent": (figures["absent"], "right"),
        "what is at a point": (figures["point"], "right"),
        "  of descriptions without a relation": (figures["point_plain"], "right"),
        "what is in a box": (figures["box"], "right"),
        "  of descriptions without a relation ": (figures["box_plain"], "right"),
        "nothing said of a bare point": (figures["bare point"], "right"),
        "nothing said of a bare box": (figures["bare box"], "right"),
    }
    print()
    output.table(
        [("answers", "left"), ("n", "right"), ("share (95 %)", "right")],
        [(name, str(cell["n"]), _value(cell, key)) for name, (cell, key) in words.items()],
    )


def _print_law(figures: dict[str, Any]) -> None:
    print("\n4K screens, mean IoU by the target's share of the frame and budget (95 % by screens)")
    budgets = sorted({cell["budget"] for cell in figures["law"]})
    sizes = list(dict.fromkeys(cell["size"] for cell in figures["law"]))
    cells = {(cell["size"], cell["budget"]): cell for cell in figures["law"]}
    rows = [
        (f"{size} ({cells[size, budgets[0]]['n']})", *(_value(cells[size, budget], "iou") for budget in budgets))
        for size in sizes
    ]
    output.table([("target (n)", "left"), *((f"{budget} tokens", "right") for budget in budgets)], rows)
    print("\ntiny targets, a second look at a crop around the first answer, against one look at 256 tokens")
    output.table(
        [("crop of each side", "left"), ("n", "right"), ("one look", "right"), ("two looks", "right"),
         ("ratio", "right")],
        [(str(z["crop"]), str(z["n"]), _value(z["flat"], "iou"), _value(z, "iou"), _value(z, "ratio"))
         for z in figures["zoom"]],
    )  # fmt: skip


def _print_ambiguity(found: list[dict[str, Any]]) -> None:
    print("\nIoU lost from 256 tokens on, where a description fits two elements and where it fits one")
    output.table(
        [("to", "left"), ("n", "right"), ("ambiguous", "right"), ("clean", "right"), ("difference", "right")],
        [(f"{a['budget']} tokens", f"{a['n'][0]} / {a['n'][1]}",
          *(_value({name: a[key], f"{name}_interval": a[interval]}, name) for name, key, interval in (
              ("a", "ambiguous_drop", "ambiguous_interval"), ("c", "clean_drop", "clean_interval"),
              ("d", "excess", "excess_interval")))) for a in found],
    )  # fmt: skip
