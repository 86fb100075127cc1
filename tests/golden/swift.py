"""Writes what the Swift model's tests read: python tests/golden/swift.py FOLDER

Checkpoints and results of the sets of cases.py, the packaged checkpoint's answers, pixels and patches, and a tokenizer
with its cases, as safetensors, JSON and PPM. Results are the reference's, of the other golden files. Patches and boxes
of the demo's screenshot, and the tokenizer's ids, come from the installed packages. The files take 110 MB, so they are
made before a test, not checked in.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import checkpoints  # noqa: E402
import quantized  # noqa: E402
from cases import COLUMNS, LOCATE, PACKAGED_TOKENS, SETS, Case  # noqa: E402

import mlx_saccade as saccade  # noqa: E402
from mlx_saccade.checkpoint.tokenizer import Prompts  # noqa: E402
from mlx_saccade.engine.sampling import RandomSampler, Sampling  # noqa: E402
from mlx_saccade.models import config_keys  # noqa: E402

ASSETS = HERE.parents[1] / "python" / "mlx_saccade" / "assets"
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
STRINGS = 2000


# The seeded checkpoints.


def write_sets(out: Path) -> None:
    """Write each set's checkpoint as NAME/ and its cases as NAME.json and NAME.safetensors."""
    for chosen in SETS:
        raw, tensors = chosen.checkpoint()
        _write_checkpoint(out / chosen.name, chosen.name, raw, tensors)
        results = np.load(HERE / f"model_{chosen.name}.npz")
        cases = [case for case in chosen.cases if not case.videos]
        rows: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {}
        for case in cases:
            rows.append({"name": case.name, "ids": case.ids[0].tolist(), "grids": case.images})
            arrays |= _arrays(case, results)
        (out / f"{chosen.name}.json").write_text(json.dumps({"columns": COLUMNS.step, "cases": rows}))
        _save(out / f"{chosen.name}.safetensors", arrays)


