"""Check an exported checkpoint with transformers alone: same logits as our network, whole answers as a user gets them.

python training/verify.py python/saccade/assets/tiny --screens 10
"""

import argparse
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessorPil

import vocabulary
from data import WHOLE, Batch, fit, pack
from evaluate import BUDGETS, SIZES, iou, model_grid
from export import read
from geometry import geometry
from losses import patches
from net import Net
from saccade.scenes import generate

ANSWER: Final = re.compile(r'\[\{"bbox_2d": \[(\d+), (\d+), (\d+), (\d+)\], "label": "([^"]*)"\}\]<\|im_end\|>')
SYSTEM: Final = {"role": "system", "content": vocabulary.SYSTEM}


def question(description: str) -> str:
    return f"Locate {description}, output its bbox coordinates using JSON format."


class Reference:
    """The checkpoint as transformers runs it: torch, CPU, float32."""

    def __init__(self, folder: Path) -> None:
        self.model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = Qwen2VLImageProcessorPil.from_pretrained(folder)

    def inputs(self, image: Image.Image, question: str, answer: str = "") -> dict[str, torch.Tensor]:
        """Prompt and image as the reference prepares them, with the beginning of an answer if wanted."""
        user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
        text = self.tokenizer.apply_chat_template([SYSTEM, user], tokenize=False, add_generation_prompt=True)
        seen = self.processor(images=[image], return_tensors="pt")
        tokens = int(seen["image_grid_thw"].prod()) // 4
        ids = self.tokenizer(text.replace("<|image_pad|>", "<|image_pad|>" * tokens) + answer, return_tensors="pt")
        # Without the types transformers falls back to one-dimensional positions, and says nothing.
        types = (ids["input_ids"] == self.model.config.image_token_id).int()
        return {"input_ids": ids["input_ids"], "mm_token_type_ids": types, **seen}

    @torch.no_grad()
    def answer(self, inputs: dict[str, Any]) -> str:
        """What the model says, greedily, special tokens included."""
        out = self.model.generate(**inputs, max_new_tokens=48, do_sample=False)
        return str(self.tokenizer.decode(out[0, inputs["input_ids"].shape[1] :]))


@torch.no_grad()
def difference(reference: Reference, net: Net, batch: Batch, image: Image.Image, description: str, said: str) -> float:
    """Largest distance of the two networks' logits over the first question of a batch of one."""
    grid = geometry(batch.rows, batch.columns, batch.layout)
    ours = net.lm_head(net(patches(batch.images, grid), batch.tokens, grid).hidden)[0]
    inputs = reference.inputs(image, question(description), said)
    theirs = reference.model(**inputs).logits[0]
    length = len(theirs) - 1  # nobody asks what follows the end
    return float((ours[:length] - theirs[:length]).abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--screens", type=int, default=10)
    parser.add_argument("--least-side", type=float, default=28)
    arguments = parser.parse_args()
    reference, net = Reference(arguments.checkpoint), read(arguments.checkpoint)
    values, odd, apart = [], 0, 0.0
    for seed in range(arguments.screens):
        size, budget = SIZES[seed % len(SIZES)], BUDGETS[seed % len(BUDGETS)]
        rows, columns = model_grid(size, budget)
        scene = generate(seed, size)
        image, boxes = fit(Image.fromarray(scene.image), scene.elements, (columns * 28, rows * 28))
        for element, box in zip(scene.elements, boxes, strict=True):
            if min(box[2] - box[0], box[3] - box[1]) < arguments.least_side:
                continue
            inputs = reference.inputs(
                image, f"Locate {element.description}, output its bbox coordinates using JSON format."
            )
            match = ANSWER.fullmatch(reference.answer(inputs))
            if match is None or match[5] != element.description:
                odd += 1
                values.append(0.0)
            else:
                values.append(float(iou(np.array([match.groups()[:4]], float), box[None])[0]))
            whole = tuple(round(float(v)) for v in box)
            screen = np.asarray(image), (element,), box[None]
            batch = pack(np.random.default_rng(0), [screen], rows, columns, 0, WHOLE)
            said = vocabulary.answer((whole[0], whole[1], whole[2], whole[3]), element.description)
            apart = max(apart, difference(reference, net, batch, image, element.description, said))
    print(f"{len(values)} targets: mean IoU {np.mean(values):.3f}, {odd} answers not of the taught form")
    print(f"largest difference of logits from our network: {apart:.1e}")
    if apart > 1e-3:
        raise SystemExit("the export does not compute what was trained")


if __name__ == "__main__":
    main()
