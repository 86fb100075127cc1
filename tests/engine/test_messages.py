"""Messages of OpenAI, Anthropic, MCP and transformers give the tokens of Qwen's form."""

from __future__ import annotations

import base64
import functools
import io
import json
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.checkpoint.tokenizer import Prompts
from mlx_saccade.engine import Engine
from mlx_saccade.engine.request import conversation
from mlx_saccade.errors import InputError
from mlx_saccade.media import ImageOptions


def png(width: int = 90, height: int = 60) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


DATA = png()
B64 = base64.b64encode(DATA).decode()
URI = "data:image/png;base64," + B64
QUESTION = {"type": "text", "text": "what?"}
IMAGE = {"type": "image", "image": URI}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return saccade.load(checkpoints.write_whole(tmp_path_factory.mktemp("forms")))


class Dumped:
    """An object of an SDK."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def model_dump(self) -> dict[str, Any]:
        return self.fields


def user(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    "part",
    [
        {"image_url": {"url": URI}},
        {"type": "image_url", "image_url": {"url": URI, "detail": None}, "index": 0},
        {"type": "image_url", "url": URI, "uuid": "a1"},
        {"type": "image", "image": {"bytes": DATA, "path": "gone.png"}},
        {"type": "image", "image": {"source": {"bytes": DATA}, "format": "png"}},
        {"type": "image", "base64": URI},
        {"type": "image", "data": B64, "mime_type": "image/webp", "_meta": {"a": 1}, "annotations": {"priority": 1}},
        {"type": "image", "source": {"type": "url", "url": URI}, "cache_control": {"type": "ephemeral"}},
        {"type": "input_image", "image_url": URI, "file_id": None, "detail": "auto"},
        {"type": "image", "image": io.BytesIO(DATA), "name": "shot"},
        Dumped(type="image", data=B64, mimeType="image/png", meta=None),
    ],
)
def test_image_of_another_form_has_the_tokens_of_qwens(engine: Engine, part: Any) -> None:
    assert engine.count_tokens(user(part, QUESTION)) == engine.count_tokens(user(IMAGE, QUESTION))
    assert engine.estimate(part, "?").peak == engine.estimate(IMAGE, "?").peak


def test_detail_inside_image_url_is_a_budget(engine: Engine) -> None:
    large = "data:image/png;base64," + base64.b64encode(png(1200, 900)).decode()
    low = engine.count_tokens(user({"type": "image_url", "image_url": {"url": large, "detail": "low"}}))
    assert low == engine.count_tokens(user({"type": "image", "image": large, "budget": 256}))
    with pytest.raises(InputError, match="message 0, part 0: detail: expected one of"):
        engine.count_tokens(user({"type": "image_url", "image_url": {"url": large, "detail": "most"}}))


@pytest.mark.parametrize(
    "kind",
    [
        {"type": "input_text", "text": "what?"},
        {"type": "output_text", "text": "what?", "annotations": [], "logprobs": []},
        {"type": "text", "text": "what?", "cache_control": {"type": "ephemeral"}},
        {"type": "refusal", "refusal": "what?"},
        Dumped(type="text", text="what?", citations=None),
    ],
)
def test_text_of_another_form_has_the_tokens_of_qwens(engine: Engine, kind: Any) -> None:
    expected = engine.count_tokens(user(QUESTION))
    assert engine.count_tokens(user(kind)) == expected
    assert engine.count_tokens([{"role": "user", "content": kind}]) == expected


def test_keys_that_change_nothing_are_ignored(engine: Engine) -> None:
    plain = [{"role": "system", "content": "Be brief."}, *user(QUESTION), {"role": "assistant", "content": "b"}]
    rich = [
        {"role": "developer", "content": "Be brief.", "id": "msg_0", "status": "completed"},
        {**user(QUESTION)[0], "name": "ann", "index": 0},
        Dumped(role="assistant", content="b", refusal=None, audio=None, tool_calls=[], annotations=[], images=[]),
    ]
    assert [dict(one) for one in conversation(rich).messages] == list(conversation(plain).messages)
    refused = conversation([{"role": "assistant", "content": None, "refusal": "No."}])
    assert refused.messages == ({"role": "assistant", "content": "No."},)


def test_tool_results_of_each_form_show_their_images() -> None:
    result = [{"type": "text", "text": "done"}, {"type": "image", "data": B64, "mimeType": "image/png"}]
    call = {"name": "shot", "arguments": '{"screen": 1}'}
    openai = [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "1", "content": result},
        *user(QUESTION),
    ]
    anthropic = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "shot", "input": {"screen": 1}}]},
        *user({"type": "tool_result", "tool_use_id": "1", "content": result, "is_error": False}, QUESTION),
    ]
    responses = [
        {"type": "function_call", "call_id": "1", "status": "completed", **call},
        {"type": "function_call_output", "call_id": "1", "output": result},
        *user(QUESTION),
    ]
    shot = {"type": "computer_call_output", "call_id": "2"}
    shot["output"] = {"type": "computer_screenshot", "image_url": URI}
    for messages in (openai, anthropic, responses):
        request = conversation(messages)
        assert [message["role"] for message in request.messages] == ["assistant", "tool", "user"]
        assert request.messages[1]["content"] == [{"type": "text", "text": "done"}, {"type": "image"}]
        assert len(request.media) == 1
        function = request.messages[0]["tool_calls"][0]["function"]
        arguments = function["arguments"]
        assert (json.loads(arguments) if isinstance(arguments, str) else arguments) == {"screen": 1}
    assert conversation([shot]).messages == ({"role": "tool", "content": [{"type": "image"}]},)


def test_words_around_a_tool_result_keep_their_order() -> None:
    first, last = {"type": "text", "text": "before"}, {"type": "text", "text": "behind"}
    messages = conversation(user(first, {"type": "tool_result", "tool_use_id": "1", "content": "ok"}, last)).messages
    assert [(one["role"], one["content"]) for one in messages] == [("user", [first]), ("tool", "ok"), ("user", [last])]


def test_thoughts_go_to_the_template_beside_the_content() -> None:
    parts = [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "redacted_thinking", "data": "y"}]
    expected = {"role": "assistant", "content": [QUESTION], "reasoning_content": "hm"}
    assert conversation([{"role": "assistant", "content": [*parts, QUESTION]}]).messages == (expected,)
    spoken = conversation([{"role": "assistant", "content": "b", "reasoning": "hm", "reasoning_content": "hm"}])
    assert spoken.messages == ({"role": "assistant", "content": "b", "reasoning_content": "hm"},)


def test_special_tokens_in_tool_calls_stay_text(tmp_path: Path) -> None:
    checkpoints.write_tokenizer(tmp_path)
    template = "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.arguments | tojson }}{% endfor %}"
    (tmp_path / "chat_template.jinja").write_text(template + "{{ m.reasoning_content }}<|im_end|>{% endfor %}")
    prompts = Prompts(tmp_path, 1004)
    call = {"function": {"name": "say", "arguments": {"text": 'a "<|im_end|>" b'}}}
    message = {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "<|im_start|>"}
    ids = prompts.encode(conversation([message]).messages, [])
    assert [token for token in ids if token >= 1000] == [prompts.encode(user(), [])[-1]]
    assert prompts.decode(ids) == r'{"text": "a \"<|im_end|>\" b"}<|im_start|><|im_end|>'


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (user({"type": "input_audio", "input_audio": {"data": B64}})[0], "part 0: type is 'input_audio'"),
        (user({"type": "document", "source": {"type": "base64", "data": B64}})[0], "type is 'document'"),
        (user({"type": "file", "file": {"file_id": "f"}})[0], "type is 'file'"),
        (user({"type": "input_image", "file_id": "file-1"})[0], "has no 'image_url', which its type asks for; got"),
        (user({"type": "image", "source": {"type": "file", "file_id": "f"}})[0], "got 'file_id'"),
        (user({"type": "image", "url": URI, "path": "a.png"})[0], "url and path say the same"),
        (user({"type": "image", "data": "%%"})[0], "message 0, part 0: base64 of 2 characters"),
        (user({"type": "tool_result", "content": [{"type": "search_result"}]})[0], "type is 'search_result'"),
        ({"role": "user", "content": "x", "attachments": ["a.pdf"]}, "unknown key 'attachments'"),
        ({"role": "assistant", "content": None, "audio": {"id": "a"}}, "unknown key 'audio'"),
        ({"role": "assistant", "content": "x", "tool_calls": "shot"}, "tool_calls: expected a list"),
        ({"role": "assistant", "content": "x", "tool_calls": [{"type": "custom"}]}, "expected a name and arguments"),
        ({"type": "web_search_call", "status": "completed"}, "its type is 'web_search_call'"),
    ],
)
def test_what_would_change_the_prompt_is_refused_by_name(message: Any, named: str) -> None:
    with pytest.raises(InputError) as error:
        conversation([message])
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://localhost/a.png"}},
        {"type": "image", "source": {"type": "url", "url": "https://localhost/a.png"}},
        {"type": "input_image", "image_url": "https://localhost/a.png"},
    ],
)
def test_url_of_any_form_needs_allow_url(engine: Engine, part: Any) -> None:
    with pytest.raises(InputError, match="allow_url"):
        engine.count_tokens(user(part))


KEYS = [
    *("role", "content", "type", "text", "image", "image_url", "url", "path", "base64", "data", "source", "bytes"),
    *(
        "tool_calls",
        "function",
        "name",
        "arguments",
        "input",
        "output",
        "refusal",
        "thinking",
        "detail",
        "video",
        "fps",
    ),
    *("reasoning_content", "budget", "size", "id"),
]
WORDS = [
    *("user", "assistant", "tool", "developer", "text", "image", "image_url", "input_image", "video", "tool_result"),
    *(
        "tool_use",
        "thinking",
        "function_call",
        "function_call_output",
        "low",
        URI,
        B64,
        "https://localhost/a",
        "\ud800",
    ),
]
PICTURE = np.zeros((9, 7, 3), np.uint8)
LEAVES = st.one_of(
    st.just(PICTURE), st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(WORDS), st.binary(max_size=4)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.lists(st.fixed_dictionaries({"role": st.sampled_from(WORDS[:4]), "content": VALUES}) | VALUES, max_size=3))
def test_only_input_errors_leave(prompts: Prompts, messages: Any) -> None:
    try:
        request = conversation(messages)
        counts = [1 for medium in request.media if medium.kind == "image" and medium.size(ImageOptions())]
        prompts.encode(request.messages, counts, [1] * (len(request.media) - len(counts)))
    except (InputError, FileNotFoundError) as error:
        assert "\n" not in str(error)


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    folder = tmp_path_factory.mktemp("tokens")
    checkpoints.write_tokenizer(folder)
    return Prompts(folder, 1004, 1005)


def test_image_object_that_holds_itself_is_refused() -> None:
    circle: dict[str, Any] = {}
    circle["source"] = circle
    with pytest.raises(InputError):
        conversation(user({"type": "image", "image": circle})).media[0].size(ImageOptions())


@pytest.mark.parametrize("key", ["type", "thinking"])
def test_message_part_with_a_value_a_thousand_lists_deep_is_refused(key: str) -> None:
    deep: Any = functools.reduce(lambda inner, _: [inner], range(3000), [])
    with pytest.raises(InputError, match=r"message 0, part 0: .* a list"):
        conversation(user({"type": "thinking", key: deep}))
