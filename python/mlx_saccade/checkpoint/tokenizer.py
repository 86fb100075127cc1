"""Prompts: messages to token ids by the checkpoint's chat template and tokenizer; users' text stays text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel

from mlx_saccade import validation
from mlx_saccade.checkpoint.chat_template import ChatTemplate
from mlx_saccade.checkpoint.files import check_size, optional_json, optional_text
from mlx_saccade.errors import InputError, brief

__all__ = ["Message", "Prompts", "TimedVideo", "VideoPrompt", "check_video_prompt"]

Message = dict[str, Any]
"""A message as in transformers: {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "..."}]}."""

VideoPrompt = Literal["outer", "single"]
"""The two forms of what stands around the frames of a video that have words of their own.

The template writes a pair of vision tokens around a video. transformers 5.10 and later leave it around all frames, each
of which has a pair too: "outer". transformers 4.57 to 5.5 and mlx-vlm replace it by the frames' own pairs: "single".
"""


@dataclass(frozen=True)
class TimedVideo:
    """A video in the prompt of a family that says the time of each frame of its grid in words.

    Attributes:
        seconds: time of each frame of the grid.
        tokens: visual tokens of each.
    """

    seconds: tuple[float, ...]
    tokens: int


# Keys of a message beside its content that chat templates read.
_BESIDE = ("tool_calls", "reasoning_content")
# Placeholder of a user's text while the template is rendered, in private-use characters that no template writes.
_PLACEHOLDER = "\ue000{}\ue001"
_PLACEHOLDERS = re.compile("\ue000([0-9]+)\ue001")


def _byte_letters() -> dict[str, int]:
    """Return the byte of each letter in byte-level vocabularies, GPT-2's table; printable bytes are themselves."""
    own = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {chr(byte): byte for byte in own}
    others = (byte for byte in range(0x100) if byte not in own)
    return letters | {chr(0x100 + place): byte for place, byte in enumerate(others)}


_BYTES = _byte_letters()


