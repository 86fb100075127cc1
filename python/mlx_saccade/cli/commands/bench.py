"""`mlx-saccade bench`: time preprocessing and whole questions on this machine, keep the times, and compare them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlx_saccade import _core, files, validation
from mlx_saccade.cli import images, output
from mlx_saccade.cli.bench import tables
from mlx_saccade.cli.bench.measure import measure_profile
from mlx_saccade.cli.costs import PROFILE
from mlx_saccade.cli.options import (
    add_image_arguments,
    add_memory_argument,
    add_revision_argument,
    parse_budgets,
)
from mlx_saccade.cli.size_words import image_or_size, parse_screen_size
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlx_saccade.bench.run import Run
    from mlx_saccade.media.color import Color

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = (
    "mlx-saccade bench preprocess 1920x1080 --budgets 256,1280",
    "mlx-saccade bench profile --budgets 64,256 --rounds 2 --out profile.jsonl",
    "mlx-saccade bench record profile.jsonl --history history",
    "mlx-saccade bench compare before.json after.json",
    "mlx-saccade bench send-in --budgets 64,256 --rounds 2 --out my-machine.json",
)

_SIZE = "3840x2160"
_BUDGETS = "256,1280,4096,16384"
_SEND_IN = {"budgets": "256,1280,4096", "rounds": 3, "out": "saccade-machine.json"}
_HISTORY = "benchmarks/history"
_MAX_ROUNDS = 1000
# Options of each action, beside the images' of `preprocess`; others are noted.
_OPTIONS = {
    "preprocess": ("budgets", "rounds", "out", "color", "allow_url"),
    "profile": (
        "budgets", "rounds", "out", "model", "revision", "synthetic", "device", "sides", "answer_tokens", "timeout",
        "memory_limit",
    ),
    "record": ("history",),
    "compare": (),
    "send-in": ("budgets", "rounds", "out", "device", "sides", "timeout", "memory_limit"),
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade bench`."""
    parser.epilog = (
        "preprocess [IMAGE|WIDTHxHEIGHT] times image preparation beside Pillow. profile [WIDTHxHEIGHT] times the "
        "stages of a question by budget, beside mlx-vlm where it is installed; the same command resumes a stopped one. "
        "record FILE adds a profile, or the JSON of pytest-benchmark, to a history that is never overwritten. "
        "compare A B prints ratios with their intervals. send-in checks exactness, measures a short profile, and "
        "writes one file without personal data. Exit code 1: outputs differ, or `compare` finds a stage slower by more "
        "than the noise."
    )
    parser.add_argument(
        "action", choices=tuple(_OPTIONS), metavar="ACTION", help="preprocess, profile, record, compare or send-in"
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="an image, a size or files (default 3840x2160)")
    parser.add_argument("--budgets", metavar="N,N", help=f"budgets in tokens (default {_BUDGETS})")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="timed turns of each side (default 5, with --out 40; profiles 3)"
    )
    parser.add_argument("--out", metavar="FILE", help=f"file to write (default of profile {PROFILE})")
    parser.add_argument("--history", metavar="DIR", help=f"folder of the history (default {_HISTORY})")
    profile = parser.add_argument_group("profile")
    profile.add_argument("--model", metavar="PATH|ID", help="checkpoint folder or hub id (default the packaged one)")
    add_revision_argument(profile)
    profile.add_argument("--synthetic", metavar="SIZE[:LAYERS]", help="random weights: 3b, 7b:4, qwen3-4b (default no)")
    profile.add_argument("--sides", metavar="NAMES", help="saccade,mlx-vlm,mlx-vlm enabled (default the installed)")
    profile.add_argument("--device", choices=("cpu", "gpu"), help="device of MLX (default MLX's own)")
    profile.add_argument("--answer-tokens", type=int, metavar="N", help="tokens of each answer (default 16)")
    profile.add_argument("--timeout", type=float, metavar="SECONDS", help="longest time of a question (default 900)")
    add_memory_argument(profile)
    add_image_arguments(parser.add_argument_group("images of preprocess"))
    parser.set_defaults(color=None)  # tells whether --color was given


def run(options: argparse.Namespace) -> int:
    """Run an action; exit code 1 if outputs differ or something is slower."""
    words = {"preprocess": (0, 1), "profile": (0, 1), "record": (1, 1), "compare": (2, 2), "send-in": (0, 0)}
    least, most = words[options.action]
    if not least <= len(options.words) <= most:
        expected = str(least) if least == most else f"at most {most}"
        got = " ".join(options.words) or "none"
        raise InputError(
            f"bench {options.action}: expected {expected} word{'' if most == 1 else 's'}; got {got}. See --help"
        )
    _note_unused(options)
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "preprocess": _preprocess,
        "profile": _profile,
        "record": _record,
        "compare": _compare,
        "send-in": _send_in,
    }
    return actions[options.action](options)


def _note_unused(options: argparse.Namespace) -> None:
    """Say which options the action does not read."""
    every = dict.fromkeys(name for names in _OPTIONS.values() for name in names)
    given = [name for name in every if getattr(options, name)]
    unused = [f"--{name.replace('_', '-')}" for name in given if name not in _OPTIONS[options.action]]
    if unused:
        output.note(f"bench {options.action} does not read {', '.join(unused)}")


# Preprocessing.


