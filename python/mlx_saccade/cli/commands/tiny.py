"""`mlx-saccade tiny evaluate`: what the packaged checkpoint can do, measured on held-out generated screens."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import output
from mlx_saccade.cli.options import add_checkpoint_arguments, add_memory_argument
from mlx_saccade.errors import InputError
from mlx_saccade.evals.processes import cores

if TYPE_CHECKING:
    from mlx_saccade.evals.tiny.workers import Ask

__all__ = ["add_arguments", "run"]

JOURNAL = "saccade-tiny.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade tiny`."""
    parser.add_argument("action", choices=["evaluate"], help="evaluate: figures on held-out screens")
    parser.add_argument(
        "--screens", type=int, default=30, metavar="N",
        help="screens in its range, at most 10000, with two 4K screens for every 25 (default 30; 4K figures have "
        "intervals from some 400 on; published figures: --screens 1000 --processes 2, about ten minutes on two cores)",
    )  # fmt: skip
    parser.add_argument(
        "--out", default=JOURNAL, metavar="FILE", help=f"journal; a stopped one goes on (default {JOURNAL})"
    )
    add_checkpoint_arguments(parser, "another checkpoint, such as a conversion of it: a folder or hub id")
    add_memory_argument(parser, "refuse weights that would take more memory, in each process, such as 8GB")
    parser.add_argument("--parts", default="range,law,ambiguity", metavar="NAMES", help="parts of it (default all)")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="ask in so many at once, at most one a CPU (default 1)"
    )


def run(options: argparse.Namespace) -> int:
    """Ask what the journal does not hold yet, then print the figures of everything it holds."""
    from rich.progress import Progress

    from mlx_saccade.checkpoint import hub
    from mlx_saccade.evals import tiny

    parts = _parts(options.parts, list(tiny.PARTS))
    total = sum(tiny.units_of(part, options.screens) for part in parts)
    if options.processes < 1:
        raise InputError(f"--processes {options.processes}: ask for at least one")
    log = tiny.open_run(options.out, hub.digest(options.model, revision=options.revision))
    processes = min(options.processes, cores(), tiny.missing(log, options.screens, parts))
    screen = output.console(stderr=True)
    with (
        _asking(options, processes) as ask,
        Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress,
    ):
        task = progress.add_task("asking", total=total)
        rows = tiny.evaluate(ask, options.screens, log, lambda done: progress.update(task, completed=done), parts)
    figures = tiny.summarize(rows)
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


def _asking(options: argparse.Namespace, processes: int) -> AbstractContextManager[Ask]:
    from mlx_saccade.evals import tiny

    how = {"revision": options.revision, "memory_limit": options.memory_limit}
    if processes > 1:
        return tiny.parallel(options.model, processes, **how)
    return nullcontext(tiny.serial(options.model, **how))


def _value(cell: dict[str, Any], name: str) -> str:
    if cell[name] is None:
        return "-"
    ends = cell[f"{name}_interval"]
    return f"{cell[name]:.3f} " + (f"({ends[0]:.3f}-{ends[1]:.3f})" if ends else "(-)")


def _print_range(figures: dict[str, Any]) -> None:
    least, most = figures["tokens"]
    print(f"in its range: {figures['screens']} screens, {least} to {most} tokens, targets of 28 model pixels both ways")
    if figures["large_share"] is not None:
        print(f"{figures['large_share']:.0%} of the targets are large", end="")
        print(": more than the 30 % that are meant to be" if figures["too_many_large"] else "")
    named = {"all": figures["places"]}
    for budget, cell in figures["by_budget"].items():
        spent = "{} to {} tokens".format(*cell["tokens"]) if cell["tokens"] else "not asked"
        named[f"at a budget of {budget} ({spent})"] = cell
    named |= {**figures["by_size"], **figures["by_relation"]}
    output.table(
        [("what", "left"), *((name, "right") for name in ("n", "screens", "IoU", "center inside"))],
        [(name, str(cell["n"]), str(cell["screens"]), _value(cell, "iou"), _value(cell, "hit"))
         for name, cell in named.items()],
    )  # fmt: skip
    print("\n95 % intervals by screens in brackets, - for fewer than ten screens\n")
    output.table(
        [("answers", "left"), ("n", "right"), ("screens", "right"), ("share (95 %)", "right")],
        [(name, str(cell["n"]), str(cell["screens"]), _value(cell, key)) for name, cell, key in _answers(figures)],
    )


def _answers(figures: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """What was said in words: name, cell and the name of its value."""
    yield "nothing said of what is there", figures["false_nothing"], "x"
    yield "  neither that nor a box", figures["malformed"], "x"
    yield "nothing said of what is absent", figures["absent"], "right"
    yield "  neither that nor a box", figures["absent_malformed"], "x"
    for name, words in (("point", "what is at a point"), ("box", "what is in a box")):
        yield words, figures[name], "right"
        yield "  color and kind alone", figures[f"{name}_looks"], "x"
        yield "  of descriptions without a relation", figures[f"{name}_plain"], "right"
        for size, cell in figures[f"{name}_by_size"].items():
            yield f"  of {size} ones", cell, "right"
    yield "nothing said of a bare point", figures["bare point"], "right"
    yield "nothing said of a bare box", figures["bare box"], "right"


def _print_law(figures: dict[str, Any]) -> None:
    print("\n4K screens, mean IoU by the target's share of the frame and budget (95 % by screens)")
    budgets = sorted({cell["budget"] for cell in figures["law"]})
    sizes = list(dict.fromkeys(cell["size"] for cell in figures["law"]))
    cells = {(cell["size"], cell["budget"]): cell for cell in figures["law"]}
    rows = [
        (f"{size} ({cells[size, budgets[0]]['n']}; {cells[size, budgets[0]]['screens']})",
         *(_value(cells[size, budget], "iou") for budget in budgets)) for size in sizes
    ]  # fmt: skip
    output.table([("target (n; screens)", "left"), *((f"{budget} tokens", "right") for budget in budgets)], rows)
    print("\ntiny targets, a second look at a crop around the first answer, against one look at 256 tokens")
    names = ("n", "screens", "one look", "two looks", "ratio")
    output.table(
        [("crop of each side", "left"), *((name, "right") for name in names)],
        [(str(z["crop"]), str(z["n"]), str(z["screens"]),
          _value(z["flat"], "iou"), _value(z, "iou"), _value(z, "ratio")) for z in figures["zoom"]],
    )  # fmt: skip


def _print_ambiguity(found: list[dict[str, Any]]) -> None:
    print("\nIoU lost from 256 tokens on, where a description fits two elements and where it fits one")
    output.table(
        [("to", "left"), *((name, "right") for name in ("n", "screens", "ambiguous", "clean", "difference"))],
        [(f"{a['budget']} tokens", f"{a['n'][0]} / {a['n'][1]}", str(a["screens"]),
          *(_value({name: a[key], f"{name}_interval": a[interval]}, name) for name, key, interval in (
              ("a", "ambiguous_drop", "ambiguous_interval"), ("c", "clean_drop", "clean_interval"),
              ("d", "excess", "excess_interval")))) for a in found],
    )  # fmt: skip