class Prompts:
    """The chat template and tokenizer of a checkpoint."""

    def __init__(
        self,
        folder: Path,
        image_token_id: int,
        video_token_id: int | None = None,
        *,
        vision_pair: tuple[int, int] | None = None,
        video_prompt: VideoPrompt = "outer",
    ) -> None:
        """Read tokenizer.json, tokenizer_config.json and the chat template of a checkpoint folder.

        Args:
            folder: folder of the checkpoint.
            image_token_id: id of the image placeholder, one in the template's text and then one per visual token.
            video_token_id: id of the video placeholder; None (default) for a checkpoint without videos.
            vision_pair: ids of the tokens before and after an image, which stand around each frame of a `TimedVideo`;
                None (default) for a checkpoint without such videos.
            video_prompt: form of what stands around a `TimedVideo`.

        Raises:
            FileNotFoundError: there is no tokenizer.json.
            InputError: a file cannot be read, there is no chat template, or the tokenizer lacks the image token.
        """
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file. Download the checkpoint's tokenizer")
        self._folder, self._image, self._video = folder, image_token_id, video_token_id
        self._tokenizer, self._literal = _tokenizer(path), _tokenizer(path)
        self._literal.encode_special_tokens = True  # this one reads "<|im_end|>" as ten characters
        added = self._tokenizer.get_added_tokens_decoder()
        self._special = {token.content: number for number, token in added.items() if token.special}
        if image_token_id not in added:
            raise InputError(
                f"{folder}: image_token_id {image_token_id} of config.json is not an added token of tokenizer.json. "
                "Check that both files belong to one checkpoint"
            )
        self._image_name = added[image_token_id].content
        self._video_prompt = video_prompt
        self._frame = _frame_words(added, video_token_id, vision_pair)
        names = sorted(self._special, key=len, reverse=True)
        self._specials = re.compile("(" + "|".join(map(re.escape, names)) + ")") if names else None
        self._template, self._constants = _template(folder)

    def encode(
        self,
        messages: Sequence[Message],
        image_tokens: Sequence[int],
        video_tokens: Sequence[int] | Sequence[TimedVideo] = (),
    ) -> list[int]:
        """Encode a conversation to token ids, up to the start of the assistant's turn.

        Args:
            messages: messages in order, with image and video parts in their places.
            image_tokens: number of visual tokens of each image, in order.
            video_tokens: number of visual tokens of each video, or a `TimedVideo` for each, in order; default none.

        Returns:
            The ids, equal to those of transformers, except that a special token in a user's text stays text.

        Raises:
            InputError: the messages are malformed, a text is not Unicode, the template fails on them, or it does not
                place as many images and videos as are given.
        """
        _check(messages)
        texts = [part["text"] for message in messages for part in _parts(message) if "text" in part]
        beside = [text for message in messages for text in _texts_beside(message)]
        for text in beside:
            _check_text(text)
        if video_tokens and self._video is None:
            raise InputError(f"{self._folder}: the checkpoint has no video token. Give images")
        timed = [video for video in video_tokens if isinstance(video, TimedVideo)]
        if self._specials and any(self._specials.search(text) for text in (*texts, *beside)):
            ids = self._encode_literally(messages, texts, timed)
        else:
            text = self._with_frames(self.render(messages), messages, timed)
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        self._check_count(ids.count(self._image), messages, "image", self._image, len(image_tokens))
        frames = [tokens for video in video_tokens for tokens in _frame_tokens(video)]
        if self._video is not None:
            self._check_count(ids.count(self._video), messages, "video", self._video, len(frames))
        counts = {self._image: iter(image_tokens), self._video: iter(frames)}
        return [copy for token in ids for copy in [token] * (next(counts[token]) if token in counts else 1)]

    def _with_frames(self, text: str, messages: Sequence[Message], videos: Sequence[TimedVideo]) -> str:
        """Put each frame of a video, with words and pair of its own, in the place of the template's video token.

        In the text, not in the ids: in the single form nothing special stands between the text before a video and the
        words of its first frame, so both are tokenized together.
        """
        if not videos:
            return text
        if self._frame is None or self._video is None:
            raise InputError(
                f"{self._folder}: vision_start_token_id or vision_end_token_id of config.json is not an added token of "
                "tokenizer.json. Check that both files belong to one checkpoint"
            )
        start, video, end = self._frame
        whole = f"{start}{video}{end}"
        place = whole if self._video_prompt == "single" and text.count(whole) == text.count(video) else video
        first, *others = text.split(place)
        self._check_count(len(others), messages, "video", self._video, len(videos))
        frames = ("".join(f"<{second:.1f} seconds>{whole}" for second in one.seconds) for one in videos)
        return first + "".join(words + other for words, other in zip(frames, others, strict=True))

    def _check_count(self, placeholders: int, messages: Sequence[Message], kind: str, token: int, count: int) -> None:
        if placeholders == count:
            return
        parts = sum(part.get("type") == kind for message in messages for part in _parts(message))
        why = "Check the messages"
        if parts == count:
            name = self._image_name if kind == "image" else f"{kind} token"
            why = (
                f"The messages have {parts}: the template's {kind} token is not {name} {token}, the {kind}_token_id of "
                f"config.json and tokenizer.json, or the template leaves {kind}s out"
            )
        raise InputError(
            f"{self._template.where}: expected {count} {kind}s in the chat template's text; got {placeholders}. {why}"
        )

    def decode(self, ids: Sequence[int]) -> str:
        """Decode ids to text, special tokens included."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=False)
        return text

    def number_tokens(self) -> dict[int, str]:
        """Return the digits of each token that is nothing but ASCII digits, 9 at most, by id."""
        words: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        return {
            number: word for word, number in words.items() if word.isdecimal() and word.isascii() and len(word) < 10
        }

    def token_bytes(self) -> list[bytes | None]:
        """Return the bytes of each token by id; None for special tokens and unused ids.

        Raises:
            InputError: the tokenizer is not byte-level, so that a token alone has no fixed bytes.
        """
        if not isinstance(self._tokenizer.decoder, ByteLevel):
            raise InputError(
                f"{self._folder / 'tokenizer.json'}: expected a byte-level tokenizer; got another, "
                "whose tokens depend on their neighbors"
            )
        words: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        added = self._tokenizer.get_added_tokens_decoder()
        table: list[bytes | None] = [None] * (max(words.values(), default=-1) + 1)
        for word, number in words.items():
            if number in added:
                table[number] = None if added[number].special else word.encode()
            elif all(letter in _BYTES for letter in word):
                table[number] = bytes(_BYTES[letter] for letter in word)
        return table

    def render(self, messages: Sequence[Message]) -> str:
        """Render the template's text, ending with the start of the assistant's turn."""
        return self._template.render(messages, **self._constants)

    def _encode_literally(
        self, messages: Sequence[Message], texts: Sequence[str], videos: Sequence[TimedVideo]
    ) -> list[int]:
        """Encode with the special tokens of the template, and none from the users' text."""
        assert self._specials is not None
        texts, numbers = list(texts), iter(range(len(texts)))

        def mask(match: re.Match[str]) -> str:
            texts.append(match[0])
            return _PLACEHOLDER.format(len(texts) - 1)

        # A name of a special token is masked alone, so that a template's JSON still escapes the text around it.
        replace = partial(self._specials.sub, mask)
        masked = [
            _replace_texts(_replace_beside(message, replace), lambda: _PLACEHOLDER.format(next(numbers)))
            for message in messages
        ]
        ids: list[int] = []
        for piece in self._specials.split(self._with_frames(self.render(masked), messages, videos)):
            if piece in self._special:
                ids.append(self._special[piece])
            else:
                whole = _PLACEHOLDERS.sub(lambda match: texts[int(match[1])], piece)
                ids += self._literal.encode(whole, add_special_tokens=False).ids
        return ids


