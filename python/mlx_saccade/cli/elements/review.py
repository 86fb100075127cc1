"""`mlx-saccade elements review`: write the page on which a person decides about the elements of a set."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlx_saccade.cli import output
from mlx_saccade.errors import quantity

__all__ = ["EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY = "Write a page on which to accept, reject or correct elements by hand"
EXAMPLES = ("mlx-saccade elements review my-set",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade elements review`."""
    parser.epilog = (
        "The page is one file, which needs neither a server nor a network, but the images beside it. It exports "
        "decisions.json for `mlx-saccade elements merge`."
    )
    parser.add_argument("folder", metavar="DIR", help="folder of the set")


def run(options: argparse.Namespace) -> int:
    """Write review.html."""
    from mlx_saccade.evals.elements.review import write_page

    path, count = write_page(Path(options.folder))
    if options.json:
        output.print_json({"page": str(path), "elements": count})
    else:
        output.text(f"{quantity(count, 'element')} in {path}; open it in a browser")
    return 0
