"""Draw the packaged demo screen and choose its six targets: two large, two medium, two small.

python training/make_demo.py python/mlx_saccade/assets/demo

The rule: the first held-out seed whose screen has two targets of every size class that are named by color and kind
alone; of a class with more, the two with the longest shorter sides. No model has a say in it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from mlx_saccade.evals import bin_of, share_of
from mlx_saccade.scenes import Element, annotate, generate

SIZE: Final = (3840, 2160)
CLASSES: Final = ("large", "medium", "small")
# Shortest side in source pixels: at 588 x 336 model pixels this is one merged token.
LEAST_SIDE: Final = 28 * 3840 / 588


def side(element: Element) -> int:
    x1, y1, x2, y2 = element.box
    return min(x2 - x1, y2 - y1)


def choose(elements: tuple[Element, ...]) -> list[dict[str, Any]] | None:
    """Return the two widest elements of every size class, or None if a class has fewer."""
    targets: list[dict[str, Any]] = []
    for name in CLASSES:
        plain = [e for e in elements if not e.relation and side(e) >= LEAST_SIDE]
        fitting = [e for e in plain if bin_of(share_of(e, SIZE)) == name]
        if len(fitting) < 2:
            return None
        widest = sorted(fitting, key=side, reverse=True)[:2]
        targets += [{"description": e.description, "box": list(e.box), "size": name} for e in widest]
    return targets


def write(seed: int, folder: Path) -> None:
    """Write screen.png and targets.json; raise ValueError if the seed's screen lacks a size class."""
    scene = generate(seed, SIZE)
    targets = choose(scene.elements)
    if targets is None:
        raise ValueError(f"the screen of seed {seed} has fewer than two targets of some size")
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.image).save(folder / "screen.png", optimize=True)
    (folder / "targets.json").write_text(json.dumps({"image": "screen.png", "targets": targets}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, help="default: the first seed that has two targets of every size")
    arguments = parser.parse_args()
    seed = arguments.seed
    if seed is None:
        seed = next(s for s in range(10_000) if choose(annotate(s, SIZE)[0]) is not None)
    write(seed, arguments.folder)
    print(f"seed {seed}")


if __name__ == "__main__":
    main()
