"""`mlx-saccade convert`: a float checkpoint in, a quantized one out that saccade and mlx-vlm read."""

from __future__ import annotations

import argparse

from mlx_saccade.cli import output

__all__ = ["add_arguments", "run"]

_BITS = ("3", "4", "5", "6", "8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlx-saccade convert`."""
    parser.add_argument("source", metavar="SRC", help="a float checkpoint: a folder or hub id")
    parser.add_argument("target", metavar="DST", help="the folder to be made; it must not exist")
    parser.add_argument("--bits", choices=_BITS, default="4", help="of the language model (default: 4)")
    parser.add_argument(
        "--group-size", choices=("32", "64", "128"), default="64", help="weights that share a scale (default: 64)"
    )
    parser.add_argument(
        "--vision-bits", choices=("none", *_BITS), default="none", help="of the tower (default: none, it stays float)"
    )
    parser.add_argument("--revision", metavar="NAME", help="branch, tag or commit of a hub id")
    parser.add_argument("--verbose", action="store_true", help="list the layers left float and the keys ignored")


def run(options: argparse.Namespace) -> int:
    """Convert one checkpoint."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from mlx_saccade.checkpoint import hub
    from mlx_saccade.models.convert import convert

    folder = hub.find(options.source, revision=options.revision)
    columns = (TextColumn("quantizing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    screen = output.console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=None)
        made = convert(
            folder,
            options.target,
            bits=int(options.bits),
            group_size=int(options.group_size),
            vision_bits=None if options.vision_bits == "none" else int(options.vision_bits),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if options.json:
        output.print_json(
            {
                "folder": str(made.folder),
                "files": list(made.files),
                "source_bytes": made.source_bytes,
                "bytes": made.bytes,
                "quantized": {name: {"bits": f.bits, "group_size": f.group_size} for name, f in made.quantized.items()},
                "kept": list(made.kept),
                "ignored": list(made.ignored),
            }
        )
        return 0
    tower = sum(name.startswith("visual.") for name in made.quantized)
    facts = [
        ("written", f"{made.folder} ({', '.join(made.files)})"),
        ("size", f"{output.bytes_text(made.source_bytes)} -> {output.bytes_text(made.bytes)}"),
        ("quantized", f"{len(made.quantized) - tower} layers of the language model, {tower} of the tower"),
    ]
    if made.kept:
        facts.append(("left float", f"{len(made.kept)} layers whose width {options.group_size} does not divide"))
    if options.verbose:
        facts += [("left float", name) for name in made.kept]
        facts += [("ignored", f"{key} of config.json") for key in made.ignored]
    output.facts(facts)
    return 0
