"""Write the model card from measured figures; only the model's shape and the options below are written by hand.

mlx-saccade tiny evaluate --screens 1000 --processes 2 --json > figures.json
python training/eval_real_screens.py FOLDER > elsewhere.json
python training/model_card.py figures.json --trained "..." --agreement "..." --elsewhere elsewhere.json "..." \
    > python/mlx_saccade/assets/tiny/README.md
"""

import argparse
import json
import math
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from mlx_saccade.scenes import COLORS, KINDS, NEUTRALS

Figures = dict[str, Any]

WEIGHTS: Final = (
    Path(__file__).resolve().parents[1] / "python" / "mlx_saccade" / "assets" / "tiny" / "model.safetensors"
)
DOUBLE: Final = 2.0
# Mean IoU below which nothing is left to lose.
NOTHING_LEFT: Final = 0.01

HEAD: Final = """\
# saccade-tiny

saccade-tiny is a grounding model of {millions} million parameters with the ordinary Qwen2.5-VL architecture and Hugging
Face layout, 9 MB in float16. It ships with mlx-saccade, so that the demo, the tests and the sweeps run on a real model
anywhere. Any runtime that reads Qwen2.5-VL reads it.

| question, after the image, in Qwen2.5-VL's chat template | answer |
|---|---|
| `Locate the red round button, output its bbox coordinates using JSON format.` | one box with its label, or `[]` |
| `what is at (x, y)?` | a description, or `[]` |
| `what is in the box [x1, y1, x2, y2]?` | a description, or `[]` |

A box reads `[{"bbox_2d": [x1, y1, x2, y2], "label": "the red round button"}]`. All coordinates are pixels of the
resized image.

**Limits.** It knows the generated screens of `mlx_saccade.scenes` only: {colors} colors, {neutrals} neutral ones, and
{kinds} kinds of element, each beside or within another and never across it. Training had no text and no real
application. It cannot chat, describe or count; other questions get nonsense. On a real desktop it fails (see the end).
Do not judge Qwen models by it.

| | |
|---|---|
| vision | 4 blocks, width 128, 4 heads, full attention in blocks 1 and 3, windows of 112 px |
| language | 5 layers, width 192, 6 heads, 2 key-value heads, rotary base 40, sections 2, 7, 7 |
| vocabulary | numbers 0 to 2,600, single bytes, words of the scenes, pieces of prompts and answers |
| trained at | 15 to 256 image tokens; numbers up to 2,600 have been answers, on strips of two to six rows |
| data | generated screens only (`mlx_saccade.scenes`), drawn during training; nobody's screenshots |
| training | {trained} |
| license | MIT |

To train it again: `training/README.md` of the source repository.
"""


