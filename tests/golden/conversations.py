"""Writes what transformers makes of conversations and of limits on images: `conversations.json` and `.npz`.

Pinned as models.py; the template is that of tests/checkpoints.py and, for the interleavings, the packaged one too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import PreTrainedTokenizerFast
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import checkpoints  # noqa: E402
import talks  # noqa: E402
from models import ASSETS, load, token_types  # noqa: E402

# (width, height), (min_pixels, max_pixels): as a user would give them.
LIMITED = [
    (size, limits)
    for size in ((640, 480), (1512, 982), (3024, 1964), (70, 126), (20, 30), (1093, 400))
    for limits in ((3136, 100352), (3136, 1003520), (200704, 401408), (784, 50176), (3136, 12845056))
]


def tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A checkpoint folder's tokenizer with its template."""
    made = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    made.chat_template = (folder / "chat_template.jinja").read_text()
    return made


def expanded(words: PreTrainedTokenizerFast, messages: list[dict[str, Any]], limits: tuple[int, int]) -> list[int]:
    """Ids of a conversation, each image and video as many tokens as the reference's processor gives it."""
    text = words.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    for kind in ("image", "video"):
        for part in talks.parts(messages, kind):
            height, width = smart_resize(part["size"][1], part["size"][0], 28, *limits)
            count = height * width // 784 * -(-part.get("frames", 1) // 2)
            text = text.replace(f"<|{kind}_pad|>", "<|held|>" * count, 1)
        text = text.replace("<|held|>", f"<|{kind}_pad|>")
    found: list[int] = words(text, add_special_tokens=False)["input_ids"]
    return found


def answered(model: Any, ids: list[int], messages: list[dict[str, Any]], processor: Any) -> dict[str, np.ndarray]:
    """Logits after the last token, and greedy tokens."""
    shown = [Image.fromarray(talks.image(part["size"], part["seed"])) for part in talks.parts(messages, "image")]
    inputs = processor(images=shown, return_tensors="pt")
    inputs["input_ids"] = torch.tensor([ids])
    inputs["mm_token_type_ids"] = token_types(inputs["input_ids"], model.config)
    logits = model(**inputs).logits[0, -1].numpy()
    made = model.generate(**inputs, max_new_tokens=talks.NEW_TOKENS, do_sample=False)
    return {"last": logits[talks.COLUMNS], "tokens": made[0, len(ids) :].numpy().astype(np.int32)}


def grids() -> list[Any]:
    """[size, limits, grid] of the Pillow processor."""
    found = []
    for size, (least, most) in LIMITED:
        processor = Qwen2VLImageProcessorPil(size={"shortest_edge": least, "longest_edge": most})
        grid = processor(images=[Image.new("RGB", size)], return_tensors="pt")["image_grid_thw"][0].tolist()
        found.append([size, [least, most], grid])
    return found


def expanded_by_packaged() -> list[Any]:
    """The interleavings as ids of the packaged checkpoint."""
    words = tokenizer(ASSETS / "tiny")
    return [expanded(words, messages, (3136, 200704)) for messages in talks.interleavings()]


def write(found: dict[str, Any]) -> None:
    (HERE / "conversations.json").write_text(json.dumps(found) + "\n")


def main() -> None:
    """Write both files, or of the first what hangs on the packaged checkpoint."""
    assert transformers.__version__ == "5.23.0", transformers.__version__
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packaged", action="store_true", help="what hangs on the packaged checkpoint only")
    if parser.parse_args().packaged:
        write(json.loads((HERE / "conversations.json").read_text()) | {"packaged": expanded_by_packaged()})
        return
    torch.set_num_threads(1)
    arrays: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        whole = checkpoints.write_whole(Path(folder))
        limits = (3136, 100352)
        words = tokenizer(whole)
        found = {
            "grids": grids(),
            "own": [expanded(words, messages, limits) for messages in talks.interleavings()],
            "packaged": expanded_by_packaged(),
            "turns": [expanded(words, messages, limits) for messages in talks.turns()],
        }
        model = load(whole)
        processor = Qwen2VLImageProcessorPil(size={"shortest_edge": limits[0], "longest_edge": limits[1]})
        for number, (messages, ids) in enumerate(zip(talks.turns(), found["turns"], strict=True)):
            for key, value in answered(model, ids, messages, processor).items():
                arrays[f"{number}/{key}"] = value
    write(found)
    np.savez_compressed(HERE / "conversations.npz", **arrays)


if __name__ == "__main__":
    main()
