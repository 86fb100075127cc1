"""Writes what transformers answers: `model_SET.npz` for the sets of cases.py, `model_batch.npz`, `model_packaged.json`.

Pinned: torch==2.13.0+cpu transformers==5.23.0 (tokenizers and jinja2 as it asks for), float32, CPU, eager attention.
`mm_token_type_ids` is always given: without it the reference silently falls back to one-dimensional positions.
Weights and pixels come from seeds in tests/checkpoints.py and tests/golden/cases.py, so only outputs are stored.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoTokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.vision_utils import get_vision_window_index

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import checkpoints  # noqa: E402
from cases import (  # noqa: E402
    BATCH,
    COLUMNS,
    LOCATE,
    NEW_TOKENS,
    PACKAGED_TOKENS,
    PAD,
    ROWS,
    SCREENS,
    SETS,
    Case,
    Set,
    batch_inputs,
    digest,
)

ASSETS = HERE.parents[1] / "python" / "mlx_saccade" / "assets"


def load(folder: Path) -> Any:
    """A checkpoint as the reference reads it."""
    model, report = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    return model.eval()


def token_types(ids: torch.Tensor, config: Any) -> torch.Tensor:
    """0 text, 1 image, 2 video."""
    return (ids == config.image_token_id).int() + 2 * (ids == config.video_token_id).int()


class Stages:
    """Outputs of named modules while a forward pass runs, or what goes into them (`take` "input")."""

    def __init__(self, modules: Iterable[tuple[str, Any]], *, take: str = "output") -> None:
        self.take = take
        self.rows: dict[str, np.ndarray] = {}
        self.hooks = [module.register_forward_hook(self.keep(name)) for name, module in modules]

    def keep(self, name: str) -> Any:
        """A hook that stores one module's output."""

        def hook(module: Any, inputs: Any, output: Any) -> None:
            value = output if self.take == "output" else inputs
            self.rows[name] = (value[0] if isinstance(value, tuple) else value).detach().numpy().copy()

        return hook

    def close(self) -> dict[str, np.ndarray]:
        """Take the hooks off."""
        for hook in self.hooks:
            hook.remove()
        return self.rows


def tower(model: Any, inputs: dict[str, torch.Tensor], *, rows: slice = ROWS) -> dict[str, np.ndarray]:
    """The tower's features, and the chosen rows of its stages in merge-block order."""
    visual, grids = model.model.visual, inputs["image_grid_thw"]
    blocks = ((f"block{n}", block) for n, block in enumerate(visual.blocks))
    stages = Stages([("embed", visual.patch_embed), *blocks])
    features = model.model.get_image_features(inputs["pixel_values"], grids)
    found = {"features": torch.cat(list(features.pooler_output)).numpy()}
    windows = model.config.model_type == "qwen2_5_vl"
    for name, values in stages.close().items():
        if windows and name != "embed":  # the blocks see window order
            back = torch.argsort(get_vision_window_index(grids, 2, 112, 14)[0]).numpy()
            values = values.reshape(len(back), 4, -1)[back].reshape(values.shape)
        found[name] = values[rows]
    return found


def given(model: Any, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Inputs as tensors, token types among them."""
    tensors = {key: torch.from_numpy(value) for key, value in inputs.items()}
    tensors["mm_token_type_ids"] = token_types(tensors["input_ids"], model.config)
    return tensors


def answer(model: Any, case: Case, *, layers: bool) -> dict[str, np.ndarray]:
    """Features, logits and greedy tokens of one case."""
    inputs = given(model, case.inputs())
    found = tower(model, inputs) if case.images else {}
    decoder = model.model.language_model.layers if layers else ()
    stages = Stages([(f"layer{n}", layer) for n, layer in enumerate(decoder)])
    logits = model(**inputs).logits[0].numpy()
    found |= {name: rows[0][ROWS] for name, rows in stages.close().items()}
    found |= {"columns": logits[:, COLUMNS], "top": logits.argmax(-1).astype(np.int32), "last": logits[-1]}
    made = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
    found["tokens"] = made[0, inputs["input_ids"].shape[1] :].numpy().astype(np.int32)
    return found


def seeded(chosen: Set, path: Path) -> None:
    """All cases of a set."""
    with tempfile.TemporaryDirectory() as folder:
        model = load(checkpoints.write(Path(folder), *chosen.checkpoint()))
        results = {case.name: answer(model, case, layers=chosen.layers) for case in chosen.cases}
    found = {f"{name}/{key}": value for name, values in results.items() for key, value in values.items()}
    np.savez_compressed(path, **found)


def batch(path: Path) -> None:
    """The rows of BATCH in one call."""
    with tempfile.TemporaryDirectory() as folder:
        model = load(checkpoints.write(Path(folder)))
        inputs = given(model, batch_inputs())
        positions, _ = model.model.get_rope_index(**inputs)
        logits = model(**inputs).logits.numpy()
        made = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=PAD)
        alone = [answer(model, case, layers=False)["tokens"] for case in BATCH]
    tokens = made[:, inputs["input_ids"].shape[1] :].numpy().astype(np.int32)
    assert (tokens == np.stack(alone)).all(), "the reference's own batch differs from its single rows"
    np.savez_compressed(
        path,
        positions=positions.numpy().astype(np.int32),
        columns=logits[:, :, COLUMNS],
        top=logits.argmax(-1).astype(np.int32),
        last=logits[:, -1],
        tokens=tokens,
    )


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
    """Write the asked files."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [chosen.name for chosen in SETS] + ["batch"]
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--packaged", action="store_true", help="the packaged checkpoint's answers instead")
    options = parser.parse_args()
    assert transformers.__version__ == "5.23.0", transformers.__version__
    assert set(options.sets) <= set(names), options.sets
    torch.set_num_threads(1)
    with torch.no_grad():
        if options.packaged:
            packaged_checkpoint(HERE / "model_packaged.json")
            return
        for chosen in SETS:
            if chosen.name in (options.sets or names):
                seeded(chosen, HERE / f"model_{chosen.name}.npz")
        if "batch" in (options.sets or names):
            batch(HERE / "model_batch.npz")


if __name__ == "__main__":
    main()
