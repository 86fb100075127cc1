"""`mlx-saccade dashboard`: build a site of measurements, or open it."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlx_saccade.cli import output
from mlx_saccade.cli.mistakes import UsageError
from mlx_saccade.errors import InputError, quantity

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade dashboard build",
    "mlx-saccade dashboard build --data saccade-sweep --out site",
    "mlx-saccade dashboard open",
)
_DATA = "benchmarks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade dashboard`."""
    parser.epilog = (
        "Reads runs of `sweep`, runs of `bench` and tables of benchmarks/results. A file that cannot be read is "
        "skipped and named, on the page too. The site needs no server and no network. "
        "Exit code 1: all files were skipped."
    )
    parser.add_argument("action", choices=["build", "open"], help="build: write the site; open: show it in the browser")
    parser.add_argument(
        "--data",
        nargs="+",
        action="extend",
        metavar="PATH",
        help=f"data files, or folders of them (default {_DATA}, where it exists)",
    )
    parser.add_argument("--out", default="site", metavar="DIR", help="folder of the site (default site)")


def run(options: argparse.Namespace) -> int:
    """Write the site, or open it."""
    return _build(options) if options.action == "build" else _open(options)


def _build(options: argparse.Namespace) -> int:
    from mlx_saccade import dashboard

    given = options.data
    site = dashboard.build(options.out, given if given is not None else [_DATA] if Path(_DATA).is_dir() else [])
    for problem in site.problems:
        output.note(f"skipped: {problem}")
    code = 1 if site.problems and not site.files else 0
    if options.json:
        output.print_json(
            {
                "page": str(site.index),
                "files": list(site.files),
                "skipped": list(site.problems),
                "page_bytes": site.page_bytes,
                "plotly_bytes": site.plotly_bytes,
            }
        )
        return code
    weight = f"{output.bytes_text(site.page_bytes)}, and Plotly {output.bytes_text(site.plotly_bytes)}"
    output.text(f"{quantity(len(site.files), 'data file')} in {site.index} ({weight})")
    return code


def _open(options: argparse.Namespace) -> int:
    import webbrowser

    from mlx_saccade import dashboard

    if options.data is not None:
        raise UsageError("mlx-saccade dashboard open: --data: not allowed with open. Give it to `dashboard build`")
    index = dashboard.index_of(options.out).resolve()
    opened = webbrowser.open(index.as_uri())
    if not opened:
        raise InputError(f"{index}: no browser was found to open it. Open the file yourself")
    if options.json:
        output.print_json({"page": str(index)})
    else:
        output.text(f"opened {index}")
    return 0
