"""Locate on many images: one row for each answer as it comes, an error row for what fails, and a summary."""

from __future__ import annotations

import argparse
import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import answers_json, images, output, progress
from mlx_saccade.cli.answer_text import print_cost
from mlx_saccade.cli.batch.log import BatchLog, Earlier
from mlx_saccade.cli.mistakes import kind_of, message_of
from mlx_saccade.cli.options import load_engine
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.cli.batch.items import Batch, Item
    from mlx_saccade.engine import Answer, Engine

__all__ = ["locate_batch", "option_names"]

Row = dict[str, Any]
Show = Callable[["Item", Sequence["Answer"]], None]
_IMAGE_OPTIONS = ("color", "page", "raw_size", "pixel_format")
_NOT_IN_LINES = ("self", "image", "description", "options", "pixel_format", "progress", "cancel")


@dataclass
class _Tally:
    """What became of the items so far; `rows` are kept only for --json, `earlier` are answers of an earlier run."""

    images: int = 0
    found: int = 0
    absent: int = 0
    failed: int = 0
    earlier: int = 0
    rows: list[Row] = field(default_factory=list)

    def count(self, rows: Sequence[Row], *, keep: bool) -> None:
        """Count an item and its rows, of answers and of a failure, and `keep` them or not."""
        self.images += 1
        self.rows += rows if keep else ()
        for row in rows:
            if row["schema"] == answers_json.ERROR:
                self.failed += 1
            elif row["click"] is None:
                self.absent += 1
            else:
                self.found += 1

    def __str__(self) -> str:
        """Return the numbers in words."""
        answers = self.found + self.absent
        number = f"{self.images} image" + ("s" if self.images != 1 else "")
        several = f", {answers} answers" if answers + self.failed != self.images else ""
        earlier = f"; {self.earlier} from an earlier run" if self.earlier else ""
        return f"{number}{several}: {self.found} found, {self.absent} without a box, {self.failed} failed{earlier}"


def option_names() -> list[str]:
    """Return the names of the options that a JSON line may have: those of `Engine.locate`, and "at" of a film."""
    from mlx_saccade.engine import Engine, sampling

    names = [*inspect.signature(Engine.locate).parameters, *sampling.GenerateOptions.__annotations__]
    return [*(name for name in names if name not in _NOT_IN_LINES), "at"]


def locate_batch(options: argparse.Namespace, batch: Batch, settings: dict[str, Any], show: Show | None = None) -> int:
    """Locate on every image of a batch, and print or write the rows.

    Args:
        options: of the command line.
        batch: the images and what to find on each.
        settings: arguments of `Engine.locate` for all images; a line's own options take their place.
        show: prints the answers on one image, in place of rows on standard output.

    Returns:
        The exit code: 2 if an item failed, 1 with --fail if something was not found, else 0.

    Raises:
        InputError: the checkpoint or the file of --out cannot be used.
        OSError: a row cannot be written.
        KeyboardInterrupt: Ctrl-C; what was finished has been written.
    """
    tally = _Tally()
    load, has_bar = functools.cache(functools.partial(load_engine, options)), _has_bar(options)
    with _open_log(options, settings) as log:
        if batch.total is None or not has_bar:  # a program at the other end of a pipe does not wait at its first line
            with progress.Progress("loading the model"):
                load()
        try:
            with _bar(batch.total) if has_bar else contextlib.nullcontext(lambda: None) as advance:
                for item in batch.items:
                    earlier = Earlier(missing=list(item.descriptions)) if log is None else log.earlier(item)
                    rows, answers = _rows(options, item, earlier.missing, load, settings)
                    if log is not None:
                        log.add(rows, earlier.failure)
                    else:
                        _print(options, item, rows, answers, show)
                    if options.verbose:
                        for answer in answers:
                            print_cost(answer)
                    tally.earlier += len(earlier.answers)
                    tally.count([*earlier.answers, *rows], keep=options.json)
                    advance()
        except KeyboardInterrupt:
            again = "; run the same command to continue" if log is not None else ""
            output.note(f"stopped after {tally}{again}")
            raise
    if options.json:
        errors = [row for row in tally.rows if row["schema"] == answers_json.ERROR]
        answer_rows = [row for row in tally.rows if row.pop("schema") == answers_json.ANSWER]
        answers_json.print_document(answer_rows, errors=[{"schema": answers_json.ERROR, **row} for row in errors])
    output.note(str(tally))
    return 2 if tally.failed else 1 if options.fail and tally.absent else 0


