"""Writes `resized.npz`: pictures as transformers' torchvision path resizes them, before they are normalized.

Pinned: torch==2.13.0+cpu torchvision==0.29.2 transformers==5.23.0. A key is the name of a prompt of
`screens.SCREENS + screens.SHRUNK` and the picture's place in it, "two pictures/1": uint8 [height, width, 3]. Pictures
that keep their size are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "benchmarks")]

import screens  # noqa: E402
import torch  # noqa: E402
import torchvision_import  # noqa: E402
import transformers  # noqa: E402
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor  # noqa: E402


def resized(picture: screens.Picture) -> np.ndarray:
    """The picture that the processor cuts into patches, put together again."""
    processor = Qwen2VLImageProcessor(
        size={"shortest_edge": 3136, "longest_edge": picture.most_tokens * 784},
        do_convert_rgb=False,
        do_rescale=False,
        do_normalize=False,
    )
    planes = np.ascontiguousarray(picture.pixels().transpose(2, 0, 1))
    made = processor(images=[planes], input_data_format="channels_first", return_tensors="np")
    _, rows, columns = made["image_grid_thw"][0]
    # (rows of tokens, columns of tokens, 2, 2, channel, frame, y, x), both frames the same
    cut = made["pixel_values"].reshape(rows // 2, columns // 2, 2, 2, 3, 2, 14, 14)[:, :, :, :, :, 0]
    whole = cut.transpose(0, 2, 5, 1, 3, 6, 4).reshape(rows * 14, columns * 14, 3)
    assert (whole == whole.round()).all(), "normalized after all"
    return whole.astype(np.uint8)


def main() -> None:
    """Write the file."""
    assert torch.__version__.partition("+")[0] == "2.13.0", torch.__version__
    assert torchvision_import.torchvision.__version__.partition("+")[0] == "0.29.2"
    assert transformers.__version__ == "5.23.0", transformers.__version__
    torch.set_num_threads(1)
    found = {
        f"{prompt.name}/{number}": resized(picture)
        for prompt in (*screens.SCREENS, *screens.SHRUNK)
        for number, picture in enumerate(prompt.pictures)
        if not picture.stays
    }
    np.savez_compressed(HERE / "resized.npz", **found)


if __name__ == "__main__":
    main()
