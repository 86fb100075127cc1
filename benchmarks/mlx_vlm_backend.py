"""Time mlx-vlm with this package enabled beside mlx-vlm alone: the stages of a question about a 4K screenshot.

    python benchmarks/mlx_vlm_backend.py                            # every row, minutes each
    python benchmarks/mlx_vlm_backend.py packaged --tokens 256 --dtype float16

Three sides, each a process of its own that takes its turn: mlx-vlm with MLX's own BLAS, mlx-vlm with OpenBLAS, and
enabled with OpenBLAS. Only the last two differ by this package alone. Each asks a first question about a screenshot
that it has not seen, then a second one about the same file, by `stream_generate` and nothing else. The stages are
timed inside: preparation (a PNG file, decoding included), vision (with the embedding), prefill, decode of one token,
and the whole. `from pixels` is the preparation of a screenshot that is in memory already, as a capture is.

Tokens of the prompt are compared, and in float32 the answers. A stage is the fastest of its rounds. `--clock cpu`
counts the seconds of one thread's work instead of those on the wall: for a machine that others use.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata, resources
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from matmul import matmul_peak

SIDES = {
    "mlx-vlm, own BLAS": {"SACCADE_OPENBLAS": "0", "BACKEND": ""},
    "mlx-vlm, OpenBLAS": {"BACKEND": ""},
    "enabled, OpenBLAS": {"BACKEND": "1"},
}
STAGES = ("from pixels", "preparation", "vision", "prefill", "decode", "whole")
QUESTIONS = ("Locate the dialog, output its bbox coordinates.", "Locate the menu, output its bbox coordinates.")
DECODED = 8
SCREEN = (3840, 2160)
ROWS = (
    ("packaged", "float16"),
    ("packaged", "float32"),
    ("wide", "float32"),
    ("qwen3", "float32"),
)
# The widths of Qwen3-VL-2B, in one layer more than its deepstack levels enter.
QWEN3_TEXT = {
    "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 4, "num_attention_heads": 16,
    "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True,
    "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"},
}  # fmt: skip
QWEN3_TOWER = {
    "depth": 4, "hidden_size": 1024, "num_heads": 16, "intermediate_size": 4096, "out_hidden_size": 2048,
    "num_position_embeddings": 2304, "deepstack_visual_indexes": [0, 1, 2],
}  # fmt: skip
NATIVE = 16384
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SACCADE_THREADS")
CLOCKS: dict[str, dict[str, str]] = {"wall": {}, "cpu": dict.fromkeys(THREADS, "1")}


# -- one side ---------------------------------------------------------------------------------------------------------


def serve(folder: str, dtype: str, tokens: int) -> None:
    """Answer lines of JSON on standard input, {"image": path, "question": text}, by seconds for each stage.

    `other` is the screenshot that is prepared from memory.
    """
    import time

    now = time.process_time if os.environ["CLOCK"] == "cpu" else time.perf_counter
    from mlx_saccade.backend import device, mx, openblas  # isort: skip  (OpenBLAS has to come first)
    from PIL import Image

    from mlx_saccade.bench.ask import Question, SideOptions
    from mlx_saccade.bench.mlx_vlm_side import MlxVlmSide

    options = SideOptions(folder, "cpu" if device() == "cpu" else "gpu", dtype, DECODED + 1, 0)
    side = MlxVlmSide(options, enabled=bool(os.environ["BACKEND"]), now=now)
    gflops = 1e-9 * matmul_peak(mx, size=1024, rounds=3)
    print(json.dumps({"blas": openblas or "MLX's own", "matmul": gflops, "version": side.version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        from_pixels = side.prepare(Image.open(request["other"]).convert("RGB"), tokens)
        measured = side.ask(Question(request["image"], request["question"], tokens))
        seconds = {**measured.seconds, "from pixels": from_pixels, "decode": measured.seconds["tokens"]}
        mx.clear_cache()
        answer = {"seconds": seconds, "prompt_tokens": measured.prompt_tokens, "tokens": measured.answer}
        print(json.dumps({**answer, "peak": measured.peak_bytes}), flush=True)


# -- all sides --------------------------------------------------------------------------------------------------------


class Side:
    """The process of a side."""

    def __init__(self, name: str, folder: Path, dtype: str, tokens: int, clock: str) -> None:
        command = [sys.executable, __file__, "--serve", str(folder), dtype, str(tokens)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **SIDES[name], **CLOCKS[clock], "CLOCK": clock},
        )  # fmt: skip
        self.name, self.about = name, self._read()

    def ask(self, image: Path, question: str, other: Path) -> dict[str, Any]:
        assert self.process.stdin is not None
        request = {"image": str(image), "question": question, "other": str(other)}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self.process.stdin and self.process.stdin.close()
        self.process.wait()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise SystemExit(f"{self.name}: the process ended with {self.process.wait()}")


def checkpoint(name: str, dtype: str, parent: Path) -> Path:
    """Write a checkpoint with the packaged tokenizer.

    Args:
        name: "packaged"; "wide", the widths of Qwen2.5-VL-3B in few layers; or "qwen3", those of Qwen3-VL-2B.
        dtype: precision of the weights.
        parent: folder of its folder.
    """
    packaged = Path(str(resources.files("mlx_saccade") / "assets" / "tiny"))
    if name == "packaged":
        return packaged
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import checkpoints
    from test_engine import WIDE, WIDE_TOWER

    own = json.loads((packaged / "config.json").read_text())
    ids = {key: value for key, value in own.items() if key.endswith("_token_id")}
    files = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]
    if name == "qwen3":
        raw = checkpoints.config(checkpoints.QWEN3_VL, **ids, tie_word_embeddings=True)
        raw["text_config"] |= {**QWEN3_TEXT, "vocab_size": own["vocab_size"], "eos_token_id": own["eos_token_id"]}
        raw["vision_config"] |= QWEN3_TOWER
    else:
        raw = checkpoints.config(**{**WIDE, "vocab_size": own["vocab_size"], **ids})
        raw["vision_config"] |= WIDE_TOWER
        files.append("preprocessor_config.json")
    folder = parent / f"{name}-{dtype}"
    if not folder.exists():
        limits = {**checkpoints.preprocessor(raw), "size": {"shortest_edge": 65536, "longest_edge": 16777216}}
        checkpoints.write(folder, raw, files={"preprocessor_config.json": limits} if name == "qwen3" else None)
        for file in files:
            shutil.copy(packaged / file, folder / file)
    return folder


def heads(name: str) -> int:
    return 4 if name == "packaged" else 16


def family(name: str) -> str:
    return "qwen3-vl" if name == "qwen3" else "qwen2.5-vl"


def screenshot(seed: int, folder: Path) -> Path:
    from PIL import Image

    import mlx_saccade as saccade

    path = folder / f"screen-{seed}.png"
    if not path.exists():
        Image.fromarray(saccade.scenes.generate(seed, size=SCREEN).image).save(path)
    return path


def row(
    name: str, dtype: str, tokens: int, rounds: int, sides: list[str], folder: Path, clock: str
) -> list[dict[str, Any]]:
    """Return the figures of both questions on each side, and print them."""
    import mlx_saccade as saccade

    plan = saccade.plan(SCREEN, family=family(name), budget=tokens)
    scores = heads(name) * plan.patches**2
    title = f"{name} {dtype}, {plan.tokens:,} tokens"
    running: list[Side] = []
    for side in sides:
        if side.startswith("mlx-vlm") and scores >= 2**31:
            print(
                f"{title}: {side} cannot run: {heads(name)} heads of {plan.patches:,} x {plan.patches:,} scores "
                f"({4 * scores / 1e9:.0f} GB) in one array; MLX's CPU backend ends the process above 2^31 values"
            )
            continue
        running.append(Side(side, checkpoint(name, dtype, folder), dtype, tokens, clock))
    best: dict[tuple[str, int], dict[str, float]] = {}
    answers: dict[tuple[int, int], dict[str, Any]] = {}
    for turn in range(rounds):
        for side in running:
            for number, question in enumerate(QUESTIONS):
                answer = side.ask(screenshot(turn, folder), question, screenshot(100 + 2 * turn + number, folder))
                known = best.setdefault((side.name, number), {})
                known.update({stage: min(value, known.get(stage, value)) for stage, value in answer["seconds"].items()})
                known["peak"] = answer["peak"]
                other = answers.setdefault((turn, number), answer)
                assert answer["prompt_tokens"] == other["prompt_tokens"], f"{title}: prompts differ"
                if dtype == "float32" and answer["tokens"] != other["tokens"]:
                    print(f"{title}: WARNING: {side.name} answers {answer['tokens']}, another {other['tokens']}")
    rows = []
    for (side_name, number), seconds in best.items():
        about = next(side.about for side in running if side.name == side_name)
        rows.append({"case": title, "side": side_name, "question": number + 1, **seconds, "matmul": about["matmul"]})
        cells = "".join(f"{seconds[stage]:>12.4f}" for stage in STAGES)
        print(f"{title:<34}{side_name:<20}{number + 1:>3}{cells}{seconds['peak'] / 1e9:>8.2f} GB", flush=True)
    for side in running:
        side.close()
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return Markdown: seconds of the enabled side, and how many times as long the others take."""
    cases: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for one in rows:
        cases.setdefault((one["case"], one["question"]), {})[one["side"]] = one
    lines = ["| case | question | side | " + " | ".join(STAGES) + " |", "|---" * (len(STAGES) + 3) + "|"]
    for (case, question), sides in cases.items():
        base = sides.get("enabled, OpenBLAS")
        for name, one in sides.items():
            cells = [f"{one[stage]:.3g}" for stage in STAGES]
            if base is not None and base is not one:
                cells = [f"{text} ({one[s] / base[s]:.2g})" for text, s in zip(cells, STAGES, strict=True)]
            lines.append(f"| {case} | {question} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return 0
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkpoints", nargs="*", default=[], help="packaged, wide, qwen3; default all")
    parser.add_argument("--dtype", choices=("float16", "float32"), help="of the weights; default all rows")
    parser.add_argument("--tokens", nargs="+", type=int, default=[256, 1280, 4096, NATIVE])
    parser.add_argument("--rounds", type=int, default=2, help="default 2")
    parser.add_argument("--sides", nargs="+", default=list(SIDES), help="default all")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall")
    parser.add_argument("--folder", type=Path, help="keeps the screenshots and the wide checkpoint")
    parser.add_argument("--json", type=Path, help="file of all figures")
    options = parser.parse_args()
    try:
        version = metadata.version("mlx-vlm")
    except metadata.PackageNotFoundError:
        print("NOT RUN: mlx-vlm is not installed")
        return 0
    print(f"mlx-vlm {version}, mlx {metadata.version('mlx')}, seconds; decode is one token")
    print(f"{'':<34}{'':<20}{'':>3}" + "".join(f"{stage:>12}" for stage in STAGES) + "     peak")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for tokens in options.tokens:
            for name, dtype in ROWS:
                if (not options.checkpoints or name in options.checkpoints) and options.dtype in (None, dtype):
                    rows += row(name, dtype, tokens, options.rounds, options.sides, folder, options.clock)
    print("\n" + table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
