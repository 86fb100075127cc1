"""Read a chat completion that a server sends token by token, with the time of the first one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mlx_saccade.evals.engines.completions import Completion, merged
from mlx_saccade.evals.engines.transport import Response, ServerError, excerpt

__all__ = ["read_stream"]

_DONE = b"[DONE]"


def read_stream(response: Response) -> tuple[Completion, float]:
    """Return the answer in a stream of events, and the seconds from the request to its first token.

    Args:
        response: with status 200 and the media type text/event-stream.

    Raises:
        ServerError: events of another form, an error among them, or a stream that ends before the answer does.
    """
    text, facts, first, finish = [], dict[str, Any](), None, None
    for end, event in _events(response.body):
        facts |= {name: event[name] for name in ("usage", "saccade", "error") if event.get(name)}
        choices = event.get("choices")
        if not isinstance(choices, list):
            if "error" in facts:
                break
            raise ServerError(f"expected choices in each event; got {excerpt(json.dumps(event))}")
        choice = choices[0] if choices and isinstance(choices[0], Mapping) else {}
        delta = choice.get("delta")
        delta = delta if isinstance(delta, Mapping) else {}
        if first is None and any(delta.get(name) for name in ("content", "reasoning", "reasoning_content")):
            first = response.seconds_at(end)
        content = delta.get("content") or ""
        if not isinstance(content, str):
            raise ServerError(f"expected a text in choices[0].delta.content; got {excerpt(json.dumps(event))}")
        text.append(content)
        finish = choice.get("finish_reason") or finish
    if finish is None and "error" not in facts:
        raise ServerError("expected a stream with the end of the answer; it ended before")
    return merged("".join(text), finish, facts), response.seconds if first is None else first


def _events(body: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the JSON object of each event, and the number of bytes up to its end; comments are passed over."""
    end = 0
    for line in body.splitlines(keepends=True):
        end += len(line)
        field, _, data = line.strip().partition(b":")
        if field != b"data" or not (data := data.strip()) or data == _DONE:
            continue
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise ServerError(f"expected events of JSON; got {excerpt(line.decode(errors='replace'))}")
        yield end, event
