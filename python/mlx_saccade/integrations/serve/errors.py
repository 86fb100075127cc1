"""Answer errors in OpenAI's form, {"error": {"message", "type", "param", "code"}}, with the HTTP status of each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from mlx_saccade.errors import InputError
from mlx_saccade.integrations import tools

__all__ = ["ClientGoneError", "RefusedError", "body_of", "dump", "refusal_of", "respond", "respond_with"]

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {
    401: "invalid_api_key",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "request_too_large",
    415: "unsupported_media_type",
    429: "queue_full",
    503: "unavailable",
}


class RefusedError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: of HTTP.
        message: one line.
        code: a word for programs; None: that of the status.
        retry_after: seconds until another try has a chance; None says nothing of it.
        closes: True if the rest of the request is not read, so that the connection cannot be used again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.retry_after, self.closes = retry_after, closes

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(max(1, math.ceil(self.retry_after)))}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return {**headers, "Connection": "close"} if self.closes else headers


class ClientGoneError(Exception):
    """A client that has closed its connection, so that nobody waits for an answer."""


def refusal_of(error: Exception) -> RefusedError:
    """Return the refusal that an exception stands for; status 500 for a bug of this package or of MLX."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, FileNotFoundError):
        return RefusedError(400, tools.message_of(error), code="file_not_found")
    if isinstance(error, InputError):
        return RefusedError(400, tools.message_of(error))
    if isinstance(error, MemoryError):
        return RefusedError(500, tools.message_of(error), code="out_of_memory")
    return RefusedError(
        500, f"the server failed ({type(error).__name__}); its standard error says more", code="internal"
    )


def body_of(refusal: RefusedError, fields: Iterable[str] = ()) -> dict[str, Any]:
    """Return the body of an error; `param` is the one of `fields` that the message begins with."""
    status, message = refusal.status, refusal.message
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    param = next((name for name in fields if message.startswith((f"{name}:", f"{name} ", f"{name}."))), None)
    code = refusal.code or _CODES.get(status)
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def respond_with(refusal: RefusedError, fields: Iterable[str] = ()) -> Response:
    """Return the response of an error."""
    return respond(body_of(refusal, fields), refusal.status, refusal.headers)


def respond(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response of JSON."""
    return Response(dump(value), status, headers, "application/json")


def dump(value: Any) -> bytes:
    """Return JSON in UTF-8; a lone surrogate, as a request may have it in a name, is escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
