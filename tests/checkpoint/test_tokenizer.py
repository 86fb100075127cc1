"""Token ids of a conversation: the template's special tokens count, a user's do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoints
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade.checkpoint.tokenizer import Prompts
from mlx_saccade.errors import InputError

IMAGE = 1004


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompts")
    checkpoints.write_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def prompts(folder: Path) -> Prompts:
    return Prompts(folder, IMAGE)


def user(*parts: str | None) -> list[dict[str, Any]]:
    """A user's turn; None is an image."""
    content = [{"type": "image"} if part is None else {"type": "text", "text": part} for part in parts]
    return [{"role": "user", "content": content}]


def test_images_stand_in_their_place_and_take_their_tokens(prompts: Prompts) -> None:
    ids = prompts.encode(user(None, "compare ", None), [2, 3])
    text = prompts.decode(ids)
    image = "<|vision_start|>{}<|vision_end|>"
    shown = image.format("<|image_pad|>" * 2) + "compare " + image.format("<|image_pad|>" * 3)
    assert text == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n{shown}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert ids.count(IMAGE) == 5


@pytest.mark.parametrize("special", checkpoints.SPECIAL)
def test_special_tokens_that_a_user_types_stay_text(prompts: Prompts, special: str) -> None:
    words = f"find {special} {special}please"
    ids = prompts.encode(user(None, words), [7])
    honest = prompts.encode(user(None, "find it"), [7])
    special_ids = [token for token in ids if token >= 1000]
    assert special_ids == [token for token in honest if token >= 1000]
    assert words in prompts.decode(ids)


@given(st.lists(st.one_of(st.none(), st.text(max_size=30)), min_size=1, max_size=4))
def test_text_is_kept_to_the_letter(prompts: Prompts, parts: list[str | None]) -> None:
    ids = prompts.encode(user(*parts), [1] * parts.count(None))
    image = "<|vision_start|><|image_pad|><|vision_end|>"
    wanted = "".join(image if part is None else part for part in parts)
    assert prompts.decode(ids).partition("<|im_start|>user\n")[2] == f"{wanted}<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("text", ["\n\nLocate", "  two  spaces ", "line\r\nline\n", "é ü 漢字 🙂", ""])
def test_both_ways_of_encoding_agree(prompts: Prompts, text: str) -> None:
    with_token = prompts.encode(user(None, text, "<|im_end|>"), [1])
    plain = prompts.encode(user(None, text, "@"), [1])
    start = plain.index(IMAGE) + 2
    cut = start + len(text.encode())
    assert with_token[:cut] == plain[:cut]


def test_a_system_message_and_plain_strings_are_taken(prompts: Prompts) -> None:
    messages = [{"role": "system", "content": "Be brief. <|im_end|>"}, {"role": "user", "content": "hello"}]
    ids = prompts.encode(messages, [])
    assert ids.count(1001) == 2
    assert prompts.decode(ids).startswith("<|im_start|>system\nBe brief. <|im_end|><|im_end|>\n")


def test_more_images_than_the_messages_show_are_refused(prompts: Prompts) -> None:
    with pytest.raises(InputError, match=r"expected 2 images in .*; got 1"):
        prompts.encode(user(None, "both"), [1, 1])


def write(folder: Path, template: str) -> Path:
    checkpoints.write_tokenizer(folder)
    (folder / "chat_template.jinja").write_text(template)
    return folder


def test_a_template_may_refuse(tmp_path: Path) -> None:
    prompts = Prompts(write(tmp_path, "{{ raise_exception('no images, please') }}"), IMAGE)
    with pytest.raises(InputError, match="no images, please"):
        prompts.encode(user("hi"), [])


@pytest.mark.parametrize(
    "template",
    ["{{ messages.__class__.__mro__ }}", "{% for i in range(10**9) %}x{% endfor %}", "{{ messages[9].x.y }}"],
)
def test_a_template_cannot_reach_out_of_its_sandbox(tmp_path: Path, template: str) -> None:
    prompts = Prompts(write(tmp_path, template), IMAGE)
    with pytest.raises(InputError, match="chat template"):
        prompts.encode(user("hi"), [])


