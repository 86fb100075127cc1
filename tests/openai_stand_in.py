"""A stand-in for OpenAI's package, as far as the guide uses it; `tests/long/test_serve.py` has the real one."""

from __future__ import annotations

import json
import types
import urllib.request
from collections.abc import Iterator
from typing import Any


class Fields(types.SimpleNamespace):
    """An object of an answer; what OpenAI's API has no field for is in `model_extra`."""

    @property
    def model_extra(self) -> dict[str, Any]:
        return {"saccade": plain(self.saccade)} if hasattr(self, "saccade") else {}


def plain(value: Any) -> Any:
    if isinstance(value, Fields):
        return {name: plain(one) for name, one in vars(value).items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


class OpenAI:
    """A client."""

    def __init__(self, *, base_url: str, api_key: str) -> None:
        self._url, self._key = base_url, api_key
        self.models = types.SimpleNamespace(list=lambda: self._parse(self._send("/models").read()))
        self.chat = types.SimpleNamespace(completions=types.SimpleNamespace(create=self._create))

    def _send(self, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.urlopen(urllib.request.Request(self._url + path, data, headers))

    def _create(self, **fields: Any) -> Any:
        response = self._send("/chat/completions", fields)
        return self._chunks(response) if fields.get("stream") else self._parse(response.read())

    def _chunks(self, response: Any) -> Iterator[Any]:
        for line in response:
            if line.startswith(b"data: {"):
                chunk = self._parse(line[6:])
                chunk.choices[0].delta.content = getattr(chunk.choices[0].delta, "content", None)
                yield chunk

    def _parse(self, data: bytes) -> Any:
        return json.loads(data, object_hook=lambda fields: Fields(**fields))
