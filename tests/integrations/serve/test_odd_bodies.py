"""Bodies of any JSON: every one is answered, or refused in one line, and none is taken for a bug of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from asgi import request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlx_saccade.integrations import arguments
from mlx_saccade.integrations.serve import openai
from mlx_saccade.integrations.serve.app import Service, build

SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 70) | st.sampled_from((10**30, -(2**63), 1e308, 0.5, -0.0, 1e-320))
)
TEXTS = st.text(st.characters(codec=None), max_size=6) | st.sampled_from(
    ("", "user", "text", "image_url", "data:,x", "a.png", "http://x")
)
NAMES = st.sampled_from(
    ("role", "content", "type", "text", "image_url", "url", "image", "budget", "video", "fps", "region")
)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=3),
    max_leaves=8,
)
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(("text", "image_url", "video"))},
    optional={"text": TEXTS, **dict.fromkeys(("image_url", "video", "budget", "region"), VALUES), "fps": SCALARS},
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.just("user") | TEXTS, "content": TEXTS | st.lists(PARTS | VALUES, max_size=3) | VALUES}
    ),
    max_size=2,
)
CHAT = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
LOCATE = {"image": "data:,x", "description": "x", "max_tokens": 2}
BODIES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "/v1/chat/completions": (CHAT, (*openai._OWN, *openai._DEFAULTS, "user")),
    "/v1/locate": (LOCATE, tuple(arguments.LOCATE.properties)),
    "/v1/ask": ({"question": "x", "max_tokens": 2}, tuple(arguments.ASK.properties)),
    "/v1/plan": ({"size": [64, 64]}, tuple(arguments.PLAN.properties)),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_json_is_answered_or_refused(serve: Callable[..., Service], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(BODIES)))
    body, names = BODIES[path]
    names = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
    changes: dict[str, Any] = {name: data.draw(MESSAGES if name == "messages" else VALUES) for name in names}
    if changes.get("max_tokens", 1) not in (1, None) and isinstance(changes["max_tokens"], int | float):
        changes["max_tokens"] = min(changes["max_tokens"], 3)
    raw = json.dumps({**body, **changes}).encode()
    reply = asyncio.run(request(build(serve()), path, raw))
    assert reply.status in (200, 400, 404), (reply.body, raw)
    assert reply.is_complete
    if reply.status != 200:
        assert reply.error["message"]