@contextlib.contextmanager
def _open_log(options: argparse.Namespace, settings: dict[str, Any]) -> Iterator[BatchLog | None]:
    """Open the file of --out, if there is one."""
    if options.out is None:
        yield None
        return
    from mlx_saccade import policies
    from mlx_saccade.checkpoint import hub

    with progress.Progress("reading the checkpoint"):
        checkpoint = hub.digest(options.model, revision=options.revision)
    decoding = {name: getattr(options, name) for name in _IMAGE_OPTIONS}
    setup = {"checkpoint": checkpoint, **settings, **decoding}
    if settings["budget"] is None and settings["candidates"] == 1:
        setup.setdefault("policy", policies.DEFAULT)  # of `Engine.locate`
    setup = {name: value for name, value in setup.items() if value is not None and value is not False}
    with BatchLog(options.out, setup) as log:
        yield log


def _has_bar(options: argparse.Namespace) -> bool:
    """Return False if rows are printed on a terminal, where they show the progress themselves."""
    return options.out is not None or sys.stdout is None or not sys.stdout.isatty()


@contextlib.contextmanager
def _bar(total: int | None) -> Iterator[Callable[[], object]]:
    """Show the items done and the time left."""
    with progress.bar(redirect_stdout=False) as bar:
        task = bar.add_task("locating", total=total)
        yield lambda: bar.advance(task)


def _rows(
    options: argparse.Namespace,
    item: Item,
    missing: list[str],
    load: Callable[[], Engine],
    settings: dict[str, Any],
) -> tuple[list[Row], Sequence[Answer]]:
    """Return the rows of the descriptions of an item that miss an answer, and the answers in them."""
    head = {"line": item.line, "id": item.id, "options": item.options or None}
    head = {name: value for name, value in head.items() if value is not None}
    if item.problem is not None:
        return [_failure(item, head, "input", item.problem)], ()
    if not missing:
        return [], ()
    engine = load()
    try:
        own = {name: value for name, value in item.options.items() if name != "at"}
        answers = engine.locate(_image(options, item), missing, **{**settings, **own})
    except (InputError, OSError, MemoryError) as error:
        source = error.filename if isinstance(error, OSError) else None
        return [_failure(item, head, kind_of(error), message_of(error), source)], ()
    rows = [
        {"schema": answers_json.ANSWER, **head, **answers_json.located(item.image, description, answer)}
        for description, answer in zip(missing, answers, strict=True)
    ]
    return rows, answers


def _image(options: argparse.Namespace, item: Item) -> Any:
    """Return the image of an item, or the frame of its film that "at" names.

    Raises:
        InputError, FileNotFoundError: as `images.source` and `mlx_saccade.media.open_frame`.
    """
    source = images.source(options, item.image or "")
    if "at" not in item.options:
        return source
    from mlx_saccade import media

    return media.open_frame(source, item.options["at"])


def _failure(item: Item, head: Row, kind: str, message: str, source: str | None = None) -> Row:
    """Return the row of an item that failed, and print its message."""
    image = answers_json.image_name(item.image)
    where = f"line {item.line}: " if item.line is not None else "" if image and image in message else f"{image}: "
    output.print_error(f"{where}{message}")
    row = answers_json.error(kind, message, source or image)
    return {"schema": row.pop("schema"), **head, **({} if image is None else {"image": image}), **row}


def _print(
    options: argparse.Namespace, item: Item, rows: list[Row], answers: Sequence[Answer], show: Show | None
) -> None:
    """Print the rows of an item, or its answers in words; with --json nothing yet."""
    if show is not None:
        if answers:
            show(item, answers)
    elif not options.json:
        for row in rows:
            print(output.json_text(row), flush=True)
