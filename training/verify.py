"""Check an exported checkpoint with transformers alone: logits equal to training, and answers for other engines.

python training/verify.py python/mlx_saccade/assets/tiny --answers answers.json
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessorPil

import vocabulary
from data import pack
from export import read
from geometry import geometry
from losses import patches
from mlx_saccade.scenes import Scene, generate
from model import Net
from questions import QuestionAnswer, View

# Some smaller than 256 tokens, so that grids differ, some shrunk to it.
SIZES: Final = ((336, 196), (448, 252), (560, 336), (308, 420), (1280, 720))
SYSTEM: Final = {"role": "system", "content": vocabulary.SYSTEM}
MOST_TOKENS: Final = 48
LEAST_SIDE: Final = 20


@dataclass(frozen=True)
class Prompt:
    """A question about the held-out screen of a seed and a size."""

    seed: int
    size: tuple[int, int]
    question: str


class Reference:
    """The checkpoint as transformers runs it: torch, CPU, float32."""

    def __init__(self, folder: Path) -> None:
        self.model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = Qwen2VLImageProcessorPil.from_pretrained(folder)

    def inputs(self, image: Image.Image, question: str, answer: str = "") -> dict[str, torch.Tensor]:
        """Return prompt and image as the reference prepares them, with an optional beginning of the answer."""
        user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
        text = self.tokenizer.apply_chat_template([SYSTEM, user], tokenize=False, add_generation_prompt=True)
        seen = self.processor(images=[image], return_tensors="pt")
        tokens = int(seen["image_grid_thw"].prod()) // 4
        ids = self.tokenizer(text.replace("<|image_pad|>", "<|image_pad|>" * tokens) + answer, return_tensors="pt")
        # Without the types transformers falls back to one-dimensional positions, and says nothing.
        types = (ids["input_ids"] == self.model.config.image_token_id).int()
        return {"input_ids": ids["input_ids"], "mm_token_type_ids": types, **seen}

    @torch.no_grad()
    def answer(self, inputs: dict[str, Any]) -> list[int]:
        """Generate an answer greedily, its end token included."""
        out = self.model.generate(**inputs, max_new_tokens=MOST_TOKENS, do_sample=False)
        said: list[int] = out[0, inputs["input_ids"].shape[1] :].tolist()
        return said


@torch.no_grad()
def difference(reference: Reference, net: Net, scene: Scene, question: str, said: str) -> float:
    """Return the largest difference of the networks' logits over a question and its answer, on the resized image."""
    inputs = reference.inputs(Image.fromarray(scene.image), question, said)
    _, rows, columns = (inputs["image_grid_thw"][0] // 2).tolist()
    resized = Image.fromarray(scene.image).resize((columns * 28, rows * 28), Image.Resampling.BICUBIC)
    nothing = np.zeros((0, 4))
    view = View(scene, np.asarray(resized), (), nothing, np.zeros(0, bool), (), False)
    batch = pack([view], [[QuestionAnswer(question, said, names=True)]], rows, columns, whole=True)
    grid = geometry(rows, columns, batch.layout)
    ours = net.lm_head(net(patches(batch.images, grid), batch.tokens, grid).hidden)[0]
    theirs = reference.model(**inputs).logits[0]
    length = len(theirs) - 1  # nobody asks what follows the end
    return float((ours[:length] - theirs[:length]).abs().max())


def prompts(count: int) -> Iterator[tuple[Scene, Prompt]]:
    """Yield questions about held-out screens: two places, something absent, and a point each."""
    for seed in range(-(-count // 4)):
        size = SIZES[seed % len(SIZES)]
        scene, rng = generate(seed, size), np.random.RandomState(seed)
        wide = [e for e in scene.elements if min(e.box[2] - e.box[0], e.box[3] - e.box[1]) >= LEAST_SIDE]
        chosen = [(wide or list(scene.elements))[i] for i in rng.permutation(len(wide or scene.elements))[:2]]
        x1, y1, x2, y2 = chosen[0].box
        for question in (
            *(vocabulary.locate(element.description) for element in chosen),
            vocabulary.locate(scene.absent(seed)),
            vocabulary.what_is_at(min((x1 + x2) // 2, 600), min((y1 + y2) // 2, 300)),
        ):
            yield scene, Prompt(seed, size, question)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--logits", type=int, default=20, help="of so many prompts the logits are compared too")
    parser.add_argument("--answers", type=Path, help="where the answers go, for compare_engines.py")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    reference, net = Reference(arguments.checkpoint), read(arguments.checkpoint)
    rows, apart = [], 0.0
    for scene, prompt in prompts(arguments.prompts):
        inputs = reference.inputs(Image.fromarray(scene.image), prompt.question)
        tokens = reference.answer(inputs)
        text = str(reference.tokenizer.decode(tokens))
        if len(rows) < arguments.logits:
            apart = max(apart, difference(reference, net, scene, prompt.question, text))
        row = {"seed": prompt.seed, "size": prompt.size, "question": prompt.question, "text": text}
        rows.append({**row, "prompt": inputs["input_ids"][0].tolist(), "tokens": tokens})
    if arguments.answers:
        arguments.answers.write_text(json.dumps(rows) + "\n")
    ended = sum(row["tokens"][-1] == reference.tokenizer.eos_token_id for row in rows)
    print(f"{len(rows)} prompts, {ended} answers end by themselves")
    print(f"largest difference of logits from our network: {apart:.1e}")
    if apart > 1e-3:
        raise SystemExit("the export does not compute what was trained")


if __name__ == "__main__":
    main()