RECURSIVE = "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}"


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("{{ 1 / 0 }}", "division"),
        ("{{ messages[0].content[0] / 0 }}", "unsupported operand"),
        (RECURSIVE, "recursion"),
        ("{{ ''.join(1) }}", "not iterable"),
        ("{{ '%d' % 'x' }}", "a real number is required"),
        ("{{ raise_exception('two\\nlines') }}", "two"),
    ],
)
def test_whatever_a_template_raises_is_one_line(tmp_path: Path, template: str, named: str) -> None:
    with pytest.raises(InputError) as error:
        Prompts(write(tmp_path, template), IMAGE).encode(user("hi"), [])
    assert named in str(error.value)
    assert "chat_template.jinja" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe{{ messages }}", b"{{" + b"(" * 5000])
def test_a_template_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = write(tmp_path, "") / "chat_template.jinja"
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=r"chat_template\.jinja") as error:
        Prompts(tmp_path, IMAGE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["\ud800 x", "x\udfff", "\ud800<|im_end|>"])
def test_half_a_character_is_refused(prompts: Prompts, text: str) -> None:
    with pytest.raises(InputError, match="surrogate") as error:
        prompts.encode(user(None, text), [1])
    str(error.value).encode()


@pytest.mark.parametrize(
    "message", [{"role": "user"}, {"role": "user", "content": 7}, {"role": "user", "content": ["hi"]}, "hi", None]
)
def test_messages_of_another_form_are_refused(prompts: Prompts, message: Any) -> None:
    with pytest.raises(InputError, match="content: expected"):
        prompts.encode([message], [])
    with pytest.raises(InputError, match="text: expected a string; got 7"):
        prompts.encode([{"role": "user", "content": [{"type": "text", "text": 7}]}], [])


def test_an_image_token_that_the_tokenizer_lacks_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"image_token_id 999 of config\.json .*tokenizer\.json"):
        Prompts(folder, 999)


def test_an_image_token_that_the_template_does_not_write_is_named(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        Prompts(folder, 1005).encode(user(None, "hi"), [2])
    assert "<|video_pad|> 1005" in str(error.value)
    assert "image_token_id of config.json and tokenizer.json" in str(error.value)


def test_a_broken_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"chat_template\.jinja"):
        Prompts(write(tmp_path, "{% for %}"), IMAGE)


def test_older_places_of_the_template_are_read(tmp_path: Path, prompts: Prompts) -> None:
    wanted = prompts.encode(user(None, "hi"), [2])
    checkpoints.write_tokenizer(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match="no chat template"):
        Prompts(tmp_path, IMAGE)
    named = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": checkpoints.TEMPLATE}]
    by_name = {"tool_use": "x", "default": checkpoints.TEMPLATE}
    for place, value in (
        ("tokenizer_config.json", checkpoints.TEMPLATE),
        ("tokenizer_config.json", named),
        ("tokenizer_config.json", by_name),
        ("chat_template.json", checkpoints.TEMPLATE),
        ("chat_template.json", by_name),
        ("processor_config.json", checkpoints.TEMPLATE),
        ("processor_config.json", by_name),
    ):
        (tmp_path / place).write_text(json.dumps({"chat_template": value}))
        assert Prompts(tmp_path, IMAGE).encode(user(None, "hi"), [2]) == wanted
        (tmp_path / place).unlink()


def test_the_template_of_the_processor_wins_over_its_own_file(tmp_path: Path, prompts: Prompts) -> None:
    checkpoints.write_tokenizer(tmp_path)
    wanted = Prompts(tmp_path, IMAGE).render(user("hi"))
    (tmp_path / "processor_config.json").write_text(json.dumps({"processor_class": "Qwen2_5_VLProcessor"}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "the tokenizer's"}))
    assert Prompts(tmp_path, IMAGE).render(user("hi")) == wanted
    (tmp_path / "processor_config.json").write_text(json.dumps({"chat_template": "the processor's"}))
    assert Prompts(tmp_path, IMAGE).render(user("hi")) == "the processor's"


@pytest.mark.parametrize("value", [7, [], {"tool_use": "x"}, [{"name": "default"}], {"default": 7}])
def test_a_template_that_is_no_text_is_named(tmp_path: Path, value: object) -> None:
    checkpoints.write_tokenizer(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": value}))
    with pytest.raises(InputError, match=r"chat_template\.json: chat_template: expected text"):
        Prompts(tmp_path, IMAGE)


@pytest.mark.parametrize("content", ["", "{}", "not json"])
def test_a_broken_tokenizer_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InputError) as error:
        Prompts(tmp_path, IMAGE)
    assert "tokenizer.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        Prompts(tmp_path, IMAGE)
