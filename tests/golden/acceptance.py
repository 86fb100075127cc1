"""Writes `acceptance.npz`: what transformers makes of pictures from their pixels on, stage by stage, and of odd sizes.

Pinned as in models.py: torch==2.13.0+cpu transformers==5.23.0, float32, eager attention, the Pillow image processor.
Keys: "NAME/..." for the prompts of `screens.SCREENS`: "pixels" (SHA-256 of pixel_values), "grids", "positions"
[3, length], "embed", "block0", ..., "features", "inputs", "logits", "top", "tokens" (rows by `screens.ROWS`).
"small": int16 [sizes, 4] (height, width of the source; of the resized image). "extreme": int64 [sizes, 5] (height,
width, most tokens; of the resized image, 0 where it is refused).
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import checkpoints  # noqa: E402
import models  # noqa: E402
import screens  # noqa: E402


def prepared(prompt: screens.Prompt) -> dict[str, np.ndarray]:
    """Pixels and grids of a prompt's pictures, as the reference's processor makes them."""
    rows, grids = [], []
    for picture in prompt.pictures:
        processor = Qwen2VLImageProcessorPil(
            size={"shortest_edge": 3136, "longest_edge": picture.most_tokens * 784}, do_convert_rgb=False
        )
        made = processor(images=[picture.pixels()], input_data_format="channels_last", return_tensors="np")
        rows.append(made["pixel_values"])
        grids.append(made["image_grid_thw"][0])
    return {"pixel_values": np.concatenate(rows).astype(np.float32), "image_grid_thw": np.stack(grids).astype(np.int64)}


def stages(model: Any, prompt: screens.Prompt) -> dict[str, np.ndarray]:
    """Everything of one prompt."""
    shown = prepared(prompt)
    grids = [tuple(int(side) for side in grid) for grid in shown["image_grid_thw"]]
    inputs = models.given(model, {"input_ids": screens.ids(grids)[None], **shown})
    digest = hashlib.sha256(shown["pixel_values"].tobytes()).digest()
    found = {"pixels": np.frombuffer(digest, np.uint8), "grids": shown["image_grid_thw"].astype(np.int32)}
    seen = models.tower(model, inputs, rows=screens.ROWS)
    found |= seen | {"features": seen["features"][screens.ROWS]}
    positions, _ = model.model.get_rope_index(**inputs)
    found["positions"] = positions[:, 0].numpy().astype(np.int32)
    decoder = models.Stages([("inputs", model.model.language_model.layers[0])], take="input")
    logits = model(**inputs).logits[0].numpy()
    found |= {name: rows[0][screens.ROWS] for name, rows in decoder.close().items()}
    found |= {"logits": logits[screens.ROWS], "top": logits.argmax(-1).astype(np.int16)}
    made = model.generate(**inputs, max_new_tokens=screens.NEW_TOKENS, do_sample=False)
    found["tokens"] = made[0, inputs["input_ids"].shape[1] :].numpy().astype(np.int16)
    return found


def size(height: int, width: int, tokens: int) -> tuple[int, int]:
    """The resized height and width; (0, 0) where the reference refuses."""
    try:
        found: tuple[int, int] = smart_resize(height, width, 28, 3136, tokens * 784)
    except ValueError:
        return 0, 0
    return found


def sizes() -> dict[str, np.ndarray]:
    """The reference's sizes of small and of extreme images."""
    small = [(h, w, *size(h, w, 16384)) for h, w in screens.small_sizes()]
    extreme = [(*case, *size(*case)) for case in screens.EXTREME]
    return {"small": np.array(small, np.int16), "extreme": np.array(extreme, np.int64)}


def main() -> None:
    """Write the file."""
    assert transformers.__version__ == "5.23.0", transformers.__version__
    torch.set_num_threads(1)
    found = sizes()
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        model = models.load(checkpoints.write(Path(folder)))
        for prompt in screens.SCREENS:
            found |= {f"{prompt.name}/{key}": value for key, value in stages(model, prompt).items()}
    np.savez_compressed(HERE / "acceptance.npz", **found)


if __name__ == "__main__":
    main()