def _write_checkpoint(folder: Path, name: str, raw: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
    """Write a checkpoint: "quantised" packed in mlx-community's keys, "layers" nested and in shards."""
    if name == "quantised":
        plain = checkpoints.config()
        raw, tensors, _ = quantized.checkpoint(plain, checkpoints.weights(plain), quantized.mixed_rule)
    checkpoints.write(folder, checkpoints.nested_config(raw) if name == "layers" else raw, tensors)
    if name == "layers":
        (folder / "model.safetensors").unlink()
        _write_shards(folder, {_nested_name(key): value for key, value in tensors.items()})


def _nested_name(key: str) -> str:
    """Return a tensor's name in transformers 5's layout."""
    if key.startswith("visual."):
        return f"model.{key}"
    return f"model.language_model.{key.removeprefix('model.')}" if key.startswith("model.") else key


def _write_shards(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    names, places = sorted(tensors), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        shard = f"model-0000{number}-of-00002.safetensors"
        checkpoints.save_tensors(folder / shard, {key: tensors[key] for key in part})
        places |= dict.fromkeys(part, shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def _arrays(case: Case, results: Any) -> dict[str, np.ndarray]:
    """Return a case's patches in merge-block order, and the reference's results."""
    arrays = {key: results[f"{case.name}/{key}"] for key in ("columns", "top", "last", "tokens")}
    if case.images:
        arrays |= {"features": results[f"{case.name}/features"], "patches": case.native().view(np.uint8)}
    return {f"{case.name}/{key}": value for key, value in arrays.items()}


# The packaged checkpoint.


def write_packaged(out: Path) -> None:
    """Write the packaged checkpoint, the demo's screenshot as a PPM, its patches, and the answers to its questions."""
    shutil.copytree(ASSETS / "tiny", out / "packaged", dirs_exist_ok=True)
    with Image.open(ASSETS / "demo" / "screen.png") as image:
        image.convert("RGB").save(out / "screen.ppm")
    engine = saccade.load()
    targets = json.loads((ASSETS / "demo" / "targets.json").read_text())["targets"]
    screen = ASSETS / "demo" / "screen.png"
    demo = []
    for target in targets:
        answer = engine.locate(screen, target["description"], policy="flat")
        boxes = [list(box.xyxy) for box in answer.boxes]
        zoomed = engine.locate(screen, target["description"], policy="zoom")
        demo.append(
            {
                "description": target["description"],
                "text": answer.text,
                "boxes": boxes,
                "zoomed": [list(box.xyxy) for box in zoomed.boxes],
            }
        )
    known = json.loads((HERE / "model_packaged.json").read_text())["answers"]
    content = {"prompt": LOCATE, "tokens": PACKAGED_TOKENS, "answers": known, "demo": demo, "plans": []}
    for family in ("qwen2-vl", "qwen2.5-vl"):
        plan = saccade.plan(screen, family=family, budget=256)
        patches = saccade.patchify(screen, plan, layout="native")
        _save(out / f"patches-{family}.safetensors", {"patches": np.asarray(patches)})
    (out / "packaged.json").write_text(json.dumps(content))


# Conversations.


def write_prompts(out: Path) -> None:
    """Write conversations and their ids, by the packaged tokenizer and by one as Qwen's; texts hold special tokens."""
    rng = random.Random(11)
    words = (*_WORDS, *_SPACES, *_NAMES, "what is at (5, 5)?", "Locate ", "user\n", "\n\n", "<|vision_start|>")
    rows = []
    for name in ("packaged", "tokenizer"):
        shutil.copy(ASSETS / "tiny" / "chat_template.jinja", out / name)
        tokenizer = Tokenizer.from_file(str(out / name / "tokenizer.json"))
        image = tokenizer.token_to_id("<|image_pad|>")
        prompts = Prompts(out / name, image)
        for number in range(60):
            roles = rng.choice((["user"], ["system", "user"], ["user", "assistant", "user"]))
            messages: list[dict[str, Any]] = []
            counts: list[int] = []
            for role in roles:
                parts: list[dict[str, Any]] = []
                for _ in range(rng.randint(1, 4)):
                    if role == "user" and rng.random() < 0.4:
                        counts.append(rng.randint(1, 9))
                        parts.append({"type": "image", "tokens": counts[-1]})
                    else:
                        parts.append({"type": "text", "text": "".join(rng.choices(words, k=number % 7 + 1))})
                messages.append({"role": role, "content": parts})
            ids = prompts.encode(messages, counts)
            rows.append({"folder": name, "image": image, "messages": messages, "ids": ids})
    (out / "prompts.json").write_text(json.dumps(rows))


# Rules that both packages have.


def write_rules(out: Path) -> None:
    """Write which keys of config.json are refused, and distributions of the sampler."""
    values: tuple[Any, ...] = (2, 1, 0, 2.5, 1.0, True, False, "silu", "", "rope", [], [1], {}, {"a": 1}, None)
    words = ("foo", "_rope", "rope_dropout", "my_norm", "use_cache", "train_window", "qk_scale_x", "factor", "dtype")
    rows = []
    for key in sorted({*config_keys._REFUSED, *words}):
        # Python takes true for 1.
        alike = {type(harmless) for harmless in config_keys._REFUSED.get(key, ())} & {bool, int}
        for value in values:
            if value is None or (alike and isinstance(value, bool | int | float)):
                continue
            sections: tuple[config_keys.Section, ...] = ("model", "vision", "rotary")
            rows += [[key, value, name, config_keys.changes_numbers(key, value, name)] for name in sections]
    (out / "config_keys.json").write_text(json.dumps(rows))
    rng = np.random.default_rng(5)
    samples = []
    for number in range(60):
        options: dict[str, Any] = {"temperature": float(rng.choice((0.0, 0.3, 1.0, 2.5)))}
        options |= {"top_p": float(rng.choice((0.05, 0.5, 0.9, 1.0))), "min_p": float(rng.choice((0.0, 0.1)))}
        options |= {"top_k": [None, 1, 5, 40][number % 4], "repetition_penalty": float(rng.choice((1.0, 1.3, 0.7)))}
        logits = rng.normal(0, 3, 50).astype(np.float32)
        prompt = rng.integers(0, 50, 6).tolist()
        tokens, shares = RandomSampler(Sampling(**options), prompt).distribution(logits)
        named = {"topP": options["top_p"], "minP": options["min_p"], "topK": options["top_k"]}
        named |= {"temperature": options["temperature"], "repetitionPenalty": options["repetition_penalty"]}
        samples.append({**named, "logits": logits.tolist(), "prompt": prompt})
        samples[-1] |= {"tokens": tokens.tolist(), "shares": shares.tolist()}
    (out / "sampling.json").write_text(json.dumps(samples))


# The tokenizer.


def write_tokenizer(out: Path) -> None:
    """Write a tokenizer as Qwen2 has it, strings with their ids, and the ids of every Unicode scalar."""
    folder = out / "tokenizer"
    folder.mkdir(exist_ok=True)
    rng = random.Random(7)
    corpus = list(_corpus(rng))
    tokenizer = _trained(corpus)
    tokenizer.save(str(folder / "tokenizer.json"))
    _rewrite_merges(folder / "tokenizer.json", folder / "older.json")
    texts = list(_texts(rng, corpus))
    rows = [{"text": text, "ids": _ids(tokenizer, text), "plain": _ids(_literal(folder), text)} for text in texts]
    (folder / "cases.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    scalars = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    ids = [tokenizer.encode(scalar, add_special_tokens=False).ids for scalar in scalars]
    ends = np.cumsum([len(row) for row in ids], dtype=np.int64).astype(np.int32)
    _save(folder / "scalars.safetensors", {"ends": ends, "ids": np.array([t for row in ids for t in row], np.int32)})


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def _literal(folder: Path) -> Tokenizer:
    """Return the tokenizer that reads special tokens as text."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    return tokenizer


def _corpus(rng: random.Random) -> Iterator[str]:
    """Yield this repository's pages, and words in other scripts."""
    for path in sorted((*HERE.parents[1].glob("docs/**/*.md"), *HERE.parents[1].glob("python/**/*.py"))):
        yield path.read_text(encoding="utf-8")
    blocks = ((0x4E00, 0x9FFF), (0x3040, 0x30FF), (0xAC00, 0xD7A3), (0x400, 0x4FF), (0x370, 0x3FF), (0x600, 0x6FF))
    for first, last in blocks:
        for _ in range(60):
            words = ("".join(chr(rng.randint(first, last)) for _ in range(rng.randint(1, 6))) for _ in range(40))
            yield " ".join(words)


def _trained(corpus: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=False, fuse_unk=False))
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False)
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, letters])
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=6000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIAL])
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False, special=False)])
    return tokenizer


