"""Writes what transformers makes of YaRN (arXiv 2309.00071) in the language model: `yarn.json`.

Pinned: torch==2.13.0+cpu transformers==5.24.0, float32, CPU, eager attention. Weights and prompt come from seeds in
tests/checkpoints.py and tests/golden/cases.py. The file has the changes to the tiny config, the frequencies, the
attention factor, logits of a few vocabulary columns, and greedy tokens.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "benchmarks")]

with suppress(ImportError):
    import torchvision_import  # noqa: F401

import checkpoints  # noqa: E402
import transformers  # noqa: E402
from cases import Case  # noqa: E402
from transformers import AutoConfig, AutoModelForImageTextToText  # noqa: E402

PROMPT = Case("yarn", images=((1, 8, 12), (1, 4, 4)))
COLUMNS = slice(None, None, 128)
NEW_TOKENS = 8
_SECTION = {"mrope_section": [4, 6, 6]}
_YARN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, **_SECTION}

# Changes of the tiny config: (values of the language model, the rotary table). Positions pass the original length.
MODELS: dict[str, dict[str, Any]] = {
    "published form": {"rope_scaling": _YARN},
    "rope_type wins over type": {"rope_scaling": {**_YARN, "type": "mrope", "rope_type": "yarn"}},
    "attention factor": {"rope_scaling": {**_YARN, "attention_factor": 1.25}},
    "betas, not truncated": {"rope_scaling": {**_YARN, "beta_fast": 8, "beta_slow": 2, "truncate": False}},
    "mscale": {"rope_scaling": {**_YARN, "mscale": 0.8, "mscale_all_dim": 0.3}},
    "length of the config": {
        "max_position_embeddings": 64,
        "rope_scaling": {"type": "yarn", "factor": 2.0, **_SECTION},
    },
    "factor of the lengths": {"max_position_embeddings": 256, "rope_scaling": {**_YARN, "factor": None}},
}
# The frequencies of published shapes, without a model: heads of 128 values.
SHAPES: dict[str, dict[str, Any]] = {
    "Qwen2.5-VL, 4 times 32,768": {
        "max_position_embeddings": 128000,
        "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
    },
    "a factor of 1": {"rope_scaling": {"type": "yarn", "factor": 1.0, "original_max_position_embeddings": 32768}},
    "theta of 10,000": {
        "rope_theta": 10000.0,
        "rope_scaling": {"type": "yarn", "factor": 3.5, "original_max_position_embeddings": 4096},
    },
}


def config(changes: dict[str, Any]) -> dict[str, Any]:
    """Return a tiny config, or one of published width for tables without sections."""
    raw = checkpoints.config(**changes)
    if "mrope_section" not in changes["rope_scaling"]:
        raw |= {"hidden_size": 256, "num_attention_heads": 2}
        raw["rope_scaling"] = {**changes["rope_scaling"], "mrope_section": [16, 24, 24]}
        raw["vision_config"]["out_hidden_size"] = 256
    return raw


def rotary(folder: Path) -> dict[str, Any]:
    """Return frequencies and attention factor of a folder's config."""
    text = AutoConfig.from_pretrained(folder).get_text_config()
    frequencies, factor = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["yarn"](text)
    return {"frequencies": [float(value) for value in frequencies], "attention_factor": float(factor)}


def answer(folder: Path) -> dict[str, Any]:
    """Return logits and greedy tokens of the prompt."""
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    inputs = {key: torch.from_numpy(value) for key, value in PROMPT.inputs().items()}
    ids = inputs["input_ids"]
    inputs["mm_token_type_ids"] = (ids == model.config.image_token_id).int()
    with torch.no_grad():
        logits = model.eval()(**inputs).logits[0]
        tokens = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)[0, ids.shape[1] :]
    columns = [[round(float(value), 5) for value in row] for row in logits[::4, COLUMNS]]
    return {"logits": columns, "tokens": tokens.tolist()}


def main() -> None:
    """Write the file."""
    golden: dict[str, Any] = {"transformers": transformers.__version__, "torch": torch.__version__}
    with tempfile.TemporaryDirectory() as place:
        for number, (name, changes) in enumerate({**MODELS, **SHAPES}.items()):
            folder = checkpoints.write(Path(place) / str(number), config(changes))
            golden[name] = {"changes": changes, **rotary(folder), **(answer(folder) if name in MODELS else {})}
    (HERE / "yarn.json").write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
