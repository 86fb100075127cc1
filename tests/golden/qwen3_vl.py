"""Writes what transformers answers for Qwen3-VL: model_qwen3_vl.npz, model_qwen3_vl_moe.npz, model_qwen3_batch.npz.

Pinned: torch==2.13.0+cpu transformers==5.24.0, float32, CPU, eager attention, `mm_token_type_ids` always given. Weights
and pixels come from seeds in tests/checkpoints.py and tests/golden/qwen3_cases.py, so only outputs are stored. Keys are
"case/value": "positions" [3, length], "columns" [length, 64], "top" [length], "last" [1024], "tokens", "layer0", ... of
the language model; and of the dense model's images "features", "level0", ..., "embed", "block0", ... of the tower.

qwen3_prompts.json has the prompts of messages with images and videos, in both forms, by the processor's own words.
"""

# ruff: noqa: E402

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.modules["torchvision"] = None  # type: ignore[assignment]  # its wheels of the index need CUDA

import numpy as np
import torch
import transformers
from transformers import AutoModelForImageTextToText, AutoTokenizer
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import checkpoints
from qwen3_cases import (
    COLUMNS,
    NEW_TOKENS,
    PAD,
    PROMPTS,
    ROWS,
    SETS,
    TOKENS,
    Case,
    VideoCase,
    batch_inputs,
    checkpoint,
)


def load(folder: Path) -> Any:
    """Return a checkpoint as the reference reads it."""
    model, report = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    return model.eval()


class Stages:
    """Outputs of named modules while a forward pass runs, or what goes into them."""

    def __init__(self, modules: Iterable[tuple[str, Any]], *, entering: bool = False) -> None:
        self.rows: dict[str, np.ndarray] = {}
        self.entering = entering
        self.hooks = [module.register_forward_hook(self._keep(name)) for name, module in modules]

    def _keep(self, name: str) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            value = inputs if self.entering else output
            self.rows[name] = (value[0] if isinstance(value, tuple) else value).detach().numpy().copy()

        return hook

    def close(self) -> dict[str, np.ndarray]:
        """Take the hooks off and return the outputs."""
        for hook in self.hooks:
            hook.remove()
        return self.rows


def tensors(model: Any, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return inputs as tensors, token types among them."""
    given = {key: torch.from_numpy(value) for key, value in inputs.items()}
    ids, config = given["input_ids"], model.config
    given["mm_token_type_ids"] = (ids == config.image_token_id).int() + 2 * (ids == config.video_token_id).int()
    return given


def tower(model: Any, inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return features and levels of the images, and some rows of the tower's stages."""
    visual = model.model.visual
    entering = Stages([("embed", visual.blocks[0])], entering=True)
    stages = Stages((f"block{n}", block) for n, block in enumerate(visual.blocks))
    output = visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
    results = {"features": output.pooler_output.numpy()[TOKENS]}
    results |= {f"level{n}": rows.numpy()[TOKENS] for n, rows in enumerate(output.deepstack_features)}
    return results | {name: rows[ROWS] for name, rows in {**entering.close(), **stages.close()}.items()}


def answer(model: Any, case: Case) -> dict[str, np.ndarray]:
    """Return all values of one case; those of the tower only once, since both models have the same."""
    inputs = tensors(model, case.inputs())
    results = tower(model, inputs) if case.images and model.config.model_type == "qwen3_vl" else {}
    grids = {key: inputs.get(key) for key in ("image_grid_thw", "video_grid_thw")}
    positions, _ = model.model.get_rope_index(
        input_ids=inputs["input_ids"], mm_token_type_ids=inputs["mm_token_type_ids"], **grids
    )
    stages = Stages((f"layer{n}", layer) for n, layer in enumerate(model.model.language_model.layers))
    logits = model(**inputs).logits[0].numpy()
    results |= {name: rows[0][ROWS] for name, rows in stages.close().items()}
    generated = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
    return results | {
        "positions": positions[:, 0].numpy().astype(np.int32),
        "columns": logits[:, COLUMNS],
        "top": logits.argmax(-1).astype(np.int32),
        "last": logits[-1],
        "tokens": generated[0, inputs["input_ids"].shape[1] :].numpy().astype(np.int32),
    }


def batch(model: Any) -> dict[str, np.ndarray]:
    """Return the rows of BATCH in one call."""
    inputs = tensors(model, batch_inputs())
    logits = model(**inputs).logits.numpy()
    generated = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=PAD)
    tokens = generated[:, inputs["input_ids"].shape[1] :].numpy().astype(np.int32)
    return {"last": logits[:, -1], "tokens": tokens}


def prompts(folder: Path) -> list[dict[str, Any]]:
    """Return text and ids of messages, a video's words written by the reference's processor."""
    checkpoints.write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = Qwen3VLProcessor.__new__(Qwen3VLProcessor)
    processor.video_processor = SimpleNamespace(merge_size=2, temporal_patch_size=2)
    processor.image_token, processor.video_token = "<|image_pad|>", "<|video_pad|>"
    processor.vision_start_token, processor.vision_end_token = "<|vision_start|>", "<|vision_end|>"
    rows = []
    for case in PROMPTS:
        rendered = tokenizer.apply_chat_template(case.messages, add_generation_prompt=True, tokenize=False)
        for form in ("outer", "single"):
            text = rendered
            for tokens in case.image_tokens:
                text = text.replace("<|image_pad|>", "<|image|>" * tokens, 1)
            for video in case.videos:
                words = _words(processor, video).replace("<|video_pad|>", "<|video|>")
                whole = "<|video_pad|>" if form == "outer" else "<|vision_start|><|video_pad|><|vision_end|>"
                text = text.replace(whole, words, 1)
            text = text.replace("<|image|>", "<|image_pad|>").replace("<|video|>", "<|video_pad|>")
            rows.append({"name": case.name, "form": form, "ids": tokenizer.encode(text, add_special_tokens=False)})
    return rows


def _words(processor: Any, video: VideoCase) -> str:
    metadata = SimpleNamespace(fps=video.fps, frames_indices=list(video.indices))
    grid = torch.tensor([[video.steps, 2 * video.tokens, 2]])
    text: str = processor.replace_video_token({"video_grid_thw": grid, "video_metadata": [metadata]}, 0)
    return text


def main() -> None:
    """Write all files."""
    assert transformers.__version__ == "5.24.0", transformers.__version__
    torch.set_num_threads(1)
    with torch.no_grad(), tempfile.TemporaryDirectory() as place:
        for name, (_, cases) in SETS.items():
            model = load(checkpoints.write(Path(place) / name, *checkpoint(name)))
            results = {f"{case.name}/{key}": value for case in cases for key, value in answer(model, case).items()}
            np.savez_compressed(HERE / f"model_{name}.npz", **results)
            if name == "qwen3_vl":
                np.savez_compressed(HERE / "model_qwen3_batch.npz", **batch(model))
        rows = prompts(Path(place) / "qwen3_vl")
    (HERE / "qwen3_prompts.json").write_text(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
