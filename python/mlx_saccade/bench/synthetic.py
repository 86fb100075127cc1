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

__all__ = ["SIZES", "Synthetic", "parse", "write"]

_PERIOD = 8
"""Of so many blocks of the published towers, one has full attention, the others windows."""
_COPIED = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "preprocessor_config.json")


@dataclass(frozen=True)
class Synthetic:
    """The shape of a checkpoint.

    Attributes:
        size: name of the published model's size, such as "3b".
        hidden: width of the language model.
        intermediate: width of its MLP.
        heads: its attention heads.
        key_heads: its heads of keys and values.
        full_layers: layers of the published tower and language model.
        layers: layers of the language model here; the tower has four blocks for each, at least 8 and at most its own.
        tied: the head is the embedding.
        tower: width, heads and MLP width of the tower.
        sections: rotary sections.
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

    @property
    def name(self) -> str:
        """Name that `parse` reads, with "synthetic" before it."""
        return f"synthetic {self.size}:{self.layers}"

    @property
    def blocks(self) -> int:
        """Blocks of the tower: whole periods, so that full attention has its published share."""
        wanted = max(_PERIOD, 4 * self.layers)
        return min(self.full_layers[0], wanted - wanted % _PERIOD)


SIZES = {
    "3b": Synthetic("3b", 2048, 11008, 16, 2, (32, 36), tied=True),
    "7b": Synthetic("7b", 3584, 18944, 28, 4, (32, 28)),
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
    raw = _config(shape, json.loads((packaged / "config.json").read_text(encoding="utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    mx.random.seed(0)
    model = Model(models.read_config(raw), FAMILIES["qwen2_5_vl"])
    parameters: Any = model.parameters()  # type: ignore[no-untyped-call]
    named: Any = tree_flatten(parameters)
    weights = {name: value.astype(mx.float16) for name, value in named}
    mx.eval(weights)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    for name in _COPIED:
        shutil.copy(packaged / name, folder / name)
    return folder


def _config(shape: Synthetic, packaged: dict[str, Any]) -> dict[str, Any]:
    """Return config.json: the packaged one with other sizes."""
    width, heads, intermediate = shape.tower
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
