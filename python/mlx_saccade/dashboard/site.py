"""The site: a folder that a browser opens without a server and without a network."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from mlx_saccade import _core, files
from mlx_saccade.dashboard.data import data_of, script
from mlx_saccade.dashboard.sources import gather
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["MAX_BYTES", "SCRIPTS", "Site", "build", "index_of"]

MAX_BYTES = 3_000_000
"""The most that the site may take without Plotly's own file, as the tests check."""
VIEWS = ("latency", "accuracy", "runtimes", "history", "peers", "machines")
SCRIPTS = (
    "data.js",
    *(
        f"{name}.js"
        for name in ("resize", "recommend", "dom", "format", "csv", "table", "controls", "chart", "tradeoff")
    ),
    *(f"views/{view}.js" for view in VIEWS),
    "main.js",
)
"""The page's scripts in the order in which they need each other."""
PLOTLY = "plotly.min.js"
_GENERATOR = '<meta name="generator" content="mlx-saccade dashboard">'


@dataclass(frozen=True)
class Site:
    """A site that was written.

    Attributes:
        index: the page to open.
        page_bytes: bytes of all files but Plotly's.
        plotly_bytes: bytes of Plotly's file.
        files: names of the data files that were read.
        problems: a message for each that was skipped.
    """

    index: Path
    page_bytes: int
    plotly_bytes: int
    files: tuple[str, ...]
    problems: tuple[str, ...]


def build(out: str | os.PathLike[str], paths: Iterable[str | os.PathLike[str]] = ()) -> Site:
    """Write the site.

    Args:
        out: folder of the site, made if it does not exist; a site that is in it is replaced.
        paths: data files, and folders of them; default none: the site then has published figures only.

    Raises:
        FileNotFoundError: no such data file or folder.
        InputError: Plotly is not installed, or the folder is a file or has an index.html of something else.
    """
    plotly = _plotly()
    folder = _folder(out)
    sources = gather(paths)
    contents = _static()
    contents["data.js"] = script(data_of(sources)).encode()
    page_bytes = sum(map(len, contents.values()))
    page = _render(sources.files, sources.problems, page_bytes, len(plotly)).encode()
    for name, content in {**contents, PLOTLY: plotly, "index.html": page}.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(target, content)
    return Site(
        index=folder / "index.html",
        page_bytes=page_bytes + len(page),
        plotly_bytes=len(plotly),
        files=tuple(sources.files),
        problems=tuple(sources.problems),
    )


def index_of(out: str | os.PathLike[str]) -> Path:
    """Return the page of a site.

    Raises:
        FileNotFoundError: there is none.
    """
    index = Path(out) / "index.html"
    if not index.is_file() or not _is_ours(index):
        raise FileNotFoundError(f"{out}: no dashboard here. Run `mlx-saccade dashboard build --out {out}` first")
    return index


def _is_ours(index: Path) -> bool:
    return _GENERATOR.encode() in index.read_bytes()[:2000]


def _folder(out: str | os.PathLike[str]) -> Path:
    """Make the folder of the site, unless it holds another one."""
    folder = Path(out)
    if not os.fspath(out):
        raise InputError("--out: expected the name of a folder; got an empty string")
    index = folder / "index.html"
    if index.exists() and not _is_ours(index):
        raise InputError(f"{out}: expected an empty folder or a dashboard; got another site. Name another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{out}: expected a folder; got a file. Name another --out") from None
    return folder


def _plotly() -> bytes:
    """Return Plotly's script, without importing its Python package."""
    spec = importlib.util.find_spec("plotly")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(location) / "package_data" / PLOTLY
        if path.is_file():
            return path.read_bytes()
    raise InputError(
        "dashboard: expected Plotly, which draws the charts; it is not installed. "
        'Run `pip install "mlx-saccade[dashboard]"`'
    )


def _room() -> Traversable:
    return resources.files("mlx_saccade") / "dashboard"


def _static() -> dict[str, bytes]:
    names = ["style.css", *(name for name in SCRIPTS if name != "data.js")]
    return {name: (_room() / "static").joinpath(*name.split("/")).read_bytes() for name in names}


def _render(names: list[str], problems: list[str], page_bytes: int, plotly_bytes: int) -> str:
    import jinja2

    source = (_room() / "templates" / "index.html.j2").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    return template.render(
        scripts=SCRIPTS,
        files=names,
        problems=problems,
        date=datetime.now(timezone.utc).date().isoformat(),
        version=_core.version(),
        weight=f"{page_bytes / 1e6:.2f} MB",
        plotly_weight=f"{plotly_bytes / 1e6:.1f} MB",
    )
