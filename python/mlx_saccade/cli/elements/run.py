"""`mlx-saccade elements run`: propose, localize and screen the elements of images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import (
    add_budget_argument,
    add_checkpoint_arguments,
    add_memory_argument,
    note_packaged,
)
from mlx_saccade.errors import InputError, quantity

if TYPE_CHECKING:
    from mlx_saccade.evals.elements.asking import EngineAsker
    from mlx_saccade.evals.elements.images import SetImage
    from mlx_saccade.evals.elements.regions import Settings
    from mlx_saccade.evals.elements.run import Step
    from mlx_saccade.evals.runs import RunLog

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "add_stage_arguments", "run", "settings_of"]

SUMMARY = "Propose regions of images, localize each by a zoom, and screen them"
EXAMPLES = ("mlx-saccade elements run shot.png --out my-set",)

_MOST_GRID, _LEAST_STRIDE = 8, 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade elements run`."""
    parser.epilog = (
        "A region is left out if the zoom does not find it, if a closer crop does not verify it, or if its description "
        "also matches another place. set.json has every region with its verdict, reason and numbers, annotations.json "
        "those that are left, in ScreenSpot-Pro's fields, and rejected.json the others. The same command resumes a "
        "stopped run. A later one may add images. Other actions, each with its own help: review, merge, audit, pairs."
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the set, created if missing")
    add_checkpoint_arguments(parser)
    add_budget_argument(parser)
    add_stage_arguments(parser)
    parser.add_argument(
        "--until", choices=("propose", "localize", "screen"), default="screen", help="last stage (default screen)"
    )
    add_memory_argument(parser)


def add_stage_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stages; `settings_of` reads them."""
    parser.add_argument(
        "--proposer", choices=("points", "list"), help="how to ask what there is (default points if packaged)"
    )
    parser.add_argument("--grids", default="1,2", metavar="N,N", help="sides of the grids of crops shown (default 1,2)")
    parser.add_argument("--stride", type=int, default=36, metavar="N", help="model pixels between points (default 36)")


def settings_of(options: argparse.Namespace, proposer: str, budget: str | None) -> Settings:
    """Return the settings of a set.

    Raises:
        InputError: --grids or --stride out of range.
    """
    from mlx_saccade.evals.elements.regions import Settings

    words = [word.strip() for word in options.grids.split(",")]
    grids = tuple(int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 3)
    if len(grids) != len(words) or grids != tuple(sorted(set(grids))) or not 1 <= grids[0] <= grids[-1] <= _MOST_GRID:
        raise InputError(f"--grids: expected rising numbers from 1 to {_MOST_GRID}; got {options.grids}. Write 1,2")
    stride = validation.at_least(_LEAST_STRIDE, options.stride, "--stride")
    return Settings(proposer, budget, grids, stride=stride)


def run(options: argparse.Namespace) -> int:
    """Run the stages on each image, then write the lists of the set."""
    from mlx_saccade import engine
    from mlx_saccade.checkpoint import hub
    from mlx_saccade.evals.elements import images, verdicts
    from mlx_saccade.evals.elements.asking import EngineAsker, check_proposer
    from mlx_saccade.evals.elements.run import open_log
    from mlx_saccade.preprocess import limits

    limits.read(options.budget, "--budget")  # before the checkpoint is loaded
    proposer = check_proposer(options.proposer, hub.find(options.model, revision=options.revision))
    settings = settings_of(options, proposer, options.budget)
    folder = images.check_folder(Path(options.out))
    model = hub.digest(options.model, revision=options.revision)
    with open_log(folder, settings, model) as log:
        added = images.add_images(folder, options.images)
        if options.model is None and not options.json:
            note_packaged()
        loaded = engine.load(options.model, revision=options.revision, memory_limit=options.memory_limit)
        asker = EngineAsker(loaded, proposer, options.budget)
        several = images.all_images(folder, added, log.entries)
        entries = _run_images(asker, several, log, settings, options.until)
    if entries is None:
        _report({"out": str(folder), "until": options.until, "images": len(added)}, options)
        return 0
    verdicts.write_set(folder, settings, model, entries)
    accepted, rejected, differing = verdicts.write_lists(folder, entries)
    if differing:
        output.note(f"{quantity(len(differing), 'merged decision')} left out: the elements are no longer the same")
    figures = {"accepted": len(accepted), "rejected": len(rejected), "verdicts": verdicts.count_verdicts(entries)}
    _report({"out": str(folder), "images": len(several), **figures}, options)
    return 0


def _run_images(
    asker: EngineAsker, several: list[SetImage], log: RunLog[Step], settings: Settings, until: Any
) -> list[dict[str, Any]] | None:
    """Return the elements of all images; None if `until` ends before the last stage."""
    from mlx_saccade.evals.elements.run import ImageSteps, make_elements
    from mlx_saccade.evals.elements.verdicts import entries_of

    entries: list[dict[str, Any]] = []
    with progress.bar() as bar:
        task = bar.add_task("", total=1)
        for number, image in enumerate(several, 1):
            name = f"{image.path.name} ({number} of {len(several)})"

            def advance(stage: str, done: int, total: int, name: str = name) -> None:
                bar.update(task, description=f"{name}: {stage}", completed=done, total=total)

            steps = ImageSteps(image.name, image.digest, log.entries, log.add)
            result = make_elements(
                asker,
                lambda image=image: asker.engine.open(image.path),  # type: ignore[misc]
                steps,
                settings,
                until=until,
                advance=advance,
            )
            if result is not None:
                entries += entries_of(image.name, *result)
    return entries if until == "screen" else None


def _report(figures: dict[str, Any], options: argparse.Namespace) -> None:
    if options.json:
        output.print_json(figures)
        return
    if "until" in figures:
        output.text(f"{quantity(figures['images'], 'image')} until {figures['until']}, in {figures['out']}")
        return
    if not figures["verdicts"]:
        image = quantity(figures["images"], "image")
        output.text(f"no region in {image}: the model named nothing. Try the other --proposer, or another --model")
        return
    output.table(
        [("verdict", "left"), ("regions", "right")],
        [(name, str(count)) for name, count in figures["verdicts"].items()],
    )
    output.text(
        f"{quantity(figures['accepted'], 'element')} of {quantity(figures['images'], 'image')} in "
        f"{figures['out']}/annotations.json; `mlx-saccade elements review {figures['out']}` shows all"
    )
