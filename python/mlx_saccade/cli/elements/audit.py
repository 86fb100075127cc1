"""`mlx-saccade elements audit`: measure the stages on generated screens, where the truth is known."""

from __future__ import annotations

import argparse
from typing import Any

from mlx_saccade import validation
from mlx_saccade.cli import output, progress
from mlx_saccade.cli.elements.run import add_stage_arguments, settings_of
from mlx_saccade.cli.options import add_checkpoint_arguments, add_memory_argument, add_out_argument

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Measure the stages on generated screens, where the truth is known"
EXAMPLES = ("mlx-saccade elements audit --n 100 --processes 2",)

_ROWS = (
    ("contaminated_before", "contaminated, of all regions before the screening"),
    ("contaminated_after", "contaminated, of the survivors"),
    ("contaminated_caught", "contaminated that were caught"),
    ("contaminated_called_ambiguous", "  as ambiguous"),
    ("contaminated_caught_from_28_px", "  if all that match have 28 px both ways"),
    ("contaminated_caught_16_to_28_px", "  if the smallest has 16 to 28 px"),
    ("contaminated_caught_below_16_px", "  if it has less"),
    ("good_lost", "good that were lost"),
    ("good_called_ambiguous", "  as ambiguous"),
    ("good_called_unverified", "  as unverified"),
    ("wrong_caught", "wrong that were caught"),
    ("survivors_iou", "IoU of the survivors with the truth"),
    ("visible_in_set", "visible elements that the set has, of all with and without a twin"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade elements audit`."""
    parser.epilog = (
        "A region is contaminated if its description matches two or more elements of its screen, good if it matches "
        "one and has its box, and wrong otherwise. Every second screen has many elements that look alike."
    )
    parser.add_argument("--n", type=int, default=100, metavar="N", help="number of screens (default 100)")
    add_out_argument(parser, "run log, from which a stopped audit resumes", default="saccade-elements-audit.jsonl")
    add_checkpoint_arguments(parser)
    add_stage_arguments(parser)
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="processes, at most one per CPU core (default 1)"
    )
    add_memory_argument(parser, "maximum memory per process")


def run(options: argparse.Namespace) -> int:
    """Audit the screens that the run log does not have, and print the figures of all."""
    from mlx_saccade.checkpoint import hub
    from mlx_saccade.evals.elements import audit
    from mlx_saccade.evals.elements.asking import check_proposer
    from mlx_saccade.evals.processes import cores

    count = validation.at_least(1, options.n, "--n", most=audit.MOST_SCREENS)
    processes = min(validation.at_least(1, options.processes, "--processes"), cores())
    proposer = check_proposer(options.proposer, hub.find(options.model, revision=options.revision))
    settings = settings_of(options, proposer, None)
    model = hub.digest(options.model, revision=options.revision)
    seeds = range(audit.FIRST_SEED, audit.FIRST_SEED + count)
    load_options = {"revision": options.revision, "memory_limit": options.memory_limit}
    with audit.open_audit(options.out, settings, model) as log, progress.bar() as bar:
        missing = [seed for seed in seeds if seed not in {one.seed for one in log.entries}]
        task = bar.add_task("screens", total=count, completed=count - len(missing))
        for one in audit.audit_screens(options.model, load_options, settings, missing, min(processes, len(missing))):
            log.add(one)
            bar.advance(task)
    figures = audit.summarize([one for one in sorted(log.entries, key=lambda one: one.seed) if one.seed in seeds])
    if options.json:
        output.print_json({"journal": options.out, **figures})
        return 0
    output.text(f"{figures['screens']} screens of {audit.AUDIT_SIZE[0]} x {audit.AUDIT_SIZE[1]} pixels")
    output.table(
        [("regions", "left"), ("n", "right"), ("screens", "right"), ("share (95 %)", "right")],
        [
            (words, str(figures[name]["n"]), str(figures[name]["screens"]), _value(figures[name]))
            for name, words in _ROWS
        ],
    )
    output.text("95 % intervals by screens in parentheses, - with fewer than ten screens")
    output.text(f"screens in {options.out}")
    return 0


def _value(cell: dict[str, Any]) -> str:
    if cell["value"] is None:
        return "-"
    interval = cell["interval"]
    return f"{cell['value']:.3f} " + (f"({interval[0]:.3f}-{interval[1]:.3f})" if interval else "(-)")
