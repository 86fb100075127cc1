"""Writes what transformers' Qwen2.5-VL answers: `model_random.npz`, and with `--packaged` `model_packaged.json`.

Pinned: torch==2.13.0+cpu transformers==5.23.0 (tokenizers and jinja2 as it asks for), float32, CPU, eager attention.
`mm_token_type_ids` is always given: without it the reference silently falls back to one-dimensional positions.
Weights and pixels come from seeds in tests/checkpoints.py and tests/golden/cases.py, so only outputs are stored.
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
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.vision_utils import get_vision_window_index

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import checkpoints  # noqa: E402
from cases import CASES, COLUMNS, LOCATE, NEW_TOKENS, PACKAGED_TOKENS, ROWS, SCREENS, Case, digest  # noqa: E402

ASSETS = HERE.parents[1] / "python" / "saccade" / "assets"


def load(folder: Path) -> Any:
    """A checkpoint as the reference reads it."""
    model, report = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    return model.eval()


def token_types(ids: torch.Tensor, config: Any) -> torch.Tensor:
    """0 text, 1 image, 2 video."""
    return (ids == config.image_token_id).int() + 2 * (ids == config.video_token_id).int()


class Stages:
    """Outputs of the patch embedding and of each block while a forward pass runs."""

    def __init__(self, visual: Any) -> None:
        self.rows: dict[str, np.ndarray] = {}
        named = [("embed", visual.patch_embed), *((f"block{n}", block) for n, block in enumerate(visual.blocks))]
        self.hooks = [module.register_forward_hook(self.keep(name)) for name, module in named]

    def keep(self, name: str) -> Any:
        """A hook that stores one module's output."""

        def hook(module: Any, inputs: Any, output: Any) -> None:
            self.rows[name] = (output[0] if isinstance(output, tuple) else output).detach().numpy().copy()

        return hook

    def close(self) -> None:
        """Take the hooks off."""
        for hook in self.hooks:
            hook.remove()


def answer(model: Any, case: Case) -> dict[str, np.ndarray]:
    """Features, logits and greedy tokens of one case."""
    inputs = {key: torch.from_numpy(value) for key, value in case.inputs().items()}
    inputs["mm_token_type_ids"] = token_types(inputs["input_ids"], model.config)
    found: dict[str, np.ndarray] = {}
    if case.images:
        stages = Stages(model.model.visual)
        features = model.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"])
        stages.close()
        found["features"] = torch.cat(list(features.pooler_output)).numpy()
        window, _ = get_vision_window_index(inputs["image_grid_thw"], 2, 112, 14)
        back = torch.argsort(window).numpy()
        for name, rows in stages.rows.items():
            if name != "embed":  # the blocks see window order
                rows = rows.reshape(len(back), 4, -1)[back].reshape(rows.shape)
            found[name] = rows[ROWS]
    logits = model(**inputs).logits[0].numpy()
    found |= {"columns": logits[:, COLUMNS], "top": logits.argmax(-1).astype(np.int32), "last": logits[-1]}
    made = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
    found["tokens"] = made[0, inputs["input_ids"].shape[1] :].numpy().astype(np.int32)
    return found


def random_checkpoint(path: Path) -> None:
    """All cases on the seeded checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        model = load(checkpoints.write(Path(folder)))
        found = {f"{case.name}/{key}": value for case in CASES for key, value in answer(model, case).items()}
    np.savez_compressed(path, **found)


def packaged_checkpoint(path: Path) -> None:
    """The whole way of the reference (Pillow processor, template, tokenizer) on pieces of the demo's screenshot."""
    model, tokenizer = load(ASSETS / "tiny"), AutoTokenizer.from_pretrained(ASSETS / "tiny")
    processor = Qwen2VLImageProcessorPil.from_pretrained(ASSETS / "tiny")
    rows = []
    with Image.open(ASSETS / "demo" / "screen.png") as screen:
        for crop, description in SCREENS:
            words = {"type": "text", "text": LOCATE.format(description)}
            messages = [{"role": "user", "content": [{"type": "image"}, words]}]
            text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
            inputs = processor(images=[screen.convert("RGB").crop(crop)], return_tensors="pt")
            tokens = int(inputs["image_grid_thw"].prod()) // 4
            text = text.replace("<|image_pad|>", "<|image_pad|>" * tokens)
            inputs["input_ids"] = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
            inputs["mm_token_type_ids"] = token_types(inputs["input_ids"], model.config)
            made = model.generate(**inputs, max_new_tokens=PACKAGED_TOKENS, do_sample=False)
            prompt = inputs["input_ids"][0].tolist()
            rows.append(
                {
                    "crop": crop,
                    "description": description,
                    "grid": inputs["image_grid_thw"][0].tolist(),
                    "prompt": prompt,
                    "tokens": made[0, len(prompt) :].tolist(),
                }
            )
    found = {"weights": digest(ASSETS / "tiny" / "model.safetensors"), "answers": rows}
    path.write_text(json.dumps(found) + "\n")


def main() -> None:
    """Write the asked file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packaged", action="store_true", help="the packaged checkpoint's answers instead")
    options = parser.parse_args()
    assert transformers.__version__ == "5.23.0", transformers.__version__
    torch.set_num_threads(1)
    with torch.no_grad():
        if options.packaged:
            packaged_checkpoint(HERE / "model_packaged.json")
        else:
            random_checkpoint(HERE / "model_random.npz")


if __name__ == "__main__":
    main()
