"""`mlx-saccade recommend`: recommend a budget, or a zoom, for a target of known size."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli import advice as run_advice
from mlx_saccade.cli import costs, output
from mlx_saccade.cli.options import add_family_argument, add_url_argument, image_or_size_of
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import recommend

if TYPE_CHECKING:
    from mlx_saccade.preprocess.plan import Plan

__all__ = ["EXAMPLES", "add_arguments", "describe", "parse_target", "run"]

EXAMPLES = (
    "mlx-saccade recommend --target 32x32 --image 3840x2160",
    "mlx-saccade recommend --target 400x60 --image 3840x2160 --runtime vllm",
    "mlx-saccade recommend --target 24x24 --image shot.png --from runs/x",
)

NUMBER = r"(\d+(?:\.\d+)?)"
TARGET = re.compile(f"{NUMBER}[xX\N{MULTIPLICATION SIGN}]{NUMBER}|{','.join([NUMBER] * 4)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mlx-saccade recommend`."""
    parser.add_argument(
        "--target", required=True, metavar="SIZE|BOX",
        help="target in source pixels: size such as 32x32, or box X1,Y1,X2,Y2",
    )  # fmt: skip
    parser.add_argument("--image", required=True, metavar="IMAGE|SIZE", help="image file, or size such as 3840x2160")
    parser.add_argument(
        "--from", dest="run_folder", metavar="RUN", help="folder of a sweep to learn from (default the published table)"
    )
    parser.add_argument(
        "--runtime",
        metavar="NAME[@VERSION]",
        help="print the setting of another runtime, such as vllm or ollama@0.13.3",
    )
    parser.add_argument(
        "--profile", metavar="FILE", help=f"profile to read seconds from (default {costs.PROFILE} if it exists)"
    )
    add_family_argument(parser)
    add_url_argument(parser)


def parse_target(word: str) -> tuple[float, ...]:
    """Return (width, height) of a word such as 32x32, or (x1, y1, x2, y2) of one such as 10,20,42,52.

    Raises:
        InputError: the word is neither.
    """
    match = TARGET.fullmatch(word.replace(" ", ""))
    if match is None:
        raise InputError(
            f"--target: expected a size such as 32x32 or a box such as 100,200,132,232; got {word}. Write one of them"
        )
    return tuple(float(number) for number in match.groups() if number is not None)


def describe(advice: recommend.Recommendation) -> dict[str, Any]:
    """Return the recommendation as JSON values; sizes are (width, height)."""
    row = advice.row
    return {
        "size": advice.size,
        "share": advice.share,
        "target_size": list(advice.target_size),
        "source_size": list(advice.plan.source_size),
        "family": advice.plan.family.name,
        "budget": advice.budget,
        "capped": advice.capped,
        "zoom": advice.zoom,
        "zoom_share": advice.zoom_share,
        "resized_size": list(advice.resized_size),
        "tokens": advice.plan.tokens,
        "shorter_side": advice.shorter_side,
        "reason": advice.reason,
        "measured": {"targets": row.targets, "iou": {str(tokens): iou for tokens, iou in row.iou}},
        "source": advice.source,
        "limits": list(advice.limits),
    }


def facts_of(advice: recommend.Recommendation) -> list[tuple[str, str]]:
    """Return the (name, value) lines for people."""
    plan, row = advice.plan, advice.row
    (width, height), (source_w, source_h), (resized_w, resized_h) = (
        advice.target_size, plan.source_size, advice.resized_size
    )  # fmt: skip
    looks = " on each of two looks: the whole image, then a crop" if advice.zoom else ""
    share = f"{advice.share * 100:.3g} % of the frame"
    lines = [
        (
            "target",
            f"{width:g} x {height:g} px of {source_w} x {source_h}: {share}, {row.size}",
        ),
        ("budget", f"{advice.budget:,} tokens{looks}"),
        ("why", advice.reason),
    ]
    if advice.zoom_share is not None:
        crop = f"at most {advice.zoom_share * 100:.3g} % of each side"
        lines.append(("zoom", f"in a crop of {crop} it is a small target; run again with the crop's size"))
    elif advice.zoom:
        length = f"{max(width / source_w, height / source_h) * 100:.3g} % of one side"
        lines.append(("zoom", f"it covers {length}: no crop of the image's shape makes it small; crop the other side"))
    cells = advice.shorter_side / plan.family.factor
    measured = ", ".join(f"{iou:.3f} at {tokens:,}" for tokens, iou in row.iou)
    return [
        *lines,
        ("model sees", f"{resized_w} x {resized_h} px, {plan.tokens:,} tokens"),
        ("target there", f"shorter side {advice.shorter_side:.1f} px, {cells:.2f} of a token's side"),
        ("measured", f"mean IoU {measured} tokens; n = {row.targets} targets"),
        ("limits", "; ".join(advice.limits)),
        ("published by", f"nivdvir on dev.to; this package measured none of it: {advice.source}"),
    ]


def run(options: argparse.Namespace) -> int:
    """Print the recommendation for a target."""
    if options.run_folder is not None:
        return _run_from(options)
    advice = recommend.recommend(parse_target(options.target), image_or_size_of(options), family=options.family)
    target, budget, *rest = facts_of(advice)
    looks = 2.0 if advice.zoom else 1.0
    cost = _Cost(options, advice.plan, advice.budget, looks, is_policy=advice.zoom)
    if options.json:
        output.print_json({**describe(advice), **cost.described})
    else:
        output.facts([target, budget, *cost.facts, *rest])
    return 0


def _run_from(options: argparse.Namespace) -> int:
    """Print what a run advises for a target."""
    from mlx_saccade.evals.advice import advise
    from mlx_saccade.evals.run_folder import read_run

    run = read_run(options.run_folder)
    advice = advise(
        run.rows,
        parse_target(options.target),
        image_or_size_of(options),
        family=options.family,
        name=options.run_folder,
    )
    plan, chosen = advice.plan, advice.chosen
    tokens = max(1, plan.max_pixels // plan.family.factor**2)
    cost = _Cost(options, plan, tokens, chosen.looks or 1.0, is_policy=chosen.policy != "flat")
    if options.json:
        output.print_json({**run_advice.describe(advice), "run": options.run_folder, **cost.described})
    else:
        output.facts([*run_advice.facts(advice, options.run_folder, run.header.runtime.name), *cost.facts])
    return 0


class _Cost:
    """The seconds of an advice by a profile, and the setting of --runtime, as JSON values and as lines for people."""

    def __init__(self, options: argparse.Namespace, plan: Plan, tokens: int, looks: float, *, is_policy: bool) -> None:
        setting = costs.setting_of(options.runtime, plan, tokens)
        seconds = costs.seconds_of(plan, options.profile)
        self.described = {"seconds": seconds, "setting": setting}
        self.facts = [("seconds", costs.seconds_text(seconds, plan, looks))]
        if setting is not None:
            self.facts.append((options.runtime, costs.setting_text(setting, is_policy=is_policy)))
