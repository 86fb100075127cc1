"""Checkpoints of random weights with the widths of published models, and few of their layers.

Times do not depend on the values of weights. The vocabulary, tokenizer and template are those of the packaged
checkpoint, so the embedding and the head are smaller than the published ones (2,978 tokens in place of 151,936).
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from mlx_saccade.errors import InputError

__all__ = ["SIZES", "Synthetic", "config_of", "parse", "write"]

_PERIOD = 8
"""Of so many blocks of the published towers, one has full attention, the others windows."""
_QWEN3_PIXELS = {
    "image_processor_type": "Qwen2VLImageProcessorFast",
    "processor_class": "Qwen3VLProcessor",
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "size": {"shortest_edge": 65536, "longest_edge": 16777216},
}
_COPIED = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "preprocessor_config.json")


@dataclass(frozen=True)
class Synthetic:
    """The shape of a checkpoint.

    Attributes:
        size: name of the published model's size, such as "3b"; "qwen3-" stands before Qwen3-VL's.
        hidden: width of the language model.
        intermediate: width of its MLP.
        heads: its attention heads.
        key_heads: its heads of keys and values.
        full_layers: layers of the published tower and language model.
        layers: layers of the language model here; the tower has four blocks for each, at least 8 and at most its own.
        tied: the head is the embedding.
        tower: width, heads and MLP width of the tower.
        sections: rotary sections.
        head_dim: width of a head of the language model.
        model_type: of config.json.
    """

    size: str
    hidden: int
    intermediate: int
    heads: int
    key_heads: int
    full_layers: tuple[int, int]
    layers: int = 2
    tied: bool = False
    tower: tuple[int, int, int] = (1280, 16, 3420)
    sections: tuple[int, int, int] = (16, 24, 24)
    head_dim: int = 128
    model_type: str = "qwen2_5_vl"

    @property
    def name(self) -> str:
        """Name that `parse` reads, with "synthetic" before it."""
        return f"synthetic {self.size}:{self.layers}"

    @property
    def blocks(self) -> int:
        """Blocks of the tower: whole periods, so that full attention has its published share."""
        wanted = max(_PERIOD, 4 * self.layers)
        return min(self.full_layers[0], wanted - wanted % _PERIOD)


def _qwen3(
    size: str,
    hidden: int,
    intermediate: int,
    heads: int,
    layers: tuple[int, int],
    tower: tuple[int, int, int],
    *,
    tied: bool,
) -> Synthetic:
    """Return a shape of Qwen3-VL, with a layer more than deepstack levels enter."""
    shape = Synthetic(size, hidden, intermediate, heads, 8, layers, layers=4, tied=tied, tower=tower)
    return replace(shape, sections=(24, 20, 20), model_type="qwen3_vl")


SIZES = {
    "3b": Synthetic("3b", 2048, 11008, 16, 2, (32, 36), tied=True),
    "7b": Synthetic("7b", 3584, 18944, 28, 4, (32, 28)),
    "qwen3-2b": _qwen3("qwen3-2b", 2048, 6144, 16, (24, 28), (1024, 16, 4096), tied=True),
    "qwen3-4b": _qwen3("qwen3-4b", 2560, 9728, 32, (24, 36), (1024, 16, 4096), tied=True),
    "qwen3-8b": _qwen3("qwen3-8b", 4096, 12288, 32, (27, 36), (1152, 16, 4304), tied=False),
}


def parse(text: str) -> Synthetic:
    """Return the shape that "3b", or "7b:4" for 4 layers of the language model, names.

    Raises:
        InputError: another text, or more layers than the published model has.
    """
    match = re.fullmatch(rf"({'|'.join(SIZES)})(?::(\d{{1,3}}))?", text)
    if match is None:
        known = ", ".join(f"{size} or {size}:LAYERS" for size in SIZES)
        raise InputError(f"--synthetic: expected {known}; got {text}. Write one such as 3b:2")
    shape = SIZES[match[1]]
    layers = shape.layers if match[2] is None else int(match[2])
    most = shape.full_layers[1]
    if not 2 <= layers <= most:
        raise InputError(f"--synthetic {text}: expected 2 to {most} layers; got {layers}. Write one such as 3b:2")
    return replace(shape, layers=layers)


def write(folder: Path, shape: Synthetic) -> Path:
    """Write a checkpoint in float16.

    Args:
        folder: new or empty folder.
        shape: the shape.

    Returns:
        The folder.
    """
    from mlx.utils import tree_flatten

    from mlx_saccade import models
    from mlx_saccade.backend import mx
    from mlx_saccade.models.families import FAMILIES
    from mlx_saccade.models.model import Model

    packaged = Path(str(resources.files("mlx_saccade") / "assets" / "tiny"))
    raw = config_of(shape, json.loads((packaged / "config.json").read_text(encoding="utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    mx.random.seed(0)
    model = Model(models.read_config(raw), FAMILIES[shape.model_type])
    parameters: Any = model.parameters()  # type: ignore[no-untyped-call]
    named: Any = tree_flatten(parameters)
    weights = {_stored(shape, name): value.astype(mx.float16) for name, value in named}
    mx.eval(weights)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    for name in _COPIED:
        shutil.copy(packaged / name, folder / name)
    if shape.model_type == "qwen3_vl":
        (folder / "preprocessor_config.json").write_text(json.dumps(_QWEN3_PIXELS, indent=1), encoding="utf-8")
    return folder


def _stored(shape: Synthetic, name: str) -> str:
    """Return the name of a tensor in the released layout."""
    if shape.model_type == "qwen2_5_vl" or name.startswith("lm_head."):
        return name
    return f"model.{name}" if name.startswith("visual.") else f"model.language_{name}"


def config_of(shape: Synthetic, packaged: dict[str, Any]) -> dict[str, Any]:
    """Return config.json: the packaged one with other sizes, or one of Qwen3-VL with its token ids."""
    width, heads, intermediate = shape.tower
    if shape.model_type == "qwen3_vl":
        return _qwen3_config(shape, packaged)
    return {
        **packaged,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "max_window_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads,
        "rope_theta": 1e6,
        "rope_scaling": {"type": "mrope", "mrope_section": list(shape.sections)},
        "tie_word_embeddings": shape.tied,
        "vision_config": {
            **packaged["vision_config"],
            "depth": shape.blocks,
            "hidden_size": width,
            "num_heads": heads,
            "intermediate_size": intermediate,
            "out_hidden_size": shape.hidden,
            "fullatt_block_indexes": list(range(_PERIOD - 1, shape.blocks, _PERIOD)),
        },
    }


def _qwen3_config(shape: Synthetic, packaged: dict[str, Any]) -> dict[str, Any]:
    width, heads, intermediate = shape.tower
    ids = {key: packaged[key] for key in ("image_token_id", "video_token_id")}
    ids |= {key: packaged[key] for key in ("vision_start_token_id", "vision_end_token_id")}
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        **ids,
        "tie_word_embeddings": shape.tied,
        "text_config": {
            "model_type": "qwen3_vl_text",
            "vocab_size": packaged["vocab_size"],
            "hidden_size": shape.hidden,
            "intermediate_size": shape.intermediate,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.key_heads,
            "head_dim": shape.head_dim,
            "hidden_act": "silu",
            "attention_bias": False,
            "max_position_embeddings": 262144,
            "rms_norm_eps": 1e-6,
            "rope_theta": 5e6,
            "rope_scaling": {
                "mrope_interleaved": True,
                "mrope_section": list(shape.sections),
                "rope_type": "default",
            },
            "eos_token_id": packaged["eos_token_id"],
            "tie_word_embeddings": shape.tied,
        },
        "vision_config": {
            "model_type": "qwen3_vl",
            "depth": shape.blocks,
            "hidden_size": width,
            "hidden_act": "gelu_pytorch_tanh",
            "num_heads": heads,
            "intermediate_size": intermediate,
            "out_hidden_size": shape.hidden,
            "in_channels": 3,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "num_position_embeddings": 2304,
            "deepstack_visual_indexes": [shape.blocks * part // 4 - 1 for part in (1, 2, 3)],
        },
    }
