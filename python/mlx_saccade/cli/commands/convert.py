"""`mlx-saccade convert`: quantize a float checkpoint so that saccade and mlx-vlm read it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mlx_saccade.cli import output, progress
from mlx_saccade.cli.options import add_revision_argument

if TYPE_CHECKING:
    from mlx_saccade.models.convert import Conversion

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = ("mlx-saccade convert path/to/checkpoint checkpoint-4bit --bits 4",)

_BITS = ("3", "4", "5", "6", "8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade convert`."""
    parser.add_argument("source", metavar="SRC", help="folder or hub id of a float checkpoint")
    parser.add_argument("target", metavar="DST", help="new folder for the quantized checkpoint")
    parser.add_argument("--bits", choices=_BITS, default="4", help="bits per weight of the language model (default 4)")
    parser.add_argument(
        "--group-size", choices=("32", "64", "128"), default="64", help="weights that share a scale (default 64)"
    )
    parser.add_argument(
        "--vision-bits",
        choices=("none", *_BITS),
        default="none",
        help="bits per weight of the vision tower (default none: float)",
    )
    add_revision_argument(parser)
    parser.add_argument("--verbose", action="store_true", help="list layers left float and ignored config keys")


def run(options: argparse.Namespace) -> int:
    """Convert one checkpoint."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

    from mlx_saccade.checkpoint import hub
    from mlx_saccade.models.convert import convert

    folder = hub.find(options.source, revision=options.revision)
    with progress.bar(TextColumn("quantizing"), BarColumn(), DownloadColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("", total=None)
        conversion = convert(
            folder,
            options.target,
            bits=int(options.bits),
            group_size=int(options.group_size),
            vision_bits=None if options.vision_bits == "none" else int(options.vision_bits),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if options.json:
        _print_json(conversion)
    else:
        _print_facts(conversion, options)
    return 0


def _print_json(conversion: Conversion) -> None:
    layers = conversion.quantized.items()
    output.print_json(
        {
            "folder": str(conversion.folder),
            "files": list(conversion.files),
            "source_bytes": conversion.source_bytes,
            "bytes": conversion.bytes,
            "quantized": {name: {"bits": spec.bits, "group_size": spec.group_size} for name, spec in layers},
            "kept": list(conversion.kept),
            "ignored": list(conversion.ignored),
        }
    )


def _print_facts(conversion: Conversion, options: argparse.Namespace) -> None:
    tower = sum(name.startswith("visual.") for name in conversion.quantized)
    before, after = output.bytes_text(conversion.source_bytes), output.bytes_text(conversion.bytes)
    language = len(conversion.quantized) - tower
    facts = [
        ("written", f"{conversion.folder} ({', '.join(conversion.files)})"),
        ("size", f"{before} -> {after}"),
        ("quantized", f"{language} layers of the language model, {tower} of the vision tower"),
    ]
    if conversion.kept:
        width = f"their width is not a multiple of {options.group_size}"
        facts.append(("left float", f"{len(conversion.kept)} layers: {width}"))
    if options.verbose:
        facts += [("left float", name) for name in conversion.kept]
        facts += [("ignored", f"{key} of config.json") for key in conversion.ignored]
    output.facts(facts)
