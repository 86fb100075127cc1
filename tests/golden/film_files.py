"""Writes what transformers reads of film files, with PyAV as its decoder: `films.json`.

Pinned: torch==2.13.0 (CPU) transformers==5.24.0 av==18.1.0. Each film is made by tests/films.py, whose frames show
their number. A row has the film, the family and the arguments of sampling; then the number of frames, their rate, the
indices, the numbers that the decoded frames show, the rate of the sampled film, and the times of Qwen3-VL's prompt.
"""

from __future__ import annotations

import json
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "benchmarks")]

import torch  # noqa: E402
import torchvision_import  # noqa: E402, F401
import transformers  # noqa: E402
from films import number_of, write  # noqa: E402
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor  # noqa: E402
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor  # noqa: E402
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor  # noqa: E402
from transformers.video_utils import load_video  # noqa: E402

PROCESSORS = {"qwen2.5-vl": Qwen2VLVideoProcessor, "qwen3-vl": Qwen3VLVideoProcessor}
# (number of frames, rate as a fraction)
FILMS = ((60, "30"), (73, "25"), (240, "30000/1001"), (100, "24000/1001"), (9, "10"), (31, "5"))
ARGUMENTS: tuple[dict[str, Any], ...] = ({"fps": 2}, {"fps": 0.5}, {"fps": 7}, {"num_frames": 4}, {"num_frames": 7})


def row(path: Path, family: str, arguments: dict[str, Any]) -> list[Any]:
    """One film as transformers reads it."""
    processor = PROCESSORS[family]()

    def sample(metadata: Any, **_: Any) -> Any:
        return processor.sample_frames(metadata, **arguments)

    frames, metadata = load_video(str(path), backend="pyav", sample_indices_fn=sample)
    indices = [int(index) for index in metadata.frames_indices]
    sampled_fps = metadata.sampled_fps
    times = Qwen3VLProcessor._calculate_timestamps(None, list(indices), metadata.fps, 2)
    numbers = [number_of(frame) for frame in frames]
    return [metadata.total_num_frames, metadata.fps, indices, numbers, sampled_fps, times]


def main() -> None:
    """Write the file."""
    assert transformers.__version__ == "5.24.0", transformers.__version__
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for count, rate in FILMS:
            path = write(Path(folder, "film.mp4"), count, rate=Fraction(rate))
            for family in PROCESSORS:
                for arguments in ARGUMENTS:
                    values = [count, rate, family, arguments, *row(path, family, arguments)]
                    lines.append(json.dumps(values, separators=(",", ":")))
    about = {"transformers": transformers.__version__, "torch": torch.__version__.partition("+")[0]}
    (HERE / "films.json").write_text(f'{{"about": {json.dumps(about)},\n"films": [\n' + ",\n".join(lines) + "\n]}\n")


if __name__ == "__main__":
    main()
