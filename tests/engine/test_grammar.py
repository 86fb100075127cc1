"""Answers that can be nothing but a box: every walk ends in one, and every box can be written."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import checkpoints
import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

import mlx_saccade as saccade
from mlx_saccade.checkpoint.tokenizer import Prompts
from mlx_saccade.engine import Engine
from mlx_saccade.engine.grammar import BoxGrammar, Constraint, Vocabulary
from mlx_saccade.errors import InputError
from mlx_saccade.models.cpu_decode import CpuDecoder

LIMITS = (1288, 28)


def accepts(text: bytes, limits: tuple[int, int] = LIMITS) -> bool:
    """Whether the automaton takes all of a text and then only its end may come."""
    words = Vocabulary([bytes([byte]) for byte in range(256)], [300])
    constraint = Constraint(BoxGrammar(limits), words, [bytes([byte]) for byte in range(256)])
    made: list[int] = []
    for byte in text:
        if byte not in constraint(made):
            return False
        made.append(byte)
    return constraint(made).tolist() == [300]


def box(*corners: int, label: str = "it") -> bytes:
    return json.dumps([{"bbox_2d": corners, "label": label}], ensure_ascii=False).encode()


@given(
    st.tuples(st.integers(0, 1288), st.integers(0, 28), st.integers(0, 1288), st.integers(0, 28)),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20) | st.text('"\\/\n\r\t', max_size=5),
)
def test_every_box_inside_can_be_written(corners: tuple[int, int, int, int], label: str) -> None:
    assert accepts(box(*corners, label=label))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[",
        b" []",
        b"[ ]",
        b"[]]",
        b"{}",
        box(1289, 0, 0, 0),
        box(0, 29, 0, 0),
        box(0, 0, 1289, 0),
        box(0, 0, 0, 29),
        box(0, 0, 0, -1),
        box(1, 2, 3),
        box(1, 2, 3, 4, 5),
        b'[{"bbox_2d": [01, 0, 0, 0], "label": "it"}]',
        b'[{"bbox_2d": [1.5, 0, 0, 0], "label": "it"}]',
        b'[{"bbox_2d": [1,0,0,0], "label": "it"}]',
        b'[{"bbox_2d": [, 0, 0, 0], "label": "it"}]',
        b'[{"bbox_2d": [0, 0, 0, 0], "label": "a\nb"}]',
        b'[{"bbox_2d": [0, 0, 0, 0], "label": "\\x"}]',
        b'[{"bbox_2d": [0, 0, 0, 0], "label": "\\ud800"}]',
        b'[{"bbox_2d": [0, 0, 0, 0], "label": "\xc3"}]',
        b'[{"bbox_2d": [0, 0, 0, 0], "label": "\xed\xa0\x80"}]',
        b'[{"bbox_2d": [0, 0, 0, 0], "label": "it"}',
        b'[{"bbox_2d": [0, 0, 0, 0], "label": "it"}, {}]',
    ],
)
def test_nothing_else_can_be_written(text: bytes) -> None:
    assert not accepts(text)


def test_no_box_can_be_written() -> None:
    assert accepts(b"[]")


MERGED = ('": [', '[{"', "]}", ", ", '"}]', "12", "128", "0, ", '], "', "la", "bel", 'x"', "\u00e9", "\u00e9\u00e8")


def byte_level(folder: Path) -> Prompts:
    """A tokenizer of bytes and of pieces that reach over every border of the grammar, halves of characters too."""
    letters = {chr_: number for number, chr_ in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = ["".join(part for part, _ in spell.pre_tokenize_str(piece)) for piece in MERGED]
    words += ["\u00e9\u00c3", "\u00a9x"]  # the bytes of half a character and one more, as letters
    vocabulary = letters | {word: len(letters) + number for number, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = spell, decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|im_end|>", special=True), AddedToken("<|image_pad|>", special=True)])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return Prompts(folder, tokenizer.token_to_id("<|image_pad|>"))


def packaged() -> Prompts:
    assets = Path(saccade.__file__).parent / "assets" / "tiny"
    return Prompts(assets, json.loads((assets / "config.json").read_text())["image_token_id"])


def own_bytes(folder: Path) -> Prompts:
    checkpoints.write_tokenizer(folder)
    return Prompts(folder, 1004)


@pytest.mark.parametrize("make", [byte_level, own_bytes, lambda _: packaged()], ids=["merged", "bytes", "packaged"])
def test_every_walk_by_a_tokenizer_is_a_box_inside(make: Callable[[Path], Prompts], tmp_path: Path) -> None:
    prompts = make(tmp_path)
    tokens = prompts.token_bytes()
    end = len(tokens) - 1
    words = Vocabulary(tokens, [end])
    seen: set[int] = set()
    for seed in range(60):
        dice, made = random.Random(seed), list[int]()
        constraint = Constraint(BoxGrammar(LIMITS), words, tokens)
        while True:
            allowed = constraint(made).tolist()
            if allowed == [end]:
                break
            # Labels may go on for ever; a walk prefers, in the end, what leads out of them.
            out = [token for token in allowed if b'"' in (tokens[token] or b"")]
            made.append(dice.choice(out if out and len(made) > 40 else allowed))
        text = prompts.decode(made)
        seen.add(len(made))
        read = json.loads(text)
        if read:
            (one,) = read
            assert set(one) == {"bbox_2d", "label"}
            assert all(0 <= value <= limit for value, limit in zip(one["bbox_2d"], LIMITS * 2, strict=True))
            assert all(type(value) is int for value in one["bbox_2d"])
    assert len(seen) > 2


def test_allowed_tokens_are_those_whose_bytes_are(tmp_path: Path) -> None:
    """The walk over sorted tokens against the plain form: each token, byte after byte."""
    prompts = byte_level(tmp_path)
    tokens = prompts.token_bytes()
    words, grammar = Vocabulary(tokens, [5]), BoxGrammar((128, 128))
    start = b'[{"bbox_2d": ['
    for text in (b"", b"[", start, start + b"1", start + b"12, 8, 9, 1", start + b'1, 2, 3, 4], "label": "a'):
        made = list(text)
        letters = {bytes(word or b""): number for number, word in enumerate(tokens)}
        constraint = Constraint(grammar, words, tokens)
        found = set(constraint([letters[bytes([byte])] for byte in made]).tolist())
        state = grammar.start
        for byte in text:
            after = grammar.step(state, byte)
            assert after is not None
            state = after
        wanted = set()
        for number, word in enumerate(tokens):
            here = state if word else None
            for byte in word or b"":
                here = None if here is None else grammar.step(here, byte)
            if here is not None:
                wanted.add(number)
        assert found == wanted


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_constrained_answer_is_a_box_in_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    loaded: Engine = saccade.load(checkpoints.write_whole(tmp_path))
    image = np.random.RandomState(seed).randint(0, 256, (200, 333, 3)).astype(np.uint8)
    free = loaded.locate(image, "it", max_tokens=60)
    assert not free.found
    # Quotes are made likely, or random weights would stay inside the label.
    likely = 1e3 * (mx.arange(1024) == loaded.prompts.token_bytes().index(b'"'))
    mx.eval(likely)  # the engine adds it on another thread
    head, step = loaded.model.logits, CpuDecoder.__call__
    monkeypatch.setattr(loaded.model, "logits", lambda hidden: head(hidden) + likely)
    monkeypatch.setattr(CpuDecoder, "__call__", lambda steps, *read: [logits + likely for logits in step(steps, *read)])
    answer = loaded.locate(image, "it", constrained=True, max_tokens=120)
    assert answer.finish == "stop"
    read = json.loads(answer.text)
    width, height = answer.frames[0].processed_size
    for one in read:
        assert all(0 <= value <= side for value, side in zip(one["bbox_2d"], (width, height) * 2, strict=True))


def test_a_tokenizer_that_cannot_write_it_is_refused(tmp_path: Path) -> None:
    words = Vocabulary([b"a", b"b"], [9])
    with pytest.raises(InputError, match="no token for what a box needs"):
        Constraint(BoxGrammar(LIMITS), words, [b"a", b"b"])([])
    prompts = byte_level(tmp_path)
    prompts._tokenizer.decoder = decoders.WordPiece()
    with pytest.raises(InputError, match="expected a byte-level tokenizer"):
        prompts.token_bytes()
