"""`mlx-saccade tiny evaluate`: measure the packaged checkpoint on held-out generated screens."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import add_checkpoint_arguments, add_memory_argument, add_out_argument
from mlx_saccade.errors import InputError
from mlx_saccade.evals.processes import cores

if TYPE_CHECKING:
    from mlx_saccade.evals.tiny.workers import Ask

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = ("mlx-saccade tiny evaluate --screens 100 --processes 2",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade tiny`."""
    parser.epilog = (
        "Every 25 in-range screens come with two 4K screens, and at least four are asked. Figures of 4K screens have "
        "intervals from about 400 in-range screens on. The published figures are of --screens 1000."
    )
    parser.add_argument("action", choices=["evaluate"], help="evaluate: measure on held-out screens")
    parser.add_argument(
        "--screens", type=int, default=30, metavar="N", help="in-range screens, from 1 to 10000 (default 30)"
    )
    add_out_argument(parser, "run log, from which a stopped evaluation resumes", default="saccade-tiny.jsonl")
    add_checkpoint_arguments(parser, "folder or hub id of another checkpoint (default the packaged one)")
    add_memory_argument(parser, "maximum memory per process")
    parser.add_argument(
        "--parts", default="range,law,ambiguity", metavar="NAMES", help="parts to ask (default range,law,ambiguity)"
    )
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="processes, at most one per CPU core (default 1)"
    )


def run(options: argparse.Namespace) -> int:
    """Ask what the run log does not have, then print the figures of all its answers."""
    from mlx_saccade.checkpoint import hub
    from mlx_saccade.evals import tiny

    parts = _parse_parts(options.parts, list(tiny.PARTS))
    total = sum(tiny.units_of(part, options.screens) for part in parts)
    if options.processes < 1:
        raise InputError(f"--processes: expected at least 1; got --processes {options.processes}. Leave it out for 1")
    log = tiny.open_run(options.out, hub.digest(options.model, revision=options.revision))
    processes = min(options.processes, cores(), tiny.missing(log, options.screens, parts))
    with _asking(options, processes) as ask, progress.bar() as bar:
        task = bar.add_task("asking", total=total)
        rows = tiny.evaluate(ask, options.screens, log, lambda done: bar.update(task, completed=done), parts)
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
    output.text(f"answers in {options.out}")
    return 0


def _parse_parts(text: str, known: Sequence[str]) -> list[str]:
    """Return the parts of a comma-separated list, in the order of `known`."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise InputError(f"--parts: expected some of {', '.join(known)}; got --parts {text}. Correct {name!r}")
    return [name for name in known if name in names]


def _asking(options: argparse.Namespace, processes: int) -> AbstractContextManager[Ask]:
    from mlx_saccade.evals import tiny

    load_options = {"revision": options.revision, "memory_limit": options.memory_limit}
    if processes > 1:
        return tiny.parallel(options.model, processes, **load_options)
    return nullcontext(tiny.serial(options.model, **load_options))


def _value(cell: dict[str, Any], name: str) -> str:
    if cell[name] is None:
        return "-"
    interval = cell[f"{name}_interval"]
    return f"{cell[name]:.3f} " + (f"({interval[0]:.3f}-{interval[1]:.3f})" if interval else "(-)")


def _print_range(figures: dict[str, Any]) -> None:
    least, most = figures["tokens"]
    screens = f"in range: {figures['screens']} screens, {least} to {most} tokens"
    output.text(f"{screens}, targets of at least 28 model pixels both ways")
    if figures["large_share"] is not None:
        more = ": more than the intended 30 %" if figures["too_many_large"] else ""
        output.text(f"{figures['large_share']:.0%} of the targets are large{more}")
    cells = {"all": figures["places"]}
    for budget, cell in figures["by_budget"].items():
        tokens = "{} to {} tokens".format(*cell["tokens"]) if cell["tokens"] else "not asked"
        cells[f"at a budget of {budget} ({tokens})"] = cell
    cells |= {**figures["by_size"], **figures["by_relation"]}
    output.table(
        [("targets", "left"), *((name, "right") for name in ("n", "screens", "IoU", "center inside"))],
        [(name, str(cell["n"]), str(cell["screens"]), _value(cell, "iou"), _value(cell, "hit"))
         for name, cell in cells.items()],
    )  # fmt: skip
    output.text("95 % intervals by screens in parentheses, - with fewer than ten screens")
    print()
    output.table(
        [("answers", "left"), ("n", "right"), ("screens", "right"), ("share (95 %)", "right")],
        [(name, str(cell["n"]), str(cell["screens"]), _value(cell, key)) for name, cell, key in _answers(figures)],
    )


def _answers(figures: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the description, cell and name of the value of each kind of answer in words."""
    yield "'nothing' for an existing element", figures["false_nothing"], "x"
    yield "  neither 'nothing' nor a box", figures["malformed"], "x"
    yield "'nothing' for an absent element", figures["absent"], "right"
    yield "  neither 'nothing' nor a box", figures["absent_malformed"], "x"
    for name, words in (("point", "what is at a point"), ("box", "what is in a box")):
        yield words, figures[name], "right"
        yield "  color and kind only", figures[f"{name}_looks"], "x"
        yield "  descriptions without a relation", figures[f"{name}_plain"], "right"
        for size, cell in figures[f"{name}_by_size"].items():
            yield f"  {size} elements", cell, "right"
    yield "'nothing' for a bare point", figures["bare point"], "right"
    yield "'nothing' for a bare box", figures["bare box"], "right"


def _print_law(figures: dict[str, Any]) -> None:
    output.text("4K screens, mean IoU by the target's share of the frame and by budget (95 % intervals)")
    budgets = sorted({cell["budget"] for cell in figures["law"]})
    sizes = list(dict.fromkeys(cell["size"] for cell in figures["law"]))
    cells = {(cell["size"], cell["budget"]): cell for cell in figures["law"]}
    rows = [
        (f"{size} ({cells[size, budgets[0]]['n']}; {cells[size, budgets[0]]['screens']})",
         *(_value(cells[size, budget], "iou") for budget in budgets)) for size in sizes
    ]  # fmt: skip
    output.table([("target (n; screens)", "left"), *((f"{budget} tokens", "right") for budget in budgets)], rows)
    output.text("tiny targets: a second look at a crop around the first answer, compared with one look at 256 tokens")
    names = ("n", "screens", "one look", "two looks", "ratio")
    output.table(
        [("crop of each side", "left"), *((name, "right") for name in names)],
        [(str(z["crop"]), str(z["n"]), str(z["screens"]),
          _value(z["flat"], "iou"), _value(z, "iou"), _value(z, "ratio")) for z in figures["zoom"]],
    )  # fmt: skip


def _print_ambiguity(figures: list[dict[str, Any]]) -> None:
    output.text("IoU lost beyond 256 tokens, for descriptions that fit two elements and that fit one")
    output.table(
        [("to", "left"), *((name, "right") for name in ("n", "screens", "ambiguous", "clean", "difference"))],
        [(f"{a['budget']} tokens", f"{a['n'][0]} / {a['n'][1]}", str(a["screens"]),
          *(_value({name: a[key], f"{name}_interval": a[interval]}, name) for name, key, interval in (
              ("a", "ambiguous_drop", "ambiguous_interval"), ("c", "clean_drop", "clean_interval"),
              ("d", "excess", "excess_interval")))) for a in figures],
    )  # fmt: skip
