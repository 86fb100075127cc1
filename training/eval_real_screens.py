"""Ask the packaged checkpoint for what stands on screens that no generator drew, to show how much it fails there.

python training/eval_real_screens.py FOLDER > elsewhere.json

FOLDER holds PNGs and `annotations.json` in ScreenSpot-Pro's form: a list of {"img_filename", "bbox" [x1, y1, x2, y2] in
the image's pixels, "instruction", "img_size"}.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import mlx_saccade as saccade
from mlx_saccade.evals import iou
from mlx_saccade.grounding import center_inside

BUDGET = 256


def asked(folder: Path) -> list[dict[str, Any]]:
    """Return a row for each annotation: whether there was a box, its IoU, and whether its center is in the target."""
    engine = saccade.load()
    rows = []
    for one in json.loads((folder / "annotations.json").read_text(encoding="utf-8")):
        answer = engine.locate(folder / one["img_filename"], one["instruction"], budget=BUDGET)
        box = answer.boxes[0] if answer.found else None
        rows.append(
            {
                "found": box is not None,
                "iou": 0.0 if box is None else iou(box.xyxy, one["bbox"]),
                "hit": box is not None and center_inside(box, one["bbox"]),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    rows = asked(parser.parse_args().folder)
    means = {name: sum(row[name] for row in rows) / len(rows) for name in ("found", "iou", "hit")}
    print(json.dumps({"n": len(rows), "budget": BUDGET, **means}))


if __name__ == "__main__":
    main()