def _preprocess(options: argparse.Namespace) -> int:
    from mlx_saccade.bench import history, preprocess

    budgets, rounds = parse_budgets(options.budgets or _BUDGETS), _rounds(options, 5 if options.out is None else 40)
    if options.out is not None:
        files.check_writable(options.out)
    pixels = _pixels(options, options.words[0] if options.words else _SIZE)
    results = preprocess.compare(pixels, budgets, rounds, scalar=options.out is not None)
    if options.out is not None:
        files.write_atomically(options.out, history.dumps(preprocess.run_of(results)))
    if options.json:
        rows = [
            {
                "tokens": one.tokens,
                "saccade_s": one.best("saccade"),
                "pillow_s": one.best("pillow"),
                "ratio": one.ratio(),
                "equal": one.equal,
            }
            for one in results
        ]
        output.print_json({"kernel": _core.kernel(), "size": [pixels.shape[1], pixels.shape[0]], "rows": rows})
    else:
        tables.print_comparisons(results)
        output.text(f"kernel {_core.kernel()}; best of {rounds} calls each, by turns, from the same array")
    return 0 if all(one.equal for one in results) else 1


def _pixels(options: argparse.Namespace, word: str) -> NDArray[np.uint8]:
    """Return the image's pixels, or a generated screen's of the size."""
    from mlx_saccade import media, scenes
    from mlx_saccade.media import decode

    size = image_or_size(word)
    if isinstance(size, str):
        decode.listen()
        source = images.source(options, size)
        color: Color = options.color or "convert"
        try:
            return media.open_image(source, color=color, allow_url=options.allow_url).pixels
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}. Nor is it a size such as 3840x2160") from None
    if options.color is not None:
        raise InputError(f"--color {options.color}: expected an image file; got the size {word}. Leave it out")
    return scenes.generate(0, parse_screen_size("IMAGE|WIDTHxHEIGHT", word)).image


def _rounds(options: argparse.Namespace, default: int) -> int:
    if options.rounds is None:
        return default
    return validation.at_least(1, options.rounds, "--rounds", most=_MAX_ROUNDS)


# Profiles.


def _profile(options: argparse.Namespace) -> int:
    size = parse_screen_size("WIDTHxHEIGHT", options.words[0] if options.words else _SIZE)
    path = options.out or PROFILE
    run, lines = measure_profile(options, path, size, parse_budgets(options.budgets or _BUDGETS), _rounds(options, 3))
    return _print_profile(options, run, lines, path)


def _print_profile(options: argparse.Namespace, run: Run, lines: list[str], path: str) -> int:
    """Print a profile; exit code 1 if outputs differ in float32, where they have to be equal."""
    from mlx_saccade.bench import history
    from mlx_saccade.bench.growth import growth

    for line in lines:
        output.note(f"outputs differ: {line}")
    if options.json:
        output.print_json({**json.loads(history.dumps(run)), "differences": lines})
    else:
        tables.print_profile(run)
        measured = sorted({cell.budget for cell in run.cells if not cell.skipped})
        if len(measured) > 1:
            small = 1280 if 1280 in measured[:-1] else measured[0]
            tables.print_growth(growth(run, small, measured[-1]))
            tables.print_growth(growth(run, small, measured[-1], estimated=True))
        output.text(f"turns in {path}; `mlx-saccade bench record {path}` adds them to the history")
    return 1 if lines and run.settings["dtype"] == "float32" else 0


# The history.


def _record(options: argparse.Namespace) -> int:
    from mlx_saccade.bench import history
    from mlx_saccade.bench.reading import read_run

    run = read_run(options.words[0])
    missing = [cell for cell in run.cells if cell.skipped == "not measured yet"]
    if missing:
        problem = f"expected a finished profile; got one that lacks {len(missing)} of {len(run.cells)} cells"
        raise InputError(f"{options.words[0]}: {problem}. Run `mlx-saccade bench profile` with it again")
    path = history.append(run, options.history or _HISTORY)
    if options.json:
        output.print_json({"file": str(path)})
    else:
        output.text(f"recorded in {path}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from mlx_saccade.bench.compare import compare
    from mlx_saccade.bench.reading import read_run

    before, after = map(read_run, options.words)
    changes = compare(before, after)
    lost = [one for one in changes if one.lost]
    if options.json:
        output.print_json({"changes": [{**asdict(one), "lost": one.lost, "won": one.won} for one in changes]})
    else:
        tables.print_changes(changes)
        output.text(f"{len(lost)} of {len(changes)} stages are slower by more than the noise of the runs and 5 %")
    return 1 if lost else 0


# Sending in.


def _send_in(options: argparse.Namespace) -> int:
    import tempfile
    from dataclasses import replace

    from mlx_saccade.bench import exactness, gpu_kernels, history
    from mlx_saccade.gpu import choice

    out = files.check_writable(options.out or str(_SEND_IN["out"]))
    options.model = options.revision = options.synthetic = options.answer_tokens = None
    budgets = parse_budgets(options.budgets or str(_SEND_IN["budgets"]))
    checks, on_gpu = exactness.check_all(), choice.dialect() is not None
    with tempfile.TemporaryDirectory(prefix="saccade-send-in-") as folder:
        log = str(Path(folder) / "profile.jsonl")
        run, lines = measure_profile(options, log, parse_screen_size("size", _SIZE), budgets, _rounds(options, 3))
    faster = {f"gpu_{name}_from": size for name, size in gpu_kernels.first_faster_sizes().items()} if on_gpu else {}
    run = replace(run, kind="send-in", checks=tuple(checks), settings={**run.settings, **faster})
    files.write_atomically(out, history.dumps(run))
    failed = [one for one in checks if not one.passed]
    if options.json:
        output.print_json(json.loads(history.dumps(run)))
    else:
        tables.print_checks(checks)
        print()
        tables.print_profile(run)
        output.text(f"written to {out}, without a name, a user or a path; please attach it to an issue of the project")
    return 1 if failed or (lines and run.settings["dtype"] == "float32") else 0