def parameters() -> int:
    """Return the number of the packaged weights, from the header of their file."""
    with WEIGHTS.open("rb") as stored:
        described: Figures = json.loads(stored.read(int.from_bytes(stored.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in described.items() if name != "__metadata__")


def head(trained: str) -> str:
    """Return the head of the card, its counts taken from the package."""
    counted = {"{millions}": f"{parameters() / 1e6:.2f}", "{colors}": str(len(COLORS)), "{kinds}": str(len(KINDS)),
               "{neutrals}": str(len(NEUTRALS)), "{trained}": trained}  # fmt: skip
    text = HEAD
    for name, value in counted.items():
        text = text.replace(name, value)
    return text


def value(cell: Figures, name: str) -> str:
    """Return a mean with its interval."""
    if cell[name] is None:
        return "-"
    ends = cell.get(f"{name}_interval")
    return f"{cell[name]:.3f}" + (f" ({ends[0]:.3f}-{ends[1]:.3f})" if ends else "")


def counted(cell: Figures) -> str:
    """Return the number of answers and of their screens."""
    return f"{cell['n']} ({cell['screens']})"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def paragraph(text: str) -> str:
    return textwrap.fill(text, 120, break_on_hyphens=False) + "\n"


def in_range(found: Figures) -> str:
    """Return the figures inside the trained range, beside their aims."""
    places = found["places"]
    named = {
        "all": places,
        **{
            f"{cell['tokens'][0]} to {cell['tokens'][1]} tokens": cell
            for cell in found["by_budget"].values()
            if cell["n"]
        },
        **{size: cell for size, cell in found["by_size"].items() if cell["n"]},
        "named by color and kind": found["by_relation"]["plain"],
        "named by place or side too": found["by_relation"]["relation"],
    }
    rows = [[name, counted(cell), value(cell, "iou"), value(cell, "hit")] for name, cell in named.items()]
    kinds = {size: (found["point_by_size"][size], cell) for size, cell in found["box_by_size"].items()}
    kinds["named by color and kind"] = found["point_plain"], found["box_plain"]
    pointed = [
        [name, *(text for cell in pair for text in (str(cell["n"]), value(cell, "right")))]
        for name, pair in kinds.items()
        if any(cell["n"] for cell in pair)
    ]
    absent, missed = found["absent"], found["false_nothing"]
    aims = [
        ("mean IoU", places, "iou", 0.8, True),
        ("center inside", places, "hit", 0.95, True),
        ("`[]` for absent targets", absent, "right", 0.9, True),
        ("`[]` for present targets", missed, "x", 0.05, False),
        ("description at a point", found["point"], "right", 0.9, True),
        ("the same, color and kind alone", found["point_looks"], "x", None, True),
        ("description in a box", found["box"], "right", None, True),
        ("the same, color and kind alone", found["box_looks"], "x", None, True),
        ("`[]` at a bare point", found["bare point"], "right", None, True),
        ("`[]` in a bare box", found["bare box"], "right", None, True),
    ]
    judged = [
        [name, counted(cell), value(cell, key), *met(cell, key, aim, more)] for name, cell, key, aim, more in aims
    ]
    return (
        paragraph(
            f"`mlx-saccade tiny evaluate --screens {found['screens']}`: screens of at least 20 elements that neither "
            "training nor an earlier figure used, "
            f"{found['tokens'][0]} to {found['tokens'][1]} tokens, targets of at least 28 model pixels both ways, "
            f"{found['large_share']:.0%} of them large. Brackets hold 95 % intervals, by screens. Points and boxes are "
            f"asked about for up to three targets of a screen. Of the {places['n']} answers about present targets "
            f"{found['malformed']['x']:.1%} were neither a box nor `[]`, of those about absent ones "
            f'{found["absent_malformed"]["x"]:.1%}. "Color and kind alone" ignores the place or side that separates '
            "an element from its twin."
        )
        + "\n"
        + table(["", "n (screens)", "value", "aim", "met"], judged)
        + "\n"
        + table(["targets", "n (screens)", "mean IoU", "center inside"], rows)
        + "\n"
        + table(["right at a point, in a box", "n", "at a point", "n", "in a box"], pointed)
    )


def met(cell: Figures, key: str, aim: float | None, more: bool) -> tuple[str, str]:
    """Return an aim in words, and whether the mean and the worse end of the interval meet it."""
    if aim is None:
        return "-", "-"
    said = f"at least {aim}" if more else f"at most {aim}"
    if cell[key] != aim and (cell[key] > aim) != more:
        return said, "no"
    ends = cell.get(f"{key}_interval")
    if ends is None or (ends[0] >= aim if more else ends[1] <= aim):
        return said, "yes"
    return said, "by the mean, not by the whole interval"


def law(models: dict[str, Figures]) -> str:
    """Return the table of IoU against budget of each model."""
    rows = []
    for name, figures in models.items():
        cells = {(cell["size"], cell["budget"]): cell for cell in figures["law"]}
        budgets = sorted({budget for _, budget in cells})
        for size in dict.fromkeys(size for size, _ in cells):
            some = [cells[size, budget] for budget in budgets]
            best = max((c for c in some if c["n"]), key=lambda c: c["iou"], default=None)
            row = [name, f"{size} ({some[0]['n']}; {some[0]['screens']})", *(value(cell, "iou") for cell in some)]
            rows.append([*row, str(best["budget"]) if best else "-"])
    return table(["weights", "target (n; screens)", *(f"{budget} tokens" for budget in budgets), "best"], rows)


def zoom(found: list[Figures]) -> str:
    rows = [
        [f"{z['crop']:g} of each side", counted(z), value(z["flat"], "iou"), value(z, "iou"), value(z, "ratio")]
        for z in found
    ]
    shown = table(["crop", "n (screens)", "one pass at 256 tokens", "two passes", "ratio"], rows)
    return shown + "\n" + paragraph(" ".join(zoom_verdict(z) for z in found))


def zoom_verdict(found: Figures) -> str:
    """Say whether two passes have twice the IoU of one, by the mean and by the low end of its interval."""
    crop, ratio, ends = f"With a crop of {found['crop']:g} of each side", found["ratio"], found["ratio_interval"]
    if ratio is None:
        return f"{crop} there is no ratio to judge."
    met = f"the aim of at least double is {'met' if ratio >= DOUBLE else 'not met'} by the mean ({ratio:.3f})"
    if ends is None:
        return f"{crop} {met}; there is no interval."
    return f"{crop} {met} and {'met' if ends[0] >= DOUBLE else 'not met'} by the interval's low end ({ends[0]:.3f})."


def ambiguity(found: list[Figures]) -> str:
    rows = []
    for one in found:
        cells = [
            value({name: one[name], f"{name}_interval": one[interval]}, name)
            for name, interval in (
                ("ambiguous_drop", "ambiguous_interval"),
                ("clean_drop", "clean_interval"),
                ("excess", "excess_interval"),
            )
        ]
        rows.append([f"256 to {one['budget']}", f"{one['n'][0]} of each ({one['screens']})", *cells])
    shown = table(["tokens", "n (screens)", "lost, ambiguous", "lost, clean", "difference"], rows)
    return shown + "\n" + paragraph(" ".join(ambiguity_verdict(one) for one in found))


def ambiguity_verdict(found: Figures) -> str:
    """Say whether ambiguous descriptions lose more, by the interval of the difference."""
    ends = found["excess_interval"]
    if ends is None:
        judged = "cannot be told from that of clean ones: there is no interval"
    elif ends[0] > 0:
        judged = "is larger than that of clean ones"
    elif ends[1] < 0:
        judged = "is smaller than that of clean ones"
    else:
        judged = "is not told apart from that of clean ones: the interval holds 0"
    nothing = ""
    if max(found["iou"][1::2]) < NOTHING_LEFT:
        nothing = f"; at {found['budget']} the IoU of both is about 0, so the drop is only the loss of everything"
    return f"To {found['budget']} tokens the loss of ambiguous descriptions {judged}{nothing}."


def elsewhere(found: Figures, screens: str) -> str:
    """Return the paragraph about screens of real programs."""
    return paragraph(
        f"On a real desktop it fails. Asked for {found['n']} elements by their own names at {found['budget']} tokens, "
        f"on {screens}, it gave a box for {found['found']:.1%} of them, its center inside the element for "
        f"{found['hit']:.1%} and a mean IoU of {found['iou']:.3f}. The rest were `[]` or no answer."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("figures", type=Path, help="output of `mlx-saccade tiny evaluate --json`")
    parser.add_argument("--converted", nargs=2, action="append", default=[], metavar=("NAME", "FIGURES"))
    parser.add_argument("--trained", required=True, help="cost of the training, in words")
    parser.add_argument("--agreement", required=True, help="result of verify.py and compare_engines.py, in words")
    parser.add_argument(
        "--elsewhere",
        nargs=2,
        metavar=("FIGURES", "WORDS"),
        help="output of eval_real_screens.py, its screens",
    )
    arguments = parser.parse_args()
    found: Figures = json.loads(arguments.figures.read_text())
    models = {"float16": found}
    models |= {name: json.loads(Path(path).read_text()) for name, path in arguments.converted}
    print(head(arguments.trained))
    print(f"## In its range\n\n{in_range(found['range'])}")
    print(
        "## The law of budgets\n\n4K screens, mean IoU by the target's share of the frame (large over 5 %, medium 1 to "
        f"5 %, small 0.1 to 1 %, tiny below)\nand by budget. Training used at most 256 tokens.\n\n"
        f"{law(models)}"
    )
    print(
        "A second pass over a crop around the first answer, on tiny targets, with 256 tokens a pass:\n\n"
        f"{zoom(found['zoom'])}"
    )
    print(
        "IoU lost beyond 256 tokens where a description fits two elements (either counts) and where it fits one, "
        f"elements of\nlike size on the same screens:\n\n{ambiguity(found['ambiguity'])}"
    )
    print(
        f"## Elsewhere\n\n{paragraph(arguments.agreement)}\n"
        + paragraph(
            "The demo screen is the first held-out seed that has two targets of every size class named by color and "
            "kind alone; no model chose it. All screens above come from the generator of the training, so their "
            "figures say nothing about other screens."
        ),
        end="",
    )
    if arguments.elsewhere:
        print("\n" + elsewhere(json.loads(Path(arguments.elsewhere[0]).read_text()), arguments.elsewhere[1]), end="")


if __name__ == "__main__":
    main()
