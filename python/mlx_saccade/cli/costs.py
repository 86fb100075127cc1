"""The cost of a budget in words: seconds by a profile, and the setting of another runtime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import runtimes

if TYPE_CHECKING:
    from mlx_saccade.bench.run import Run
    from mlx_saccade.preprocess.plan import Plan

__all__ = ["PROFILE", "seconds_of", "seconds_text", "setting_of", "setting_text"]

PROFILE = "saccade-profile.jsonl"
"""Where `mlx-saccade bench profile` writes, and where a profile is read if none is named."""


def seconds_of(plan: Plan, path: str | None) -> dict[str, Any] | None:
    """Return the seconds of a look by a profile, as JSON values; None without a profile.

    Args:
        plan: of the image.
        path: file of a profile, or None for `PROFILE` if it is there.

    Raises:
        FileNotFoundError: the named file does not exist.
        InputError: the file is no profile.
    """
    if path is None and not Path(PROFILE).is_file():
        return None
    from mlx_saccade.bench.reading import read_run
    from mlx_saccade.bench.seconds import seconds_at

    name = PROFILE if path is None else path
    run = read_run(name)
    if run.kind != "profile" or run.model is None:
        raise InputError(f"--profile {name}: expected a profile of a model; got a run of {run.kind}. Name another file")
    known = seconds_at(run, plan.tokens)
    return {
        "seconds": known.seconds,
        "measured_tokens": None if known.measured is None else list(known.measured),
        "estimated": known.estimated,
        "model": run.model.name,
        "machine": run.machine.cpu,
        "is_this_machine": _is_this_machine(run),
        "profile": name,
    }


def _is_this_machine(run: Run) -> bool:
    from mlx_saccade.bench import machine

    here = machine.describe()
    names = ("cpu", "cores", "memory_bytes", "architecture")
    return all(getattr(here, name) == getattr(run.machine, name) for name in names)


def seconds_text(cost: dict[str, Any] | None, plan: Plan, looks: float = 1.0) -> str:
    """Return what `seconds_of` says of a look, and of so many looks on average, in words."""
    if cost is None:
        return f"not known: no profile of this machine. Make one: {_profile_command(plan)}"
    machine = "this machine" if cost["is_this_machine"] else f"{cost['machine']}, not this machine"
    source = f"{cost['profile']}, model {cost['model']}, {machine}"
    if cost["measured_tokens"] is None:
        return f"not known: nothing was measured in {source}"
    if cost["seconds"] is None:
        least, most = cost["measured_tokens"]
        return (
            f"not known: {least:,} to {most:,} tokens were measured in {source}. Make another: {_profile_command(plan)}"
        )
    estimate = ", an estimate from a part of its layers" if cost["estimated"] else ""
    all_looks = "" if looks == 1 else f", about {cost['seconds'] * looks:.2f} for {looks:.1f} looks"
    return f"{cost['seconds']:.2f} for a look{all_looks} ({source}{estimate})"


def _profile_command(plan: Plan) -> str:
    """Return the command that measures the seconds of a plan."""
    width, height = plan.source_size
    # A budget shows other shapes with other tokens, so the size counts. It takes generated screens of these sides.
    size = f"{width}x{height} " if min(width, height) >= 56 and max(width, height) <= 8192 else ""
    return f"mlx-saccade bench profile {size}--budgets {plan.max_pixels // plan.family.factor**2}"


def setting_text(setting: str, *, is_policy: bool) -> str:
    """Return a setting in words; `is_policy` True: of a policy that looks more than once."""
    if setting.startswith("none"):
        return f"no setting{setting.removeprefix('none')}"
    return f"{setting}; for each look, whose crop is yours to send" if is_policy else setting


def setting_of(name: str | None, plan: Plan, tokens: int) -> str | None:
    """Return the setting with which a runtime keeps to so many tokens; None without a name.

    Raises:
        InputError: as `mlx_saccade.preprocess.runtimes.setting`; the message names --runtime.
    """
    if name is None:
        return None
    try:
        return runtimes.setting(name, tokens, plan.family)
    except InputError as error:
        raise InputError(f"--runtime: {error}") from None