def check_video_prompt(value: object) -> None:
    """Refuse what is no form of a video's prompt.

    Raises:
        InputError: neither "outer" nor "single".
    """
    if not isinstance(value, str) or value not in get_args(VideoPrompt):
        forms = " or ".join(map(repr, get_args(VideoPrompt)))
        raise InputError(f"video_prompt: expected {forms}; got {brief(value)}")


def _frame_tokens(video: int | TimedVideo) -> list[int]:
    """Return the visual tokens of each run of a video."""
    return [video.tokens] * len(video.seconds) if isinstance(video, TimedVideo) else [video]


def _frame_words(
    added: Mapping[int, Any], video: int | None, pair: tuple[int, int] | None
) -> tuple[str, str, str] | None:
    """Return the names of the tokens before, of and after a frame of a video; None where they are not known."""
    ids = () if pair is None or video is None else (pair[0], video, pair[1])
    if not ids or any(token not in added for token in ids):
        return None
    start, middle, end = (added[token].content for token in ids)
    return start, middle, end


def _check(messages: Sequence[Message]) -> None:
    """Raise InputError for messages not of the form of `Message`."""
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        if not isinstance(content, str | list) or not all(isinstance(part, Mapping) for part in _parts(message)):
            raise InputError(f"message {brief(message)}: content: expected text or a list of parts with a type")
        for part in _parts(message):
            _check_text(part.get("text", ""))


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise InputError(f"text: expected a string; got {brief(text)}")
    validation.check_unicode(text, "text")


def _line(error: Exception) -> str:
    """Return an error's first line, or its kind if it has no text."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _parts(message: Message) -> list[Mapping[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _texts_beside(message: Message) -> Iterator[str]:
    """Yield the texts of the keys beside the content that templates read."""
    waiting = [message[key] for key in _BESIDE if key in message]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value


def _replace_beside(message: Message, replace: Callable[[str], str]) -> Message:
    """Return a message with each text of the keys beside the content replaced."""

    def deep(value: Any) -> Any:
        if isinstance(value, str):
            return replace(value)
        if isinstance(value, Mapping):
            return {deep(key): deep(item) for key, item in value.items()}
        return [deep(item) for item in value] if isinstance(value, list | tuple) else value

    return {key: deep(value) if key in _BESIDE else value for key, value in message.items()}


def _replace_texts(message: Message, placeholder: Any) -> Message:
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": placeholder()}
    return {**message, "content": [{**part, "text": placeholder()} if "text" in part else part for part in content]}


def _tokenizer(path: Path) -> Tokenizer:
    check_size(path)
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for every fault of the file
        raise InputError(f"{path}: expected a tokenizer; got an error ({_line(error)}). Download it again") from None


def _template(folder: Path) -> tuple[ChatTemplate, dict[str, str]]:
    """Compile the chat template, and return it with the token strings that it may use."""
    raw = optional_json(folder / "tokenizer_config.json") or {}
    source, where = _template_source(folder, raw)
    constants = {}
    for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
        value = raw.get(name)
        value = value.get("content") if isinstance(value, dict) else value
        if isinstance(value, str):
            constants[name] = value
    return ChatTemplate(source, str(where)), constants


def _template_source(folder: Path, tokenizer_config: dict[str, Any]) -> tuple[str, Path]:
    """Find the template's source.

    As in transformers, one in processor_config.json wins; then come chat_template.jinja, chat_template.json and
    tokenizer_config.json.
    """
    processor, own, older = (
        folder / name for name in ("processor_config.json", "chat_template.jinja", "chat_template.json")
    )
    candidates: list[tuple[Any, Path]] = [((optional_json(processor) or {}).get("chat_template"), processor)]
    candidates += [(optional_text(own), own), ((optional_json(older) or {}).get("chat_template"), older)]
    candidates.append((tokenizer_config.get("chat_template"), folder / "tokenizer_config.json"))
    for value, where in candidates:
        source = _default_template(value)
        if isinstance(source, str):
            return source, where
        if value is not None:
            raise InputError(f"{where}: chat_template: expected text, or templates with one named default; got neither")
    raise InputError(
        f"{folder}: no chat template (chat_template.jinja). Give the checkpoint of an instruction-tuned model"
    )


def _default_template(value: Any) -> Any:
    """Return the template named default of several, given as {name: source} or [{"name": ..., "template": ...}]."""
    if isinstance(value, list):
        value = {str(item.get("name")): item.get("template") for item in value if isinstance(item, dict)}
    return value.get("default") if isinstance(value, dict) else value