def _rewrite_merges(path: Path, target: Path) -> None:
    """Write the file with merges as "a b", as older versions do."""
    file = json.loads(path.read_text(encoding="utf-8"))
    file["model"]["merges"] = [" ".join(pair) for pair in file["model"]["merges"]]
    target.write_text(json.dumps(file), encoding="utf-8")


_WORDS = (
    *("the", "Save", "button", "don't", "I'LL", "we'Ve", "'S", "'\u017f", "'K", "'T", "straße", "\ufb00", "'\ufb05x"),
    *(
        "İstanbul",
        "привет",
        "日本語",
        "한국어",
        "ภาษา",
        "हिन्दी",
        "العربية",
        "naïve",
        "ǅ",
        "ªº",
        "𠀀",
        "__init__",
        "C++",
    ),
    *(
        "x²",
        "#",
        "…",
        "¿",
        "\u0301",
        "\u20e3",
        "\u00ad",
        "\u200d",
        "\ue000",
        "\U0010ffff",
        "\ufffd",
        "😀",
        "👩\u200d👩",
    ),
    *("e\u0301", "q\u0307\u0323", "\u0344", "\u212b", "\u1100\u1161\u11a8", "\u0958", "\u2adc", "\u0340", "\u1fef"),
)
_SPACES = (
    *(" ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", "\u00a0", "\u3000", "\u2028", "\u0085", "\u000b", "\u200b"),
    *("\u1680", "\ufeff", "\x1c", "\x00"),
)
_NUMBERS = ("0", "12", "3.14", "½", "Ⅷ", "٣", "१", "²", "㉛", "𝟘", "0x1F", "1e-9")
_NAMES = ("<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|vision", "|>", "<tool_call>", "<|IM_END|>")


def _texts(rng: random.Random, corpus: list[str]) -> Iterator[str]:
    """Yield strings: pieces of the corpus, any scalars, and words, blanks, numbers and special tokens mixed."""
    kinds: tuple[Callable[[], str], ...] = (
        lambda: rng.choice(_WORDS),
        lambda: rng.choice(_SPACES),
        lambda: rng.choice(_NUMBERS),
        lambda: rng.choice(_NAMES),
        lambda: _scalar(rng),
        lambda: rng.choice(_SPACES) * rng.randint(1, 5),
        lambda: " " + rng.choice(_WORDS),
    )
    for number in range(STRINGS):
        if number % 4 == 3:
            page = rng.choice(corpus)
            start = rng.randrange(max(1, len(page) - 400))
            yield page[start : start + rng.randint(1, 400)]
        elif number % 4 == 2:
            yield "".join(_scalar(rng) for _ in range(rng.randint(1, 60)))
        else:
            yield "".join(rng.choice(kinds)() for _ in range(rng.randint(1, 40)))


def _scalar(rng: random.Random) -> str:
    while True:
        code = rng.randrange(rng.choice((0x80, 0x800, 0x10000, 0x110000)))
        if not 0xD800 <= code < 0xE000:
            return chr(code)


_TYPES = {"float32": "F32", "int32": "I32", "uint8": "U8", "uint32": "U32"}


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a safetensors file of results."""
    header: dict[str, Any] = {}
    start = 0
    for key, array in arrays.items():
        stop = start + array.nbytes
        header[key] = {"dtype": _TYPES[str(array.dtype)], "shape": array.shape, "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    out: Path = parser.parse_args().folder
    out.mkdir(parents=True, exist_ok=True)
    write_sets(out)
    write_packaged(out)
    write_rules(out)
    write_tokenizer(out)
    write_prompts(out)
    (out / "complete").write_text("")


if __name__ == "__main__":
    main()
