"""Build the tokenizer: whole words, whole numbers and the fixed pieces of prompts and answers, over single bytes."""

import sys
from pathlib import Path
from typing import Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from mlx_saccade.scenes import WORDS

HIGHEST_NUMBER: Final = 2600
# The number n has token id n: targets over coordinates are then a slice of the vocabulary.
NUMBERS: Final = HIGHEST_NUMBER + 1
SYSTEM: Final = "You are a helpful assistant."
END: Final = "<|im_end|>"
NOTHING: Final = "[]"
# In the order in which they are looked for: "[" alone would hide what begins with it.
PIECES: Final = (
    SYSTEM,
    ", output its bbox coordinates using JSON format.",
    "Locate",
    "what is at (",
    ")?",
    "what is in the box [",
    "]?",
    NOTHING,
    '[{"bbox_2d": [',
    '], "label": "',
    '"}]',
    ", ",
    "system\n",
    "user\n",
    "assistant\n",
)
SPECIAL: Final = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip

Corners = tuple[int, int, int, int]


def byte_alphabet() -> list[str]:
    """Return the printable stand-in of every byte, 0 to 255, of GPT-2's byte-level scheme."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = iter(range(256, 512))
    return [chr(byte) if byte in kept else chr(next(moved)) for byte in range(256)]


def _spelled(text: str) -> str:
    alphabet = byte_alphabet()
    return "".join(alphabet[byte] for byte in text.encode())


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in '[]{}().|?"\\' else char for char in text).replace("\n", "\\n")


def build() -> Tokenizer:
    """Build the tokenizer. Any text can be encoded: unknown words become bytes."""
    words = [form for word in WORDS for form in (word, " " + word)]
    entries = [str(n) for n in range(NUMBERS)] + byte_alphabet() + [_spelled(text) for text in (*words, *PIECES)]
    vocab = {entry: index for index, entry in enumerate(dict.fromkeys(entries))}
    tokenizer = Tokenizer(models.BPE(vocab, [], ignore_merges=True))
    pattern = "|".join([_escaped(piece) for piece in PIECES] + [" ?[A-Za-z]+", "[0-9]+"])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    return tokenizer


def prompt_before_image() -> str:
    """Return the chat up to and including the token that opens the image."""
    return f"<|im_start|>system\n{SYSTEM}{END}\n<|im_start|>user\n<|vision_start|>"


def prompt_after_image(question: str) -> str:
    """Return the chat from after the closing token of the image to the start of the answer."""
    return f"{question}{END}\n<|im_start|>assistant\n"


def locate(description: str) -> str:
    """Ask for the place of a description, in the words of the real model's prompt."""
    return f"Locate {description}, output its bbox coordinates using JSON format."


def what_is_at(x: int, y: int) -> str:
    """Ask for the topmost element at a point, in pixels of the model's image."""
    return f"what is at ({x}, {y})?"


def what_is_in(box: Corners) -> str:
    """Ask for the content of a box, in pixels of the model's image."""
    return f"what is in the box [{', '.join(map(str, box))}]?"


def located(box: Corners, description: str) -> str:
    """Return the answer for an element, end token included."""
    return f'[{{"bbox_2d": [{", ".join(map(str, box))}], "label": "{description}"}}]{END}'
