"""Compare saccade's answers, or mlx-vlm's, with those that verify.py wrote of transformers.

python training/compare_engines.py answers.json                       tokens, by saccade
python training/compare_engines.py answers.json --mlx-vlm float32     boxes, by mlx-vlm, which has to be installed
python training/compare_engines.py answers.json --mlx-vlm float16     the same, with the weights as they are stored
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import mlx_saccade as saccade
from mlx_saccade import grounding
from mlx_saccade.checkpoint import hub
from mlx_saccade.scenes import generate
from vocabulary import END

Row = dict[str, Any]


def by_saccade() -> Callable[[Row, np.ndarray], bool]:
    """Return a test that prompt and answer have the same tokens."""
    engine = saccade.load()

    def same(row: Row, image: np.ndarray) -> bool:
        plan = engine.plan(image, budget="checkpoint")
        content = [{"type": "image"}, {"type": "text", "text": row["question"]}]
        ids = engine.prompts.encode([{"role": "user", "content": content}], [plan.tokens])
        pixels = saccade.patchify(image, plan)
        tokens = engine.model.generate(ids, len(row["tokens"]), pixel_values=pixels, image_grid_thw=[plan.grid_thw])
        return ids == row["prompt"] and tokens == row["tokens"]

    return same


def by_mlx_vlm(dtype: str) -> Callable[[Row, np.ndarray], bool]:
    """Return a test that the answer has the same boxes."""
    import mlx.core as mx
    from mlx.utils import tree_map
    from mlx_vlm import generate as say
    from mlx_vlm import load
    from PIL import Image

    model, processor = load(str(hub.find(None)))
    # In half precision near ties between two numbers fall either way.
    model.update(tree_map(lambda weight: weight.astype(getattr(mx, dtype)), model.parameters()))

    def same(row: Row, image: np.ndarray) -> bool:
        content = [{"type": "image"}, {"type": "text", "text": row["question"]}]
        messages = [{"role": "user", "content": content}]
        prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        answer = say(
            model, processor, prompt, image=Image.fromarray(image), max_tokens=48, temperature=0.0, verbose=False
        )
        expected = row["text"].removesuffix(END)  # mlx-vlm leaves the end token out
        return grounding.read_raw(answer.text) == grounding.read_raw(expected)

    return same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("answers", type=Path)
    parser.add_argument("--mlx-vlm", choices=("float32", "float16"), metavar="DTYPE")
    arguments = parser.parse_args()
    same = by_mlx_vlm(arguments.mlx_vlm) if arguments.mlx_vlm else by_saccade()
    rows = json.loads(arguments.answers.read_text())
    differing = [row for row in rows if not same(row, generate(row["seed"], tuple(row["size"])).image)]
    for row in differing:
        print(f"differs: seed {row['seed']}, {row['question']}")
    print(f"{len(rows) - len(differing)} of {len(rows)} the same")
    raise SystemExit(bool(differing))


if __name__ == "__main__":
    main()
